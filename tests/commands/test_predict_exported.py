"""`segarena predict model.onnx IMAGES`, and of a folder that `export` wrote: the masks of the run."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segarena
from segarena.errors import ConfigError, RunError
from segarena.records.error_analysis import ErrorAnalysis
from support import refuses
from video_files import write_video

pytestmark = pytest.mark.long

pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
pytest.importorskip("onnxscript", reason="onnxscript is not installed")


def agreement(one: Path, other: Path, name: str) -> float:
    masks = [np.asarray(Image.open(folder / f"{name}.png")) for folder in (one, other)]
    return float(np.mean(masks[0] == masks[1]))


def test_masks_of_exported_models_are_those_of_the_run(trained: Path, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    squares = [np.asarray(Image.open(path)) for path in sorted((trained.parent / "data" / "images").glob("*.png"))[:6]]
    Image.fromarray(squares[0]).save(images / "small.png")
    Image.fromarray(np.vstack([np.hstack(squares[:3]), np.hstack(squares[3:])])).save(images / "large.png")
    options = {"device": "cpu", "no_overlay": True}
    run = segarena.predict(trained, [images], out=tmp_path / "run", **options)
    onnx = segarena.export(trained, out=tmp_path / "model.onnx", probabilities=True, quiet=True)
    folder = segarena.export(trained, out=tmp_path / "hub", format="huggingface", quiet=True)
    found = segarena.predict(onnx, [images], out=tmp_path / "found", **options)
    assert agreement(run, found, "small") > 0.9999
    assert agreement(run, found, "large") > 0.98, "in windows, whose places are not the same"
    assert (found / "areas.csv").exists()
    again = segarena.predict(folder, [images], out=tmp_path / "again", **options)
    assert [agreement(run, again, name) for name in ("small", "large")] == [1, 1]
    assert segarena.predict(onnx, [images], resume=found, **options) == found
    with refuses(RunError, where=found, value="other weights"):
        segarena.predict(trained, [images], resume=found, **options)
    with refuses(ConfigError, where="--tta"):
        segarena.predict(onnx, [images], tta="flip", **options)
    if find_spec("av") is not None:
        clip = write_video(tmp_path / "clip.mp4", 3)
        videos = segarena.predict(onnx, [clip], out=tmp_path / "videos", **options)
        assert len(list((videos / "clip_masks").iterdir())) == 3
    data = trained.parent / "data"
    expected = segarena.evaluate(trained, data, split="all", out=tmp_path / "scores", device="cpu")
    for number, exported in enumerate((onnx, folder)):
        scores = segarena.evaluate(exported, data, out=tmp_path / f"scores{number}", device="cpu")
        assert scores["miou"] == pytest.approx(expected["miou"], abs=1e-3)
        assert scores["images"] == expected["images"] == 12
        assert (scores["train_images"], scores["split"]) == (None, "all")
        assert len(scores.images) == len(expected.images)
        errors, as_torch = (ErrorAnalysis.read(tmp_path / name) for name in (f"scores{number}", "scores"))
        assert errors.image_properties.keys() == as_torch.image_properties.keys()
        assert (errors.images, errors.confidence_images) == (12, 0)
        correct = [sum(one.correct for one in found.distances) for found in (errors, as_torch)]
        assert correct[0] == pytest.approx(correct[1], rel=1e-3)
        with refuses(ConfigError, where="DATA"):
            segarena.evaluate(exported)
        with refuses(ConfigError, where="--split"):
            segarena.evaluate(exported, data, split="val")
