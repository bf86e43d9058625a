"""The sizes of network inputs: of whole images, and of training crops."""

from __future__ import annotations


def working_size(height: int, width: int, size: int) -> tuple[int, int]:
    """Return the (height, width) to which a whole image is resized for a network.

    Args:
        height: Of the image, in pixels.
        width: Of the image, in pixels.
        size: Pixels of the shorter side after resizing; both sides have at least 32.
    """
    factor = size / min(height, width)
    return max(32, round(height * factor)), max(32, round(width * factor))


def crop_size(height: int, width: int, size: int) -> tuple[int, int]:
    """Return the (height, width) of a training crop, which has about the aspect ratio of the image, at most 2:1.

    Both are multiples of 32, the largest stride of a network. Otherwise the last cell of a coarse feature map would
    extend beyond the crop, and resizing the map to the crop would shift it.

    Args:
        height: Of the image, in pixels.
        width: Of the image, in pixels.
        size: Pixels of the crop's shorter side, before rounding.
    """

    def nearest(length: float) -> int:
        return max(32, int(length / 32 + 0.5) * 32)

    shorter = nearest(size)
    longer = min(2 * shorter, nearest(size * max(height, width) / min(height, width)))
    return (shorter, longer) if height <= width else (longer, shorter)
