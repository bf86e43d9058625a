"""The images that a run recorded, read again: to check and to calibrate an exported model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segarena.data.folder import FolderSource
from segarena.data.source import Source, Split, indices_by_name
from segarena.errors import SegarenaError
from segarena.evenly import evenly_spaced
from segarena.experiment.inputs import reopen_source
from segarena.experiment.progress import SILENT, Reporter
from segarena.records.run import ChannelValues, Data
from segarena.training.predictor import Predictor

#: The images that an exported model is checked on: a part of the split, or generated ones.
CheckedPart = Literal["val", "train", "test", "generated"]
#: Sizes (height, width) of generated images, as multiples of the working size; odd ones too.
_GENERATED = ((1.0, 1.5), (1.31, 1.0), (1.9, 2.57), (0.83, 1.12))


@dataclass(frozen=True)
class RecordedImages:
    """The images of a run with their masks.

    Args:
        source: The data, as it is now.
        positions: The samples of each part of the run's split.
    """

    source: Source
    positions: dict[Split, tuple[int, ...]]

    def read(self, part: Split, most: int) -> Iterator[tuple[NDArray[Any], NDArray[np.uint8]]]:
        """Yield images, uint8 RGB (H, W, 3) or of other channels, with their masks, uint8 (H, W).

        Args:
            part: A part of the split.
            most: Their number at most; of more, they are taken at equal distances.

        Raises:
            DataError: A file cannot be read.
        """
        for index in self.chosen(part, most):
            yield self.source.read(index)

    def chosen(self, part: Split, most: int) -> list[int]:
        """Return the samples that `read` yields."""
        found = self.positions[part]
        return [found[place] for place in evenly_spaced(len(found), most)]

    @property
    def checked_part(self) -> Split:
        """The part whose images show whether labels are equal: val; train where all images trained the network."""
        return next((part for part in ("val", "test", "train") if self.positions[part]), "val")


def open_recorded(predictor: Predictor, reporter: Reporter = SILENT) -> RecordedImages | str:
    """Open the data of a run.

    Args:
        predictor: The run.
        reporter: Receives the progress of reading masks.

    Returns:
        The images; where they cannot be read any more, the reason.
    """
    recorded = Data.read(predictor.run)
    try:
        source = reopen_source(predictor.config.data, reporter)
    except SegarenaError as error:
        return str(error)
    if source.classes.names != predictor.classes.names:
        return f"{recorded.origin} has other classes now"
    if isinstance(source, FolderSource):
        source.bits = predictor.image_bits
    by_name = indices_by_name(source.samples)
    parts: tuple[Split, ...] = ("train", "val", "test")
    positions = {part: tuple(by_name[n] for n in getattr(recorded.split, part) if n in by_name) for part in parts}
    if not any(positions.values()):
        return f"{recorded.origin} has none of the images of the training any more"
    return RecordedImages(source, positions)


def generated_images(size: int, channels: ChannelValues | None = None, number: int = 8) -> Iterator[NDArray[Any]]:
    """Yield images of soft coloured areas and noise, for a check without data.

    Args:
        size: The working size; the images have about this size, in several shapes.
        channels: The channels of the images, which get the training images' mean and deviation; None for RGB.
        number: How many.

    Yields:
        uint8 RGB (H, W, 3), or of the channels and their type.
    """
    random = np.random.default_rng(0)
    for index in range(number):
        factors = _GENERATED[index % len(_GENERATED)]
        height, width = (max(33, round(size * factor)) for factor in factors)
        bands = []
        for _ in range(3 if channels is None else len(channels.numbers)):
            coarse = Image.fromarray(random.integers(0, 256, (5 + index, 7 + index), dtype=np.uint8))
            smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(np.int16)
            bands.append(smooth + random.integers(-12, 13, (height, width), dtype=np.int16))
        image = np.stack(bands, axis=-1).clip(0, 255)
        if channels is None:
            yield image.astype(np.uint8)
            continue
        levels = (image - 127.5) / 74 * np.array(channels.std) + np.array(channels.mean)
        if channels.dtype != "float32":
            levels = levels.round().clip(0, np.iinfo(channels.dtype).max)
        yield levels.astype(channels.dtype)
