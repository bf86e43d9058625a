"""Scores of a trained run: the recorded split gives the recorded scores, other data is read with care."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

import segarena
from segarena.errors import ConfigError, DataError, RunError
from segarena.records.config import Config
from segarena.records.error_analysis import ErrorAnalysis
from segarena.records.metrics import Metrics
from segarena.records.run import Data
from support import QUICK, refuses, write_pair


def copy_with_data(trained: Path, folder: Path) -> Path:
    """The run and its data, to be changed; the run has the new place of its data."""
    shutil.copytree(trained.parent, folder)
    config = Config.read(folder / "run")
    replace(config, data=replace(config.data, data=str(folder / "data"))).write(folder / "run")
    return folder


def test_recorded_split_gives_the_recorded_scores(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = segarena.evaluate(trained, out=tmp_path / "out", device="cpu")
    recorded, written = Metrics.read(trained), Metrics.read(tmp_path / "out")
    assert written.confusion == recorded.confusion
    assert written.split == "val"
    assert written.miou == scores["miou"] == recorded.miou
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "out" / "images.csv"), pd.read_csv(trained / "images.csv"))
    assert ErrorAnalysis.read(tmp_path / "out") == ErrorAnalysis.read(trained)
    assert "foreground" in capsys.readouterr().out


def test_a_run_is_evaluated_from_another_working_directory(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(squares.parent)
    run = segarena.train(squares.name, model="fcn", out="run", **{**QUICK, "epochs": 1}).absolute()
    monkeypatch.chdir("/")
    assert segarena.evaluate(run, out=tmp_path / "out")["miou"] == Metrics.read(run).miou
    assert Config.read(run).command.split()[2] == str(squares)


def test_evaluate_leaves_no_empty_folder(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*values: object, **options: object) -> None:
        raise DataError("cannot be read", remedy="Copy it again")

    monkeypatch.setattr("segarena.experiment.rescore.evaluate", fail)
    with refuses(DataError):
        segarena.evaluate(trained, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_a_failed_evaluation_has_written_is_removed(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scores are the last file: on a full disk the counts are there before them."""

    def fail(metrics: Metrics, folder: Path) -> None:
        assert (folder / "images.csv").exists()
        raise RunError("cannot be written", where=folder, remedy="Free some space")

    monkeypatch.setattr(Metrics, "write", fail)
    with refuses(RunError, where=tmp_path / "out"):
        segarena.evaluate(trained, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_training_split_and_all(trained: Path, tmp_path: Path) -> None:
    train = segarena.evaluate(trained, split="train", out=tmp_path / "train")
    everything = segarena.evaluate(trained, split="all", out=tmp_path / "all")
    assert (train["images"], everything["images"]) == (10, 12)


def test_other_labelled_data(trained: Path, tmp_path: Path) -> None:
    for number in range(3):
        write_pair(tmp_path / "new", f"n{number}", size=70, seed=100 + number)
    scores = segarena.evaluate(trained, tmp_path / "new", out=tmp_path / "out")
    assert (scores["images"], scores["pixels"]) == (3, 3 * 70 * 70)


def test_folders_of_other_data_can_be_named(trained: Path, tmp_path: Path) -> None:
    for number in range(3):
        write_pair(tmp_path / "new", f"n{number}", seed=100 + number)
    shutil.copytree(tmp_path / "new" / "masks", tmp_path / "new" / "labels")
    with refuses(where=tmp_path / "new", value="masks"):
        segarena.evaluate(trained, tmp_path / "new", out=tmp_path / "out")
    scores = segarena.evaluate(trained, tmp_path / "new", masks="labels", out=tmp_path / "out")
    assert scores["images"] == 3
    with refuses(ConfigError, where="--masks"):
        segarena.evaluate(trained, masks="labels")


def test_a_file_that_changed_since_the_training_is_noticed(trained: Path, tmp_path: Path) -> None:
    folder = copy_with_data(trained, tmp_path / "moved")
    name = Data.read(folder / "run").split.val[0]
    image = folder / "data" / "images" / f"{name}.png"
    Image.fromarray(np.zeros((48, 48, 3), dtype=np.uint8)).save(image)
    with refuses(where=str(trained.parent / "data"), value=name):
        segarena.evaluate(folder / "run", out=tmp_path / "out")


@pytest.mark.parametrize("declared", [True, False])
def test_images_without_foreground_are_scored(
    declared: bool, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """False alarms on good parts. Without a classes.yaml, the values of the run's masks are used."""
    for number in range(3):
        write_pair(tmp_path / "good", f"n{number}", seed=100 + number)
        Image.new("L", (48, 48), 0).save(tmp_path / "good" / "masks" / f"n{number}.png")
    if declared:
        table = "classes: [{name: background, value: 0}, {name: foreground, value: 255}]"
        (tmp_path / "good" / "classes.yaml").write_text(table)
    scores = segarena.evaluate(trained, tmp_path / "good", out=tmp_path / "out", device="cpu")
    assert scores["pixels"] == 3 * 48 * 48
    predictor = segarena.load(trained, device="cpu")
    images = [tmp_path / "good" / "images" / f"n{number}.png" for number in range(3)]
    false = sum(int((predictor.predict(image) == 1).sum()) for image in images)
    assert scores["per_class"]["foreground"]["fp"] == false > 0
    assert scores["per_class"]["foreground"]["tp"] == scores["per_class"]["foreground"]["fn"] == 0
    assert scores["false_classes"] == ["foreground"]
    assert scores["per_class"]["foreground"]["iou"] is None
    assert scores["miou"] == scores["per_class"]["background"]["iou"] < 1
    printed = capsys.readouterr().out
    assert "No mask has foreground" in printed
    assert "nan" not in printed


def test_a_class_that_is_nowhere_is_undefined(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No foreground in the truth, and none predicted."""
    write_pair(tmp_path / "good", "a", seed=100)
    Image.new("L", (48, 48), 0).save(tmp_path / "good" / "masks" / "a.png")
    monkeypatch.setattr("segarena.experiment.rescore.evaluate", lambda *_, **__: np.array([[[2304, 0], [0, 0]]]))
    scores = segarena.evaluate(trained, tmp_path / "good", out=tmp_path / "out")
    assert scores["per_class"]["foreground"]["iou"] is None
    assert scores["miou"] == 1
    printed = capsys.readouterr().out
    assert "absent" in printed
    assert "nan" not in printed


def test_classes_in_another_order_are_those_of_the_same_names(trained: Path, tmp_path: Path) -> None:
    for number in range(3):
        write_pair(tmp_path / "new", f"n{number}", seed=100 + number)
    expected = segarena.evaluate(trained, tmp_path / "new", out=tmp_path / "out", device="cpu")
    table = "classes: [{name: foreground, value: 255}, {name: background, value: 0}]"
    (tmp_path / "new" / "classes.yaml").write_text(table)
    scores = segarena.evaluate(trained, tmp_path / "new", out=tmp_path / "out2", device="cpu")
    assert scores["confusion"] == expected["confusion"]


def test_other_classes_are_refused(trained: Path, tmp_path: Path) -> None:
    for number in range(3):
        write_pair(tmp_path / "other", f"n{number}", seed=100 + number, high=1)
        mask = tmp_path / "other" / "masks" / f"n{number}.png"
        pixels = np.asarray(Image.open(mask)).copy()
        pixels[:3] = 2
        Image.fromarray(pixels).save(mask)
    with refuses(where=tmp_path / "other", value="class_0, class_1, class_2"):
        segarena.evaluate(trained, tmp_path / "other", out=tmp_path / "out")


def test_a_split_without_images(trained: Path, tmp_path: Path) -> None:
    with refuses(ConfigError, where="--split", value="test"):
        segarena.evaluate(trained, split="test", out=tmp_path / "out")


def test_scores_are_never_overwritten(trained: Path) -> None:
    for _ in range(2):
        segarena.evaluate(trained)
    assert len(list(trained.glob("evaluate-*/metrics.json"))) == 2


def test_a_folder_with_files_is_refused_before_the_data_is_read(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.txt").touch()
    monkeypatch.setattr("segarena.experiment.rescore.open_scored", lambda *_: pytest.fail("the data was read"))
    with refuses(RunError, where=tmp_path, value="not empty"):
        segarena.evaluate(trained, out=tmp_path)


def test_values_of_classes_that_changed_since_the_training_are_noticed(trained: Path, tmp_path: Path) -> None:
    """The same names and the same files, but foreground and background have changed places."""
    folder = copy_with_data(trained, tmp_path / "moved")
    declared = "classes: [{name: background, value: 255}, {name: foreground, value: 0}]"
    (folder / "data" / "classes.yaml").write_text(declared)
    with refuses(where=str(trained.parent / "data"), value="values of the classes"):
        segarena.evaluate(folder / "run", out=tmp_path / "out")


def test_several_values_of_a_class_are_recorded(tmp_path: Path) -> None:
    """In data.json, the fingerprint and the scores; -1 is the 255 of the masks; the file may move to the masks."""
    for number in range(8):
        write_pair(tmp_path / "data", f"{number}", seed=number, high=1)
        path = tmp_path / "data" / "masks" / f"{number}.png"
        pixels = np.asarray(Image.open(path)).copy()
        pixels[:, ::3] *= 2
        pixels[:3], pixels[-3:] = 255, 3
        Image.fromarray(pixels).save(path)
    declared = tmp_path / "data" / "classes.yaml"
    declared.write_text('classes: [{name: "no", value: 0}, {name: "yes", values: [1, 2, 3]}]\nignore: [-1]')
    run = segarena.train(tmp_path / "data", model="unet", out=tmp_path / "run", **{**QUICK, "epochs": 1})
    recorded = Metrics.read(run)
    assert list(recorded.per_class) == ["no", "yes"]
    assert Data.read(run).class_table["classes"][1]["values"] == [1, 2, 3]
    assert Data.read(run).class_table["ignore"] == [255]
    declared.rename(tmp_path / "data" / "masks" / "classes.yaml")
    scores = segarena.evaluate(run, out=tmp_path / "scores", device="cpu")
    assert scores["confusion"] == recorded.to_json()["confusion"]
    declared.write_text("classes: [{name: no, value: [0, 3]}, {name: yes, value: [1, 2]}]\nignore: [-1]")
    (tmp_path / "data" / "masks" / "classes.yaml").unlink()
    with refuses(where=str(tmp_path / "data"), value="values of the classes"):
        segarena.evaluate(run, out=tmp_path / "scores2")


def test_deep_images_keep_their_brightness_when_brighter_ones_come(tmp_path: Path) -> None:
    for number in range(8):
        write_pair(tmp_path / "data", f"{number}", seed=number)
        path = tmp_path / "data" / "images" / f"{number}.png"
        with Image.open(path) as image:
            Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 4).save(path)
    run = segarena.train(tmp_path / "data", model="unet", out=tmp_path / "run", **QUICK)
    assert segarena.load(run).image_bits == 10
    write_pair(tmp_path / "data", "bright", seed=9)
    bright = np.full((48, 48), 65535, dtype=np.uint16)
    Image.fromarray(bright).save(tmp_path / "data" / "images" / "bright.png")
    scores = segarena.evaluate(run, out=tmp_path / "scores")
    assert scores["confusion"] == Metrics.read(run).to_json()["confusion"]


def test_deep_images_of_other_data_are_read_as_in_the_training(tmp_path: Path) -> None:
    """Images of 12 bits trained; others that happen to be dark are dark, not stretched to their own brightest pixel."""
    for folder, darker in (("bright", 1), ("dark", 8)):
        for number in range(8):
            write_pair(tmp_path / folder, f"{number}", seed=number)
            path = tmp_path / folder / "images" / f"{number}.png"
            with Image.open(path) as image:
                deep = np.asarray(image.convert("L")).astype(np.uint16) * 16 // darker
            Image.fromarray(deep).save(path)
    run = segarena.train(tmp_path / "bright", model="unet", out=tmp_path / "run", **QUICK)
    predictor = segarena.load(run)
    assert predictor.image_bits == 12
    segarena.evaluate(run, tmp_path / "dark", out=tmp_path / "scores")
    counts = pd.read_csv(tmp_path / "scores" / "images.csv", dtype={"image": str}).set_index(["image", "class_index"])
    for number in range(8):
        labels = predictor.predict(tmp_path / "dark" / "images" / f"{number}.png")
        truth = np.asarray(Image.open(tmp_path / "dark" / "masks" / f"{number}.png")) > 0
        assert counts.loc[(str(number), 1), "tp"] == ((labels == 1) & truth).sum()
        assert counts.loc[(str(number), 1), "fp"] == ((labels == 1) & ~truth).sum()


@pytest.mark.parametrize(("in_run", "in_data"), [(True, False), (False, True)])
def test_the_marked_background_is_left_out_of_the_means_without_it(
    trained: Path, tmp_path: Path, in_run: bool, in_data: bool
) -> None:
    """The mark of the scored data counts, else that of the run."""

    def table(*, marked: bool) -> dict[str, object]:
        mark = {"background": True} if marked else {}
        return {"classes": [{"name": "soil", "value": 0, **mark}, {"name": "plant", "value": 255}], "ignore": []}

    folder = copy_with_data(trained, tmp_path / "copy")
    data = Data.read(folder / "run")
    replace(data, class_table=table(marked=in_run)).write(folder / "run")
    (folder / "data" / "classes.yaml").write_text(yaml.safe_dump(table(marked=in_data)))
    scores = segarena.evaluate(folder / "run", folder / "data", out=tmp_path / "out", device="cpu")
    assert scores["miou_without_background"] == scores["per_class"]["plant"]["iou"]
