"""An ONNX file as `segarena predict` uses a run: images of any size, large ones in overlapping windows. No PyTorch.

The graph resizes each image that it gets to its own working size. A window is therefore cut out in pixels of the image,
as large as a typical training image at the scale that is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segarena.classes import ClassTable
from segarena.config.views import Scale, ViewOptions
from segarena.errors import ConfigError
from segarena.exporting.onnx_model import OnnxModel
from segarena.image_files.bit_depth import ChosenBits
from segarena.image_files.channel_format import ChannelFormat
from segarena.image_files.large_images import LargeImage, open_large
from segarena.loading.scaling import Scaling, TrainingSides
from segarena.records.config import Config
from segarena.training.windows import window_bounds, window_weights

#: Returns the pixels from `top` to before `bottom`, `left` to before `right`.
_Read = Callable[[int, int, int, int], NDArray[Any]]


@dataclass(frozen=True)
class OnnxPredictor:
    """Labels images of any size with an ONNX file."""

    onnx: OnnxModel
    """The loaded file."""
    config: Config
    """The settings of the training."""
    scale: Scale = "auto"
    """At which scale images are labelled, as in `segarena predict --scale`."""
    unfinished: str = ""
    """Which weights are used where the training was interrupted; not recorded in an ONNX file."""
    train_brightness: None = None
    """The brightness of the training images; not recorded in an ONNX file."""

    @property
    def classes(self) -> ClassTable:
        """The classes."""
        return self.onnx.classes

    @property
    def run(self) -> Path:
        """The file."""
        return self.onnx.path

    @property
    def channels(self) -> ChannelFormat | None:
        """The channels of the images; None for RGB of 8 bits."""
        return self.onnx.channels

    @property
    def normalization(self) -> tuple[Sequence[float], Sequence[float]] | None:
        """Mean and standard deviation of each channel over the training images; None for RGB of 8 bits."""
        found = self.onnx.facts.channels
        return None if found is None else (found.mean, found.std)

    @property
    def image_bits(self) -> int:
        """Bits that the 16-bit images of the training used."""
        return self.onnx.facts.image_bits

    @cached_property
    def sides(self) -> TrainingSides | None:
        """The sides of the training images, in pixels of their files; None if they are not recorded."""
        return None if self.onnx.facts.train_sides is None else TrainingSides(**self.onnx.facts.train_sides)

    @cached_property
    def has_probabilities(self) -> bool:
        """Whether the file gives probabilities, with which windows are blended."""
        return "probabilities" in [output.name for output in self.onnx.session.get_outputs()]

    @property
    def scaling(self) -> OnnxPredictor:
        """What explains how an image is labelled: this."""
        return self

    def explain(self, height: int, width: int) -> str:
        """Return in words how an image of this size is labelled, where that is in windows; otherwise ""."""
        window = self._window(height, width)
        if window is None or (window[0] >= height and window[1] >= width):
            return ""
        assert self.sides is not None
        how = "overlapping windows" if self.has_probabilities else "windows, of which the middle is used,"
        most = f"{self.sides.longest} × {self.sides.longest_shorter}"
        return (
            f"an image of {width} × {height} pixels is labelled in {how} of {window[1]} × {window[0]} of its pixels "
            f"(the training images have at most {most}; --scale whole labels it as a whole)"
        )

    def choose_bits(self, highest: Iterable[int]) -> ChosenBits:
        """Choose the bits by which images of 16 bits are read, as `OnnxModel.choose_bits`."""
        return self.onnx.choose_bits(highest)

    def read_file(self, path: Path, bits: int) -> NDArray[Any]:
        """Read an image file as the network gets it, (H, W, C). Raises DataError."""
        return self.onnx.read_file(path, bits)

    def open_large(self, path: Path) -> LargeImage | None:
        """Decode a file that `label_large` labels part by part; None where it is read as an array. Raises DataError."""
        return open_large(path) if self.channels is None else None

    def shown(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        """Return an image that `read_file` gave as RGB, to be looked at."""
        return self.onnx.shown(image)

    def predict(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        """Label an image, as `read_file` gives it: class indices, uint8 (H, W)."""
        window = self._window(*image.shape[:2])
        if window is None:
            return self._labels(image)
        return self._label(_part_of(image), (image.shape[0], image.shape[1]), window)

    def label_large(self, image: LargeImage) -> NDArray[np.uint8]:
        """Label an image of which only a part at a time is an array: class indices, uint8 (H, W)."""
        window = self._window(*image.size)
        if window is None:
            return self._labels(image.part(0, image.size[0], 0, image.size[1]))
        return self._label(image.part, image.size, window)

    def probabilities(self, image: NDArray[Any]) -> NDArray[np.float32]:
        """Compute the probability of each class at each pixel, float32 (C, H, W)."""
        height, width = image.shape[:2]
        window = self._window(height, width)
        if window is None:
            return self._probabilities(image)
        values = np.empty((self.classes.num_classes, height, width), np.float32)
        for top, rows in self._blended(_part_of(image), (height, width), window):
            values[:, top : top + rows.shape[1]] = rows
        return values

    def naming_shortage(self, doing: str) -> AbstractContextManager[None]:
        """Return a context that does nothing: ONNX Runtime reports a lack of memory itself."""
        return nullcontext()

    def _window(self, height: int, width: int) -> tuple[int, int] | None:
        """(height, width) of a window in pixels of an image of this size; None where it is labelled as a whole."""
        rule = Scaling(self.onnx.size, self.config.protocol.input_size, self.sides, self.scale)
        if rule.plan(height, width) is None or self.sides is None:
            return None
        multiple = 1.0 if isinstance(self.scale, str) else self.scale
        pixels = self.sides.shorter / (multiple * self.onnx.size)  # of the image, from one of the network to the next
        tall, wide = rule.typical
        return max(1, round(tall * pixels)), max(1, round(wide * pixels))

    def _label(self, read: _Read, size: tuple[int, int], window: tuple[int, int]) -> NDArray[np.uint8]:
        labels = np.empty(size, np.uint8)
        if self.has_probabilities:
            for top, rows in self._blended(read, size, window):
                labels[top : top + rows.shape[1]] = rows.argmax(axis=0)
            return labels
        (rows_of, columns_of) = (window_bounds(length, side, 1) for length, side in zip(size, window, strict=True))
        for top, first, last in _middles(rows_of):
            for left, begin, stop in _middles(columns_of):
                found = self._cut(read, (top, left), size, window, self._labels)
                labels[first:last, begin:stop] = found[first - top : last - top, begin - left : stop - left]
        return labels

    def _blended(
        self, read: _Read, size: tuple[int, int], window: tuple[int, int]
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """The finished rows of probabilities (C, rows, W), from top to bottom, each with the number of its first row.

        The mean of all windows at each pixel, weighted as for a run, see `window_weights`.
        """
        rows, columns = (window_bounds(length, side, 1) for length, side in zip(size, window, strict=True))
        down, across = window_weights(rows), window_weights(columns)
        begun: NDArray[np.float32] | None = None
        for number, (top, _) in enumerate(rows):
            band = np.zeros((self.classes.num_classes, len(down[number]), size[1]), np.float32)
            if begun is not None:
                band[:, : begun.shape[1]] = begun
            for (left, _), weight in zip(columns, across, strict=True):
                found = self._cut(read, (top, left), size, window, self._probabilities)
                band[:, :, left : left + len(weight)] += found * (down[number][:, None] * weight)
            end = rows[number + 1][0] if number + 1 < len(rows) else size[0]
            yield top, band[:, : end - top]
            begun = band[:, end - top :]

    def _cut(
        self,
        read: _Read,
        corner: tuple[int, int],
        size: tuple[int, int],
        window: tuple[int, int],
        compute: Callable[[NDArray[Any]], NDArray[Any]],
    ) -> NDArray[Any]:
        """The result for a window; an image that is smaller gets its last rows and columns again, to keep the scale."""
        (top, left), (tall, wide) = corner, window
        pixels = read(top, min(top + tall, size[0]), left, min(left + wide, size[1]))
        rows, columns = pixels.shape[:2]
        whole = np.pad(pixels, ((0, tall - rows), (0, wide - columns), (0, 0)), mode="edge")
        return compute(whole)[..., :rows, :columns]

    def _labels(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        labels: NDArray[np.uint8] = self.onnx.run(image[None])[0]
        return labels

    def _probabilities(self, image: NDArray[Any]) -> NDArray[np.float32]:
        [[found]] = self.onnx.session.run(["probabilities"], {"image": np.ascontiguousarray(image[None])})
        values: NDArray[np.float32] = found
        return values


def predictor_of(model: OnnxModel, options: ViewOptions, *, needs_probabilities: bool) -> OnnxPredictor:
    """Return what labels images of any size.

    Args:
        model: The loaded file.
        options: At which scale; windows of another size and further views are refused.
        needs_probabilities: Whether probabilities are asked for.

    Raises:
        ConfigError: The file cannot do what is asked for.
    """
    remedy = "Leave the option out, or name the run in place of the ONNX file"
    if options.window:
        raise ConfigError("an ONNX file resizes each image to its own working size", where="--window", remedy=remedy)
    if options.tta:
        raise ConfigError("an ONNX file labels one view of an image", where="--tta", remedy=remedy)
    found = OnnxPredictor(model, Config.from_json(model.facts.run, model.path), options.scale)
    if not isinstance(options.scale, str) and found.sides is None:
        raise ConfigError(
            f"{model.path} has no record of the size of its training images, by which a scale is measured",
            where="--scale",
            remedy="Leave it out, or train and export again with this version",
        )
    if needs_probabilities and not found.has_probabilities:
        raise ConfigError(
            f"{model.path} gives labels only",
            where="--probabilities",
            remedy="Export the run again: segarena export RUN --probabilities",
        )
    return found


def _part_of(image: NDArray[Any]) -> _Read:
    return lambda top, bottom, left, right: image[top:bottom, left:right]


def _middles(bounds: list[tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
    """The first pixel of each window, and the pixels (first, stop) that are taken from it: up to half of an overlap."""
    cuts = [0, *((stop + after) // 2 for (_, stop), (after, _) in pairwise(bounds)), bounds[-1][1]]
    yield from zip([start for start, _ in bounds], cuts, cuts[1:], strict=False)
