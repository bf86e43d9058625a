"""Small videos, made by PyAV: a red square that moves over grey, which any codec keeps apart."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 25
TICKS = 25 * 512  # in a second: the frames are 512 ticks apart


def draw(number: int, size: tuple[int, int] = (48, 64)) -> NDArray[np.uint8]:
    """A frame, (H, W, 3): a red square of 16 pixels, one pixel further to the right in each frame."""
    frame = np.full((*size, 3), 90, np.uint8)
    left = number % (size[1] - 16)
    frame[8:24, left : left + 16] = (230, 20, 20)
    return frame


def label(frames: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    """What stands for a network: 1 for red, else 0."""
    return [(frame[..., 0] > frame[..., 1].astype(int) + 60).astype(np.uint8) for frame in frames]


def write_video(
    path: Path,
    count: int = 12,
    *,
    size: tuple[int, int] = (48, 64),
    ticks: Sequence[int] | None = None,
    codec: str = "libx264",
    pixel_format: str = "yuv444p",
    rotation: int = 0,
    has_sound: bool = False,
) -> Path:
    """Write a video of `count` frames; sound is a second of silence in AAC."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE)
        stream.height, stream.width = size
        stream.pix_fmt = pixel_format
        stream.codec_context.time_base = Fraction(1, TICKS)
        stream.options = {"g": "4", "crf": "12"} if codec == "libx264" else {}
        if rotation:
            stream.set_display_rotation(rotation)
        sound = container.add_stream("aac", rate=8000) if has_sound else None
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(draw(number, size), format="rgb24")
            frame.pts = 512 * number if ticks is None else ticks[number]
            frame.time_base = Fraction(1, TICKS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if sound is not None:
            for number in range(8):
                part = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
                part.sample_rate, part.pts = 8000, 1024 * number
                container.mux(sound.encode(part))
            container.mux(sound.encode())
    return path
