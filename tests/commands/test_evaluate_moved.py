"""Data of the training is recognised wherever it is, and no score is of training images without saying so."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import segarena
from segarena.errors import ConfigError
from segarena.formats import command
from segarena.records.config import Config
from segarena.records.metrics import Metrics
from segarena.records.run import Costs, Data
from segarena.runs import find_run
from support import QUICK, refuses, write_pair

ONCE = {**QUICK, "epochs": 1}


@pytest.fixture
def moved(trained: Path, tmp_path: Path) -> Path:
    """The data of the run in another folder."""
    return Path(shutil.copytree(trained.parent / "data", tmp_path / "moved"))


def change_mask(mask: Path) -> None:
    pixels = np.asarray(Image.open(mask)).copy()
    pixels[:4] = 255 - pixels[:4]
    Image.fromarray(pixels).save(mask)


def test_a_moved_folder_is_named_in_the_remedy(trained: Path, tmp_path: Path, moved: Path) -> None:
    run = Path(shutil.copytree(trained, tmp_path / "my run"))
    config = Config.read(run)
    replace(config, data=replace(config.data, data=str(tmp_path / "gone"))).write(run)
    for is_empty in (False, True):
        if is_empty:
            (tmp_path / "gone" / "images").mkdir(parents=True)
        with refuses(where=str(tmp_path / "gone"), value="12 images") as caught:
            segarena.evaluate(run)
    assert command("segarena", "evaluate", run, "NEW_FOLDER") in caught.value.remedy
    unknown = str(tmp_path / ("x" * 300))  # what is there is not known, as where a folder is closed
    replace(config, data=replace(config.data, data=unknown)).write(run)
    with refuses(where=unknown, value="12 images"):
        segarena.evaluate(run)
    assert segarena.evaluate(run, moved)["miou"] == Metrics.read(run).miou


@pytest.mark.parametrize("split", [None, "val"])
def test_the_recorded_split_is_scored(
    trained: Path, tmp_path: Path, moved: Path, split: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also from renamed files in another layout and format."""
    for number, path in enumerate(sorted((moved / "images").iterdir())):
        for kind, ending in (("images", ""), ("masks", "_mask")):
            with Image.open(moved / kind / path.name) as image:
                image.save(moved / f"p{20 - number}{ending}.bmp")
    for kind in ("images", "masks"):
        shutil.rmtree(moved / kind)
    scores = segarena.evaluate(trained, moved, split=split, out=tmp_path / "out", device="cpu")
    recorded = Metrics.read(trained)
    assert scores["confusion"] == recorded.to_json()["confusion"]
    assert (scores["split"], scores["train_images"], scores["val_images"]) == ("val", 0, 2)
    assert (recorded.train_images, recorded.val_images) == (0, 2)
    assert set(pd.read_csv(tmp_path / "out" / "images.csv")["part"]) == {"val"}
    printed = capsys.readouterr().out
    assert "12 images of the training" in printed
    assert "10 train and 2 val" in printed
    assert "All 2 images chose the epoch" in printed


