"""Which channels of the image files a network gets: `--channels`."""

from __future__ import annotations

from typing import TypeAlias

from segarena.errors import ConfigError
from segarena.formats import plural

#: The channels of each file, from 1, in the order in which a network gets them; empty: all, in their own order.
Channels: TypeAlias = tuple[int, ...]

#: The most channels that a network can have.
MOST_CHANNELS = 16


def read_channels(text: str) -> Channels | None:
    """Return the channels that `--channels` names; None for RGB of 8 bits, into which any image is converted.

    Args:
        text: "rgb", "all", or numbers from 1, separated by commas.

    Raises:
        ConfigError: It is something else, a number occurs twice, or there are too many.

    >>> read_channels("rgb"), read_channels("all"), read_channels("4,3,2")
    (None, (), (4, 3, 2))
    """
    if text in ("rgb", "all"):
        return None if text == "rgb" else ()
    parts = text.split(",")
    if not all(part.strip().isdecimal() and int(part) >= 1 for part in parts):
        raise ConfigError(
            f"{text!r} names no channels",
            where="--channels",
            remedy="Give rgb, all, or numbers from 1, separated by commas, e.g. --channels 4,3,2",
        )
    numbers = tuple(map(int, parts))
    if len(set(numbers)) < len(numbers):
        raise ConfigError(f"{text} names a channel twice", where="--channels", remedy="Name each one once")
    if len(numbers) > MOST_CHANNELS:
        raise ConfigError(
            f"names {plural(len(numbers), 'channel')}, and a network can have up to {MOST_CHANNELS}",
            where="--channels",
            remedy="Name the most useful ones",
        )
    return numbers
