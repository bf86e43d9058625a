"""A folder that cannot be read: every faulty file is reported, not only the first one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from segarena.checks.unreadable import find_faults
from segarena.data.folder import FolderSource
from support import refuses


def save(path: Path, labels: np.ndarray) -> None:
    Image.fromarray(labels.astype(np.uint8)).save(path)


def faults(root: Path) -> dict[str, list[str]]:
    """The files of each code; all are errors."""
    with refuses():
        FolderSource(root)
    found: dict[str, list[str]] = {}
    for problem in find_faults(root).problems:
        assert problem.severity == "error"
        assert problem.message
        assert problem.remedy
        found.setdefault(problem.code, []).extend(problem.files)
    return found


def test_all_damaged_files_are_reported(squares: Path) -> None:
    (squares / "images" / "square01.png").write_bytes(b"")
    (squares / "images" / "square05.png").write_text("no image")
    for name in ("square02", "square07"):
        path = squares / "masks" / f"{name}.png"
        path.write_bytes(path.read_bytes()[:60])
    assert faults(squares) == {
        "unreadable-image": ["images/square01.png", "images/square05.png"],
        "unreadable-mask": ["masks/square02.png", "masks/square07.png"],
    }


def test_both_files_of_a_pair_are_reported(squares: Path) -> None:
    for kind in ("images", "masks"):
        (squares / kind / "square04.png").write_bytes(b"")
    assert faults(squares) == {"unreadable-image": ["images/square04.png"], "unreadable-mask": ["masks/square04.png"]}


def test_masks_of_another_shape_are_reported(squares: Path) -> None:
    for name in ("square03", "square09"):
        save(squares / "masks" / f"{name}.png", np.kron(np.eye(2), np.full((20, 40), 255)))
    assert faults(squares) == {"size-mismatch": ["masks/square03.png", "masks/square09.png"]}


def test_undeclared_values_are_reported_file_by_file(squares: Path) -> None:
    (squares / "classes.yaml").write_text("classes: [{name: ground, value: 0}, {name: square, value: 255}]")
    for name, value in (("square03", 7), ("square11", 9)):
        save(squares / "masks" / f"{name}.png", np.kron(np.diag([value, 255]), np.ones((24, 24))))
    (squares / "masks" / "square06.png").write_bytes(b"")
    assert faults(squares) == {
        "undeclared-value": ["masks/square03.png", "masks/square11.png"],
        "unreadable-mask": ["masks/square06.png"],
    }


def test_masks_without_an_encoding_are_one_problem_of_the_set(squares: Path) -> None:
    for number in range(12):
        save(squares / "masks" / f"square{number:02}.png", np.zeros((48, 48)))
    [problem] = find_faults(squares).problems
    assert (problem.code, problem.files) == ("unclear-encoding", ())
    assert problem.message.startswith("masks/: all 12 masks")


def test_progress_counts_pairs(squares: Path) -> None:
    calls: list[tuple[int, int]] = []
    find_faults(squares, on_progress=lambda done, total: calls.append((done, total)))
    assert calls == [(8, 12), (12, 12)]


def test_a_wrong_layout_is_an_error(tmp_path: Path) -> None:
    with refuses(where=tmp_path / "nothing"):
        find_faults(tmp_path / "nothing")
