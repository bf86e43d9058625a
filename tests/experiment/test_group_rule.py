"""The groups of a run of folds are those of its command, wherever the folder of the run is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sample_records import INPUTS, sample_comparison
from segarena.errors import RunError
from segarena.experiment.found_runs import group_rule
from segarena.records.options import OptionsRecord
from segarena.reuse.like import _inputs_of_folds


def config(group_by: str | None) -> Any:
    return SimpleNamespace(data=replace(INPUTS, group_by=group_by))


def write_options(folder: Path) -> None:
    options = {"split": 0.8, "test_fraction": 0.0, "group_by": "prefix"}
    OptionsRecord(command="compare", options=options, choices=(), fingerprint=()).write(folder)


@pytest.mark.parametrize("place", ["unet-seed0/fold1", "data-fractions/0.5/unet-seed0/fold1", "fold1"])
def test_a_fold_has_the_groups_of_its_command(place: str, tmp_path: Path) -> None:
    write_options(tmp_path)
    assert group_rule(config(None), tmp_path / place) == "prefix"
    assert _inputs_of_folds((tmp_path / place).parent).group_by == "prefix"


def test_a_fold_that_was_copied_has_the_groups_of_its_comparison(tmp_path: Path) -> None:
    sample_comparison(inputs=replace(INPUTS, group_by="prefix")).write(tmp_path)
    assert group_rule(config(None), tmp_path / "unet-seed0" / "fold2") == "prefix"


def test_a_run_without_folds_has_its_own_rule(tmp_path: Path) -> None:
    write_options(tmp_path)
    assert group_rule(config("folder"), tmp_path / "unet-seed0") == "folder"
    assert group_rule(config(None), tmp_path / "unet-seed0") is None


def test_folds_without_their_command_are_refused(tmp_path: Path) -> None:
    assert group_rule(config(None), tmp_path / "run" / "fold1") is None
    with pytest.raises(RunError) as caught:
        _inputs_of_folds(tmp_path / "run")
    assert caught.value.where == tmp_path / "run"
