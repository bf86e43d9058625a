"""An ONNX file as `segarena predict` uses a run: images of any size, at any scale. No PyTorch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segarena.classes import ClassTable
from segarena.config.views import Scale, ViewOptions
from segarena.errors import ConfigError
from segarena.exporting.onnx_model import OnnxModel
from segarena.exporting.onnx_windows import OnnxWindows
from segarena.image_files.bit_depth import ChosenBits
from segarena.image_files.channel_format import ChannelFormat
from segarena.image_files.large_images import LargeImage
from segarena.loading.scaling import TrainingSides
from segarena.records.config import Config


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
        return self.onnx.image_bits

    @cached_property
    def _windows(self) -> OnnxWindows:
        return OnnxWindows(self.onnx, self.config.protocol.input_size, self.scale)

    @property
    def sides(self) -> TrainingSides | None:
        """The sides of the training images, in pixels of their files; None if they are not recorded."""
        return self._windows.sides

    @property
    def has_probabilities(self) -> bool:
        """Whether the file gives probabilities, with which windows are blended."""
        return self._windows.has_probabilities

    @property
    def scaling(self) -> OnnxPredictor:
        """What explains how an image is labelled: this."""
        return self

    def explain(self, height: int, width: int) -> str:
        """Return in words how an image of this size is labelled, where that is in windows; otherwise ""."""
        window = self._windows.window(height, width)
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

    def read_file(self, path: Path, bits: int, content: bytes | None = None) -> NDArray[Any]:
        """Read an image file, or its bytes, as the network gets it, (H, W, C). Raises DataError."""
        return self.onnx.read_file(path, bits, content)

    def open_large(self, path: Path) -> LargeImage | None:
        """Decode a file that `label_large` labels part by part; None where it is read as an array. Raises DataError."""
        return self.onnx.open_large(path)

    def shown(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        """Return an image that `read_file` gave as RGB, uint8 (H, W, 3), to be looked at."""
        return self.onnx.shown(image)

    def predict(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        """Label an image, as `read_file` gives it: class indices, uint8 (H, W)."""
        return self._windows.label(image)

    def label_large(self, image: LargeImage) -> NDArray[np.uint8]:
        """Label an image of which only a part at a time is an array: class indices, uint8 (H, W)."""
        return self._windows.label_parts(image.part, image.size)

    def probabilities(self, image: NDArray[Any]) -> NDArray[np.float32]:
        """Compute the probability of each class at each pixel, float32 (C, H, W)."""
        return self._windows.probabilities(image)

    def naming_shortage(self, doing: str) -> AbstractContextManager[None]:
        """Return a context that does nothing: ONNX Runtime reports a lack of memory itself."""
        return nullcontext()


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
