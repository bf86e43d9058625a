"""The room of the disk that a folder, or one that is not made yet, is on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from segarena.free_disk import free_disk, nearest_folder


def test_the_room_of_a_folder_is_that_of_its_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(9, 5, 4))
    assert free_disk(tmp_path) == 4


def test_the_room_of_a_missing_folder_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert free_disk(tmp_path / "none") is None

    def fail(folder: Path) -> None:
        raise OSError("Stale file handle")

    monkeypatch.setattr(shutil, "disk_usage", fail)
    assert free_disk(tmp_path) is None


def test_a_folder_that_is_not_made_yet_has_the_disk_of_the_nearest_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert nearest_folder(tmp_path / "a" / "b") == tmp_path
    assert nearest_folder(tmp_path) == tmp_path
    assert nearest_folder(tmp_path / "file" / "b") == tmp_path  # a file is no folder
    assert nearest_folder(Path()) == Path.cwd()
