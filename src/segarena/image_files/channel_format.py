"""The channels that all images of a data set have: their numbers, their type, and how they are shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segarena.config.channels import Channels
from segarena.errors import DataError
from segarena.formats import join_words, plural
from segarena.image_files.band_facts import BandFacts, ValueType
from segarena.image_files.bands import check_selection, describe_type, read_all_bands, select_channels
from segarena.image_files.composite import describe_shown
from segarena.records.run import ChannelValues


@dataclass(frozen=True)
class ChannelFormat:
    """What the images of a network have in common.

    Attributes:
        numbers: The channels, from 1, of each file, in the order in which the network gets them.
        dtype: The type of the values: uint8, uint16 or float32.
        ranges: For each of them the values that are shown as black and as white.
        are_all: Whether the files have these channels and no others.
    """

    numbers: Channels
    dtype: ValueType
    ranges: tuple[tuple[float, float], ...]
    are_all: bool = True

    @property
    def chosen(self) -> Channels:
        """The channels as `select_channels` takes them: empty for all."""
        return () if self.are_all else self.numbers

    @property
    def sentence(self) -> str:
        """The channels in words, and how they are shown.

        >>> ChannelFormat((1, 2), "uint16", ((0, 1), (0, 1))).sentence
        'all 2, 16 bits, as stored, normalised by the training images; shown: channel 1 as grey'
        """
        which = f"all {len(self.numbers)}" if self.are_all else join_words([str(number) for number in self.numbers])
        return (
            f"{which}, {describe_type(self.dtype)}, as stored, normalised by the training images;"
            f" shown: {describe_shown(self.numbers)}"
        )

    def of_same_kind(self, other: ChannelFormat | None, where: object) -> ChannelFormat:
        """Return this format, by which other images are read. Raises DataError if they have another one."""
        if other is not None:
            self._compare(len(other.numbers), other.dtype, where)
        return self

    def read(self, path: Path, content: bytes | None = None) -> NDArray[Any]:
        """Read a file, or its bytes, with these channels, (H, W, C). Raises DataError, also if it has others."""
        image = read_all_bands(path, content)
        if self.are_all or image.shape[2] < max(self.numbers):
            self._compare(image.shape[2], str(image.dtype), path)
        found = select_channels(image, self.chosen, path)
        self.check(found, path)
        return found

    def check(self, image: NDArray[Any], where: object) -> None:
        """Raise DataError if an image (H, W, C) has another number of channels or another type of values."""
        self._compare(image.shape[2], str(image.dtype), where)

    def _compare(self, channels: int, dtype: str, where: object) -> None:
        if (channels, dtype) != (len(self.numbers), self.dtype):
            own = _describe(len(self.numbers), self.dtype)
            if not self.are_all:
                own += f", numbers {join_words([str(number) for number in self.numbers])} of the files"
            raise DataError(
                f"has {_describe(channels, dtype)}, and the network was trained on {own}",
                where=where,
                remedy="Give images with the channels, the bits and the scale of the training images",
            )


def channel_format(recorded: ChannelValues | None) -> ChannelFormat | None:
    """Return the channels that data.json has; None for RGB of 8 bits."""
    if recorded is None:
        return None
    ranges = tuple(zip(recorded.low, recorded.high, strict=True))
    return ChannelFormat(recorded.numbers, recorded.dtype, ranges, recorded.are_all)


def common_format(files: Sequence[tuple[Path, BandFacts]], channels: Channels) -> ChannelFormat:
    """Return what the images of a data set have in common.

    Args:
        files: The path and the facts of each image, 1 or more.
        channels: The channels that are used, from 1; empty: all.

    Raises:
        DataError: An image has another type of values than most, another number of channels and all are used, or lacks
            a channel.
    """
    kinds = Counter((0 if channels else facts.channels, facts.dtype) for _, facts in files)
    usual = kinds.most_common(1)[0][0]
    others = [(path, facts) for path, facts in files if (0 if channels else facts.channels, facts.dtype) != usual]
    if others:
        path, facts = others[0]
        like = next(facts for _, facts in files if (0 if channels else facts.channels, facts.dtype) == usual)
        raise DataError(
            f"has {_describe(facts.channels, facts.dtype)}, and {kinds[usual]} of {plural(len(files), 'image')} have"
            f" {_describe(like.channels, like.dtype)}; {plural(len(others), 'image')} differ",
            where=path,
            remedy="Save all images with the same channels and bits"
            + ("" if channels else ", or train with some that all have, e.g. `segarena train DATA --channels 1,2,3`"),
        )
    for path, facts in files:
        check_selection(facts.channels, channels, path)
    numbers = channels or tuple(range(1, files[0][1].channels + 1))
    chosen = np.stack([facts.ranges[[number - 1 for number in numbers]] for _, facts in files])
    # of the medians: a few images that are much brighter or darker change nothing
    ranges = np.median(chosen, axis=0)
    return ChannelFormat(numbers, usual[1], tuple((float(low), float(high)) for low, high in ranges), not channels)


def _describe(channels: int, dtype: str) -> str:
    return f"{plural(channels, 'channel')} of {describe_type(dtype)}"