def test_new_images_are_scored_without_those_of_the_training(
    trained: Path, tmp_path: Path, moved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        write_pair(moved, f"new{number}", seed=100 + number)
        write_pair(tmp_path / "new", f"new{number}", seed=100 + number)
    mixed = segarena.evaluate(trained, moved, out=tmp_path / "mixed", device="cpu")
    assert "3 images that the run does not have" in capsys.readouterr().out
    alone = segarena.evaluate(trained, tmp_path / "new", out=tmp_path / "alone", device="cpu")
    assert "note" not in capsys.readouterr().out
    assert mixed["confusion"] == alone["confusion"]
    assert (mixed["split"], alone["split"]) == ("unseen", "all")
    assert set(pd.read_csv(tmp_path / "mixed" / "images.csv")["part"]) == {"new"}
    with refuses(ConfigError, where="--split", value="test"):
        segarena.evaluate(trained, moved, split="test")


@pytest.mark.parametrize(("split", "images", "train", "val"), [("all", 12, 10, 2), ("train", 10, 10, 0)])
@pytest.mark.parametrize("is_named", [True, False])
def test_training_images_are_scored_on_request_and_counted(
    trained: Path,
    tmp_path: Path,
    moved: Path,
    capsys: pytest.CaptureFixture[str],
    split: str,
    images: int,
    train: int,
    val: int,
    is_named: bool,
) -> None:
    scores = segarena.evaluate(trained, moved if is_named else None, split=split, out=tmp_path / "out")
    assert (scores["images"], scores["train_images"], scores["val_images"]) == (images, train, val)
    share = f"All {train} images" if train == images else f"{train} of the {images} images"
    assert f"{share} trained the model" in capsys.readouterr().out
    assert f"{share} trained the model" in repr(scores)
    assert f"{share} trained the model" in scores._repr_html_()
    table = scores.images.drop_duplicates("image")
    assert table["part"].value_counts().to_dict() == {
        part: number for part, number in (("train", train), ("val", val)) if number
    }


def test_training_images_with_corrected_masks_are_not_scored_unseen(
    trained: Path, tmp_path: Path, moved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    split = Data.read(trained).split
    for name in (*split.train[:2], split.val[0]):
        change_mask(moved / "masks" / f"{name}.png")
    scores = segarena.evaluate(trained, moved, out=tmp_path / "out")
    assert (scores["split"], scores["images"]) == ("val", 2)
    assert scores["confusion"] != Metrics.read(trained).to_json()["confusion"]
    assert "3 images with another mask" in capsys.readouterr().out
    for name in split.val:
        for kind in ("images", "masks"):
            (moved / kind / f"{name}.png").unlink()
    with refuses(ConfigError, where="--split", value="10 images") as caught:
        segarena.evaluate(trained, moved)
    assert command("segarena", "evaluate", trained, moved, "--split", "train") in caught.value.remedy
    assert segarena.evaluate(trained, moved, split="train", out=tmp_path / "train")["train_images"] == 10


def test_images_added_to_the_folder_of_the_training_change_nothing(trained: Path, tmp_path: Path, moved: Path) -> None:
    run = Path(shutil.copytree(trained, tmp_path / "run"))
    config = Config.read(run)
    replace(config, data=replace(config.data, data=str(moved))).write(run)
    write_pair(moved, "new", seed=100)
    assert segarena.evaluate(run)["confusion"] == Metrics.read(run).to_json()["confusion"]
    assert segarena.evaluate(run, split="all")["images"] == 12


def test_each_fold_has_its_own_training_images(tmp_path: Path) -> None:
    for number in range(8):
        write_pair(tmp_path / "data", f"s{number}", seed=number)
    folder = segarena.compare(tmp_path / "data", models=("fcn",), folds=2, out=tmp_path / "out", **ONCE)
    assert Metrics.read(folder / "fcn-seed0").train_images == 0
    (tmp_path / "data").rename(tmp_path / "moved")
    for run in (folder, folder / "fcn-seed0", *folder.glob("fcn-seed0/fold*")):
        scores = segarena.evaluate(run, tmp_path / "moved", device="cpu")
        assert scores["confusion"] == Metrics.read(find_run(run)).to_json()["confusion"]
        assert (scores["split"], scores["train_images"]) == ("test", 0)


def test_work_goes_on_with_moved_data(squares: Path, tmp_path: Path) -> None:
    """Resuming, and another run with the same split, also after the files were given other names."""
    run = segarena.train(squares, model="fcn", out=tmp_path / "run", **ONCE)
    before = Data.read(run)
    moved = squares.rename(tmp_path / "moved")
    segarena.train(moved, model="fcn", out=run, resume=True, **ONCE)
    assert segarena.evaluate(run)["miou"] == Metrics.read(run).miou
    assert str(moved) in Config.read(run).command
    (run / Costs.file).unlink()
    segarena.train(moved, model="fcn", out=run, resume=True, **ONCE)
    assert Data.read(run).split == before.split
    assert segarena.evaluate(run)["miou"] == Metrics.read(run).miou
    for kind in ("images", "masks"):
        for path in sorted((moved / kind).iterdir()):
            path.rename(path.with_name(f"x{99 - int(path.stem[-2:])}.png"))
    again = segarena.train(moved, model="fcn", splits=run, out=tmp_path / "again", **ONCE)
    images = Data.read(again).image_sha256
    for part in ("train", "val"):
        renamed = {images[name] for name in getattr(Data.read(again).split, part)}
        assert renamed == {before.image_sha256[name] for name in getattr(before.split, part)}


def test_predict_counts_training_images(
    trained: Path, tmp_path: Path, moved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pair(moved, "new", seed=100)
    segarena.predict(trained, moved / "images", out=tmp_path / "out")
    assert "10 of the 13 images trained the model" in capsys.readouterr().out
    segarena.predict(trained, moved / "images" / "new.png", out=tmp_path / "out2")
    assert "trained the model" not in capsys.readouterr().out
