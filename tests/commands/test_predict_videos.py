"""`segarena predict RUN clip.mp4`, with a trained network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segarena
from segarena.errors import ConfigError, DataError
from segarena.training.together import frames_at_a_time, label_together
from support import refuses
from video_files import draw, write_video

av = pytest.importorskip("av", reason="PyAV is not installed")


def test_a_video_is_labelled_as_its_frames_and_once(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "new").mkdir()
    clip = write_video(tmp_path / "new" / "clip.mp4", 4)
    (clip.parent / "cut.mp4").write_bytes(b"no video")
    Image.fromarray(draw(0)).save(clip.parent / "clip.png")
    with refuses(DataError, where=clip.parent / "cut.mp4"):
        segarena.predict(trained, [clip.parent], resume=tmp_path / "out", device="cpu")
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir() if path.stem.startswith("clip")} == {
        *("clip.png", "clip_overlay.jpg", "clip-2_masks", "clip-2_overlay.mp4", "clip-2_areas.csv", "clip-2_legend.png")
    }
    model = segarena.load(trained, device="cpu")
    with av.open(str(clip)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    masks = [np.asarray(Image.open(path)) for path in sorted((out / "clip-2_masks").iterdir())]
    expected = np.stack([model.predict(frame) for frame in frames])
    assert np.mean(expected == masks) > 0.999, "several frames share a forward pass, which rounds otherwise"
    assert np.array_equal(label_together(model, frames[:2]), masks[:2])
    assert (frames_at_a_time(model, 48, 64), frames_at_a_time(model, 4800, 64)) == (2, 1)
    assert "cut" not in (out / "names.csv").read_text()
    assert "clip-2_masks" in (out / "names.csv").read_text()
    (clip.parent / "cut.mp4").unlink()
    before = (out / "clip-2_overlay.mp4").stat().st_mtime_ns
    left = out / ".clip-2_masks.0.partial" / "000001.png"  # of a process that was killed
    left.parent.mkdir()
    left.touch()
    capsys.readouterr()
    segarena.predict(trained, [clip.parent], resume=out, device="cpu")
    assert "1 image and 1 video labelled" in (text := capsys.readouterr().out)
    assert "2 of them before" in text
    assert (out / "clip-2_overlay.mp4").stat().st_mtime_ns == before
    assert not left.parent.exists()
    with refuses(ConfigError, where="--polygons", value="clip.mp4"):
        segarena.predict(trained, [clip], polygons="coco", device="cpu")
