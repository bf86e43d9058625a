"""Wrong annotations: a DataError names the file and the entry, and nothing is written."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from annotated import (
    HEIGHT,
    WIDTH,
    coco,
    cvat,
    cvat_image,
    labelme,
    write_bowl,
    write_image,
    write_json,
    write_mask,
    write_voc,
)
from segarena.data.converters.annotations import Annotations
from segarena.data.converters.coco import read_coco
from segarena.data.converters.cvat import read_cvat
from segarena.data.converters.instances import read_instances
from segarena.data.converters.labelme import read_labelme
from segarena.data.converters.voc import read_voc
from segarena.data.converters.write import write_annotations
from support import refuses

Reader = Callable[[Path], Annotations]
#: Writes what is wrong into a folder, beside an image a.png.
Spoil = Callable[[Path], object]
#: What is wrong, and the parts of the error: the file or folder that it names | the entry | the value.
Case = tuple[str, Spoil, str]

ENTITIES = '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'


def text_file(name: str, content: str | bytes) -> Spoil:
    return lambda root: (root / name).write_bytes(content.encode() if isinstance(content, str) else content)


def several(*steps: Spoil) -> Spoil:
    return lambda root: [step(root) for step in steps]


def coco_file(**changes: Any) -> Spoil:
    return lambda root: write_json(root / "labels.json", coco(**changes))


def coco_object(**changes: Any) -> Spoil:
    return coco_file(annotations=[{**coco()["annotations"][0], **changes}])


def coco_rle(counts: object, size: object = (HEIGHT, WIDTH)) -> Spoil:
    return coco_object(segmentation={"size": size, "counts": counts})


def coco_names(*names: str) -> Spoil:
    return coco_file(categories=[{"id": number, "name": name} for number, name in enumerate(names, start=3)])


def image(number: int, name: str, **more: object) -> dict[str, Any]:
    return {"id": number, "file_name": name, **more}


COCO: tuple[Case, ...] = (
    ("broken JSON", text_file("labels.json", '{"images": ['), "labels.json | not valid JSON"),
    ("bytes that are no text", text_file("labels.json", b"\xff\xfe{}"), "labels.json | cannot be read"),
    ("JSON without end", text_file("labels.json", "[" * 100_000), "labels.json | not valid JSON"),
    ("JSON of something else", text_file("labels.json", "[1, 2]"), "labels.json | no COCO annotation"),
    ("no annotation file", lambda root: None, " | .json"),
    ("no such folder", lambda root: (root / "a.png").unlink() or root.rmdir(), " | does not exist"),
    (
        "two files of one split",
        several(coco_file(), lambda root: write_json(root / "more.json", coco())),
        " | labels.json and more.json",
    ),
    ("an unknown category", coco_object(category_id=99), "labels.json | annotations[0] (id 5) | category 99"),
    ("a category that is no number", coco_object(category_id=None), "labels.json | annotations[0] | None"),
    ("an unknown image id", coco_object(image_id=2), "labels.json | annotations[0] | image 2"),
    ("a missing image", coco_file(images=[image(1, "b.png")]), "labels.json | images[0] | 'b.png'"),
    ("an image without a name", coco_file(images=[{"id": 1}]), "labels.json | images[0] | 'file_name'"),
    (
        "an image id used twice",
        coco_file(images=[image(1, "a.png"), image(1, "a.png")]),
        "labels.json | images[1] | id 1",
    ),
    ("an image named twice", coco_file(images=[image(1, "a.png"), image(2, "a.png")]), "a.png | twice"),
    (
        "an image of another size",
        coco_file(images=[image(1, "a.png", width=6, height=8)]),
        "labels.json | images[0] | 6 x 8 pixels",
    ),
    ("an image that is none", several(coco_file(), text_file("a.png", "text")), "a.png | not an image"),
    ("an odd count", coco_object(segmentation=[[1, 2, 3, 4, 5, 6, 7]]), "labels.json | (id 5) | 7 coordinates"),
    ("no coordinate", coco_object(segmentation=[[1, 2, 3, None, 5, 6]]), "labels.json | (id 5) | None"),
    ("a far coordinate", coco_object(segmentation=[[1, 2, 3, 1e99, 5, 6]]), "labels.json | (id 5) | 1e+99"),
    ("a coordinate NaN", coco_object(segmentation=[[1, 2, 3, float("nan"), 5, 6]]), "labels.json | (id 5) | nan"),
    ("a flat list", coco_object(segmentation=[1, 2, 3, 4, 5, 6]), "labels.json | (id 5) | [1, 2, 3, 4, 5, 6]"),
    ("a segmentation of another kind", coco_object(segmentation="polygon"), "labels.json | (id 5) | 'counts'"),
    ("an RLE of another size", coco_rle([48], size=(4, 12)), "labels.json | (id 5) | (4, 12)"),
    ("an RLE that is too short", coco_rle([13, 3]), "labels.json | (id 5) | 16 pixels"),
    ("an RLE below zero", coco_rle([50, -2]), "labels.json | (id 5) | run length 50"),
    ("a broken compressed RLE", coco_rle("=3T"), "labels.json | (id 5) | ends within"),
    ("categories of one name", coco_names("cat", "cat"), "labels.json | 'cat'"),
    ("a category without a name", coco_file(categories=[{"id": 7}]), "labels.json | categories[0] | 'name'"),
    ("a name that cannot be displayed", coco_names("cat", "\ud800"), "labels.json | '\\ud800'"),
    ("too many categories", coco_names(*(f"c{n}" for n in range(300))), "labels.json | 301 classes"),
    ("no categories", coco_file(categories=[], annotations=[]), "labels.json | only the class 'background'"),
    ("no images", coco_file(images=[], annotations=[]), "out | no image"),
    ("only boxes", coco_object(segmentation=[]), " | only boxes"),
    (
        "a missing panoptic PNG",
        coco_object(segments_info=[], file_name="a.png"),
        "labels.json | annotations[0] | labels/a.png",
    ),
)


def shapes(**changes: Any) -> Spoil:
    shape = {"label": "leaf", "points": [[0, 0], [3, 3]], "shape_type": "rectangle", **changes}
    shape = {key: value for key, value in shape.items() if value != "missing"}
    return lambda root: write_json(root / "labels.json", labelme(shape))


def labelme_file(**changes: Any) -> Spoil:
    return lambda root: write_json(root / "labels.json", labelme(**changes))


LABELME: tuple[Case, ...] = (
    ("something else", text_file("labels.json", "{}"), "labels.json | shapes"),
    ("a missing image", labelme_file(imagePath="b.png"), "labels.json | image | 'b.png'"),
    ("no image at all", labelme_file(imagePath=None), "labels.json | image | imagePath"),
    ("another size", labelme_file(imageWidth=9), "labels.json | image | 9 x 6 pixels"),
    (
        "imageData that is no image",
        labelme_file(imageData=base64.b64encode(b"no image").decode()),
        "labels.json (imageData) | not an image",
    ),
    ("imageData that is no base64", labelme_file(imageData="a"), "labels.json | image | base64"),
    ("a point of three numbers", shapes(points=[[1, 2, 3]]), "labels.json | shapes[0] | [[1, 2, 3]]"),
    ("a point that is no number", shapes(points=[["a", 2], [1, 1]]), "labels.json | shapes[0] | 'a'"),
    ("one corner", shapes(points=[[1, 2]]), "labels.json | shapes[0] | 1 points"),
    ("an unknown shape", shapes(shape_type="cube"), "labels.json | shapes[0] | 'cube'"),
    ("no label", shapes(label="missing"), "labels.json | shapes[0] | 'label'"),
    ("a mask that is none", shapes(shape_type="mask", mask="aaaa"), "labels.json (mask) | not an image"),
    ("only background", labelme_file(), " | only the class 'background'"),
)


def cvat_file(shape: str, head: str = "", **changes: str) -> Spoil:
    return lambda root: (root / "labels.xml").write_text(cvat(cvat_image(shape, **changes), head=head))


CVAT: tuple[Case, ...] = (
    ("broken XML", text_file("labels.xml", "<annotations>"), "labels.xml | not valid XML"),
    ("a DOCTYPE", cvat_file("", head=f"<!DOCTYPE x [{ENTITIES}]>"), "labels.xml | DOCTYPE"),
    (
        "a DOCTYPE in UTF-16",
        text_file("labels.xml", f'<?xml version="1.0"?><!DOCTYPE x [{ENTITIES}]><x>&b;</x>'.encode("utf-16")),
        "labels.xml | DOCTYPE",
    ),
    ("boxes of VOC", text_file("labels.xml", "<annotation/>"), "labels.xml | no CVAT annotation"),
    ("a video", text_file("labels.xml", "<annotations><track/></annotations>"), "labels.xml | video"),
    ("no labels", text_file("labels.xml", "<annotations><image/></annotations>"), "labels.xml | no labels"),
    ("an unknown label", cvat_file('<box label="dog"/>'), "labels.xml | image a.png, box 0 | 'dog'"),
    ("a missing corner", cvat_file('<box label="car" xtl="1"/>'), "labels.xml | image a.png, box 0 | None"),
    ("half a point", cvat_file('<polygon label="car" points="1,2;3"/>'), "labels.xml | polygon 0 | '1,2;3'"),
    ("an unknown element", cvat_file('<blob label="car"/>'), "labels.xml | blob 0 | 'blob'"),
    ("a missing image", cvat_file("", name="b.png"), "labels.xml | image b.png | 'b.png'"),
    ("another size", cvat_file("", size='width="6" height="8"'), "labels.xml | image a.png | 6 x 8 pixels"),
    ("no size", cvat_file("", size=""), "labels.xml | image a.png | height"),
    (
        "a mask larger than its image",
        cvat_file('<mask label="car" rle="0, 900000000000" left="0" top="0" width="900000" height="1000000"/>'),
        "labels.xml | mask 0 | 900000 x 1000000",
    ),
    (
        "an rle of the wrong size",
        cvat_file('<mask label="car" rle="1, 2" left="0" top="0" width="2" height="2"/>'),
        "labels.xml | mask 0 | 3 pixels",
    ),
)


def voc(*steps: Spoil, rows: tuple[str, ...] = ("0123", "0123"), lists: dict[str, str] | None = None) -> Spoil:
    return several(lambda root: write_voc(root, "a", rows=list(rows), lists=lists), *steps)


def write_small(name: str) -> Spoil:
    return lambda root: write_mask(root / name, ["01"])


VOC: tuple[Case, ...] = (
    ("something else", lambda root: None, " | JPEGImages"),
    ("a mask without an image", voc(write_small("SegmentationClass/b.png")), "JPEGImages/b.jpg | has a mask"),
    ("an image in two lists", voc(lists={"train": "a", "val": "a"}), "ImageSets/Segmentation/val.txt | a: | train.txt"),
    (
        "a listed image without a mask",
        voc(lists={"train": "a b"}),
        "ImageSets/Segmentation/train.txt | b: | SegmentationClass/b.png",
    ),
    (
        "a mask of another size",
        voc(lambda root: write_image(root / "JPEGImages/a.jpg", size=(2, 2))),
        "SegmentationClass/a.png | 4 x 2 pixels",
    ),
    (
        "colours instead of indices",
        voc(lambda root: write_image(root / "SegmentationClass/a.png", size=(4, 2))),
        "SegmentationClass/a.png | colour",
    ),
    (
        "an index without a name",
        voc(text_file("class_names.txt", "ground\nweed\n")),
        "SegmentationClass/a.png | index 2",
    ),
    (
        "two folders of masks",
        several(voc(), lambda root: write_voc(root / "again", "a", rows=["01", "01"])),
        " | more than one folder SegmentationClass",
    ),
)


def bowl(*steps: Spoil) -> Spoil:
    return several(lambda root: write_bowl(root, "abc", one=["11..", "...."]), *steps)


INSTANCES: tuple[Case, ...] = (
    ("something else", lambda root: None, " | folder of masks"),
    ("a mask of another size", bowl(write_small("abc/masks/2.png")), "abc/masks/2.png | 2 x 1 pixels"),
    (
        "a damaged mask",
        bowl(lambda root: (root / "abc/masks/one.png").write_bytes((root / "abc/masks/one.png").read_bytes()[:45])),
        "abc/masks/one.png | cannot be read",
    ),
    (
        "a transparent mask",
        bowl(lambda root: Image.new("RGBA", (4, 2)).save(root / "abc/masks/one.png")),
        "abc/masks/one.png | transparent",
    ),
)

READERS: dict[Reader, tuple[Case, ...]] = {
    read_coco: COCO,
    read_labelme: LABELME,
    read_cvat: CVAT,
    read_voc: VOC,
    read_instances: INSTANCES,
}


@pytest.mark.parametrize(
    ("read", "spoil", "expected"),
    [
        pytest.param(read, *rest, id=f"{read.__name__.removeprefix('read_')}: {title}")
        for read, cases in READERS.items()
        for title, *rest in cases
    ],
)
def test_the_error_names_file_and_entry_and_nothing_is_written(
    read: Reader, spoil: Spoil, expected: str, tmp_path: Path
) -> None:
    write_image(tmp_path / "in" / "a.png")
    spoil(tmp_path / "in")
    where, *values = expected.split(" | ")
    with refuses(where=tmp_path / "out" if where == "out" else tmp_path / "in" / where) as caught:
        write_annotations(tmp_path / "out", read(tmp_path / "in"))
    for value in values:
        assert value in caught.value.what
    assert len(str(caught.value)) < 700
    assert not list((tmp_path / "out").rglob("*")), "part of a data set is left"


def test_an_archive_has_to_be_unpacked(tmp_path: Path) -> None:
    (tmp_path / "labels.zip").write_bytes(b"PK")
    with refuses(where=tmp_path / "labels.zip", value=".json") as caught:
        read_coco(tmp_path / "labels.zip")
    assert "unpack" in caught.value.remedy


def test_an_image_turned_by_exif_after_it_was_annotated_is_refused(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "a.png", exif=exif)
    write_json(tmp_path / "labels.json", coco())
    with refuses(where=tmp_path / "labels.json", value="8 x 6 pixels") as caught:
        read_coco(tmp_path)
    assert "6 x 8" in caught.value.what


def test_nested_entities_are_not_expanded(tmp_path: Path) -> None:
    entities = '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 30))
    (tmp_path / "a.xml").write_text(f"<!DOCTYPE x [{entities}]><annotations>&a29;</annotations>")
    with refuses(where=tmp_path / "a.xml", value="DOCTYPE"):
        read_cvat(tmp_path)


def test_json_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    (tmp_path / "labels.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(coco()).encode())
    assert len(read_coco(tmp_path).images) == 1
