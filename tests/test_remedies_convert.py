"""Every remedy of a conversion that is refused is followed, and the annotations are converted then.

COCO, LabelMe, CVAT, YOLO, VOC, run lengths in CSV, and a mask for each object.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

import segarena
from annotated import VOC_PALETTE, coco, cvat, cvat_image, labelme, write_bowl, write_image, write_mask, write_voc
from broken_folders import Spoil, both, fill
from segarena.api.calls import in_python
from segarena.errors import DataError

pytestmark = pytest.mark.long

ROWS = ["........", "..111...", "..111...", "..111...", "........", "........"]
INVERTED = {"x": ["0xxx", "xxxx"], "y": ["xxx0", "xxxx"]}
OBJECTS = {"x": ["x000", "0000"], "y": ["000x", "0000"]}
SQUARE = {"label": "leaf", "points": [[2, 1], [5, 1], [5, 4], [2, 4]]}
LINE = "0 0.2 0.2 0.6 0.2 0.6 0.6 0.2 0.6\n"


class Refused(NamedTuple):
    """What is written, words of the remedy, the edit that they ask for, and the file or options that they name."""

    title: str
    source: str
    spoil: Spoil
    words: str
    edit: Spoil = lambda root: None
    file: str = ""
    options: dict[str, Any] = {}  # noqa: RUF012 - never changed
    before: dict[str, Any] = {}  # noqa: RUF012 - the options that are refused


def image(*names: str) -> Spoil:
    def spoil(root: Path) -> None:
        for number, name in enumerate(names):
            write_image(root / name, seed=number)

    return spoil


def coco_in(file: str = "a.json", **changes: Any) -> Spoil:
    return both(image("a.png"), fill(file, json.dumps(coco(**changes))))


def of_object(**changes: Any) -> Spoil:
    return coco_in(annotations=[{**coco()["annotations"][0], **changes}])


def gone(*names: str) -> Spoil:
    def spoil(root: Path) -> None:
        for name in names:
            (root / name).unlink()

    return spoil


def rename(old: str, new: str) -> Spoil:
    def spoil(root: Path) -> None:
        (root / old).rename(root / new)

    return spoil


def bowl(masks: dict[str, list[str]]) -> Spoil:
    return lambda root: write_bowl(root, "a", **masks)


def voc(root: Path) -> None:
    """Masks in colours, one of which is not in the labelmap."""
    write_voc(root, "a", rows=ROWS)
    (root / "labelmap.txt").write_text("# label:color_rgb:parts:actions\nbackground:0,0,0::\nbud:0,128,0::\n")
    colored = write_mask(root / "SegmentationClass" / "a.png", ROWS, VOC_PALETTE)
    Image.open(colored).convert("RGB").save(colored)


def geojson(*properties: dict[str, Any]) -> Spoil:
    corners = [[[2, 1], [5, 1], [5, 4], [2, 4], [2, 1]]]
    features = [
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": corners}, "properties": one}
        for one in properties
    ]
    return both(image("a.png"), fill("a.geojson", json.dumps({"type": "FeatureCollection", "features": features})))


TWICE = [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "a.png"}]

CASES = [
    Refused("another file", "coco", both(image("a.png"), fill("a.json", "[1, 2]")), "Name the JSON file",
            fill("b.json", json.dumps(coco())), file="b.json"),
    Refused("two files of one image", "coco", both(coco_in("train.json"), coco_in("all.json")), "Name one of the files",
            file="train.json"),
    Refused("an image twice", "coco", coco_in(images=TWICE), "Remove one of the two entries", coco_in()),
    Refused("only boxes", "coco", of_object(segmentation=[]), "Export with masks", coco_in()),
    Refused("no class", "coco", coco_in(categories=[], annotations=[]), "right annotations", coco_in()),
    Refused("no name to display", "coco", coco_in(categories=[{"id": 7, "name": "\x07"}]), "Give it a name", coco_in()),
    Refused("bytes that are no text", "coco", both(image("a.png"), fill("a.json", b'{"a": "\xff"}')),
            "Save it as UTF-8", coco_in()),
    Refused("no image", "coco", both(coco_in(), gone("a.png")), "Put the image there", image("a.png")),
    Refused("some in no split", "coco", both(coco_in("train/x.json"), image("b.png"), fill("y.json", json.dumps(
            coco(images=[{"id": 1, "file_name": "b.png"}])))), "a file named for train, val or test",
            rename("y.json", "val.json")),
    Refused("no shapes", "labelme", both(image("a.png"), fill("a.json", "{}")), "Name the folder",
            both(image("b/a.png"), fill("b/a.json", json.dumps(labelme(SQUARE)))), file="b"),
    Refused("no labels", "cvat", both(image("a.png"), fill("annotations.xml", cvat(cvat_image(), meta=""))),
            "Export it again as CVAT for images 1.1", fill("annotations.xml", cvat(cvat_image()))),
    Refused("boxes", "yolo", both(image("images/a.png"), fill("labels/a.txt", "0 0.5 0.5 0.2 0.2\n")), "at least three",
            fill("labels/a.txt", LINE)),
    Refused("two lists of names", "yolo", both(image("images/a.png"), fill("labels/a.txt", LINE), fill("data.yaml",
            "names: [leaf]"), fill("old.yaml", "names: [crack]")), "Name the data.yaml", file="data.yaml"),
    Refused("two labels of an image", "yolo", both(image("images/a.png"), fill("labels/a.txt", LINE),
            fill("old/a.txt", LINE)), "Move one of the two away", gone("old/a.txt")),
    Refused("a colour without a name", "voc", voc, "Add the colour to", fill("labelmap.txt",
            "# label:color_rgb:parts:actions\nbackground:0,0,0::\nbud:0,128,0::\nleaf:128,0,0::\n")),
    Refused("inverted masks", "instances", bowl(INVERTED), "255 in the object", bowl(OBJECTS)),
    Refused("columns of other names", "rle-csv", both(image("a.png"), fill("train.csv", "picture,code\na.png,9 3\n")),
            "Name the columns ImageId and EncodedPixels", fill("train.csv", "ImageId,EncodedPixels\na.png,9 3\n")),
    Refused("several attributes", "geojson", geojson({"surface": "a", "owner": "b"}, {"surface": "c", "owner": "d"}),
            "--class-attribute NAME", options={"class_attribute": "surface"}),
    Refused("another attribute", "geojson", geojson({"kind": "a"}, {"kind": "c"}), "Name one of these",
            options={"class_attribute": "kind"}, before={"class_attribute": "sort"}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_the_remedy_gets_further(case: Refused, tmp_path: Path) -> None:
    root = tmp_path / "my data"
    root.mkdir()
    case.spoil(root)
    with pytest.raises(DataError) as caught:
        segarena.convert(root, tmp_path / "out", source=case.source, **case.before)
    assert in_python(case.words) in caught.value.remedy, caught.value
    case.edit(root)
    segarena.convert(root / case.file, tmp_path / "out", source=case.source, **case.options)
    assert [*(tmp_path / "out").rglob("masks")]
