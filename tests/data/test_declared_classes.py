"""A classes.yaml written otherwise than in the manual: labels are those that were drawn, pixel by pixel.

Several values of one class, as numbers and as colours; void that is -1; a file in the folder of the masks; two files
that differ; values that no mask has; a folder of that name.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from encoding_zoo import VOID, draw, write_classes
from segarena.checks.unreadable import find_faults
from segarena.classes import name_classes
from segarena.data.folder import FolderSource
from support import refuses

BASE = "classes: [{name: a, value: 0}, {name: b, value: 1}, {name: c, value: 2}]\n"
CLEAR = ((0, 0, 0), (0, 0, 255), (0, 255, 0), (255, 0, 0))
COLORS = ((0, 0, 0), (9, 90, 200), (200, 90, 9), (255, 255, 255))


def write_masks(folder: Path, values: tuple[object, ...], dtype: type = np.uint8) -> list[np.ndarray]:
    """Four images and masks with the values of the labels 0, 1, ..., and the labels as they were drawn."""
    drawn = []
    for number in range(4):
        labels = draw(number, len(values))[1]
        drawn.append(labels)
        for kind, pixels in (
            ("images", np.random.default_rng(number).integers(0, 255, (*labels.shape, 3))),
            ("m", None),
        ):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            content = np.array(values)[labels].astype(dtype) if pixels is None else pixels.astype(np.uint8)
            Image.fromarray(content).save(folder / kind / f"{number}.png")
    (folder / "m").rename(folder / "masks")
    return drawn


#: What was drawn, the classes.yaml, and the label of each drawn value.
WAYS = {
    "two numbers are one class": ((0, 1, 2, 7), "{name: bg, value: 0}, {name: x, value: [1, 2, 7]}", "", (0, 1, 1, 1)),
    "several numbers of each": ((0, 1, 2, 7), "{name: a, values: [7, 0, 2]}, {name: b, value: 1}", "", (0, 1, 0, 0)),
    "two colours are one class": (
        COLORS,
        "{name: a, value: ['#095ac8', '#c85a09']}, {name: b, value: '#000000'}",
        "ignore: '#ffffff'",
        (1, 0, 0, VOID),
    ),
    "-1 is 255 in 8 bits": ((0, 1, 255), "{name: a, value: 0}, {name: b, value: 1}", "ignore: [-1]", (0, 1, VOID)),
    "-1 is 65535 in 16 bits": (
        (0, 300, 65535),
        "{name: a, value: 0}, {name: b, value: 300}",
        "ignore: -1",
        (0, 1, VOID),
    ),
    "-1 beside the class 255": ((0, 255), "{name: a, value: 255}, {name: b, value: 0}", "ignore: [-1]", (1, 0)),
    "-1 in colours": (COLORS[:2], "{name: a, value: '#095ac8'}, {name: b, value: '#000'}", "ignore: [-1]", (1, 0)),
    "several values are void": (
        (0, 1, 2, 7),
        "{name: a, value: 1}, {name: b, value: 0}",
        "ignore: [2, 7]",
        (1, 0, 255, 255),
    ),
    "values that no mask has": (
        (0, 1),
        "{name: a, value: [0, 5]}, {name: b, value: 1}, {name: c, value: 9}",
        "",
        (0, 1),
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_labels_are_those_that_were_declared(way: str, tmp_path: Path) -> None:
    values, classes, ignore, labels = WAYS[way]
    drawn = write_masks(tmp_path, values, np.uint16 if 65535 in values else np.uint8)
    (tmp_path / "classes.yaml").write_text(f"classes: [{classes}]\n{ignore}\n")
    source = FolderSource(tmp_path)
    for number, one in enumerate(drawn):
        np.testing.assert_array_equal(source.read(number)[1], np.array(labels)[one])


@pytest.mark.parametrize("place", ["masks/classes.yaml", "classes.yml", "masks/classes.yml"])
def test_the_file_may_be_in_the_folder_of_the_masks(place: str, tmp_path: Path) -> None:
    drawn = write_masks(tmp_path, (2, 0, 1))
    (tmp_path / place).write_text(BASE)
    source = FolderSource(tmp_path)
    assert source.describe()["encoding"].endswith(f"(declared in {place})")
    np.testing.assert_array_equal(source.read(0)[1], np.array([2, 0, 1])[drawn[0]])


def test_two_files_are_refused_if_they_differ(tmp_path: Path) -> None:
    write_masks(tmp_path, (0, 1, 2))
    for folder in (tmp_path, tmp_path / "masks"):
        (folder / "classes.yaml").write_text(BASE)
    assert FolderSource(tmp_path).classes.names == ("a", "b", "c")
    (tmp_path / "masks" / "classes.yaml").write_text(BASE.replace("name: a", "name: z"))
    for read in (FolderSource, find_faults):
        with refuses(where=tmp_path / "masks" / "classes.yaml", value=str(tmp_path / "classes.yaml")):
            read(tmp_path)


def test_three_numbers_that_no_mask_has_may_be_a_colour(tmp_path: Path) -> None:
    """Beside a number, [1, 2, 3] is three numbers, if masks have one of them."""
    drawn = write_masks(tmp_path, (0, 1, 3))
    declared = tmp_path / "classes.yaml"
    declared.write_text("classes: [{name: a, value: 0}, {name: b, value: [1, 2, 3]}]")
    np.testing.assert_array_equal(FolderSource(tmp_path).read(0)[1], np.array([0, 1, 1])[drawn[0]])
    declared.write_text("classes: [{name: a, value: 0}, {name: b, value: [4, 5, 6]}]")
    with refuses(value="both numbers and colours"):
        FolderSource(tmp_path)


def test_a_folder_of_that_name_is_named(tmp_path: Path) -> None:
    write_masks(tmp_path, (0, 1))
    (tmp_path / "classes.yaml").mkdir()
    with refuses(where=tmp_path / "classes.yaml", value="directory"):
        FolderSource(tmp_path)


def write_soft(folder: Path, colors: tuple[tuple[int, int, int], ...]) -> list[np.ndarray]:
    """Masks of colours with anti-aliased edges, without images; returns the label that most of each pixel is."""
    drawn = []
    for number in range(6):
        fine, labels = draw(number, len(colors))
        drawn.append(labels)
        height, width = labels.shape
        pixels = np.array(colors)[fine].reshape(height, 5, width, 5, 3).mean(axis=(1, 3)).round()
        for kind, content in (
            ("masks", pixels),
            ("images", np.random.default_rng(number).integers(0, 255, pixels.shape)),
        ):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(content.astype(np.uint8)).save(folder / kind / f"{number}.png")
    return drawn


def test_declared_colours_may_have_soft_edges(tmp_path: Path) -> None:
    """The remedy for colours of which it is not clear which are classes is to declare them."""
    drawn = write_soft(tmp_path, COLORS)
    write_classes(tmp_path, COLORS, ())
    source = FolderSource(tmp_path)
    wrong = [(source.read(number)[1] != labels).mean() for number, labels in enumerate(drawn)]
    assert max(wrong) < 0.02  # a mixture of two may be near a third


@pytest.mark.parametrize("options", [{"quality": 95, "subsampling": 0}, {"quality": 75, "subsampling": 2}])
@pytest.mark.parametrize("listed", [True, False])
def test_declared_colours_may_have_been_compressed(options: dict[str, int], listed: bool, tmp_path: Path) -> None:
    """Masks that were JPEG and were saved again as PNG: blue is [0, 0, 254]. Declared, or in the list of a tool."""
    drawn = []
    for number in range(4):
        drawn.append(np.kron(draw(number, len(CLEAR))[1], np.ones((4, 4), dtype=int)))
        stream = io.BytesIO()
        Image.fromarray(np.array(CLEAR)[drawn[-1]].astype(np.uint8)).save(stream, "JPEG", **options)
        for kind, image in (("masks", Image.open(stream)), ("images", Image.effect_noise(drawn[-1].shape[::-1], 99))):
            (tmp_path / kind).mkdir(exist_ok=True)
            image.save(tmp_path / kind / f"{number}.png")
    if listed:
        rows = [f"c{label},{red},{green},{blue}" for label, (red, green, blue) in enumerate(CLEAR)]
        (tmp_path / "class_dict.csv").write_text("\n".join(["name,r,g,b", *rows]))
    else:
        write_classes(tmp_path, CLEAR, ())
    source = FolderSource(tmp_path)
    assert source.classes.names == ("c0", "c1", "c2", "c3")
    assert max((source.read(number)[1] != labels).mean() for number, labels in enumerate(drawn)) < 0.002


def test_a_colour_that_fills_areas_must_be_declared(tmp_path: Path) -> None:
    write_soft(tmp_path, COLORS)
    write_classes(tmp_path, COLORS[1:], ())
    with refuses(value="[0, 0, 0]"):
        FolderSource(tmp_path)


@pytest.mark.parametrize("layers", [("crack", "rust"), ("rust",)])
def test_layers_without_any_pixel_are_background_for_a_run(layers: tuple[str, ...], tmp_path: Path) -> None:
    """One mask per class, of images without any object; a class may have no folder at all."""
    for number in range(4):
        for name in ("images", *(f"masks/{layer}" for layer in layers)):
            (tmp_path / name).mkdir(parents=True, exist_ok=True)
            image = Image.effect_noise((48, 36), 60) if name == "images" else Image.new("L", (48, 36))
            image.save(tmp_path / name / f"{number}.png")
    run = name_classes([0, 2, 1], ["background", "crack", "rust"])
    source = FolderSource(tmp_path, run_classes=run)
    assert source.classes.names == run.names
    assert source.class_pixels.tolist() == [4 * 48 * 36, 0, 0]


def test_masks_of_one_value_that_is_not_declared_are_refused(tmp_path: Path) -> None:
    write_masks(tmp_path, (7,))
    (tmp_path / "classes.yaml").write_text("classes: [{name: a, value: 0}, {name: b, value: 255}]")
    with refuses(where=tmp_path / "masks" / "0.png", value="the value 7"):
        FolderSource(tmp_path)
