"""Videos in, videos out: masks of every frame, at its time, upright, and at its own size."""

from __future__ import annotations

import csv
import gc
import sys
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segarena.classes import ClassTable, name_classes
from segarena.config import PredictOptions
from segarena.data.layout.new_images import NewImage, find_new_images
from segarena.errors import ConfigError, DataError, Interrupted, RunError
from segarena.image_files.video import Frame, check_video_reader, open_video
from segarena.outputs.manifest import Journal, Manifest, key_of
from segarena.outputs.video_labelling import VideoLabelling, VideoOutcome
from support import refuses
from video_files import RATE, TICKS, draw, label, write_video

av = pytest.importorskip("av", reason="PyAV is not installed")

CLASSES: ClassTable = name_classes([0, 1], ["ground", "square"])


def run(path: Path, out: Path, *, stop: int | None = None, batch: int = 1, labels: Any = label, **options: Any) -> Any:
    """Label a video as `segarena predict` does; what was seen."""
    out.mkdir(exist_ok=True)
    source = NewImage(path, path.stem, False, path.name)
    seen: list[int] = []
    with Journal(out, "0-of-1") as journal:
        chosen = PredictOptions(run=out, images=(path,), **options)
        labelling = VideoLabelling(labels, lambda height, width: batch, out, journal, CLASSES, chosen)
        return labelling.run(
            source,
            on_progress=lambda number, total: seen.append(number),
            on_video=lambda video, size: None,
            is_stopped=lambda: stop is not None and bool(seen) and seen[-1] >= stop,
        )


def read(path: Path, form: str = "rgb24") -> list[Any]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format=form) for frame in container.decode(video=0)]


def times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.time) for frame in container.decode(video=0)]


def masks(out: Path) -> list[NDArray[np.uint8]]:
    return [np.asarray(Image.open(path)) for path in sorted((out / "clip_masks").iterdir())]


