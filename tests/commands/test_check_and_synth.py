"""What the reader understood, shown; the built-in data as a folder that reads back to itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import segarena
from segarena.data.folder import FolderSource
from segarena.data.synthetic import SyntheticSource
from segarena.errors import DataError, RunError
from support import SHARED, write_pair


def test_check_shows_mapping_split_and_shares(squares: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = segarena.check(squares)
    said = capsys.readouterr().out
    for words in ("12 images", "255 = foreground", "48 x 48 (12)", "10 train, 2 val, 0 test", "background"):
        assert words in said
    assert found["num_samples"] == 12
    assert sum(found["class_pixels"].values()) == 12 * 48 * 48


def test_check_lists_orphans(squares: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (squares / "masks" / "square05.png").unlink()
    segarena.check(squares)
    assert "images/square05.png" in capsys.readouterr().out


def test_check_refuses_what_a_training_would_refuse(tmp_path: Path) -> None:
    write_pair(tmp_path / "tiny", "one", seed=1)
    with pytest.raises(DataError, match="tiny"):
        segarena.check(tmp_path / "tiny")


def test_synth_writes_what_the_built_in_source_reads(tmp_path: Path) -> None:
    folder = segarena.synth(tmp_path / "scenes")
    written, source = FolderSource(folder), SyntheticSource()
    assert written.classes.names == source.classes.names
    assert len(written.samples) == len(source.samples)
    by_name = {sample.name: index for index, sample in enumerate(written.samples)}
    for index in (0, 7, len(source.samples) - 1):
        sample = source.samples[index]
        other = by_name[sample.name]
        assert written.samples[other].split == sample.split
        for mine, theirs in zip(source.read(index), written.read(other), strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_synth_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(RunError):
        segarena.synth(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.skipif(not SHARED.is_dir(), reason="real data is not beside this checkout")
def test_check_camvid(capsys: pytest.CaptureFixture[str]) -> None:
    found = segarena.check(SHARED / "data" / "camvid")
    assert found["counts"] == {"train": 367, "val": 101, "test": 233}
    assert "void: 11" in capsys.readouterr().out
