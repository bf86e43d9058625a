"""Recorded paths and those in files of options that are in a folder which is closed to the user: no traceback."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from segarena.config import CompareOptions, TrainOptions
from segarena.errors import ConfigError, RunError
from segarena.locks import hold
from segarena.records.expected import Expected
from segarena.records.options import OptionsRecord
from segarena.reuse.complete import complete
from segarena.reuse.like import Like, check_like_data
from segarena.reuse.option_file import read_option_file
from segarena.reuse.suite_file import read_sources
from support import refuses


@pytest.fixture
def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Data in a folder of another user; the tests may be run by root, who can look into all folders."""
    data, stat, lstat = tmp_path / "closed" / "data", Path.stat, Path.lstat

    def refuse(path: Path) -> None:
        if "closed" in path.parts:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    def asked(path: Path, **options: Any) -> os.stat_result:
        refuse(path)
        return stat(path, **options)

    def asked_for_link(path: Path) -> os.stat_result:
        refuse(path)
        return lstat(path)

    monkeypatch.setattr(Path, "stat", asked)
    monkeypatch.setattr(Path, "lstat", asked_for_link)
    return data


def test_a_file_of_options_may_name_it(tmp_path: Path, closed: Path) -> None:
    file = tmp_path / "options.yaml"
    file.write_text("data: closed/data\nimages: photos\n")
    with refuses(ConfigError, where=str(closed)):
        read_option_file(CompareOptions, file)


@pytest.mark.parametrize("entry", ["{data: closed/data}", "closed/data", "{comparison: closed/data}"])
def test_a_file_of_a_suite_may_name_it(tmp_path: Path, closed: Path, entry: str) -> None:
    file = tmp_path / "suite.yaml"
    file.write_text(f"data-sets: {{cells: {entry}}}\n")
    with refuses(ConfigError, where=str(closed)):
        read_sources([file])


def test_a_folder_that_is_resumed_may_name_it(tmp_path: Path, closed: Path) -> None:
    record = OptionsRecord(command="compare", options={"data": str(closed)}, choices=(), fingerprint=())
    record.write(tmp_path)
    with refuses(RunError, where=tmp_path, value=closed):
        complete(CompareOptions, resume=tmp_path)


def test_earlier_trainings_may_name_it(tmp_path: Path, closed: Path) -> None:
    known: Any = {"like": str(tmp_path), "model": "fcn", "why": "", "seeds": (0,), "folds": None, "best_epochs": (1,)}
    expected = Expected(**known, train_images=1, scored_split="val", miou=0.5)
    unused: Any = None
    with refuses(RunError, where=tmp_path, value=closed):
        check_like_data(TrainOptions(data=closed, model="fcn"), Like(expected, {"data": closed}, {}, unused))


def test_a_folder_that_cannot_be_opened_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))

    monkeypatch.setattr("segarena.locks._open", refuse)
    with refuses(RunError, where=tmp_path), hold(tmp_path):
        pass
