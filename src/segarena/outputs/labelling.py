"""Label many images: the next ones are read and the last ones written while a network labels one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from segarena.data.contents import hash_pixels
from segarena.data.layout.new_images import NewImage
from segarena.errors import DataError, Interrupted
from segarena.image_files import large_images
from segarena.image_files.brightness import brightness, channel_means
from segarena.image_files.georeference import has_rasterio, read_georeference
from segarena.image_files.headers import image_size
from segarena.image_files.tiff_bands import is_tiff
from segarena.outputs.ahead import map_ahead
from segarena.outputs.manifest import Done, Journal, describe_file
from segarena.outputs.result import Result
from segarena.outputs.writer import Collector, Writer
from segarena.threads import at_a_time

_MOST = 4  # images that are read before they are needed, and that wait to be written; fewer where they are large
_IN_MEMORY = 1 << 26  # bytes of an image file that is read at once; a larger one is read in parts, more than once


class FileLabeller(Protocol):
    """What reads and labels images: a `training.predictor.Predictor`."""

    @property
    def channels(self) -> Any:
        """The channels of the images; None for RGB of 8 bits."""

    def read_file(self, path: Path, bits: int, content: bytes | None = None) -> NDArray[Any]:
        """Read an image file, or its bytes, as the network takes it, (H, W, channels)."""

    def open_large(self, path: Path) -> Any:
        """Decode a file that is too large for an array; None where it is not."""

    def shown(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        """Return what `read_file` gave as RGB, uint8 (H, W, 3)."""

    def predict(self, image: Any) -> Any:
        """Return class indices, uint8 (H, W), of what `read_file` gave."""

    def label_large(self, image: Any) -> NDArray[np.uint8]:
        """Return class indices, uint8 (H, W), of what `open_large` gave."""

    def probabilities(self, image: Any) -> NDArray[np.float32]:
        """Return probabilities, float32 (C, H, W), of what `read_file` gave."""


@dataclass
class Outcome:
    """What became of the images, and what was measured on them."""

    labelled: int = 0
    """Number of images that were labelled."""
    faults: list[tuple[Path, DataError]] = field(default_factory=list)
    """The images that cannot be read."""
    levels: list[Any] = field(default_factory=list)
    """Mean grey level of each image; for a network of other channels the mean of each channel."""
    hashes: list[str] = field(default_factory=list)
    """The hash of each image's pixels."""


@dataclass(frozen=True)
class _Read:
    """An image file that was read, or found to be large or damaged."""

    image: NewImage
    done: Done
    pixels: NDArray[Any] | None
    error: DataError | None = None
    is_tiff: bool = False


