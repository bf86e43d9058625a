"""Video files, frame by frame: upright RGB with the time of each frame, and the packets of the sound. Needs PyAV."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segarena.cores import count_cores
from segarena.errors import DataError
from segarena.extras import require
from segarena.formats import plural
from segarena.image_files.image_io import check_pixels

#: A video that ends earlier than its file states by more than this share, and by more seconds than these, is reported.
_MISSING_SHARE, _MISSING_SECONDS = 0.02, 0.5


class Frame(NamedTuple):
    """A decoded frame.

    Attributes:
        pixels: RGB, uint8 (H, W, 3), turned upright.
        ticks: When it is shown, from the start of the file, in units of `Video.time_base`; later than the one before.
        seconds: When it is shown, from the first frame.
    """

    pixels: NDArray[np.uint8]
    ticks: int
    seconds: float


class Sound(NamedTuple):
    """A part of the sound, as it is in the file; its times are from the start of the file."""

    packet: Any
    """The `av.Packet`."""


def check_video_reader() -> None:
    """Raise ConfigError, with the command that installs it, where PyAV is missing."""
    require(["av"], "video", "a video")


@dataclass
class Video:
    """An open video file."""

    path: Path
    container: Any
    """The `av.container.InputContainer`."""
    stream: Any
    """The stream of frames."""
    sound: Any
    """The first stream of sound; None if there is none."""
    time_base: Fraction
    """Seconds of a tick."""
    rate: Fraction
    """Frames per second: the mean where it varies."""
    expected: int
    """About how many frames there are; 0 where that is unknown."""
    size: tuple[int, int] | None = None
    """(height, width) of the frames, upright, in pixels; None before the first one."""
    is_turned: bool = False
    """Whether the frames are stored lying: the ratio of the sides of a pixel is inverted then."""
    frames: int = 0
    """How many frames have been decoded."""
    seconds: float = 0.0
    """Up to when: the end of the last one."""
    damaged: int = 0
    """Packets that cannot be decoded, and frames that are damaged."""
    _is_broken: bool = field(default=False, repr=False)

    @property
    def pixel_ratio(self) -> Fraction | None:
        """Width of an upright pixel over its height; None if it is a square, or not stated."""
        ratio = self.stream.sample_aspect_ratio
        if not ratio or ratio == 1:
            return None
        return 1 / Fraction(ratio) if self.is_turned else Fraction(ratio)

    def read(self, *, sound: bool = False) -> Generator[Frame | Sound, None, None]:
        """Decode the file once, from its beginning. What is damaged is left out and counted in `damaged`.

        Args:
            sound: Whether the packets of the sound are returned too, in between.

        Yields:
            Frames in the order in which they are shown.

        Raises:
            DataError: No frame can be decoded, or the frames have several sizes.
        """
        start, last = Fraction(self.container.start_time or 0, 1_000_000), -1
        first: float | None = None
        for part in self._decode(sound):
            if isinstance(part, Sound):
                shift = round(start / part.packet.time_base)
                part.packet.pts = None if part.packet.pts is None else part.packet.pts - shift
                part.packet.dts = None if part.packet.dts is None else part.packet.dts - shift
                yield part
                continue
            step = max(1, round(1 / (self.rate * self.time_base)))
            ticks = last + step if part.pts is None else part.pts - round(start / self.time_base)
            ticks = max(ticks, last + 1, 0)
            last = ticks
            pixels = self._upright(part)
            time = float(ticks * self.time_base)
            first = time if first is None else first
            self.frames += 1
            self.damaged += part.is_corrupt
            self.seconds = time - first + float(1 / self.rate)
            yield Frame(pixels, ticks, time - first)
        if not self.frames:
            raise DataError(
                "has no frame that can be decoded",
                where=self.path,
                remedy="Copy or export the file again, or remove it",
            )

    def describe_damage(self) -> str:
        """Return in words what could not be read, once the file has been; "" if that is nothing."""
        found = []
        if self.damaged:
            found.append(f"{plural(self.damaged, 'frame')} could not be decoded, or only in part")
        stated = self._stated_seconds()
        missing = stated - self.seconds
        if missing > max(_MISSING_SECONDS, _MISSING_SHARE * stated) or (self._is_broken and not self.damaged):
            of = f" of the {stated:.1f} s that the file states" if stated else ""
            found.append(f"it ends after {self.seconds:.1f} s{of}, as a file does that was not copied completely")
        return "; ".join(found)

    def _decode(self, sound: bool) -> Iterator[Any]:
        """The frames, as PyAV has them, and the packets of the sound."""
        from av.error import FFmpegError

        streams = [self.stream, *([self.sound] if sound and self.sound is not None else [])]
        packets = self.container.demux(streams)
        while True:
            try:
                packet = next(packets, None)
            except (FFmpegError, OSError):
                self._is_broken, packet = True, None
            if packet is not None and packet.stream is self.sound:
                if packet.dts is not None:
                    yield Sound(packet)
                continue
            try:
                yield from self.stream.decode(packet)
            except EOFError:  # it has been emptied already
                return
            except FFmpegError:
                self.damaged += 1
            if packet is None:
                return

    def _upright(self, frame: Any) -> NDArray[np.uint8]:
        pixels: NDArray[np.uint8] = frame.to_ndarray(format="rgb24")
        turns = round(frame.rotation / 90) % 4
        pixels = np.ascontiguousarray(np.rot90(pixels, turns))
        if self.size is None:
            self.size, self.is_turned = (pixels.shape[0], pixels.shape[1]), turns % 2 == 1
        if pixels.shape[:2] != self.size:
            (height, width), (tall, wide) = self.size, pixels.shape[:2]
            raise DataError(
                f"changes its size: {width} × {height} pixels at first, {wide} × {tall} in frame {self.frames + 1:,}",
                where=self.path,
                remedy=f"Give all frames one size, e.g. `ffmpeg -i FILE -vf scale={width}:{height} new.mp4`",
            )
        return pixels

    def _stated_seconds(self) -> float:
        """How long the frames are shown by what the file states; 0 if it does not."""
        if self.stream.duration:
            return float(self.stream.duration * self.stream.time_base)
        parts = (self.stream.metadata.get("DURATION") or "").split(":")
        if len(parts) == 3:
            return float(parts[0]) * 3600 + float(parts[1]) * 60 + float(parts[2])
        return 0.0 if self.sound is not None else (self.container.duration or 0) / 1e6


@contextmanager
def open_video(path: Path) -> Iterator[Video]:
    """Open a video file.

    Args:
        path: The file.

    Raises:
        ConfigError: PyAV is not installed.
        DataError: It is no video that can be read, or its frames have too many pixels.
    """
    check_video_reader()
    import av

    av.logging.set_level(av.logging.PANIC)  # what is damaged is counted
    try:
        # With `file:`, a name with a colon is not taken for a protocol; and a file cannot refer to other places.
        container = av.open(f"file:{path}", options={"protocol_whitelist": "file"})
    except FileNotFoundError as error:
        raise DataError("does not exist", where=path, remedy="Check the path") from error
    except PermissionError as error:
        raise DataError("cannot be read (permission denied)", where=path, remedy="Change its permissions") from error
    except (av.error.FFmpegError, OSError) as error:
        raise DataError(
            f"is not a video that can be read ({error.strerror or error})",
            where=path,
            remedy="Copy or export the file again, or remove it: an MP4 is not readable before it is copied completely",
        ) from error
    with container:
        stream = next(iter(container.streams.video), None)
        if stream is None or stream.codec_context is None:
            raise DataError("has no frames, or in a format that cannot be decoded", where=path, remedy="Remove it")
        check_pixels(path, stream.codec_context.height, stream.codec_context.width)
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = count_cores()
        rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
        video = Video(
            path,
            container,
            stream,
            next(iter(container.streams.audio), None),
            Fraction(stream.time_base or Fraction(1, 90_000)),
            rate if rate > 0 else Fraction(25),
            0,
        )
        video.expected = stream.frames or round(video._stated_seconds() * video.rate)
        yield video
