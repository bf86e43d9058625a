"""The notes of `segarena convert`: what is left out is one line for each reason, with its number and five names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from annotated import coco, draw, write_image, write_json
from segarena.annotations.annotations import Annotations
from segarena.annotations.painting import Kept, Tally
from segarena.converters.coco import read_coco
from segarena.converters.geojson import read_geojson
from segarena.converters.rle_csv import read_rle_csv
from segarena.converters.via import read_via
from segarena.converters.yolo import read_yolo

Reader = Callable[[Path], Annotations]
SQUARE = {"name": "rect", "x": 1, "y": 1, "width": 3, "height": 3}
VIA = {"filename": "good.png", "regions": [{"shape_attributes": SQUARE, "region_attributes": {"kind": "cat"}}]}


def yolo_unlabelled(root: Path) -> None:
    (root / "good.txt").write_text("0 0.1 0.1 0.9 0.1 0.9 0.9 0.2 0.9 0.1 0.5\n")


def via_unlabelled(root: Path) -> None:
    write_json(root / "via.json", {"good": VIA})


def geojson_unlabelled(root: Path) -> None:
    geometry = {"type": "Polygon", "coordinates": [[[1, 1], [4, 1], [4, 4], [1, 1]]]}
    write_json(root / "good.geojson", {"type": "Feature", "geometry": geometry, "properties": {}})


def csv_unlabelled(root: Path) -> None:
    (root / "train.csv").write_text("ImageId,EncodedPixels\ngood.png,14 3\n")


def coco_unlabelled(root: Path) -> None:
    write_json(root / "a.json", coco(images=[{"id": 1, "file_name": "good.png"}]))


@pytest.mark.parametrize(
    ("read", "write"),
    [
        (read_coco, coco_unlabelled),
        (read_yolo, yolo_unlabelled),
        (read_via, via_unlabelled),
        (read_geojson, geojson_unlabelled),
        (read_rle_csv, csv_unlabelled),
    ],
)
def test_images_left_out_are_one_note_with_five_names(
    read: Reader, write: Callable[[Path], None], tmp_path: Path
) -> None:
    for name in ("good", *"abcdefg"):
        write_image(tmp_path / f"{name}.png")
    write(tmp_path)
    [note] = [note for note in read(tmp_path).notes if note.startswith("7 images")]
    assert note.endswith("(a.png, b.png, c.png, d.png, e.png and 2 more)")


def test_images_found_under_another_name_are_in_the_notes(tmp_path: Path) -> None:
    """VIA's file has photo.jpg, and the image was saved again as photo.png."""
    write_image(tmp_path / "good.png")
    write_json(tmp_path / "via.json", {"good": {**VIA, "filename": "good.jpg"}})
    assert any("good.png for good.jpg" in note for note in read_via(tmp_path).notes)


def test_classes_under_others_have_at_most_six_notes() -> None:
    tally = Tally()
    tally.add("a", draw(["." * 8] * 8), [Kept(label, 10, 1) for label in range(1, 9) for _ in range(label)])
    notes = [note for note in tally.notes([f"c{n}" for n in range(9)]) if "object" in note and "are in" not in note]
    assert [note.split(":")[0] for note in notes[:-1]] == ["c4", "c5", "c6", "c7", "c8"]
    assert "6 objects of 3 other classes" in notes[-1]
