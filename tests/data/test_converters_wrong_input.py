"""Annotations that cannot be right: one DataError that names the file and the entry, and nothing is written."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from annotated import HEIGHT, WIDTH, coco, write_image, write_json, write_mask
from segarena.data.converters.annotations import Annotations
from segarena.data.converters.coco import read_coco
from segarena.data.converters.cvat import read_cvat
from segarena.data.converters.instances import read_instances
from segarena.data.converters.labelme import read_labelme
from segarena.data.converters.voc import read_voc
from segarena.data.converters.write import write_annotations
from segarena.errors import DataError

Reader = Callable[[Path], Annotations]
Case = tuple[Reader, Callable[[Path], object], list[str]]

ENTITIES = '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'


def coco_file(**changes: Any) -> Callable[[Path], object]:
    return lambda root: write_json(root / "labels.json", coco(**changes))


def coco_object(**changes: Any) -> Callable[[Path], object]:
    return coco_file(annotations=[{**coco()["annotations"][0], **changes}])


def coco_rle(counts: object, size: object = (HEIGHT, WIDTH)) -> Callable[[Path], object]:
    return coco_object(segmentation={"size": size, "counts": counts})


def labelme_shape(**changes: Any) -> Callable[[Path], object]:
    shape = {"label": "leaf", "points": [[0, 0], [3, 3]], "shape_type": "rectangle", **changes}
    shape = {key: value for key, value in shape.items() if value != "missing"}
    return labelme_file(shapes=[shape])


def labelme_file(**changes: Any) -> Callable[[Path], object]:
    content = {"shapes": [], "imagePath": "a.png", "imageData": None, "imageHeight": HEIGHT, "imageWidth": WIDTH}
    return lambda root: write_json(root / "labels.json", {**content, **changes})


def cvat(
    shape: str, *, head: str = "", image: str = f'name="a.png" width="{WIDTH}" height="{HEIGHT}"'
) -> Callable[[Path], object]:
    meta = "<meta><task><labels><label><name>car</name></label></labels></task></meta>"
    text = f'<?xml version="1.0"?>{head}<annotations>{meta}<image {image}>{shape}</image></annotations>'
    return lambda root: (root / "labels.xml").write_text(text)


def text_file(name: str, content: str | bytes) -> Callable[[Path], object]:
    return lambda root: (root / name).write_bytes(content.encode() if isinstance(content, str) else content)


def several(*steps: Callable[[Path], object]) -> Callable[[Path], object]:
    return lambda root: [step(root) for step in steps]


def voc(rows: tuple[str, ...] = ("0123", "0123"), lists: dict[str, str] | None = None) -> Callable[[Path], object]:
    def write(root: Path) -> None:
        (root / "a.png").unlink()
        write_image(root / "JPEGImages/a.jpg", size=(4, 2))
        write_mask(root / "SegmentationClass/a.png", list(rows))
        for name, content in (lists or {}).items():
            path = root / "ImageSets/Segmentation" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)

    return write


def bowl(root: Path) -> None:
    (root / "a.png").unlink()
    write_image(root / "abc/images/abc.png", size=(4, 2))
    write_mask(root / "abc/masks/1.png", ["11..", "...."])


def read_coco_archive(root: Path) -> Annotations:
    return read_coco(root / "labels.zip")


TWO = [{"id": 1, "file_name": "a.png"}, {"id": 1, "file_name": "a.png"}]
CASES: dict[str, Case] = {
    "broken JSON": (read_coco, text_file("labels.json", '{"images": ['), ["labels.json", "not valid JSON"]),
    "bytes that are no text": (read_coco, text_file("labels.json", b"\xff\xfe{}"), ["labels.json", "cannot be read"]),
    "JSON without end": (read_coco, text_file("labels.json", "[" * 100_000), ["labels.json", "not valid JSON"]),
    "JSON of something else": (read_coco, text_file("labels.json", "[1, 2]"), ["labels.json", "no COCO annotation"]),
    "no annotation file": (read_coco, lambda root: None, ["has no .json file"]),
    "no such folder": (read_coco, lambda root: (root / "a.png").unlink() or root.rmdir(), ["does not exist"]),
    "an archive": (read_coco_archive, text_file("labels.zip", b"PK"), ["labels.zip: is no .json file", "unpack"]),
    "two files of one split": (
        read_coco,
        several(coco_file(), lambda root: write_json(root / "more.json", coco())),
        ["labels.json and more.json for the same split"],
    ),
    "a category that does not exist": (
        read_coco,
        coco_object(category_id=99),
        ["annotations[0] (id 5)", "category 99"],
    ),
    "a category that is no number": (read_coco, coco_object(category_id=None), ["annotations[0]", "None"]),
    "an image id that does not exist": (read_coco, coco_object(image_id=2), ["annotations[0]", "image 2"]),
    "a missing image": (
        read_coco,
        coco_file(images=[{"id": 1, "file_name": "b.png"}]),
        ["labels.json", "images[0]", "'b.png' is not below"],
    ),
    "an image without a name": (read_coco, coco_file(images=[{"id": 1}]), ["images[0]", "'file_name'"]),
    "an image id used twice": (read_coco, coco_file(images=TWO), ["images[1]", "id 1"]),
    "an image named twice": (read_coco, coco_file(images=[TWO[0], {**TWO[1], "id": 2}]), ["a.png", "annotated twice"]),
    "an image of another size": (
        read_coco,
        coco_file(images=[{"id": 1, "file_name": "a.png", "width": 6, "height": 8}]),
        ["images[0]", "6 x 8", "8 x 6"],
    ),
    "an image that is none": (read_coco, several(coco_file(), text_file("a.png", "text")), ["a.png", "not an image"]),
    "an odd number of coordinates": (read_coco, coco_object(segmentation=[[1, 2, 3, 4, 5, 6, 7]]), ["(id 5)", "odd"]),
    "a coordinate that is none": (read_coco, coco_object(segmentation=[[1, 2, 3, None, 5, 6]]), ["(id 5)", "None"]),
    "a coordinate far away": (read_coco, coco_object(segmentation=[[1, 2, 3, 1e99, 5, 6]]), ["(id 5)", "1e+99"]),
    "a coordinate NaN": (read_coco, coco_object(segmentation=[[1, 2, 3, float("nan"), 5, 6]]), ["(id 5)", "nan"]),
    "a flat list of coordinates": (read_coco, coco_object(segmentation=[1, 2, 3, 4, 5, 6]), ["(id 5)", "polygons"]),
    "a segmentation of another kind": (read_coco, coco_object(segmentation="polygon"), ["(id 5)", "'counts'"]),
    "an RLE of another size": (read_coco, coco_rle([48], size=(4, 12)), ["(id 5)", "(4, 12)"]),
    "an RLE that is too short": (read_coco, coco_rle([13, 3]), ["(id 5)", "16 pixels", "48"]),
    "an RLE below zero": (read_coco, coco_rle([50, -2]), ["(id 5)", "run length"]),
    "a broken compressed RLE": (read_coco, coco_rle("=3T"), ["(id 5)", "ends within"]),
    "categories of one name": (
        read_coco,
        coco_file(categories=[{"id": 3, "name": "cat"}, {"id": 7, "name": "cat"}]),
        ["labels.json", "two categories", "'cat'"],
    ),
    "a category without a name": (read_coco, coco_file(categories=[{"id": 7}]), ["categories[0]", "'name'"]),
    "a category without a readable name": (
        read_coco,
        coco_file(categories=[{"id": 3, "name": "cat"}, {"id": 7, "name": "\ud800"}]),
        ["labels.json", "a class is called '\\ud800'"],
    ),
    "too many categories": (
        read_coco,
        coco_file(categories=[{"id": number, "name": f"c{number}"} for number in range(300)]),
        ["labels.json", "301 classes", "255"],
    ),
    "no categories": (read_coco, coco_file(categories=[], annotations=[]), ["labels.json", "1 classes"]),
    "no images": (read_coco, coco_file(images=[], annotations=[]), ["no image"]),
    "a panoptic PNG that is missing": (
        read_coco,
        coco_object(segments_info=[], file_name="a.png"),
        ["annotations[0]", "labels/a.png does not exist"],
    ),
    "LabelMe: nothing of the kind": (read_labelme, text_file("labels.json", "{}"), ["labels.json", "shapes"]),
    "LabelMe: a missing image": (read_labelme, labelme_file(imagePath="b.png"), ["labels.json", "'b.png'"]),
    "LabelMe: no image at all": (read_labelme, labelme_file(imagePath=None), ["labels.json", "imagePath"]),
    "LabelMe: another size": (read_labelme, labelme_file(imageWidth=9), ["labels.json", "9 x 6", "8 x 6"]),
    "LabelMe: imageData that is no image": (
        read_labelme,
        labelme_file(imageData=base64.b64encode(b"no image").decode()),
        ["labels.json (imageData): is not an image"],
    ),
    "LabelMe: imageData that is no base64": (read_labelme, labelme_file(imageData="a"), ["labels.json", "base64"]),
    "LabelMe: a point with three numbers": (read_labelme, labelme_shape(points=[[1, 2, 3]]), ["shapes[0]", "pairs"]),
    "LabelMe: a point that is no number": (
        read_labelme,
        labelme_shape(points=[["a", 2], [1, 1]]),
        ["shapes[0]", "'a'"],
    ),
    "LabelMe: one corner": (read_labelme, labelme_shape(points=[[1, 2]]), ["shapes[0]", "1 points"]),
    "LabelMe: an unknown shape": (read_labelme, labelme_shape(shape_type="cube"), ["shapes[0]", "'cube'"]),
    "LabelMe: no label": (read_labelme, labelme_shape(label="missing"), ["shapes[0]", "'label'"]),
    "LabelMe: a mask that is none": (
        read_labelme,
        labelme_shape(shape_type="mask", mask="aaaa"),
        ["labels.json (mask): is not an image"],
    ),
    "LabelMe: only background": (read_labelme, labelme_file(), ["1 classes"]),
    "CVAT: broken XML": (read_cvat, text_file("labels.xml", "<annotations>"), ["labels.xml", "not valid XML"]),
    "CVAT: a DOCTYPE": (read_cvat, cvat("", head=f"<!DOCTYPE x [{ENTITIES}]>"), ["labels.xml", "DOCTYPE"]),
    "CVAT: a DOCTYPE in UTF-16": (
        read_cvat,
        text_file("labels.xml", f'<?xml version="1.0"?><!DOCTYPE x [{ENTITIES}]><x>&b;</x>'.encode("utf-16")),
        ["labels.xml", "DOCTYPE"],
    ),
    "CVAT: boxes of VOC": (read_cvat, text_file("labels.xml", "<annotation/>"), ["labels.xml", "CVAT for images"]),
    "CVAT: a video": (read_cvat, text_file("labels.xml", "<annotations><track/></annotations>"), ["for video"]),
    "CVAT: no labels": (read_cvat, text_file("labels.xml", "<annotations><image/></annotations>"), ["no labels"]),
    "CVAT: an unknown label": (read_cvat, cvat('<box label="dog"/>'), ["image a.png, box 0", "'dog'"]),
    "CVAT: a box without a corner": (read_cvat, cvat('<box label="car" xtl="1"/>'), ["image a.png, box 0", "None"]),
    "CVAT: points that are none": (read_cvat, cvat('<polygon label="car" points="1,2;3"/>'), ["polygon 0", "pairs"]),
    "CVAT: an unknown element": (read_cvat, cvat('<blob label="car"/>'), ["blob 0", "not known"]),
    "CVAT: a missing image": (
        read_cvat,
        cvat("", image='name="b.png" width="8" height="6"'),
        ["image b.png", "not below"],
    ),
    "CVAT: another size": (read_cvat, cvat("", image='name="a.png" width="6" height="8"'), ["image a.png", "6 x 8"]),
    "CVAT: no size": (read_cvat, cvat("", image='name="a.png"'), ["image a.png", "height"]),
    "CVAT: a mask larger than its image": (
        read_cvat,
        cvat('<mask label="car" rle="0, 900000000000" left="0" top="0" width="900000" height="1000000"/>'),
        ["mask 0", "does not fit"],
    ),
    "CVAT: an rle of the wrong size": (
        read_cvat,
        cvat('<mask label="car" rle="1, 2" left="0" top="0" width="2" height="2"/>'),
        ["mask 0", "3 pixels"],
    ),
    "VOC: nothing of the kind": (read_voc, lambda root: None, ["JPEGImages"]),
    "VOC: no image of a mask": (
        read_voc,
        several(voc(), lambda root: write_mask(root / "SegmentationClass/b.png", ["01"])),
        ["JPEGImages/b.jpg", "does not exist"],
    ),
    "VOC: an image in two lists": (
        read_voc,
        voc(lists={"train.txt": "a\n", "val.txt": "a\n"}),
        ["val.txt", "a: is in train.txt, too"],
    ),
    "VOC: a listed image without a mask": (read_voc, voc(lists={"train.txt": "a\nb\n"}), ["train.txt", "b: the mask"]),
    "VOC: a mask of another size": (read_voc, voc(rows=("01", "10")), ["SegmentationClass/a.png", "2 x 2", "4 x 2"]),
    "VOC: colours instead of indices": (
        read_voc,
        several(voc(), lambda root: write_image(root / "SegmentationClass/a.png", size=(4, 2))),
        ["SegmentationClass/a.png", "colour"],
    ),
    "VOC: an index without a name": (
        read_voc,
        several(voc(), text_file("class_names.txt", "ground\nweed\n")),
        ["SegmentationClass/a.png", "index 2", "class_names.txt"],
    ),
    "instances: nothing of the kind": (read_instances, lambda root: None, ["folder of masks"]),
    "instances: a mask of another size": (
        read_instances,
        several(bowl, lambda root: write_mask(root / "abc/masks/2.png", ["11"])),
        ["masks/2.png", "2 x 1", "4 x 2"],
    ),
    "instances: a mask that is damaged": (
        read_instances,
        several(
            bowl, lambda root: (root / "abc/masks/1.png").write_bytes((root / "abc/masks/1.png").read_bytes()[:45])
        ),
        ["masks/1.png", "cannot be read"],
    ),
    "instances: a transparent mask": (
        read_instances,
        several(bowl, lambda root: Image.new("RGBA", (4, 2)).save(root / "abc/masks/1.png")),
        ["masks/1.png", "transparent"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_one_message_names_the_file_and_the_entry_and_nothing_is_written(name: str, tmp_path: Path) -> None:
    read, spoil, expected = CASES[name]
    write_image(tmp_path / "in" / "a.png")
    spoil(tmp_path / "in")
    with pytest.raises(DataError) as raised:
        write_annotations(tmp_path / "out", read(tmp_path / "in"))
    for words in expected:
        assert words in str(raised.value)
    assert raised.value.remedy
    assert len(str(raised.value)) < 700
    assert not list((tmp_path / "out").rglob("*")), "half a data set is left"


def test_an_image_that_is_turned_by_exif_does_not_fit_what_was_drawn_on_it_unturned(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "a.png", exif=exif)
    write_json(tmp_path / "labels.json", coco())
    with pytest.raises(DataError, match="8 x 6 pixels, but .* is shown with 6 x 8"):
        read_coco(tmp_path)


def test_a_billion_laughs_cost_nothing(tmp_path: Path) -> None:
    entities = '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 30))
    (tmp_path / "a.xml").write_text(f"<!DOCTYPE x [{entities}]><annotations>&a29;</annotations>")
    with pytest.raises(DataError, match="DOCTYPE"):
        read_cvat(tmp_path)


def test_json_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    (tmp_path / "labels.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(coco()).encode())
    assert len(read_coco(tmp_path).images) == 1
