"""From the options to the data: which folder, which masks, and who is divided how."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segarena
from segarena.config import CheckOptions, CompareOptions, TrainOptions
from segarena.errors import ConfigError, DataError
from segarena.experiment.inputs import divide, open_source
from segarena.files import read_json
from support import QUICK, SHARED, needs_real_data, write_pair

ONCE = {**QUICK, "epochs": 1}


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Four films of five frames each, beside two folders of masks."""
    for film in "abcd":
        for frame in range(5):
            write_pair(tmp_path / "films", f"{film}_{frame:03}", seed=frame)
    labels = tmp_path / "films" / "labels"
    labels.mkdir()
    for mask in (tmp_path / "films" / "masks").iterdir():
        Image.fromarray(np.asarray(Image.open(mask)) // 255).save(labels / mask.name)
    return tmp_path / "films"


def test_two_folders_of_masks_are_chosen_from(films: Path) -> None:
    with pytest.raises(DataError, match="--masks"):
        open_source(films)
    assert open_source(films, masks=Path("labels")).describe()["classes"][1]["value"] == 1
    assert open_source(films, masks=Path("masks")).describe()["classes"][1]["value"] == 255


def test_groups_stay_together(films: Path) -> None:
    options = CompareOptions(data=films, masks=Path("masks"), group_by="prefix", split=0.5, test_fraction=0.25)
    source = open_source(films, masks=Path("masks"))
    splits = divide(source, options)
    films_of = [{source.samples[i].name[0] for i in splits.indices(part)} for part in ("train", "val", "test")]
    assert [len(found) for found in films_of] == [1, 2, 1] or [len(found) for found in films_of] == [2, 1, 1]
    assert sum(len(found) for found in films_of) == 4


def test_a_run_trains_tests_and_is_evaluated_on_the_masks_that_were_named(films: Path, tmp_path: Path) -> None:
    run = segarena.train(
        films, model="fcn", masks="labels", group_by="prefix", test_fraction=0.25, out=tmp_path / "run", **ONCE
    )
    data = read_json(run / "data.json")
    assert data["counts"]["test"] == 5
    assert read_json(run / "metrics.json")["split"] == "test"
    again = segarena.evaluate(run, out=tmp_path / "again")
    assert again["confusion"] == read_json(run / "metrics.json")["confusion"]


def test_a_saved_split_is_given_back(films: Path, tmp_path: Path) -> None:
    options = {"masks": "masks", **ONCE}
    first = segarena.train(films, model="fcn", group_by="prefix", out=tmp_path / "first", **options)
    write_pair(tmp_path / "other", "x")  # the split is taken from the run, not from a rule that would move
    second = segarena.train(films, model="fcn", splits=first, out=tmp_path / "second", **options)
    assert read_json(first / "data.json")["split"] == read_json(second / "data.json")["split"]


@pytest.mark.parametrize("method", ["inverse", "effective", "median"])
def test_class_weights_and_foreground_crops_train(films: Path, tmp_path: Path, method: str) -> None:
    run = segarena.train(
        films, model="fcn", masks="masks", class_weights=method, crop_foreground=0.5, out=tmp_path / "run", **ONCE
    )
    config = read_json(run / "config.json")
    assert (config["class_weights"], config["crop_foreground"]) == (method, 0.5)


def test_what_looks_wrong_is_said_before_training(films: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    image = films / "images" / "a_000.png"
    (films / "images" / "b_003.png").write_bytes(image.read_bytes())
    segarena.train(films, model="fcn", masks="masks", out=tmp_path / "run", **ONCE)
    assert "warning: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"splits": "run", "group_by": "prefix"}, "a saved split is taken as it is"),
        ({"test_fraction": 1.0}, "--test-fraction: 1.0 is not between 0 and 1"),
        ({"split": 0.0}, "--split: 0.0 is not between 0 and 1"),
        ({"crop_foreground": 1.5}, "--crop-foreground: 1.5 is not between 0 and 1"),
        ({"data": None, "masks": "labels"}, "no data is named"),
    ],
)
def test_options_that_cannot_be_are_refused_at_once(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CompareOptions(**{"data": "somewhere", **options})


def test_the_same_folder_options_for_check_and_train() -> None:
    named = {"data": "d", "images": "i", "masks": "m", "group_by": "prefix", "test_fraction": 0.1}
    check, train = CheckOptions(**named), TrainOptions(model="unet", **named)
    for name in named:
        assert getattr(check, name) == getattr(train, name)


def test_published_data_is_opened_by_its_name_and_only_it_takes_root(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--root"):
        open_source(Path("voc2012"))
    with pytest.raises(ConfigError, match="--images: voc2012 says itself"):
        open_source(Path("voc2012"), images=Path("images"), root=tmp_path)
    with pytest.raises(ConfigError, match=r"--root: .* is not one of the published data sets \(voc2012"):
        open_source(tmp_path, root=tmp_path)


@needs_real_data
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "masks", "classes", "counts"),
    [
        ("camvid", None, 11, {"train": 367, "val": 101, "test": 233}),
        ("isbi", None, 2, {"train": 24, "val": 6, "test": 0}),
        ("epfl-roads", None, 2, {"train": 80, "val": 20, "test": 0}),
        ("cwfid", "annotations", 3, None),
        ("cwfid", "masks", 2, None),
    ],
)
def test_real_data_is_checked_and_compared_with_nothing_but_its_path(
    tmp_path: Path, name: str, masks: str | None, classes: int, counts: dict | None
) -> None:
    found = segarena.check(SHARED / "data" / name, masks=masks, out=tmp_path / "check")
    assert len(found["classes"]) == classes
    assert counts is None or found["splits"] == counts
    codes = {problem["code"] for problem in found["problems"]}
    assert name != "isbi" or "leak-sequence" in codes
    assert name != "cwfid" or any("28" in problem["message"] for problem in found["problems"])
    options = {**QUICK, "epochs": 1, "size": 64, "batch_size": 8, "models": ("fcn", "pspnet")}
    folder = segarena.compare(SHARED / "data" / name, masks=masks, out=tmp_path / "out", **options)
    assert len(json.loads((folder / "comparison.json").read_text())["ranking"]) == 2
