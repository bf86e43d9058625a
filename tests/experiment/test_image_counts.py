"""images.csv is read as it was written; a damaged one is refused with its file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from segarena.errors import RunError
from segarena.experiment.image_counts import read_image_counts, write_image_counts
from support import refuses


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "images.csv"
    confusions = np.arange(8).reshape(2, 2, 2)
    write_image_counts(path, ("007", "NA"), ("test", "test"), ("1", "b"), confusions, {"007": "01", "NA": "01"})
    return path


def test_names_stay_as_they_are(path: Path) -> None:
    table = read_image_counts(path)
    assert table["image"].tolist() == ["007", "007", "NA", "NA"]
    assert (set(table["group"]), table["class"].tolist()) == ({"01"}, ["1", "b"] * 2)
    assert table["tp"].tolist() == [0, 3, 4, 7]


@pytest.mark.parametrize(
    ("damage", "value"),
    [
        (lambda path: path.unlink(), "missing"),
        (lambda path: path.write_text(""), "cannot be read"),
        (lambda path: path.write_text(path.read_text().replace("tp,", "hits,")), "tp"),
        (lambda path: path.write_text(path.read_text().replace(",7,", ",seven,")), "seven"),
        (lambda path: path.write_text(path.read_text().replace(",7,", ",-7,")), "below 0"),
        (lambda path: path.write_text(path.read_text().rpartition("NA,")[0]), "one row"),
        (lambda path: path.write_text(path.read_text() + path.read_text().splitlines()[-1] + "\n"), "one row"),
    ],
)
def test_a_damaged_table_is_refused(path: Path, damage: Callable[[Path], object], value: str) -> None:
    damage(path)
    with refuses(RunError, where=path, value=value):
        read_image_counts(path)
