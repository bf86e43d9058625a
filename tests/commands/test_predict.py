"""Masks and overlays at the images' own size, for files and folders, the same as the evaluation's.

Folders with subfolders are mirrored; images of one name are told apart in what is printed and written; what is no image
to label (masks, earlier results) is left out and named; patterns, unknown endings, 16 bits, CMYK; output folders that
are in use; interrupted runs.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import segarena
from segarena.errors import ImageTypeError, RunError
from segarena.records.metrics import Metrics
from segarena.records.run import Data
from support import refuses, write_pair


def labels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.mode == "P"
        return np.asarray(image)


def test_masks_and_overlays_have_the_images_own_size(trained: Path, tmp_path: Path) -> None:
    images = tmp_path / "photos"
    images.mkdir()
    Image.new("RGB", (101, 67), (200, 30, 30)).save(images / "wide.jpg")
    Image.new("L", (33, 90), 120).save(images / "grey.png")
    Image.new("RGBA", (64, 64), (0, 90, 0, 128)).save(images / "alpha.webp")
    (images / "notes.txt").write_text("not an image")
    out = segarena.predict(trained, [images], out=tmp_path / "out", device="cpu")
    assert {path.name for path in out.iterdir()} == {
        *("wide.png", "wide_overlay.jpg", "grey.png", "grey_overlay.jpg", "alpha.png", "alpha_overlay.jpg"),
        *("areas.csv", "manifest.jsonl", "predictions.json"),
    }
    assert labels(out / "wide.png").shape == (67, 101)
    assert labels(out / "grey.png").shape == (90, 33)


def test_an_overlay_is_the_image_with_a_legend_and_an_untinted_class(trained: Path, tmp_path: Path) -> None:
    image = trained.parent / "data" / "images" / "square03.png"
    out = segarena.predict(trained, [image], out=tmp_path / "out", device="cpu")
    mask, photo = labels(out / "square03.png"), np.asarray(Image.open(image).convert("RGB")).astype(int)
    with Image.open(out / "square03_overlay.jpg") as overlay:
        shown = np.asarray(overlay.convert("RGB")).astype(int)
    assert shown.size > photo.size
    changed = np.abs(shown[: photo.shape[0], : photo.shape[1]] - photo).mean(axis=2)
    assert np.median(changed[mask == 0]) < 8
    assert np.median(changed[mask == 1]) > 20
    out = segarena.predict(trained, [image], out=tmp_path / "plain", no_legend=True, device="cpu")
    with Image.open(out / "square03_overlay.jpg") as overlay:
        plain = np.asarray(overlay.convert("RGB")).astype(int)
    assert plain.shape == photo.shape
    assert np.abs(plain - shown[: photo.shape[0], : photo.shape[1]]).mean() < 4


def test_prediction_is_what_the_evaluation_scored(trained: Path, tmp_path: Path) -> None:
    """The same preprocessing everywhere: predicting the validation images gives the run's own score."""
    data = trained.parent / "data"
    names = Data.read(trained).split.val
    predictor = segarena.load(trained, device="cpu")
    confusion = np.zeros((2, 2), dtype=int)
    for name in names:
        truth = np.asarray(Image.open(data / "masks" / f"{name}.png")) // 255
        predicted = predictor.predict(data / "images" / f"{name}.png")
        np.add.at(confusion, (truth.ravel(), predicted.ravel()), 1)
    assert np.array_equal(confusion, Metrics.read(trained).confusion)


