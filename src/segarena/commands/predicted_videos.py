"""The videos of `segarena predict`: refused before any work where they cannot be labelled, labelled, and reported."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from segarena.commands.progress import show_progress
from segarena.commands.terminal import console
from segarena.config import PredictOptions
from segarena.data.layout.new_images import MASKS, VIDEO_OVERLAY, NewImage, is_video
from segarena.errors import ConfigError, DataError
from segarena.formats import duration, plural
from segarena.image_files.video import check_video_reader
from segarena.outputs.labelling import Outcome
from segarena.outputs.video_files import CALLED, choose_encoder
from segarena.outputs.video_labelling import VideoLabelling, VideoOutcome

#: The options of which videos have nothing.
_IMAGES_ONLY = ("probabilities", "polygons", "labels")


def check_videos(videos: Sequence[NewImage], options: PredictOptions, *, has_own_channels: bool) -> None:
    """Raise ConfigError where videos cannot be labelled, or not with these options; warn of one without effect.

    Args:
        videos: The videos.
        options: The options as typed.
        has_own_channels: Whether the network was trained with `--channels`.
    """
    if not videos:
        if options.video_masks != "png":
            console.warn("--video-masks has no effect: no video is among the files")
        return
    check_video_reader()
    for name in _IMAGES_ONLY:
        if getattr(options, name) is not None:
            raise ConfigError(
                f"is for images, and {videos[0].path} is a video",
                where=f"--{name}",
                remedy="Leave the option out, or name images only: of a video, masks, an overlay and areas are written",
            )
    if has_own_channels:
        raise ConfigError(
            "was trained on images of other channels than red, green and blue, which a video has not",
            where=options.run,
            remedy=f"Name images only; without {videos[0].path}",
        )


def label_videos(
    videos: Sequence[NewImage],
    labelling: VideoLabelling,
    outcome: Outcome,
    on_video: Callable[[NewImage, tuple[int, int]], None],
    is_stopped: Callable[[], bool],
) -> None:
    """Label videos one after the other, and print what was made of each.

    Args:
        videos: The videos.
        labelling: What labels one.
        outcome: Gets the brightness of each, and what cannot be read.
        on_video: Called with a video and its (height, width), before it is labelled.
        is_stopped: Whether to stop.

    Raises:
        RunError: A file cannot be written.
        Interrupted: It was stopped; the videos before are written.
    """
    for video in videos:
        try:
            with show_progress(f"labelling {video.path.name}") as on_progress:
                found = labelling.run(video, on_progress=on_progress, on_video=on_video, is_stopped=is_stopped)
        except DataError as error:
            outcome.faults.append((video.path, error))
            labelling.journal.add(labelling.fault_of(video, error), {})
            continue
        outcome.levels.append(found.level)
        outcome.labelled += 1
        _show(video, found, labelling.options)


def _show(video: NewImage, found: VideoOutcome, options: PredictOptions) -> None:
    masks = (
        f"{video.name}{MASKS}/000001.png, ..." if options.video_masks == "png" else f"{video.name}{MASKS}.mkv (FFV1)"
    )
    files = [masks, f"{video.name}_areas.{options.tables}"]
    if not options.no_overlay:
        files.insert(0, f"{video.name}{VIDEO_OVERLAY} ({CALLED[choose_encoder()]})")
    console.print(
        f"  {video.path}: {plural(found.frames, 'frame')}, {duration(found.seconds)}: {'; '.join(files)}", markup=False
    )
    if found.has_sound and not found.keeps_sound and not options.no_overlay:
        console.print("  its sound is in a format that MP4 does not take: the overlay has none", markup=False)
    if found.damage:
        console.warn(f"{video.path}: {found.damage}. The frames that could be read are labelled")


def name_of_mask(image: NewImage, options: PredictOptions) -> str:
    """Return what the mask of an image, or the masks of a video, are called in `names.csv`."""
    if not is_video(image.path):
        return f"{image.name}.png"
    return f"{image.name}{MASKS}" + ".mkv" * (options.video_masks == "ffv1")


def has_video_reader() -> bool:
    """Whether PyAV is installed."""
    try:
        check_video_reader()
    except ConfigError:
        return False
    return True
