"""The bases of what is written: a writer makes files for each image, a collector one file about all images."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from segarena.outputs.result import Result


class Writer(ABC):
    """Writes one form of result for each image. Writers are called from several threads, each image once."""

    #: Whether `write` needs the probabilities of the classes.
    uses_probabilities: ClassVar[bool] = False

    @abstractmethod
    def write(self, result: Result, folder: Path) -> list[Path]:
        """Write the files of one image, each whole or not at all.

        Args:
            result: The image with its labels.
            folder: The output folder; the files begin with `result.name`.

        Returns:
            The files.

        Raises:
            RunError: A file cannot be written.
        """


class Collected(NamedTuple):
    """What a collector has of one image.

    Args:
        name: What the files of the image are called, without an ending.
        image: Path of the image below the folder that was named, with its ending, `/` between folders.
        height: In pixels.
        width: In pixels.
        content: What `collect` returned for it, after a round trip through JSON.
    """

    name: str
    image: str
    height: int
    width: int
    content: Any


class Collector(ABC):
    """Writes one file about all images, from what it collects of each."""

    #: The file.
    file: ClassVar[str]

    @abstractmethod
    def collect(self, result: Result) -> Any:
        """Return what the file will need of an image, as JSON has it. Called from several threads."""

    @abstractmethod
    def finish(self, images: Iterable[Collected], folder: Path) -> None:
        """Write the file, whole or not at all.

        Args:
            images: All images in their order; may be iterated several times.
            folder: The output folder.

        Raises:
            RunError: It cannot be written.
        """
