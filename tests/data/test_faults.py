"""One cause is one message: the faults of many files are grouped by their cause, with a count and examples."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segarena.checks.unreadable import find_faults
from segarena.data.folder import FolderSource
from segarena.errors import DataError
from segarena.image_files.faults import group_by_cause, join_faults
from support import refused, refuses, write_pair


def fault(name: str, what: str, remedy: str = "Save it again") -> DataError:
    return DataError(what, where=Path("masks", name), remedy=remedy)


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Thirty pairs with names that have spaces and numbers."""
    for number in range(30):
        write_pair(tmp_path / "data", f"my photo {number}", seed=number, size=24)
    return tmp_path / "data"


def spoil_masks(root: Path, labels: np.ndarray, numbers: range = range(30)) -> None:
    for number in numbers:
        Image.fromarray(labels.astype(np.uint8)).save(root / "masks" / f"my photo {number}.png")


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (fault("a.png", "is 3 x 4, x/a.png is 4 x 3"), fault("b.png", "is 9 x 8, x/b.png is 8 x 9"), True),
        (fault("a b.png", "has 255 beside 0, 15, 61"), fault("c.png", "has 255 beside 0, 7"), True),
        (fault("a.png", "has 1 page"), fault("b.png", "has 2 pages"), True),
        (fault("a.png", "has 1 class, not 2"), fault("b.png", "has 3 classes, not 2"), True),
        (fault("a.png", "has the value 7"), fault("b.png", "is empty"), False),
        (fault("a.png", "is empty"), fault("b.png", "is empty", "Remove it"), False),
    ],
)  # fmt: skip
def test_faults_that_differ_in_names_and_numbers_have_one_cause(
    first: DataError, second: DataError, same: bool
) -> None:
    assert len(group_by_cause([first, second])) == (1 if same else 2)


def test_a_joined_error_counts_its_files_and_names_five() -> None:
    faults = [fault(f"{number}.png", f"is {number} x 4 pixels") for number in range(7)]
    error = join_faults([*faults, fault("z.png", "is empty")], "segarena check data")
    assert error.where == Path("masks/0.png")
    for part in (
        "is 0 x 4 pixels",
        "7 files",
        "(0.png, 1.png, 2.png, 3.png, 4.png and 2 more)",
        "1.png is 1 x 4 pixels",
    ):
        assert part in error.what
    assert "1 other fault" in error.what
    assert "`segarena check data`" in error.remedy
    assert len(error.parts) == 8
    assert len(pickle.loads(pickle.dumps(error)).parts) == 8


def test_the_most_frequent_cause_is_described() -> None:
    error = join_faults([fault("z.png", "is empty"), *(fault(f"{number}.png", "has 2 pages") for number in range(3))])
    assert error.where == Path("masks/0.png")
    assert "3 files have this fault (0.png, 1.png, 2.png); 1 other fault" in error.what


@pytest.mark.parametrize(
    ("places", "names"),
    [
        (("train/a.png", "val/a.png"), "(train/a.png, val/a.png)"),
        (("/data/a.png", "b.png"), "(/data/a.png, b.png)"),
        (("a.png", "b.png"), "(a.png, b.png)"),
    ],
)
def test_files_are_named_below_the_folder_that_they_share(places: tuple[str, ...], names: str) -> None:
    error = join_faults([DataError("is empty", where=Path(place), remedy="Remove it") for place in places])
    assert f"2 files have this fault {names}" in error.what


def test_reasons_of_one_fault_are_one_cause() -> None:
    error = join_faults([fault("a.png", "cannot be read (truncated)"), fault("b.png", "cannot be read (broken)")])
    assert "2 files have such a fault (a.png, b.png), e.g. b.png cannot be read (broken)" in error.what


def test_one_fault_is_itself() -> None:
    alone = fault("a.png", "is empty")
    assert join_faults([alone]) is alone


def turn_masks(root: Path) -> None:
    spoil_masks(root, np.kron(np.eye(2), np.full((10, 20), 255)))


def declare_others(root: Path) -> None:
    (root / "classes.yaml").write_text("classes: [{name: a, value: 0}, {name: b, value: 7}]")


def write_photographs(root: Path) -> None:
    spoil_masks(root, np.random.default_rng(0).integers(0, 256, (24, 24)))


def empty(root: Path) -> None:
    for path in (root / "masks").iterdir():
        path.write_bytes(b"")


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (turn_masks, "size-mismatch"),
        (declare_others, "undeclared-value"),
        (write_photographs, "unclear-encoding"),
        (empty, "unreadable-mask"),
    ],
)
def test_a_fault_of_all_masks_is_one_problem(many: Path, spoil: object, code: str) -> None:
    spoil(many)  # type: ignore[operator]
    [problem] = find_faults(many).problems
    assert (problem.code, problem.severity) == (code, "error")
    assert len(problem.files) == len(problem.details) == 30
    assert "30 files" in problem.message
    with refuses(value="30 files") as raised:
        FolderSource(many)
    assert isinstance(raised.value.where, Path)
    assert raised.value.where.parent == many / "masks"


def test_two_causes_are_two_problems_with_their_own_files(many: Path) -> None:
    spoil_masks(many, np.kron(np.eye(2), np.full((10, 20), 255)), range(4))
    (many / "masks" / "my photo 9.png").write_bytes(b"")
    found = {problem.code: problem.files for problem in find_faults(many).problems}
    assert found == {
        "size-mismatch": tuple(f"masks/my photo {number}.png" for number in range(4)),
        "unreadable-mask": ("masks/my photo 9.png",),
    }


def test_check_prints_a_cause_once_and_json_has_every_file(
    many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    turn_masks(many)
    error = refused(f"check {many} --json {tmp_path / 'check.json'}", monkeypatch, capsys)
    assert "30 files" in error.what
    [problem] = json.loads((tmp_path / "check.json").read_text())["problems"]
    assert len(problem["files"]) == len(problem["details"]) == 30
    assert all("40 x 20" in detail for detail in problem["details"])


def test_a_float_mask_without_numbers_is_named_so(many: Path) -> None:
    values = np.zeros((24, 24), dtype=np.float32)
    values[:3] = np.nan
    (many / "masks" / "my photo 3.png").unlink()
    Image.fromarray(values).save(many / "masks" / "my photo 3.tif")
    with refuses(where=many / "masks" / "my photo 3.tif", value="72 pixels of 576 without a number (NaN)"):
        FolderSource(many)
