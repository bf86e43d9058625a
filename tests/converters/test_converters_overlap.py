"""Objects that overlap: the smaller one is above, or the later one in the file, and what is covered is counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from annotated import coco, cvat, cvat_image, labelme, read_back, write_bowl, write_image, write_json
from segarena.annotations.painting import Item, Kept, Overlap, Painting, Tally
from segarena.annotations.rasterize import Patch, Polygons, rectangle
from segarena.annotations.write import write_annotations
from segarena.converters.registry import FORMATS
from segarena.data.folder import FolderSource
from support import refuses

#: A small object (class 2) is drawn first, and a larger one (class 1) over it.
SMALL, LARGE = [[2, 1], [5, 1], [5, 4], [2, 4]], [[1, 0], [7, 0], [7, 5], [1, 5]]
KEPT = [".111111.", ".122211.", ".122211.", ".122211.", ".111111.", "........"]
LOST = [".111111."] * 5 + ["........"]


def write_coco(root: Path) -> None:
    objects = [
        {
            "id": n,
            "image_id": 1,
            "category_id": category,
            "segmentation": [[value for point in points for value in point]],
        }
        for n, (category, points) in enumerate([(7, SMALL), (3, LARGE)])
    ]
    write_json(root / "a.json", coco(annotations=objects))


def write_labelme(root: Path) -> None:
    shapes = [{"label": label, "points": points} for label, points in (("window", SMALL), ("car", LARGE))]
    write_json(root / "a.json", labelme(*shapes))


def write_cvat(root: Path) -> None:
    meta = "<label><name>car</name></label><label><name>window</name></label>"
    shapes = [
        f'<polygon label="{label}" points="{";".join(f"{x},{y}" for x, y in points)}" z_order="0"/>'
        for label, points in (("window", SMALL), ("car", LARGE))
    ]
    (root / "a.xml").write_text(cvat(cvat_image(*shapes), meta=meta))


WRITERS: dict[str, Callable[[Path], None]] = {"coco": write_coco, "labelme": write_labelme, "cvat": write_cvat}


@pytest.mark.parametrize(("overlap", "rows"), [("smaller-on-top", KEPT), ("file-order", LOST)])
@pytest.mark.parametrize("name", WRITERS)
def test_a_small_object_under_a_later_large_one(name: str, overlap: Overlap, rows: list[str], tmp_path: Path) -> None:
    write_image(tmp_path / "in" / "a.png")
    WRITERS[name](tmp_path / "in")
    notes = write_annotations(tmp_path / "out", FORMATS[name].read(tmp_path / "in"), overlap=overlap)
    assert read_back(FolderSource(tmp_path / "out")) == {"a": rows}
    assert any("more than nine tenths" in note for note in notes) == (overlap == "file-order")


def test_instance_masks_follow_the_same_rule(tmp_path: Path) -> None:
    write_bowl(tmp_path / "in", "abc", a__1=["1...", "...."], b__1=["11..", "11.."])
    annotations = FORMATS["instances"].read(tmp_path / "in")
    assert write_annotations(tmp_path / "small", annotations) == ()
    assert read_back(FolderSource(tmp_path / "small")) == {"abc": ["12..", "22.."]}
    assert write_annotations(tmp_path / "late", annotations, overlap="file-order")
    assert read_back(FolderSource(tmp_path / "late")) == {"abc": ["22..", "22.."]}


def test_of_objects_of_one_size_the_later_is_above() -> None:
    same = [Item(rectangle(x, 0, x + 2, 1), label) for x, label in ((0, 1), (1, 2), (2, 3))]
    for overlap in ("smaller-on-top", "file-order"):
        assert Painting((1, 4), tuple(same)).paint(overlap)[0].tolist() == [[1, 2, 3, 3]]  # type: ignore[arg-type]


def test_the_size_is_that_within_the_image() -> None:
    far = Item(rectangle(0, 0, 1000, 1), 1)  # of which four pixels are in the image
    near = Item(rectangle(0, 0, 3, 2), 2)
    assert Painting((2, 4), (far, near)).paint("smaller-on-top")[0].tolist() == [[1] * 4, [2, 2, 2, 0]]


def test_what_is_left_of_each_object_is_counted_by_class() -> None:
    items = (
        Item(rectangle(0, 0, 4, 1), 1),
        Item(rectangle(0, 0, 4, 1), 2),  # covers the first
        Item(rectangle(0, 1, 4, 2), 1),
        Item(rectangle(0, 1, 3, 2), 2),  # covers three quarters of the third
        Item(rectangle(50, 50, 60, 60), 1),  # outside
        Item(rectangle(0, 0, 4, 1), 2),  # the same class as the one below
    )
    mask, kept = Painting((2, 4), items).paint("file-order")
    assert kept == [Kept(1, 4, 0), Kept(2, 4, 4), Kept(1, 4, 1), Kept(2, 3, 3), Kept(1, 0, 0), Kept(2, 4, 4)]
    tally = Tally()
    tally.add("a", mask, kept)
    tally.add("b", np.full((2, 4), 255, dtype=np.uint8), None)
    notes = tally.notes(["background", "cat", "dog"])
    assert len(notes) == 4
    assert "1 object " in notes[0]
    assert "cat: 2 of 2 objects (100%)" in notes[1]
    assert "1 of them" in notes[1]
    assert notes[2].endswith("are in a")
    assert notes[3].startswith("50.0% of all pixels are void")


def test_holes_are_outside() -> None:
    outer, hole = (np.array([(a, a), (b, a), (b, b), (a, b)], dtype=np.float64) for a, b in ((0, 5), (1, 3)))
    mask = np.zeros((5, 6), dtype=np.uint8)
    Polygons((outer,), holes=(hole,)).paint(mask, 1)
    assert mask.sum() == 25 - 4
    assert not mask[1:3, 1:3].any()


def test_a_higher_layer_is_above_whatever_its_size() -> None:
    large, small = Patch(np.ones((2, 2), dtype=np.bool_)), Patch(np.ones((1, 1), dtype=np.bool_))
    for overlap in ("smaller-on-top", "file-order"):
        painting = Painting((2, 2), (Item(large, 1, layer=1), Item(small, 2)))
        assert painting.paint(overlap)[0].tolist() == [[1, 1], [1, 1]]  # type: ignore[arg-type]


@pytest.mark.parametrize("scale", [1 / 64, 1.0])
def test_coordinates_that_are_fractions_are_refused(scale: float, tmp_path: Path) -> None:
    write_image(tmp_path / "in/a.png", size=(64, 64))
    square = [value * scale for value in (9, 9, 50, 9, 50, 50, 9, 50)]
    objects = [{"id": 1, "image_id": 1, "category_id": 7, "segmentation": [square]}]
    write_json(tmp_path / "in/a.json", coco(images=[{"id": 1, "file_name": "a.png"}], annotations=objects))
    annotations = FORMATS["coco"].read(tmp_path / "in")
    if scale == 1:
        write_annotations(tmp_path / "out", annotations)
        return
    with refuses(where="a", value="one pixel"):
        write_annotations(tmp_path / "out", annotations)
    assert not (tmp_path / "out/masks").exists()


def test_classes_that_differ_only_in_spelling_are_named() -> None:
    names = ["background", "Traffic light", "traffic_light", "tree"]
    assert Tally().notes(names) == ("classes 'Traffic light' and 'traffic_light' differ only in spelling",)


def test_a_class_that_may_be_void_is_named_and_can_be_made_void(tmp_path: Path) -> None:
    write_image(tmp_path / "in/a.png")
    shapes = [{"label": label, "points": points} for label, points in (("Don't care", SMALL), ("car", LARGE))]
    write_json(tmp_path / "in/a.json", labelme(*shapes))
    [note] = write_annotations(tmp_path / "out", FORMATS["labelme"].read(tmp_path / "in"))
    assert "is a class like any other" in note
    table = tmp_path / "out/classes.yaml"
    content = yaml.safe_load(table.read_text())
    [entry] = [each for each in content["classes"] if each["name"] == "Don't care"]
    content["classes"].remove(entry)
    content["ignore"].append(entry["value"])
    table.write_text(yaml.safe_dump(content))
    source = FolderSource(tmp_path / "out")
    assert source.classes.names == ("background", "car")
    assert read_back(source) == {"a": AS_VOID}


AS_VOID = [".111111.", ".1xxx11.", ".1xxx11.", ".1xxx11.", ".111111.", "........"]


def test_many_images_without_an_object_are_pointed_out(tmp_path: Path) -> None:
    """An export of a project that is not finished: images that nobody has labelled yet are no background."""
    objects = [{"id": 1, "image_id": 1, "category_id": 7, "segmentation": [[0, 0, 5, 0, 5, 5]]}]
    images = [{"id": number, "file_name": f"{number}.png"} for number in range(1, 4)]
    for number in range(1, 4):
        write_image(tmp_path / "in" / f"{number}.png", seed=number)
    write_json(tmp_path / "in/a.json", coco(images=images, annotations=objects))
    notes = write_annotations(tmp_path / "out", FORMATS["coco"].read(tmp_path / "in"))
    assert any(note.startswith("2 of 3 images without an object") for note in notes)
