"""What a suite trains: what is finished is used, what is added is trained, and changed options are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from segarena.errors import ConfigError, RunError
from segarena.experiment.suite_plan import check_unchanged, find_differences, is_finished
from segarena.experiment.suite_result import write_suite
from segarena.records.comparison import FailedRun
from segarena.records.options import OptionsRecord
from segarena.records.suite import SuiteEntry, SuiteOptionsRecord
from suites import SCORES, comparison, finished, suite
from support import refuses


def entry(name: str = "roads", **options: Any) -> SuiteEntry:
    return SuiteEntry(name=name, options=options)


@pytest.mark.parametrize(
    ("before", "now", "found"),
    [
        ({"size": 128}, {"size": 96}, ["size 96 (it was 128)"]),
        ({}, {"group_by": "prefix"}, ["group-by prefix (it was left open)"]),
        ({"size": 1, "epochs": 2}, {"size": 2}, ["epochs left open (it was 2)", "size 2 (it was 1)"]),
        ({"seeds": 3}, {"seeds": 2}, ["seeds 2 (it was 3)"]),
        ({"seeds": 1}, {"seeds": 3}, []),
        ({}, {"seeds": 3}, []),
        ({"models": ["unet"]}, {"models": ["unet", "fcn"]}, []),
        ({"jobs": 1, "threads": 2, "data": "a"}, {"jobs": 2, "data": "b"}, []),
    ],
)
def test_differences_name_each_option(before: dict[str, Any], now: dict[str, Any], found: list[str]) -> None:
    assert find_differences(before, now) == found


def test_only_data_sets_that_were_started_keep_their_options(tmp_path: Path) -> None:
    SuiteOptionsRecord(data_sets=(entry(size=128), entry("cells", size=64)), command="").write(tmp_path)
    check_unchanged(tmp_path, [entry(size=96), entry("new")])  # nothing was started
    (tmp_path / "roads").mkdir()
    OptionsRecord(command="compare", options={}, choices=(), fingerprint=()).write(tmp_path / "roads")
    check_unchanged(tmp_path, [entry(size=128, seeds=3), entry("cells", size=32), entry("new")])
    with refuses(RunError, where=tmp_path, value="size 96 (it was 128)") as caught:
        check_unchanged(tmp_path, [entry("cells", size=32), entry(size=96)])
    assert "roads" in caught.value.what
    assert "cells" not in caught.value.what


def test_a_comparison_is_finished_that_has_all_models_and_seeds(tmp_path: Path) -> None:
    comparison("roads", SCORES["roads"], seeds=2).write(tmp_path)
    assert is_finished(entry(), tmp_path, None)
    assert is_finished(entry(seeds=2, models=["unet"]), tmp_path, None)
    assert not is_finished(entry(seeds=3), tmp_path, None)
    assert not is_finished(entry(models=["unet", "fcn8s"], track="paper"), tmp_path, None)
    assert not is_finished(entry(data="moved"), tmp_path, entry(data="before")), "its files are compared first"
    assert not is_finished(entry(), tmp_path / "other", None)
    failed = FailedRun(model="fcn", seed=0, reason="diverged", message="")
    comparison("roads", SCORES["roads"], failed=(failed,)).write(tmp_path)
    assert not is_finished(entry(), tmp_path, None), "it is tried again"
    reused = SuiteEntry(name="roads", comparison=str(tmp_path), options={})
    assert is_finished(reused, tmp_path, None)


def test_two_tracks_are_never_in_one_ranking(tmp_path: Path) -> None:
    one, other, *_ = finished(tmp_path)
    with refuses(ConfigError, where="track", value="cells"):
        write_suite(tmp_path, [one, replace(other, record=replace(other.record, track="paper"))], (), "")


def test_models_that_a_data_set_lacks_are_left_out(tmp_path: Path) -> None:
    scores = {**SCORES, "street": {name: SCORES["street"][name] for name in ("unet", "fcn")}}
    record = suite(tmp_path, scores)
    assert {entry.model for entry in record.models} == {"unet", "fcn"}
    assert record.left_out == dict.fromkeys(("pspnet", "deeplabv3"), ("roads", "cells", "fields"))
    assert any("PSPNet" in note and "DeepLabv3" in note for note in record.notes)
    with refuses(ConfigError, where="models", value="two"):
        suite(tmp_path, {"one": {"unet": 0.5}, "two": {"fcn": 0.5}})


def test_models_that_are_not_wanted_are_not_ranked(tmp_path: Path) -> None:
    chosen = [replace(one, wanted=("unet", "fcn")) for one in finished(tmp_path)]
    record = write_suite(tmp_path, chosen, (), "")
    assert {entry.model for entry in record.models} == {"unet", "fcn"}
    assert record.left_out == {}


def test_the_same_images_twice_are_noted(tmp_path: Path) -> None:
    one, other, *_ = finished(tmp_path)
    same = replace(other, record=replace(other.record, data=one.record.data))
    record = write_suite(tmp_path, [one, same], (), "")
    assert any("roads and cells" in note and "not independent" in note for note in record.notes)


def test_folders_are_relative_to_the_suite(tmp_path: Path) -> None:
    record = suite(tmp_path)
    assert [one.folder for one in record.data_sets] == [f"../{name}" for name in SCORES]