@dataclass
class Labelling:
    """Labels images, and writes what the writers and the collectors make of each."""

    labeller: FileLabeller
    """What reads and labels an image."""
    folder: Path
    """The output folder."""
    journal: Journal
    """Gets a line for each image once its files are written."""
    bits: int
    """Bits by which images of 16 bits per channel are read."""
    writers: Sequence[Writer]
    """What writes the files of an image."""
    collectors: Sequence[Collector]
    """What keeps something of each image."""

    def run(
        self,
        images: Sequence[NewImage],
        *,
        on_progress: Callable[[int, int], None],
        on_image: Callable[[NewImage, tuple[int, int]], None],
        on_labelled: Callable[[NewImage, NDArray[np.uint8]], None],
        is_stopped: Callable[[], bool],
    ) -> Outcome:
        """Label images.

        Args:
            images: The images.
            on_progress: Called with the number of images that are labelled, and of all.
            on_image: Called with an image and its (height, width), before it is labelled.
            on_labelled: Called with an image and its mask.
            is_stopped: Whether to stop before the next image.

        Returns:
            The outcome; an image that cannot be read does not end the work.

        Raises:
            RunError: A file cannot be written.
            Interrupted: It was stopped; what was labelled is written.
        """
        outcome = Outcome()
        writing: deque[Future[None]] = deque()
        most = 2  # until the size of the images is known
        reading = map_ahead(self._read, images, _MOST, lambda: most)
        with closing(reading) as reads, ThreadPoolExecutor(_MOST) as workers:
            try:
                for number, read in enumerate(reads):
                    if is_stopped():
                        raise Interrupted(f"stopped after {number:,} of {len(images):,} images")
                    on_progress(number, len(images))
                    result, error = self._label(read, outcome, on_image)
                    if result is None:
                        assert error is not None
                        outcome.faults.append((read.image.path, error))
                        self.journal.add(replace(read.done, fault=error.what), {})
                        continue
                    on_labelled(read.image, result.mask)
                    writing.append(workers.submit(self._write, read.done, result))
                    most = self._at_a_time(read, result)
                    while len(writing) > (most if read.pixels is not None else 0):
                        writing.popleft().result()
            finally:
                for future in writing:
                    future.result()
        return outcome

    def _label(
        self, read: _Read, outcome: Outcome, on_image: Callable[[NewImage, tuple[int, int]], None]
    ) -> tuple[Result | None, DataError | None]:
        """The result of an image, or why there is none."""
        large = None
        if read.error is not None:
            return None, read.error
        try:
            pixels = read.pixels
            if pixels is None and not self._uses_probabilities:
                large = self.labeller.open_large(read.image.path)
            if pixels is None:
                pixels = self.labeller.read_file(read.image.path, self.bits) if large is None else large.picture()
            place = read_georeference(read.image.path) if read.is_tiff and has_rasterio() else None
        except DataError as error:
            return None, error
        on_image(read.image, pixels.shape[:2] if large is None else large.size)
        probabilities = None
        if large is not None:
            mask = self.labeller.label_large(large)
        elif self._uses_probabilities:
            probabilities = self.labeller.probabilities(pixels)
            mask = probabilities.argmax(axis=0).astype(np.uint8)
        else:
            mask = self.labeller.predict(pixels)
        outcome.labelled += 1
        outcome.levels.append(brightness(pixels) if self.labeller.channels is None else channel_means(pixels))
        outcome.hashes.append(hash_pixels(pixels))
        shown = self.labeller.shown(pixels)
        transform = None if place is None else place.upright_transform(*mask.shape)
        crs = place.urn if place is not None and transform is not None else ""
        return Result(read.image.name, read.image.path, shown, mask, probabilities, transform, crs), None

    def _at_a_time(self, read: _Read, result: Result) -> int:
        """How many images like this one may be read before they are needed, and as many wait to be written."""
        if read.pixels is None:
            return 1
        values = 1 if result.probabilities is None else result.probabilities.shape[0]
        return at_a_time(2 * values * result.mask.size, _MOST)

    @property
    def _uses_probabilities(self) -> bool:
        return any(writer.uses_probabilities for writer in self.writers)

    def _write(self, done: Done, result: Result) -> None:
        files = [path for writer in self.writers for path in writer.write(result, self.folder)]
        content = {collector.file: collector.collect(result) for collector in self.collectors}
        height, width = result.mask.shape
        names = tuple(path.relative_to(self.folder).as_posix() for path in files)
        self.journal.add(replace(done, height=height, width=width, files=names), content)

    def _read(self, image: NewImage) -> _Read:
        """Read an image file, once; of a large one only the header, so that one at a time is in memory."""
        done = Done(image.name, image.location, 0, 0)
        try:
            content = image.path.read_bytes() if image.path.stat().st_size <= _IN_MEMORY else None
            done, is_a_tiff = describe_file(image, content), is_tiff(image.path, content)
            height, width = image_size(image.path, content) if self.labeller.channels is None else (0, 0)
            if height * width > large_images.LARGE:
                return _Read(image, done, None, is_tiff=is_a_tiff)
            pixels = self.labeller.read_file(image.path, self.bits, content)
            return _Read(image, done, pixels, is_tiff=is_a_tiff)
        except DataError as error:
            return _Read(image, done, None, error)
        except OSError:
            try:  # for its message
                return _Read(image, done, self.labeller.read_file(image.path, self.bits))
            except DataError as error:
                return _Read(image, done, None, error)
