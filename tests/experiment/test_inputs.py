"""From the options to the data: which folder, which masks, and which image is in which part of the split."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import segarena
from recording import RecordingReporter
from segarena.config import CheckOptions, CompareOptions, TrainOptions, make_options
from segarena.errors import ConfigError, DataError, SegarenaError
from segarena.experiment.inputs import describe_inputs, make_splits, open_source, reopen_source
from segarena.experiment.prepare import prepare
from segarena.experiment.progress import SILENT
from segarena.records.comparison import ComparisonRecord
from segarena.records.config import Config
from segarena.records.metrics import Metrics
from segarena.records.run import Data
from support import QUICK, SHARED, needs_real_data, refuses, write_pair

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


def test_one_of_two_folders_of_masks_is_named(films: Path) -> None:
    with refuses(where=films, value="masks"):
        open_source(films)
    for name, value in (("labels", 1), ("masks", 255)):
        assert open_source(films, masks=Path(name)).describe()["classes"][1]["value"] == value


@pytest.mark.parametrize("masks", ["labels", "films/labels"])
def test_a_source_is_found_again_from_another_folder(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, masks: str
) -> None:
    """Masks are named as a folder inside the data, or as one in the working directory."""
    monkeypatch.chdir(tmp_path)
    options = TrainOptions(data=Path("films"), masks=Path(masks), model="fcn")
    source = open_source(options.data, masks=options.masks)
    data, expected = describe_inputs(options, source), (source.digest(7), source.decoding_digest)
    monkeypatch.chdir("/")
    again = reopen_source(data)
    assert (again.digest(7), again.decoding_digest) == expected


def test_groups_stay_together(films: Path) -> None:
    options = CompareOptions(data=films, masks=Path("masks"), group_by="prefix", split=0.5, test_fraction=0.25)
    source = open_source(films, masks=Path("masks"))
    splits = make_splits(source, options)
    films_of = [{source.samples[i].name[0] for i in splits.indices(part)} for part in ("train", "val", "test")]
    assert [len(found) for found in films_of] in ([1, 2, 1], [2, 1, 1])
    assert len(set.union(*films_of)) == 4


def test_a_run_uses_the_masks_and_groups_that_were_named(films: Path, tmp_path: Path) -> None:
    named = {"masks": "labels", "group_by": "prefix", "test_fraction": 0.25}
    run = segarena.train(films, model="fcn", out=tmp_path / "run", **named, **ONCE)
    assert Data.read(run).counts["test"] == 5
    assert Metrics.read(run).split == "test"
    again = segarena.evaluate(run, out=tmp_path / "again")
    assert again["confusion"] == Metrics.read(run).to_json()["confusion"]


def test_a_saved_split_is_used_again(films: Path, tmp_path: Path) -> None:
    options = {"masks": "masks", **ONCE}
    first = segarena.train(films, model="fcn", group_by="prefix", out=tmp_path / "first", **options)
    second = segarena.train(films, model="fcn", splits=first, out=tmp_path / "second", **options)
    assert Data.read(first).split == Data.read(second).split


def test_the_split_of_a_run_on_a_part_is_that_of_all_images(films: Path, tmp_path: Path) -> None:
    options = TrainOptions(data=films, masks=Path("masks"), model="fcn", data_fraction=0.5)
    prepared = prepare(options, SILENT)
    prepared.splits[0].describe_data().write(tmp_path)
    splits = make_splits(prepared.source, replace(options, splits=tmp_path))
    assert (splits.train, splits.val) == (prepared.splits[0].labelled, prepared.splits[0].splits.val)


def unused_shares(reporter: RecordingReporter) -> list[str]:
    return [line.removeprefix("warning: ").split(" is not used")[0] for line in reporter.lines]


def test_shares_that_are_not_used_are_stated(films: Path, tmp_path: Path) -> None:
    """`--split 0.7` with a saved split, or with validation images of the data's own, was ignored without a word."""
    warnings = RecordingReporter()
    options = TrainOptions(data=films, masks=Path("masks"), model="fcn", split=0.7, test_fraction=0.2)
    source = open_source(films, masks=Path("masks"))
    make_splits(source, options, warnings)
    assert warnings.lines == []
    source.samples = [replace(sample, split="test" if i < 3 else None) for i, sample in enumerate(source.samples)]
    make_splits(source, options, warnings)
    assert unused_shares(warnings) == ["--test-fraction 0.2"]
    source.samples = [replace(sample, split="val" if i < 3 else None) for i, sample in enumerate(source.samples)]
    make_splits(source, options, warnings)
    assert unused_shares(warnings) == ["--test-fraction 0.2", "--split 0.7"]


