"""The files of a labelled video: its overlay as MP4, and its masks as PNG files or as one video without loss."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segarena.classes import ClassTable
from segarena.data.layout.new_images import MASKS, VIDEO_OVERLAY
from segarena.files import unwritable
from segarena.image_files.video import Sound, Video
from segarena.outputs.whole import written_whole

#: Encoders of overlays, the best first, and their options.
_ENCODERS = {"libx264": {"crf": "18", "preset": "veryfast"}, "mpeg4": {"qscale": "3"}}
#: How the encoders are called.
CALLED = {"libx264": "H.264", "mpeg4": "MPEG-4 Part 2"}
#: Sound that is copied into MP4; other sound is left out.
_SOUND = frozenset({"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"})
#: The most ticks that MPEG-4 Part 2 counts in a second, rounded down. All usual rates are whole numbers of these.
_MOST_TICKS = 60_000
#: Height from which a video that states nothing is shown with the colours of HDTV.
_HD = 720


def choose_encoder() -> str:
    """Return the encoder for overlays: H.264 where PyAV has it, else MPEG-4 Part 2."""
    from av.codec import codecs_available

    return next(name for name in _ENCODERS if name in codecs_available)


def keeps_sound(video: Video) -> bool:
    """Whether the sound of a video can be copied into its overlay."""
    return video.sound is not None and video.sound.codec_context.name in _SOUND


class FrameFile(ABC):
    """A file, or a folder, to which the frames of a video are written one after the other."""

    @abstractmethod
    def add(self, pixels: NDArray[np.uint8], ticks: int) -> None:
        """Write a frame, (H, W, 3) or (H, W), which is shown at that time, in ticks of the video."""

    def add_sound(self, sound: Sound) -> None:
        """Write a part of the sound, where the file has any."""
        return


class _Encoded(FrameFile):
    """A video that PyAV encodes."""

    def __init__(self, container: Any, stream: Any, video: Video, sound: Any = None) -> None:
        self._container, self._stream, self._sound = container, stream, sound
        self._from, self._to = video.time_base, stream.codec_context.time_base
        self._last = -1

    def add(self, pixels: NDArray[np.uint8], ticks: int) -> None:
        from av import VideoFrame

        if pixels.ndim == 2:
            frame = VideoFrame.from_ndarray(pixels, format="gray")
        else:
            # 4:2:0 has one colour for 2 x 2 pixels, so that an odd side gets its last row or column twice.
            rows, columns = (side % 2 for side in pixels.shape[:2])
            whole = np.pad(pixels, ((0, rows), (0, columns), (0, 0)), mode="edge") if rows or columns else pixels
            space = "ITU709" if self._stream.codec_context.colorspace == 1 else "ITU601"
            frame = VideoFrame.from_ndarray(np.ascontiguousarray(whole), format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace=space)
        self._last = max(self._last + 1, round(ticks * self._from / self._to))
        frame.pts, frame.time_base = self._last, self._to
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def add_sound(self, sound: Sound) -> None:
        if self._sound is not None:
            sound.packet.stream = self._sound
            self._container.mux(sound.packet)

    def end(self) -> None:
        """Write what the encoder still has."""
        for packet in self._stream.encode():
            self._container.mux(packet)


class _Folder(FrameFile):
    """A folder of masks, with the palette of the class colours: 000001.png and so on."""

    def __init__(self, folder: Path, classes: ClassTable) -> None:
        self._folder, self._palette, self._number = folder, classes.palette(), 0

    def add(self, pixels: NDArray[np.uint8], ticks: int) -> None:
        self._number += 1
        picture = Image.fromarray(pixels)
        picture.putpalette(self._palette)
        picture.save(self._folder / f"{self._number:06}.png", "PNG")


@contextmanager
def overlay_file(folder: Path, name: str, video: Video) -> Iterator[FrameFile]:
    """Write NAME_overlay.mp4: the size, the times of the frames, and the sound where MP4 takes it as it is.

    Args:
        folder: The output folder.
        name: Name of the results of the video.
        video: The video, of which the first frame has been read.

    Raises:
        RunError: It cannot be written.
    """
    encoder = choose_encoder()
    path = folder / f"{name}{VIDEO_OVERLAY}"
    with written_whole(path) as made, _encoding(path, made, "mp4", {"movflags": "+faststart"}) as container:
        stream = _add_stream(container, encoder, video, "yuv420p")
        context = stream.codec_context
        context.width, context.height = (side + side % 2 for side in (stream.width, stream.height))
        # The colours as in the RGB of the frames: of the standard that players assume for the size, and stated.
        matrix = 1 if stream.height >= _HD else 6
        context.colorspace = context.color_primaries = context.color_trc = matrix
        context.color_range = 1
        stream.options = _ENCODERS[encoder]
        sound = container.add_stream_from_template(video.sound) if keeps_sound(video) else None
        encoded = _Encoded(container, stream, video, sound)
        yield encoded
        encoded.end()


@contextmanager
def mask_file(folder: Path, name: str, video: Video, classes: ClassTable, kind: str) -> Iterator[FrameFile]:
    """Write the masks: the folder NAME_masks of PNG files, or NAME_masks.mkv, FFV1 of 8 bits grey.

    Args:
        folder: The output folder.
        name: Name of the results of the video.
        video: The video, of which the first frame has been read.
        classes: The classes of the model.
        kind: "png" or "ffv1".

    Raises:
        RunError: It cannot be written.
    """
    path = mask_path(folder, name, kind)
    with written_whole(path) as made:
        if kind == "png":
            made.mkdir()
            yield _Folder(made, classes)
            return
        with _encoding(path, made, "matroska", {}) as container:
            container.metadata["classes"] = json.dumps(classes.names)
            stream = _add_stream(container, "ffv1", video, "gray")
            stream.options = {"level": "3", "slicecrc": "1"}
            encoded = _Encoded(container, stream, video)
            yield encoded
            encoded.end()


def mask_path(folder: Path, name: str, kind: str) -> Path:
    """Return where the masks of a video are.

    Args:
        folder: The output folder.
        name: Name of the results of the video.
        kind: "png" or "ffv1".
    """
    return folder / (f"{name}{MASKS}" if kind == "png" else f"{name}{MASKS}.mkv")


def _add_stream(container: Any, encoder: str, video: Video, pixel_format: str) -> Any:
    assert video.size is not None
    stream = container.add_stream(encoder, rate=video.rate.limit_denominator(_MOST_TICKS))
    stream.height, stream.width = video.size
    stream.pix_fmt = pixel_format
    base = video.time_base
    if encoder == "mpeg4" and base.denominator > _MOST_TICKS:
        base = type(base)(1, _MOST_TICKS)
    stream.codec_context.time_base = base
    if video.pixel_ratio is not None:
        stream.codec_context.sample_aspect_ratio = video.pixel_ratio
    return stream


@contextmanager
def _encoding(path: Path, made: Path, form: str, options: dict[str, str]) -> Iterator[Any]:
    """An output container; errors of FFmpeg name the file."""
    import av

    try:
        with av.open(f"file:{made}", "w", format=form, options=options) as container:
            yield container
    except av.error.FFmpegError as error:
        raise unwritable(path, error) from error
