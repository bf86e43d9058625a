"""Label videos: the next frames are decoded and the last ones encoded while a network labels some.

Memory is that of a few frames, whatever the length of a video.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segarena.classes import ClassTable
from segarena.config.results import PredictOptions
from segarena.data.layout.new_images import LEGEND, VIDEO_OVERLAY, NewImage
from segarena.errors import DataError, Interrupted
from segarena.files import write_with
from segarena.image_files.brightness import brightness
from segarena.image_files.image_io import reading
from segarena.image_files.video import Frame, Sound, Video, open_video
from segarena.outputs.ahead import read_ahead
from segarena.outputs.areas import AreasCollector
from segarena.outputs.manifest import Done, Journal, describe_file
from segarena.outputs.result import Result
from segarena.outputs.table import open_table
from segarena.outputs.video_files import FrameFile, keeps_sound, mask_file, mask_path, overlay_file
from segarena.records.tables import FrameAreaRow
from segarena.reporting.legend import draw_legend
from segarena.reporting.overlay import draw_overlay

_AHEAD = 4  # frames that are decoded before they are needed, and batches that wait to be written

#: Labels frames of one size: uint8 (H, W, 3) each to class indices, uint8 (H, W) each.
LabelFrames = Callable[[Sequence[NDArray[np.uint8]]], Sequence[NDArray[np.uint8]]]


@dataclass
class VideoOutcome:
    """What was read and labelled of a video."""

    frames: int = 0
    """Frames that were labelled."""
    seconds: float = 0.0
    """How long they are shown."""
    level: float = 0.0
    """Mean grey level of the frames."""
    damage: str = ""
    """What could not be read, in words; "" if that is nothing."""
    has_sound: bool = False
    """Whether the video has sound."""
    keeps_sound: bool = False
    """Whether the overlay has it too."""


@dataclass(frozen=True)
class VideoLabelling:
    """Labels videos, and writes the files of each."""

    label: LabelFrames
    """What labels frames."""
    batch: Callable[[int, int], int]
    """How many frames of a (height, width) are labelled at a time."""
    folder: Path
    """The output folder."""
    journal: Journal
    """Gets a line for each video once its files are written."""
    classes: ClassTable
    """The classes of the model."""
    options: PredictOptions
    """Which files are written."""

    def run(
        self,
        source: NewImage,
        *,
        on_progress: Callable[[int, int], None],
        on_video: Callable[[NewImage, tuple[int, int]], None],
        is_stopped: Callable[[], bool],
    ) -> VideoOutcome:
        """Label a video.

        Args:
            source: The file.
            on_progress: Called with the number of frames that are labelled, and of all, where that is known.
            on_video: Called with the video and its (height, width), before it is labelled.
            is_stopped: Whether to stop before the next frames.

        Returns:
            The outcome.

        Raises:
            DataError: It cannot be read.
            RunError: A file cannot be written.
            Interrupted: It was stopped; nothing of this video is kept.
        """
        outcome = VideoOutcome()
        with reading(source.path):
            done = describe_file(source)
        with open_video(source.path) as video:
            outcome.has_sound = video.sound is not None
            outcome.keeps_sound = keeps_sound(video) and not self.options.no_overlay
            total = 0.0
            with self._writing(source, video) as write, ExitStack() as files:
                batches = files.enter_context(closing(self._batches(video, sound=outcome.keeps_sound)))
                for frames, sounds in batches:
                    if is_stopped():
                        raise Interrupted(f"stopped in {source.path} after {outcome.frames:,} frames")
                    if not outcome.frames and frames:
                        on_video(source, frames[0].pixels.shape[:2])
                    on_progress(outcome.frames, video.expected)
                    masks = self.label([frame.pixels for frame in frames]) if frames else []
                    total += sum(brightness(frame.pixels) for frame in frames)
                    outcome.frames += len(frames)
                    write(list(zip(frames, masks, strict=True)), sounds)
            outcome.seconds, outcome.damage = video.seconds, video.describe_damage()
        outcome.level = total / max(1, outcome.frames)
        assert video.size is not None
        height, width = video.size
        names = tuple(path.relative_to(self.folder).as_posix() for path in self._files(source.name))
        self.journal.add(replace(done, height=height, width=width, files=names), {})
        return outcome

    def fault_of(self, source: NewImage, error: DataError) -> Done:
        """Return the line of the manifest for a video that cannot be labelled."""
        try:
            return replace(describe_file(source), fault=error.what)
        except OSError:
            return Done(source.name, source.location, 0, 0, fault=error.what)

    def _files(self, name: str) -> list[Path]:
        """The files of a video."""
        files = [mask_path(self.folder, name, self.options.video_masks), self._table(name)]
        if not self.options.no_overlay:
            files.append(self.folder / f"{name}{VIDEO_OVERLAY}")
            files += [] if self.options.no_legend else [self.folder / f"{name}{LEGEND}"]
        return files

    def _table(self, name: str) -> Path:
        return self.folder / f"{name}_areas.{self.options.tables}"

    def _batches(self, video: Video, *, sound: bool) -> Generator[tuple[list[Frame], list[Sound]], None, None]:
        """Frames that are labelled at a time, with the sound before them; at the end sound alone, if some is left."""
        frames: list[Frame] = []
        sounds: list[Sound] = []
        with closing(read_ahead(video.read(sound=sound), _AHEAD)) as parts:
            for part in parts:
                if isinstance(part, Sound):
                    sounds.append(part)
                    continue
                frames.append(part)
                size = self.batch(part.pixels.shape[0], part.pixels.shape[1])
                if len(frames) >= size:
                    yield frames, sounds
                    frames, sounds = [], []
            if frames or sounds:
                yield frames, sounds

    @contextmanager
    def _writing(
        self, source: NewImage, video: Video
    ) -> Iterator[Callable[[list[tuple[Frame, NDArray[np.uint8]]], list[Sound]], None]]:
        """Give the function that writes frames with their masks, in a thread; the files are opened with the first."""
        waiting: deque[Future[None]] = deque()
        with ExitStack() as files, ThreadPoolExecutor(1) as worker:
            opened: list[_Files] = []

            def write(labelled: list[tuple[Frame, NDArray[np.uint8]]], sounds: list[Sound]) -> None:
                if not opened:
                    opened.append(self._open(files, source, video))
                waiting.append(worker.submit(opened[0].write, labelled, sounds))
                while len(waiting) > _AHEAD:
                    waiting.popleft().result()

            try:
                yield write
            finally:
                for future in waiting:
                    future.exception()  # wait: the files are closed next
            for future in waiting:
                future.result()
        if not self.options.no_overlay and not self.options.no_legend:
            legend = draw_legend(self.classes)
            write_with(self.folder / f"{source.name}{LEGEND}", lambda stream: legend.save(stream, "PNG"))

    def _open(self, files: ExitStack, source: NewImage, video: Video) -> _Files:
        overlay = None
        if not self.options.no_overlay:
            overlay = files.enter_context(overlay_file(self.folder, source.name, video))
        masks = mask_file(self.folder, source.name, video, self.classes, self.options.video_masks)
        return _Files(
            source,
            self.classes,
            AreasCollector(self.classes, self.options.min_area),
            files.enter_context(masks),
            overlay,
            files.enter_context(open_table(self._table(source.name), FrameAreaRow)),
        )


@dataclass
class _Files:
    """The open files of a video."""

    source: NewImage
    classes: ClassTable
    areas: AreasCollector
    masks: FrameFile
    overlay: FrameFile | None
    add_rows: Callable[[list[Any]], None]
    number: int = 0

    def write(self, labelled: list[tuple[Frame, NDArray[np.uint8]]], sounds: list[Sound]) -> None:
        """Write frames with their masks, and the sound that comes with them."""
        for frame, mask in labelled:
            self.number += 1
            self.masks.add(mask, frame.ticks)
            if self.overlay is not None:
                self.overlay.add(draw_overlay(frame.pixels, mask, self.classes), frame.ticks)
            result = Result(self.source.name, self.source.path, frame.pixels, mask)
            pixels, objects = self.areas.collect(result)
            self.add_rows(
                [
                    FrameAreaRow(
                        frame=self.number,
                        time_seconds=round(frame.seconds, 6),
                        class_index=index,
                        class_=name,
                        pixels=pixels[index],
                        share=pixels[index] / mask.size,
                        objects=objects[index],
                    )
                    for index, name in enumerate(self.classes.names)
                ]
            )
        for sound in sounds:
            if self.overlay is not None:
                self.overlay.add_sound(sound)