def test_the_share_of_a_saved_split_is_stated(films: Path, tmp_path: Path) -> None:
    warnings = RecordingReporter()
    saved = TrainOptions(data=films, masks=Path("masks"), model="fcn")
    prepare(saved, SILENT).splits[0].describe_data().write(tmp_path)
    source = open_source(films, masks=Path("masks"))
    make_splits(source, replace(saved, splits=tmp_path), warnings)
    assert warnings.lines == []
    make_splits(source, replace(saved, splits=tmp_path, split=0.7), warnings)
    assert unused_shares(warnings) == ["--split 0.7"]


@pytest.mark.parametrize("method", ["inverse", "effective", "median"])
def test_class_weights_and_foreground_crops_train(squares: Path, tmp_path: Path, method: str) -> None:
    weighting = {"class_weights": method, "crop_foreground": 0.5}
    run = segarena.train(squares, model="fcn", out=tmp_path / "run", **weighting, **ONCE)
    settings = Config.read(run).protocol.settings()
    assert {name: settings[name] for name in weighting} == weighting


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"splits": "run", "group_by": "prefix"}, "--splits"),
        ({"splits": "run", "test_fraction": 0.2}, "--splits"),
        ({"test_fraction": 1.0}, "--test-fraction"),
        ({"split": 0.0}, "--split"),
        ({"crop_foreground": 1.5}, "--crop-foreground"),
        ({"data": None, "masks": "labels"}, "DATA"),
        ({"folds": 1}, "--folds"),
        ({"folds": 3, "test_fraction": 0.2}, "--folds"),
        ({"folds": 3, "splits": "split.json"}, "--folds"),
        ({"models": ("fcn8s", "unet")}, "--track"),
        ({"models": ("fcn9s",)}, "--models"),
        ({"models": ()}, "--models"),
        ({"track": "both"}, "--track"),
    ],
)
def test_options_that_cannot_work_are_refused_at_once(options: dict[str, Any], where: str) -> None:
    with refuses(ConfigError, where=where):
        make_options(CompareOptions, **{"data": "somewhere", **options})


def test_check_and_train_have_the_same_data_options() -> None:
    named = {"data": "d", "images": "i", "masks": "m", "group_by": "prefix", "test_fraction": 0.1}
    check, train = make_options(CheckOptions, **named), make_options(TrainOptions, model="unet", **named)
    assert [getattr(check, name) for name in named] == [getattr(train, name) for name in named]


@pytest.mark.parametrize(
    ("data", "options", "kind", "where"),
    [
        ("voc2012", {}, DataError, "--root"),
        ("voc2012", {"images": Path("images"), "root": Path()}, ConfigError, "--images"),
        ("elsewhere", {"root": Path()}, ConfigError, "--root"),
    ],
)
def test_only_published_data_takes_a_root(
    data: str, options: dict[str, Any], kind: type[SegarenaError], where: str
) -> None:
    with pytest.raises(kind, match=where):
        open_source(Path(data), **options)


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
    tmp_path: Path, name: str, masks: str | None, classes: int, counts: dict[str, int] | None
) -> None:
    found = segarena.check(SHARED / "data" / name, masks=masks, out=tmp_path / "check")
    assert len(found["classes"]) == classes
    assert counts is None or found["splits"] == counts
    codes = {problem["code"] for problem in found["problems"]}
    assert name != "isbi" or "leak-sequence" in codes
    assert name != "cwfid" or any("28" in problem["message"] for problem in found["problems"])
    options = {**QUICK, "epochs": 1, "size": 64, "batch_size": 8, "models": ("fcn", "pspnet")}
    folder = segarena.compare(SHARED / "data" / name, masks=masks, out=tmp_path / "out", **options)
    assert len(ComparisonRecord.read(folder).ranking) == 2
