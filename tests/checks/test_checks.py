"""Each problem that names, sizes and pixel counts show has its code, files and remedy; good data have none."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segarena.checks import inspect
from segarena.checks.problem import Problem, Severity, sort_problems, summarise, worst_of
from segarena.data.folder import FolderSource
from segarena.data.splitting.splits import split_samples
from segarena.records.prediction import PredictionRecord
from support import write_pair


def find(root: Path, *, closely: bool = False) -> tuple[Problem, ...]:
    source = FolderSource(root)
    return inspect(source, split_samples(source.samples, where=root), closely=closely)


def find_one(root: Path, code: str, *, closely: bool = False) -> Problem:
    found = [problem for problem in find(root, closely=closely) if problem.code == code]
    assert len(found) == 1, f"{code} is not among {found}"
    return found[0]


def write_mask(root: Path, name: str, labels: np.ndarray) -> None:
    Image.fromarray(labels.astype(np.uint8)).save(root / "masks" / f"{name}.png")


def test_a_good_folder_has_no_problem(squares: Path) -> None:
    assert find(squares, closely=True) == ()


def test_orphans_are_listed(squares: Path) -> None:
    (squares / "masks" / "square05.png").unlink()
    (squares / "images" / "square07.png").unlink()
    assert find_one(squares, "image-without-mask").files == ("images/square05.png",)
    assert find_one(squares, "mask-without-image").files == ("masks/square07.png",)


@pytest.mark.parametrize("place", ["masks", ".", "elsewhere"])
def test_masks_that_a_model_predicted_are_pointed_out(squares: Path, place: str) -> None:
    """In the folder that `segarena predict` wrote, or in a subfolder of it."""
    (squares / place).mkdir(exist_ok=True)
    (squares / place / PredictionRecord.file).write_text("{}")
    if place == "elsewhere":
        assert find(squares) == ()
    else:
        problem = find_one(squares, "predicted-mask")
        assert (problem.severity, len(problem.files), problem.files[0]) == ("warning", 12, "masks/square00.png")


@pytest.mark.parametrize(
    ("further", "is_partner"),
    [("square05_color", True), ("square05-vis", True), ("square05b", False), ("square99", False)],
)
def test_another_mask_of_an_image_is_no_orphan(squares: Path, further: str, is_partner: bool) -> None:
    (squares / "masks" / f"{further}.png").write_bytes((squares / "masks" / "square05.png").read_bytes())
    problem = find_one(squares, "further-file" if is_partner else "mask-without-image")
    assert problem.files == (f"masks/{further}.png",)


def test_a_truncated_image_is_an_error(squares: Path) -> None:
    path = squares / "images" / "square03.png"
    path.write_bytes(path.read_bytes()[:2000])
    problem = find_one(squares, "unreadable-image")
    assert problem.severity == "error"
    assert problem.files == ("images/square03.png",)


def test_a_resized_mask_is_a_warning(squares: Path) -> None:
    write_mask(squares, "square02", np.kron(np.eye(2), np.full((12, 12), 255)))
    problem = find_one(squares, "resized-mask")
    assert problem.files == ("masks/square02.png",)
    assert "24 x 24 for 48 x 48" in problem.message


@pytest.mark.parametrize(
    ("first", "last", "code", "index"), [(8, 12, "leak-listed-twice", 8), (9, 11, "unlisted-image", 11)]
)
def test_images_in_two_lists_or_in_none_are_found(squares: Path, first: int, last: int, code: str, index: int) -> None:
    names = [f"square{number:02}" for number in range(12)]
    (squares / "train.txt").write_text("\n".join(names[:9]))
    (squares / "val.txt").write_text("\n".join(names[first:last]))
    assert find_one(squares, code).files == (f"images/{names[index]}.png",)


def test_an_image_in_two_lists_is_not_confused_with_one_of_a_similar_name(tmp_path: Path) -> None:
    for name in ("b", "a b", "c", "d"):
        noise = np.random.default_rng(len(name)).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{name}.jpg")
        Image.fromarray(np.eye(16, dtype=np.uint8)).save(tmp_path / f"{name}_mask.png")
    (tmp_path / "train.txt").write_text("a b.jpg\nc.jpg\nd.jpg")
    (tmp_path / "val.txt").write_text("a b.jpg\nb.jpg")
    assert find_one(tmp_path, "leak-listed-twice").files == ("a b.jpg",)


def test_a_class_in_under_three_images_is_rare(squares: Path) -> None:
    for number in range(12):
        labels = np.zeros((48, 48))
        labels[:20, :20] = 1
        labels[30:, 30:] = 2 if number < 2 else 0
        write_mask(squares, f"square{number:02}", labels)
    problem = find_one(squares, "rare-class")
    assert problem.files == ("masks/square00.png", "masks/square01.png")
    assert "2 images only" in problem.message


@pytest.mark.parametrize(
    ("named", "found"), [("void", True), ("Don't care", True), ("avoid", False), ("square", False)]
)
def test_a_class_that_is_named_void_is_found(squares: Path, named: str, found: bool) -> None:
    (squares / "classes.yaml").write_text(f'classes: [{{name: ground, value: 0}}, {{name: "{named}", value: 255}}]')
    assert any(problem.code == "void-as-class" for problem in find(squares)) is found


def test_a_class_in_no_image_is_rare(squares: Path) -> None:
    (squares / "classes.yaml").write_text(
        "classes: [{name: ground, value: 0}, {name: square, value: 255}, {name: circle, value: 7}]"
    )
    assert "'circle' is in no image" in find_one(squares, "rare-class").message


@pytest.mark.parametrize(("part", "effect"), [("train", "learned"), ("val", "scored")])
def test_a_class_absent_from_a_split_is_found(tmp_path: Path, part: str, effect: str) -> None:
    for split in ("train", "val"):
        for number in range(6):
            write_pair(tmp_path / split, f"{split}{number}", seed=number + 10 * (split == "val"))
            labels = np.zeros((48, 48))
            labels[:20, :20] = 1
            labels[30:, 30:] = 2 if split != part else 0
            write_mask(tmp_path / split, f"{split}{number}", labels)
    problem = find_one(tmp_path, "class-absent-from-split")
    assert f"No {part} image shows 'class_2', which cannot be {effect}" in problem.message


def test_void_and_empty_masks_are_found(squares: Path) -> None:
    (squares / "classes.yaml").write_text(
        "{classes: [{name: background, value: 0}, {name: square, value: 255}], ignore: [9]}"
    )
    write_mask(squares, "square01", np.full((48, 48), 9))
    write_mask(squares, "square02", np.zeros((48, 48)))
    assert find_one(squares, "void-mask").files == ("masks/square01.png",)
    problem = find_one(squares, "empty-mask")
    assert (problem.severity, problem.files) == ("note", ("masks/square02.png",))


def test_masks_without_an_object_are_found_in_any_order_of_classes(squares: Path) -> None:
    (squares / "classes.yaml").write_text("{classes: [{name: square, value: 255}, {name: paper, value: 0}]}")
    write_mask(squares, "square02", np.zeros((48, 48)))
    assert find_one(squares, "empty-mask").files == ("masks/square02.png",)


def test_colours_that_look_the_same_are_found_unless_they_are_defaults(squares: Path) -> None:
    table = "{classes: [{name: a, value: 0, color: [9, 9, 90]}, {name: b, value: 255, color: [9, 11, 90]}]}"
    (squares / "classes.yaml").write_text(table)
    problem = find_one(squares, "similar-colors")
    assert (problem.severity, problem.files) == ("note", ("classes.yaml",))
    many = ", ".join(f"{{name: c{value}, value: {value}}}" for value in (*range(250), 255))
    (squares / "classes.yaml").write_text(f"{{classes: [{many}]}}")
    assert "similar-colors" not in {one.code for one in find(squares)}


def test_mostly_empty_masks_are_a_warning(squares: Path) -> None:
    for number in range(8):
        write_mask(squares, f"square{number:02}", np.zeros((48, 48)))
    assert find_one(squares, "empty-mask").severity == "warning"


def test_extreme_imbalance_names_the_small_classes(squares: Path) -> None:
    for number in range(12):
        labels = np.zeros((48, 48))
        labels[10:13, number : number + 3] = 255
        write_mask(squares, f"square{number:02}", labels)
    assert "'foreground' (0.39%)" in find_one(squares, "extreme-imbalance").message


def test_problems_are_sorted_and_summarised() -> None:
    note, warning, error = (
        Problem(f"a-{severity}", severity, (), f"Something of severity {severity}", "Do this")
        for severity in ("note", "warning", "error")
    )
    assert sort_problems([note, warning, error]) == (error, warning, note)
    lines = summarise([error, warning, note, note]).splitlines()
    assert lines == [
        "error: Something of severity error. Do this",
        "warning: Something of severity warning. Do this",
        "2 notes: see segarena check DATA",
    ]
    assert summarise([]) == ""


def test_every_code_is_documented_and_no_other(request: pytest.FixtureRequest) -> None:
    root = request.config.rootpath
    trees = [ast.parse(path.read_text()) for path in (root / "src/segarena/checks").glob("*.py")]
    texts = {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    codes = {text for text in texts if isinstance(text, str) and re.fullmatch("[a-z]+(-[a-z]+)+", text)}
    table = (root / "docs" / "problems.md").read_text().partition("## Codes")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z-]+)`", table, flags=re.MULTILINE)) == codes


def test_of_several_splits_each_problem_is_the_worst() -> None:
    def problem(code: str, *files: str, severity: Severity = "warning") -> Problem:
        return Problem(code, severity, files, f"{code} of {len(files)}", "fix it")

    first = (problem("leak", "a"), problem("rare", "a", "b"))
    second = (problem("leak", "a", "b"), problem("rare", "a"), problem("rare", "b"), problem("bad", severity="error"))
    assert worst_of([first, second]) == (second[3], second[0], first[1])
    assert worst_of([first]) == first
    assert worst_of([(), ()]) == ()