@pytest.mark.parametrize("batch", [1, 5])
def test_every_frame_has_its_mask_and_its_areas(tmp_path: Path, batch: int) -> None:
    clip = write_video(tmp_path / "clip.mp4")
    seen: VideoOutcome = run(clip, tmp_path / "out", batch=batch)
    expected = label(read(clip))
    assert (seen.frames, seen.damage, round(seen.seconds, 3)) == (12, "", 12 / RATE)
    assert np.array_equal(masks(tmp_path / "out"), expected)
    assert (tmp_path / "out" / "clip_masks" / "000012.png").exists()
    with (tmp_path / "out" / "clip_areas.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 24
    squares = [row for row in rows if row["class"] == "square"]
    assert [int(row["pixels"]) for row in squares] == [mask.sum() for mask in expected]
    assert [float(row["time_seconds"]) for row in squares] == [round(number / RATE, 6) for number in range(12)]
    assert {row["objects"] for row in squares} == {"1"}
    overlay = read(tmp_path / "out" / "clip_overlay.mp4")
    assert np.shape(overlay) == (12, 48, 64, 3)
    assert np.abs(overlay[3][2, 60].astype(int) - draw(3)[2, 60]).max() < 12, "what is not tinted has its own colour"
    with av.open(str(tmp_path / "out" / "clip_overlay.mp4")) as container:
        assert container.streams.video[0].average_rate == RATE
        assert container.streams.video[0].codec_context.name == "h264"
    with Image.open(tmp_path / "out" / "clip_legend.png") as legend:
        assert legend.width > 100


def test_masks_as_ffv1_are_the_same_without_loss(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4")
    run(clip, tmp_path / "out", video_masks="ffv1", no_overlay=True)
    assert {path.name for path in (tmp_path / "out").glob("clip*")} == {"clip_masks.mkv", "clip_areas.csv"}
    assert np.array_equal(read(tmp_path / "out" / "clip_masks.mkv", "gray"), label(read(clip)))
    assert times(tmp_path / "out" / "clip_masks.mkv") == pytest.approx(times(clip), abs=0.001)


@pytest.mark.parametrize("encoder", ["libx264", "mpeg4"])
def test_frames_keep_their_times_at_a_variable_rate(
    tmp_path: Path, encoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = [0, 512, 1000, 4000, 4100, 9000, 9001, 20_000]
    clip = write_video(tmp_path / "clip.mp4", 8, ticks=ticks)
    monkeypatch.setattr("segarena.outputs.video_files.choose_encoder", lambda: encoder)
    run(clip, tmp_path / "out")
    expected = [tick / TICKS for tick in ticks]
    assert times(tmp_path / "out" / "clip_overlay.mp4") == pytest.approx(expected, abs=1e-4)
    with (tmp_path / "out" / "clip_areas.csv").open() as stream:
        assert [float(row["time_seconds"]) for row in csv.DictReader(stream)][::2] == pytest.approx(expected, abs=1e-6)
    with av.open(str(tmp_path / "out" / "clip_overlay.mp4")) as container:
        assert container.streams.video[0].codec_context.name == {"libx264": "h264"}.get(encoder, encoder)


@pytest.mark.parametrize("turned", [90, 180, -90])
def test_frames_are_turned_upright(tmp_path: Path, turned: int) -> None:
    clip = write_video(tmp_path / "clip.mp4", 3, rotation=turned)
    run(clip, tmp_path / "out")
    expected = [np.rot90(mask, turned // 90) for mask in label(read(clip))]  # counterclockwise, as FFmpeg's angle
    assert np.array_equal(masks(tmp_path / "out"), expected)
    with av.open(str(tmp_path / "out" / "clip_overlay.mp4")) as container:
        frame = next(container.decode(video=0))
        assert (frame.height, frame.width, frame.rotation) == (*expected[0].shape, 0)


def test_odd_sizes_are_kept_in_masks_and_even_in_overlays(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", 3, size=(47, 63))
    run(clip, tmp_path / "out")
    assert np.shape(masks(tmp_path / "out")) == (3, 47, 63)
    assert np.shape(read(tmp_path / "out" / "clip_overlay.mp4")) == (3, 48, 64, 3)


@pytest.mark.parametrize("has_overlay", [True, False])
def test_sound_is_copied_into_the_overlay(tmp_path: Path, has_overlay: bool) -> None:
    clip = write_video(tmp_path / "clip.mp4", has_sound=True)
    seen = run(clip, tmp_path / "out", no_overlay=not has_overlay)
    assert (seen.has_sound, seen.keeps_sound) == (True, has_overlay)
    if has_overlay:
        packets = []
        for path in (clip, tmp_path / "out" / "clip_overlay.mp4"):
            with av.open(str(path)) as container:
                packets.append([bytes(packet) for packet in container.demux(audio=0) if packet.size])
        assert packets[0] == packets[1]
        assert packets[0]


def test_sound_after_the_last_frame_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segarena.image_files.video.count_cores", lambda: 1)  # no frame is decoded late
    clip = write_video(tmp_path / "clip.mp4", 5, codec="mpeg4", pixel_format="yuv420p", has_sound=True)
    run(clip, tmp_path / "out", batch=5)
    sizes = []
    for path in (clip, tmp_path / "out" / "clip_overlay.mp4"):
        with av.open(str(path)) as container:
            sizes.append([packet.size for packet in container.demux(audio=0) if packet.size])
    assert sizes[1] == sizes[0]


def test_of_a_truncated_video_the_frames_that_are_there_are_labelled(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mkv", 100)
    content = clip.read_bytes()
    clip.write_bytes(content[: len(content) // 2])
    seen = run(clip, tmp_path / "out")
    assert 20 < seen.frames < 80
    assert len(masks(tmp_path / "out")) == seen.frames
    assert "it ends after" in seen.damage


def test_damaged_frames_are_left_out_and_reported(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", 60)
    content = bytearray(clip.read_bytes())
    start = content.index(b"mdat") + len(content) // 4
    content[start : start + 300] = bytes(300)
    clip.write_bytes(bytes(content))
    seen = run(clip, tmp_path / "out")
    assert 30 < seen.frames <= 60
    assert "could not be decoded" in seen.damage


@pytest.mark.parametrize("kind", ["cut", "text", "empty", "sound", "missing", "sizes"])
def test_what_is_no_video_is_refused_and_leaves_nothing(tmp_path: Path, kind: str) -> None:
    clip = tmp_path / "clip.mp4"
    if kind in ("cut", "sizes"):
        write_video(clip, 30)
    if kind == "cut":
        clip.write_bytes(clip.read_bytes()[:2000])
    if kind == "sizes":
        clip = tmp_path / "clip.ts"
        parts = [write_video(tmp_path / f"{n}.ts", 8, size=(48, 64 + 16 * n)) for n in (0, 1)]
        clip.write_bytes(b"".join(part.read_bytes() for part in parts))
    if kind in ("text", "empty"):
        clip.write_bytes(b"no video" * (kind == "text"))
    if kind == "sound":
        with av.open(str(clip), "w") as container:
            stream = container.add_stream("aac", rate=8000)
            part = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            part.sample_rate = 8000
            container.mux([*stream.encode(part), *stream.encode()])
    with refuses(DataError, where=clip):
        run(clip, tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*clip*"))


def test_frames_of_too_many_pixels_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = write_video(tmp_path / "clip.mp4", 2)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with refuses(DataError, where=clip, value="64 x 48"), open_video(clip):
        pass


def test_a_few_frames_are_in_memory_whatever_the_length(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", 200)
    frames: list[weakref.ref[Any]] = []
    alive = []

    def count(part: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
        frames.extend(weakref.ref(frame) for frame in part)
        alive.append(sum(frame() is not None for frame in frames))
        return label(part)

    gc.disable()  # no frame is in a circle
    try:
        run(clip, tmp_path / "out", labels=count)
    finally:
        gc.enable()
    assert len(frames) == 200
    assert max(alive) <= 12


def test_a_stopped_video_leaves_nothing(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", 60)
    with pytest.raises(Interrupted):
        run(clip, tmp_path / "out", stop=10)
    assert not list((tmp_path / "out").rglob("*clip*"))


def test_an_error_while_writing_names_the_file(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", 60)
    (tmp_path / "out").write_bytes(b"")
    (tmp_path / "out").unlink()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "clip_masks").write_bytes(b"in the way, and replaced")
    run(clip, tmp_path / "out")
    assert len(masks(tmp_path / "out")) == 60
    (tmp_path / "out" / "clip_areas.csv").unlink()
    (tmp_path / "out" / "clip_areas.csv").mkdir()
    with refuses(RunError, where=tmp_path / "out" / "clip_areas.csv"):
        run(clip, tmp_path / "out")


def test_the_manifest_names_the_files(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", 2)
    run(clip, tmp_path / "out")
    done = Manifest(tmp_path / "out").done(key_of("clip", "clip.mp4"))
    assert done is not None
    assert (done.height, done.width) == (48, 64)
    assert set(done.files) == {"clip_masks", "clip_areas.csv", "clip_overlay.mp4", "clip_legend.png"}
    assert all((tmp_path / "out" / name).exists() for name in done.files)


def test_times_begin_at_the_first_frame(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mkv", 3, ticks=[10 * TICKS, 10 * TICKS + 512, 10 * TICKS + 1024])
    with open_video(clip) as video:
        seconds = [part.seconds for part in video.read() if isinstance(part, Frame)]
    assert seconds == pytest.approx([0, 0.04, 0.08], abs=0.002)


def test_videos_of_folders_are_found_beside_images(tmp_path: Path) -> None:
    for name in ("a/clip.MOV", "a/clip_masks/1.mp4", "masks/truth.mp4", "done/clip_overlay.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "done" / "predictions.json").write_text("{}")
    Image.new("RGB", (8, 8)).save(tmp_path / "a" / "clip.png")
    found = find_new_images([tmp_path])
    assert [(video.path.name, video.name) for video in found.videos] == [("clip.MOV", "a/clip-2")]
    assert [image.name for image in found.images] == ["a/clip"]
    without = find_new_images([tmp_path], reads_videos=False)
    assert not without.videos
    assert 'python -m pip install "segarena[video]"' in without.left_out[0]


def test_without_pyav_one_message_has_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with refuses(ConfigError) as caught:
        check_video_reader()
    assert 'python -m pip install "segarena[video]"' in caught.value.remedy
