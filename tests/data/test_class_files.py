"""Classes that a tool lists in a file beside the masks: their names and values if all masks fit, else a warning.

Colours, numbers and rows; void by its name; a file that lacks a value of the masks, or that is of another data set; two
files that contradict each other; text encodings; several colours of one name; names that no mask has.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from class_lists import COLORS, FITTING, NNUNET, NUMBERS
from encoding_zoo import draw
from segarena.checks.metadata import check_class_files
from segarena.classes import name_classes
from segarena.data.encoding.class_files import find_class_files
from segarena.data.folder import FolderSource
from support import refuses

Save = Callable[[np.ndarray], Image.Image]


def in_palette(pixels: np.ndarray) -> Image.Image:
    image = Image.fromarray(pixels)
    image.putpalette([channel for color in (*COLORS, *COLORS) for channel in color])
    return image


def write_masks(folder: Path, values: tuple[object, ...], save: Save = Image.fromarray) -> list[np.ndarray]:
    """Four images and masks with the values of the labels 0, 1, ...; returns the labels as they were drawn."""
    drawn = [draw(number, len(values))[1] for number in range(4)]
    for number, labels in enumerate(drawn):
        noise = np.random.default_rng(number).integers(0, 255, (*labels.shape, 3))
        for kind, pixels in (("images", Image.fromarray(noise.astype(np.uint8))), ("masks", None)):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            (pixels or save(np.array(values)[labels].astype(np.uint8))).save(folder / kind / f"{number}.png")
    return drawn


@pytest.mark.parametrize("way", FITTING)
def test_classes_of_a_file_that_fits_are_used(way: str, tmp_path: Path) -> None:
    file, content, values, names, labels = FITTING[way]
    drawn = write_masks(tmp_path, values)
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(content, encoding="utf-8")
    source = FolderSource(tmp_path)
    assert source.classes.names == names
    assert source.describe()["encoding"].endswith(f"(names from {file})")
    assert not list(check_class_files(source))
    for number, one in enumerate(drawn):
        np.testing.assert_array_equal(source.read(number)[1], np.array(labels)[one])


@pytest.mark.parametrize(
    ("save", "content", "names"),
    [
        (in_palette, "b:64,0,128::\na:128,64,128::\nrest:0,0,0::\n", ("b", "a", "rest")),
        (lambda pixels: Image.fromarray(pixels > 0), "rest:0,0,0::\na:255,255,255::\n", ("rest", "a")),
        (lambda pixels: Image.fromarray(pixels > 0), "a:255,255,255::\nrest:0,0,0::\n", ("a", "rest")),
    ],
)
def test_colours_of_palettes_and_of_one_bit_are_compared(
    save: Save, content: str, names: tuple[str, ...], tmp_path: Path
) -> None:
    drawn = write_masks(tmp_path, (0, 1, 2) if len(names) == 3 else (0, 1), save)
    (tmp_path / "labelmap.txt").write_text(content)
    expected = {"a": 0, "b": 1, "rest": 2} if len(names) == 3 else {"rest": 0, "a": 1}
    labels = FolderSource(tmp_path).read(0)[1]
    np.testing.assert_array_equal(np.array([expected[name] for name in names])[labels], drawn[0])


#: The file, its content, the values of what was drawn, and what the reason names.
MISFITS = {
    "a colour is missing": ("labelmap.txt", "road:128,64,128::\ncar:64,0,128::\n", COLORS, "[0, 0, 0]"),
    "a number is missing": ("_classes.csv", "Pixel Value, Class\n0, a\n1, b\n", NUMBERS, "2"),
    "colours for numbers": ("label_colors.txt", "".join(f"{9 * n} 7 7 c{n}\n" for n in range(12)), NUMBERS, "0, 1, 2"),
    "numbers for colours": ("dataset.json", NNUNET, COLORS, "colours"),
    "names for colours": ("class_names.txt", "_background_\nroad\ncar\n", COLORS, "colours"),
    "one value twice": (
        "labelmap.txt",
        "a:0,0,0::\nb:0,0,0::\nc:64,0,128::\nd:128,64,128::",
        COLORS,
        "[0, 0, 0] twice",
    ),
    "too few names": ("class_names.txt", "_background_\nroad\n", NUMBERS, "2"),
    "a colour without a name": ("classes.json", '[{"color": "#804080"}]', COLORS, "understood"),
    "a label without a name": (
        "config.json",
        '{"labels": [{"readable": "a"}, {"readable": null}]}',
        NUMBERS,
        "understood",
    ),
    "a number that is none": ("label_classes.json", '[{"png_index": null, "class_name": "a"}]', NUMBERS, "understood"),
    "digits without end": ("category_id.txt", f"0 rest\n{'1' * 5000} a\n", NUMBERS, "understood"),
    "of another form": ("label_colors.txt", "see the paper\n", COLORS, "understood"),
    "white first, for 0 and 1": ("class_dict.csv", "name,r,g,b\ncrack,255,255,255\nrest,0,0,0\n", (0, 1), "1"),
    "regions of nnU-Net": ("dataset.json", '{"labels": {"a": 0, "whole": [1, 2]}}', NUMBERS, "understood"),
}


@pytest.mark.parametrize("number", [-100, 65536, 100_000])
@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("dataset.json", '{"labels": {"rest": 0, "a": 1, "b": 2, "c": NUMBER}}'),
        ("id2label.json", '{"0": "rest", "1": "a", "2": "b", "NUMBER": "c"}'),
        ("_classes.csv", "Pixel Value, Class\n0, rest\n1, a\n2, b\nNUMBER, c\n"),
    ],
)
def test_a_class_whose_number_no_mask_can_have_is_left_out(
    file: str, content: str, number: int, tmp_path: Path
) -> None:
    write_masks(tmp_path, (0, 1, 2))
    (tmp_path / file).write_text(content.replace("NUMBER", str(number)))
    assert FolderSource(tmp_path).classes.names == ("rest", "a", "b")


@pytest.mark.parametrize("way", MISFITS)
def test_a_file_that_does_not_fit_is_a_warning(way: str, tmp_path: Path) -> None:
    file, content, values, reason = MISFITS[way]
    write_masks(tmp_path, values)
    before = FolderSource(tmp_path).classes
    (tmp_path / file).write_text(content)
    source = FolderSource(tmp_path)
    assert source.classes == before
    [problem] = check_class_files(source)
    assert (problem.code, problem.severity, problem.files) == ("unused-class-file", "warning", (file,))
    assert reason in problem.message


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("dataset.json", '{"name": "roads"}'),
        ("meta.json", '{"classes": [1]}'),
        ("classes.json", '["a", "b"]'),
        ("dataset.json", "{"),
        ("_classes.csv", "filename, crack, rust\n1.jpg, 0, 1\n"),
    ],
)
def test_files_of_another_kind_are_none(file: str, content: str, tmp_path: Path) -> None:
    write_masks(tmp_path, NUMBERS)
    (tmp_path / file).write_text(content)
    assert find_class_files(tmp_path, []) == []


def test_two_files_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    """Roboflow numbers the classes of each export by itself: 1 could be crack in train and rust in valid."""
    write_masks(tmp_path, NUMBERS)
    (tmp_path / "_classes.csv").write_text("Pixel Value, Class\n0, bg\n1, crack\n2, rust\n")
    (tmp_path / "masks" / "_classes.csv").write_text("Pixel Value, Class\n0, bg\n1, crack\n2, rust\n")
    assert FolderSource(tmp_path).classes.names == ("bg", "crack", "rust")
    (tmp_path / "masks" / "_classes.csv").write_text("Pixel Value, Class\n0, bg\n1, rust\n2, crack\n")
    with refuses(where=tmp_path / "masks" / "_classes.csv", value=str(tmp_path / "_classes.csv")):
        FolderSource(tmp_path)


@pytest.mark.parametrize("lines", ["0, bg\n1, rust\n", "0, bg\n1, crack\n"])
def test_files_of_splits_are_compared(lines: str, tmp_path: Path) -> None:
    """The validation lacks a class: its file is part of the other one, or numbers the same class otherwise."""
    for split, values in (("train", NUMBERS), ("valid", (0, 1))):
        write_masks(tmp_path / split, values)
        content = "0, bg\n1, crack\n2, rust\n" if split == "train" else lines
        (tmp_path / split / "_classes.csv").write_text(f"Pixel Value, Class\n{content}")
    if "rust" in lines:
        with refuses(where=tmp_path / "valid" / "_classes.csv", value="other names"):
            FolderSource(tmp_path)
    else:
        source = FolderSource(tmp_path)
        assert source.classes.names == ("bg", "crack", "rust")
        assert not list(check_class_files(source))


def test_classes_of_a_run_have_the_values_of_the_file(tmp_path: Path) -> None:
    """The data of an evaluation numbers the same classes otherwise, and lacks one of them."""
    drawn = write_masks(tmp_path, (0, 2))
    (tmp_path / "_classes.csv").write_text("Pixel Value, Class\n0, bg\n1, crack\n2, rust\n")
    run = name_classes([0, 1, 2], ["bg", "rust", "crack"])
    source = FolderSource(tmp_path, run_classes=run)
    assert source.classes.names == run.names
    np.testing.assert_array_equal(source.read(0)[1], drawn[0])


def test_a_classes_yaml_above_the_data_folder_is_named(tmp_path: Path) -> None:
    """`segarena check data/train` where the file is in data/."""
    write_masks(tmp_path / "train", NUMBERS)
    (tmp_path / "classes.yaml").write_text("classes: [{name: x, value: 2}, {name: y, value: [0, 1]}]")
    [problem] = check_class_files(FolderSource(tmp_path / "train"))
    assert (problem.severity, problem.files) == ("note", (str((tmp_path / "classes.yaml").resolve()),))
    (tmp_path / "classes.yaml").rename(tmp_path / "train" / "classes.yaml")
    assert not list(check_class_files(FolderSource(tmp_path / "train")))


def test_classes_yaml_comes_first(tmp_path: Path) -> None:
    write_masks(tmp_path, NUMBERS)
    (tmp_path / "_classes.csv").write_text("Pixel Value, Class\n0, bg\n1, crack\n2, rust\n")
    (tmp_path / "classes.yaml").write_text("classes: [{name: x, value: 2}, {name: y, value: [0, 1]}]")
    assert FolderSource(tmp_path).classes.names == ("x", "y")
