"""Wrong annotations: a DataError names the file and the entry, and nothing is written."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from annotated import (
    HEIGHT,
    WIDTH,
    check_refusal,
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
from broken_folders import Spoil, both, fill, leave, save
from segarena.annotations.annotations import Annotations
from segarena.converters.coco import read_coco
from segarena.converters.cvat import read_cvat
from segarena.converters.instances import read_instances
from segarena.converters.labelme import read_labelme
from segarena.converters.voc import read_voc
from support import refuses

Reader = Callable[[Path], Annotations]
#: What is wrong, and the parts of the error: the file or folder that it names | the entry | the value.
Case = tuple[str, Spoil, str]

NO_IMAGE = base64.b64encode(b"no image").decode()
ENTITIES = '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'


def small_mask(name: str) -> Spoil:
    return lambda root: write_mask(root / name, ["01"])


def picture(name: str, width: int, height: int) -> Spoil:
    return lambda root: write_image(root / name, size=(width, height))


def coco_file(**changes: Any) -> Spoil:
    return fill("a.json", json.dumps(coco(**changes)))


def coco_object(**changes: Any) -> Spoil:
    return coco_file(annotations=[{**coco()["annotations"][0], **changes}])


def coco_rle(counts: object, size: object = (HEIGHT, WIDTH)) -> Spoil:
    return coco_object(segmentation={"size": size, "counts": counts})


def coco_names(*names: str) -> Spoil:
    return coco_file(categories=[{"id": number, "name": name} for number, name in enumerate(names, start=3)])


def image(number: int, name: str, **more: object) -> dict[str, Any]:
    return {"id": number, "file_name": name, **more}


COCO: tuple[Case, ...] = (
    ("broken JSON", fill("a.json", '{"images": ['), "a.json | not valid JSON"),
    ("bytes that are no text", fill("a.json", b'{"a": "\xff"}'), "a.json | UTF-8"),
    ("JSON without end", fill("a.json", "[" * 100_000), "a.json | not valid JSON"),
    ("JSON of something else", fill("a.json", "[1, 2]"), "a.json | not a COCO annotation"),
    ("no annotation file", leave, " | .json"),
    ("no such folder", lambda root: (root / "a.png").unlink() or root.rmdir(), " | does not exist"),
    (
        "two files of one image",
        both(fill("train.json", json.dumps(coco())), fill("all.json", json.dumps(coco()))),
        " | all.json and train.json",
    ),
    ("two files of one split", both(coco_file(), fill("b.json", json.dumps(coco()))), " | a.json and b.json"),
    ("an unknown category", coco_object(category_id=99), "a.json | annotations[0] (id 5) | category 99"),
    ("a category that is no number", coco_object(category_id=None), "a.json | annotations[0] | None"),
    ("an unknown image id", coco_object(image_id=2), "a.json | annotations[0] | image 2"),
    ("a missing image", coco_file(images=[image(1, "b.png")]), "a.json | images[0] | 'b.png'"),
    ("an image without a name", coco_file(images=[{"id": 1}]), "a.json | images[0] | 'file_name'"),
    ("an image id used twice", coco_file(images=[image(1, "a.png"), image(1, "a.png")]), "a.json | images[1] | id 1"),
    ("an image named twice", coco_file(images=[image(1, "a.png"), image(2, "a.png")]), "a.png | twice"),
    ("another size", coco_file(images=[image(1, "a.png", width=6, height=8)]), "a.json | images[0] | 6 x 8 pixels"),
    ("an image that is none", both(coco_file(), fill("a.png", "text")), "a.png | not an image"),
    ("an odd count", coco_object(segmentation=[[1, 2, 3, 4, 5, 6, 7]]), "a.json | (id 5) | 7 coordinates"),
    ("no coordinate", coco_object(segmentation=[[1, 2, 3, None, 5, 6]]), "a.json | (id 5) | None"),
    ("a far coordinate", coco_object(segmentation=[[1, 2, 3, 1e99, 5, 6]]), "a.json | (id 5) | 1e+99"),
    ("a coordinate NaN", coco_object(segmentation=[[1, 2, 3, float("nan"), 5, 6]]), "a.json | (id 5) | nan"),
    ("a flat list", coco_object(segmentation=[1, 2, 3, 4, 5, 6]), "a.json | (id 5) | [1, 2, 3, 4, 5, 6]"),
    ("a segmentation of another kind", coco_object(segmentation="polygon"), "a.json | (id 5) | 'counts'"),
    ("an RLE of another size", coco_rle([48], size=(4, 12)), "a.json | (id 5) | (4, 12)"),
    ("an RLE that is too short", coco_rle([13, 3]), "a.json | (id 5) | 16 pixels"),
    ("an RLE below zero", coco_rle([50, -2]), "a.json | (id 5) | run length 50"),
    ("a broken compressed RLE", coco_rle("=3T"), "a.json | (id 5) | ends within"),
    (
        "an id of two categories",
        coco_file(categories=[{"id": 7, "name": n} for n in "ab"]),
        "a.json | categories[1] | 'a'",
    ),
    ("a category without a name", coco_file(categories=[{"id": 7}]), "a.json | categories[0] | 'name'"),
    ("a name that cannot be displayed", coco_names("cat", "\ud800"), "a.json | '\\ud800'"),
    ("too many categories", coco_names(*(f"c{n}" for n in range(300))), "a.json | 301 classes"),
    ("no categories", coco_file(categories=[], annotations=[]), "a.json | only the class 'background'"),
    ("no images", coco_file(images=[], annotations=[]), "out | no image"),
    ("only boxes", coco_object(segmentation=[]), " | only boxes"),
    ("a missing panoptic PNG", coco_object(segments_info=[], file_name="a.png"), "a.json | annotations[0] | a/a.png"),
)


def shapes(**changes: Any) -> Spoil:
    shape = {"label": "leaf", "points": [[0, 0], [3, 3]], "shape_type": "rectangle", **changes}
    shape = {key: value for key, value in shape.items() if value != "missing"}
    return fill("a.json", json.dumps(labelme(shape)))


def labelme_file(**changes: Any) -> Spoil:
    return fill("a.json", json.dumps(labelme(**changes)))


LABELME: tuple[Case, ...] = (
    ("something else", fill("a.json", "{}"), "a.json | shapes"),
    ("a missing image", fill("c.json", json.dumps(labelme(imagePath="b.png"))), "c.json | image | 'b.png'"),
    ("another image", both(labelme_file(imagePath="b.png"), picture("b.png", 8, 6)), "a.json | image | b.png"),
    ("no image at all", labelme_file(imagePath=None), "a.json | image | imagePath"),
    ("another size", labelme_file(imageWidth=9), "a.json | image | 9 x 6 pixels"),
    ("imageData of no image", labelme_file(imageData=NO_IMAGE, imageWidth=9), "a.json (imageData) | not an image"),
    ("imageData that is no base64", labelme_file(imageData="a", imageWidth=9), "a.json | image | base64"),
    ("a point of three numbers", shapes(points=[[1, 2, 3]]), "a.json | shapes[0] | [[1, 2, 3]]"),
    ("a point that is no number", shapes(points=[["a", 2], [1, 1]]), "a.json | shapes[0] | 'a'"),
    ("one corner", shapes(points=[[1, 2]]), "a.json | shapes[0] | 1 point,"),
    ("an unknown shape", shapes(shape_type="cube"), "a.json | shapes[0] | 'cube'"),
    ("no label", shapes(label="missing"), "a.json | shapes[0] | 'label'"),
    ("a mask that is none", shapes(shape_type="mask", mask="aaaa"), "a.json (mask) | not an image"),
    ("only background", labelme_file(), " | only the class 'background'"),
)


UTF_16 = f'<?xml version="1.0"?><!DOCTYPE x [{ENTITIES}]><x>&b;</x>'.encode("utf-16")


def cvat_file(shape: str, head: str = "", **changes: str) -> Spoil:
    return fill("a.xml", cvat(cvat_image(shape, **changes), head=head))


def cvat_mask(rle: str, width: int, height: int) -> Spoil:
    return cvat_file(f'<mask label="car" rle="{rle}" left="0" top="0" width="{width}" height="{height}"/>')


CVAT: tuple[Case, ...] = (
    ("broken XML", fill("a.xml", "<annotations>"), "a.xml | not valid XML"),
    ("a DOCTYPE", cvat_file("", head=f"<!DOCTYPE x [{ENTITIES}]>"), "a.xml | DOCTYPE"),
    ("a DOCTYPE in UTF-16", fill("a.xml", UTF_16), "a.xml | DOCTYPE"),
    ("boxes of VOC", fill("a.xml", "<annotation/>"), "a.xml | annotation of images by CVAT"),
    ("a video", fill("a.xml", "<annotations><track/></annotations>"), "a.xml | video"),
    ("no labels", fill("a.xml", "<annotations><image/></annotations>"), "a.xml | no labels"),
    ("an unknown label", cvat_file('<box label="dog"/>'), "a.xml | image a.png, box 0 | 'dog'"),
    ("a missing corner", cvat_file('<box label="car" xtl="1"/>'), "a.xml | image a.png, box 0 | None"),
    ("half a point", cvat_file('<polygon label="car" points="1,2;3"/>'), "a.xml | polygon 0 | '1,2;3'"),
    ("an unknown element", cvat_file('<blob label="car"/>'), "a.xml | blob 0 | 'blob'"),
    ("a missing image", cvat_file("", name="b.png"), "a.xml | image b.png | 'b.png'"),
    ("another size", cvat_file("", size='width="6" height="8"'), "a.xml | image a.png | 6 x 8 pixels"),
    ("no size", cvat_file("", size=""), "a.xml | image a.png | height"),
    ("a large mask", cvat_mask("0, 900000000000", 900000, 1000000), "a.xml | mask 0 | 900000 x 1000000"),
    ("an rle of the wrong size", cvat_mask("1, 2", 2, 2), "a.xml | mask 0 | 3 pixels"),
)


def voc(*steps: Spoil, rows: tuple[str, ...] = ("0123", "0123"), lists: dict[str, str] | None = None) -> Spoil:
    return both(lambda root: write_voc(root, "a", rows=list(rows), lists=lists), *steps)


LISTS, MASK = "ImageSets/Segmentation", "SegmentationClass/a.png"
VOC: tuple[Case, ...] = (
    ("something else", leave, " | JPEGImages"),
    ("a mask without an image", voc(small_mask("SegmentationClass/b.png")), "JPEGImages/b.jpg | has a mask"),
    ("an image in two lists", voc(lists={"train": "a", "val": "a"}), f"{LISTS}/val.txt | a: | train.txt"),
    ("no mask of a listed image", voc(lists={"train": "a b"}), f"{LISTS}/train.txt | b: | SegmentationClass/b.png"),
    ("a mask of another size", voc(picture("JPEGImages/a.jpg", 2, 2)), f"{MASK} | 4 x 2 pixels"),
    ("colours instead of indices", voc(picture(MASK, 4, 2)), f"{MASK} | colour"),
    ("an index without a name", voc(fill("class_names.txt", "ground\nweed\n")), f"{MASK} | index 2"),
    ("a labelmap of another form", voc(fill("labelmap.txt", "a b c")), "labelmap.txt | 'a b c'"),
    (
        "a colour that is not in the labelmap",
        voc(fill("labelmap.txt", "a:1,2,3::\nb:4,5,6::"), picture(MASK, 4, 2)),
        f"{MASK} | colour",
    ),
    ("two folders of masks", both(voc(), lambda root: voc()(root / "again")), " | SegmentationClass"),
)


def bowl(*steps: Spoil) -> Spoil:
    return both(lambda root: write_bowl(root, "abc", one=["11..", "...."]), *steps)


ONE = "abc/masks/one.png"
INSTANCES: tuple[Case, ...] = (
    ("something else", leave, " | folder of masks"),
    ("a mask of another size", bowl(small_mask("abc/masks/2.png")), "abc/masks/2.png | 2 x 1 pixels"),
    ("a damaged mask", bowl(lambda root: os.truncate(root / ONE, 45)), f"{ONE} | cannot be read"),
    (
        "masks that are white outside the objects",
        lambda root: write_bowl(root, "abc", one=["0111", "1111"], two=["1111", "1110"]),
        " | white outside",
    ),
    ("a transparent mask", bowl(save(ONE, Image.new("RGBA", (4, 2)))), f"{ONE} | transparent"),
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
    check_refusal(read, tmp_path / "in", expected)


def test_an_archive_has_to_be_unpacked(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK")
    with refuses(where=tmp_path / "a.zip", value=".json") as caught:
        read_coco(tmp_path / "a.zip")
    assert "unpack" in caught.value.remedy


def test_an_image_turned_by_exif_after_it_was_annotated_is_refused(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "a.png", exif=exif)
    write_json(tmp_path / "a.json", coco())
    with refuses(where=tmp_path / "a.json", value="8 x 6 pixels") as caught:
        read_coco(tmp_path)
    assert "6 x 8" in caught.value.what


def test_nested_entities_are_not_expanded(tmp_path: Path) -> None:
    entities = '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 30))
    (tmp_path / "a.xml").write_text(f"<!DOCTYPE x [{entities}]><annotations>&a29;</annotations>")
    with refuses(where=tmp_path / "a.xml", value="DOCTYPE"):
        read_cvat(tmp_path)


def test_json_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(coco()).encode())
    assert len(read_coco(tmp_path).images) == 1