@pytest.mark.parametrize("size", [(48, 48), (33, 71), (150, 97)])
def test_the_most_probable_class_is_the_prediction(trained: Path, size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    predictor = segarena.load(trained, device="cpu")
    mask, found = predictor.predict(image), predictor.probabilities(image)
    assert found.dtype == np.float32
    assert found.shape == (2, *size)
    assert np.abs(found.sum(axis=0) - 1).max() < 1e-5
    chosen = np.take_along_axis(found, mask[None].astype(int), axis=0)[0]
    assert (found.max(axis=0) - chosen).max() < 1e-5


def test_finds_the_square(trained: Path) -> None:
    data = trained.parent / "data"
    predictor = segarena.load(str(trained), device="cpu")
    truth = np.asarray(Image.open(data / "masks" / "square03.png")) > 0
    found = predictor.predict(str(data / "images" / "square03.png")) == 1
    assert (truth & found).sum() / (truth | found).sum() > 0.5


def test_palette_shows_the_class_colours(trained: Path, tmp_path: Path) -> None:
    image = trained.parent / "data" / "images" / "square03.png"
    out = segarena.predict(trained, [image], out=tmp_path / "out")
    with Image.open(out / "square03.png") as mask:
        palette = mask.getpalette()
    assert palette is not None
    assert palette[:6] == segarena.load(trained).classes.palette()[:6]


def test_an_option_for_videos_without_a_video_is_pointed_out(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pair(tmp_path, "a", seed=0)
    for form, is_said in (("ffv1", True), ("png", False)):
        segarena.predict(trained, tmp_path / "images", video_masks=form, out=tmp_path / form, device="cpu")
        assert ("--video-masks has no effect" in " ".join(capsys.readouterr().out.split())) == is_said


def test_two_images_of_one_name_keep_two_results(trained: Path, tmp_path: Path) -> None:
    for name in ("a/same.png", "b/same.png", "c/same-2.png"):
        (tmp_path / name).parent.mkdir()
        Image.new("RGB", (40, 40)).save(tmp_path / name)
    out = segarena.predict(trained, [tmp_path / folder for folder in "abc"], out=tmp_path / "out")
    assert {path.name for path in out.glob("*.png")} == {"same.png", "same-2.png", "same-2-2.png"}


def test_subfolders_are_mirrored(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also masks and earlier results are there, and the same names in several folders, which case alone may divide."""
    images = {"east/1.png": 10, "east/1.jpg": 20, "west/deep/1.png": 30, "top.tif": 40, "Top.png": 50}
    for name, grey in {
        **images,
        "masks/1.png": 0,
        "overlays/1.png": 0,
        "done/a.png": 0,
        "done/a_overlay.jpg": 0,
    }.items():
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40 + grey // 10, 40), (grey, grey, grey)).save(tmp_path / "data" / name)
    out = segarena.predict(trained, [tmp_path / "data"], out=tmp_path / "out")
    sizes = {path.relative_to(out).as_posix(): labels(path).shape[1] for path in out.rglob("*.png")}
    assert sizes == {"east/1.png": 42, "east/1-2.png": 41, "west/deep/1.png": 43, "Top.png": 45, "top-2.png": 44}
    assert len(list(out.rglob("*_overlay.jpg"))) == len(images)
    table = pd.read_csv(out / "names.csv").set_index("image")["mask"]
    assert table[str(tmp_path / "data" / "east" / "1.png")] == "east/1-2.png"
    printed = capsys.readouterr().out
    for text in ("5 images", "masks/", "overlays/", "done/", f"{Path('east') / '1.png'} is east/1-2.png", "top-2.png"):
        assert text in printed


def test_masks_beside_their_images_are_left_out(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").mkdir()
    for name in ("a.jpg", "a_mask.png", "b_image.png", "b_label.png", "mask_c.png", "gt.png"):
        Image.new("RGB", (40, 40)).save(tmp_path / "data" / name)
    out = segarena.predict(trained, [tmp_path / "data"], out=tmp_path / "out")
    assert {path.name for path in out.glob("*.png")} == {"a.png", "b_image.png", "mask_c.png", "gt.png"}
    assert "a_mask.png, b_label.png" in capsys.readouterr().out


def test_a_folder_of_masks_that_is_named_itself_is_labelled(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    Image.new("RGB", (40, 40)).save(tmp_path / "labels" / "a.png")
    assert (segarena.predict(trained, [tmp_path / "labels"], out=tmp_path / "out") / "a.png").exists()
    with refuses(where=tmp_path, value="labels"):
        segarena.predict(trained, [tmp_path], out=tmp_path / "out2")


def test_patterns_and_files_of_any_ending_are_labelled(trained: Path, tmp_path: Path) -> None:
    """Cmd on Windows does not replace *.jpg. An image that is named twice is labelled once."""
    for name in ("a.jpg", "b.jpg", "[c].png"):
        Image.new("RGB", (40, 40)).save(tmp_path / name)
    Image.new("CMYK", (40, 40)).save(tmp_path / "cmyk.data", "JPEG")
    Image.fromarray(np.full((40, 40), 4000, dtype=np.uint16)).save(tmp_path / "deep", "PNG")
    named = [tmp_path / name for name in ("*.jpg", "a.jpg", "[c].png", "cmyk.data", "deep")]
    out = segarena.predict(trained, named, out=tmp_path / "out")
    assert {path.name for path in out.glob("*.png")} == {"a.png", "b.png", "[c].png", "cmyk.png", "deep.png"}
    with refuses(where=tmp_path / "*.gif"):
        segarena.predict(trained, [tmp_path / "*.gif"], out=tmp_path / "out2")
    (tmp_path / "heif").mkdir()
    (tmp_path / "heif" / "a.cr2").touch()
    with refuses(where=tmp_path / "heif", value="1 .cr2"):
        segarena.predict(trained, [tmp_path / "heif"], out=tmp_path / "out2")


def test_images_are_never_overwritten(trained: Path, tmp_path: Path) -> None:
    Image.new("RGB", (40, 40), (9, 9, 9)).save(tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()
    with refuses(RunError, where=tmp_path, value="not empty"):
        segarena.predict(trained, [tmp_path], out=tmp_path)
    assert (tmp_path / "a.png").read_bytes() == before
    for folder in (
        tmp_path / "labelled",
        tmp_path.parent / "second",
    ):  # the results of the first are not labelled by the second
        out = segarena.predict(trained, [tmp_path], out=folder)
        assert [path.name for path in out.rglob("*.png")] == ["a.png"]


def test_an_interrupted_run_is_used_with_its_best_weights(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed in an epoch: scores and costs are missing, the best weights and the history are there."""
    run = tmp_path / "my run"
    shutil.copytree(trained, run, ignore=shutil.ignore_patterns("metrics.json", "costs.json", "images.csv"))
    image = trained.parent / "data" / "images" / "square03.png"
    out = segarena.predict(run, [image], out=tmp_path / "out", device="cpu")
    assert np.array_equal(labels(out / "square03.png"), segarena.load(trained, device="cpu").predict(image))
    best = Metrics.read(trained).best_epoch
    assert f"epoch {best:g} has the best validation mIoU" in capsys.readouterr().out
    scores = segarena.evaluate(run, out=tmp_path / "scores", device="cpu")
    assert "is not finished" in capsys.readouterr().out
    assert scores["confusion"] == Metrics.read(trained).to_json()["confusion"]
    (run / "best.safetensors").unlink()
    (run / "history.csv").unlink()
    with refuses(RunError, where=run, value="metrics.json") as caught:
        segarena.predict(run, [image])
    assert f"segarena train --resume '{run}'" in caught.value.remedy


def test_predictions_are_never_overwritten(trained: Path) -> None:
    image = trained.parent / "data" / "images" / "square00.png"
    first, second = segarena.predict(trained, [image]), segarena.predict(trained, [image])
    assert first != second
    assert first.parent == second.parent == trained


def test_wrong_input_names_the_file(trained: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    Image.new("RGB", (64, 64)).save(broken)
    broken.write_bytes(broken.read_bytes()[:60])
    with refuses(where=broken):
        segarena.predict(trained, [broken], out=tmp_path / "out")
    with refuses(where=tmp_path / "gone.jpg"):
        segarena.predict(trained, [tmp_path / "gone.jpg"], out=tmp_path / "out2")
    (tmp_path / "empty").mkdir()
    with refuses(where=tmp_path / "empty"):
        segarena.predict(trained, [tmp_path / "empty"], out=tmp_path / "out3")
    with refuses(RunError, where=tmp_path / "empty", value="config.json"):
        segarena.predict(tmp_path / "empty", [broken], out=tmp_path / "out4")
    with refuses(ImageTypeError, value="(3, 64, 64)"):
        segarena.load(trained).predict(np.zeros((3, 64, 64), dtype=np.float32))


def test_one_image_that_cannot_be_read_does_not_cost_the_others(trained: Path, tmp_path: Path) -> None:
    for name in "abd":
        Image.new("RGB", (64, 64)).save(tmp_path / f"{name}.png")
    for name in "ce":
        (tmp_path / f"{name}.png").write_bytes(b"no picture")
    with refuses(where=tmp_path / "c.png", value="e.png"):
        segarena.predict(trained, [tmp_path], out=tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").glob("?.png")} == {"a.png", "b.png", "d.png"}


def test_images_of_which_none_can_be_read_are_no_success(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each cause is named with its files, nothing is said to be labelled, and no folder is left."""
    for name, content in (("a", b"no picture"), ("b", b"no picture"), ("c", b"")):
        (tmp_path / f"{name}.png").write_bytes(content)
    with refuses(where=tmp_path / "a.png", value="b.png"):
        segarena.predict(trained, [tmp_path], out=tmp_path / "out")
    text = capsys.readouterr().out
    assert "labelled" not in text
    assert [line for line in text.splitlines() if "c.png" in line and "warning" in line]
    assert not (tmp_path / "out").exists()


def test_damaged_weights_are_one_message(trained: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    weights = run / "best.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with refuses(RunError, where=run / "best.safetensors"):
        segarena.load(run)


def test_the_same_pictures_in_16_bits_get_the_same_labels(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a 12-bit camera stores them; read as 16 bits, they would have a sixteenth of their brightness."""
    for kind, factor in (("8", 1), ("16", 16)):
        shutil.copytree(trained.parent / "data", tmp_path / kind)
        for path in (tmp_path / kind / "images").iterdir():
            grey = np.asarray(Image.open(path).convert("L"))
            Image.fromarray(grey if kind == "8" else grey.astype(np.uint16) * factor).save(path)
    results = {}
    for kind in ("8", "16"):
        capsys.readouterr()
        out = segarena.predict(trained, [tmp_path / kind / "images"], out=tmp_path / f"out{kind}", device="cpu")
        assert ("12 bits" in capsys.readouterr().out) == (kind == "16")
        results[kind] = np.stack([labels(out / f"square{number:02}.png") for number in range(12)])
        scores = segarena.evaluate(trained, tmp_path / kind, out=tmp_path / f"scores{kind}", device="cpu")
        assert ("12 bits" in capsys.readouterr().out) == (kind == "16")
        results[f"{kind}, scores"] = np.array(scores["confusion"])
    assert (results["8"] == results["16"]).mean() > 0.995
    assert np.abs(results["8, scores"] - results["16, scores"]).sum() < 0.01 * results["8"].size
    predictor = segarena.load(trained, device="cpu")
    alone = predictor.predict(tmp_path / "16" / "images" / "square03.png")
    assert (alone == results["16"][3]).mean() > 0.995


def test_images_of_another_brightness_are_reported(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (trained.parent / "data" / "images").iterdir():
        (tmp_path / "dark").mkdir(exist_ok=True)
        Image.open(path).point(lambda level: level // 8).save(tmp_path / "dark" / path.name)
    segarena.predict(trained, [trained.parent / "data" / "images"], out=tmp_path / "same")
    assert "warning" not in capsys.readouterr().out
    segarena.predict(trained, [tmp_path / "dark"], out=tmp_path / "out")
    assert "12 of 12 images are darker than all training images" in capsys.readouterr().out
