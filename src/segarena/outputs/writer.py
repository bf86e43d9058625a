"""The base of the writers: one for each form of result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from segarena.outputs.result import Result


class Writer(ABC):
    """Writes one form of result for each image. Writers are called from several threads, each image once."""

    #: Whether `write` needs the probabilities of the classes.
    uses_probabilities: ClassVar[bool] = False

    @abstractmethod
    def write(self, result: Result, folder: Path) -> None:
        """Write the files of one image, each whole or not at all.

        Args:
            result: The image with its labels.
            folder: The output folder; the files begin with `result.name`.

        Raises:
            RunError: A file cannot be written.
        """
