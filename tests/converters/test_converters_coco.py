"""COCO's JSON: polygons, both kinds of RLE, crowds, panoptic PNGs, and the folders that it comes in."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from annotated import COCO_MASK, HEIGHT, SQUARE, WIDTH, coco, convert, read_back, write_image, write_json
from segarena.annotations.write import write_annotations
from segarena.converters.coco import read_coco
from segarena.data.folder import FolderSource
from support import refuses

WHOLE = [0, 0, 8, 0, 8, 6, 0, 6]
#: The 3 x 3 square of COCO_MASK, down the columns: 13 pixels outside, then 3 of every 6 inside.
SQUARE_COUNTS = [13, 3, 3, 3, 3, 3, 20]


def annotation(category: int, segmentation: object, **more: object) -> dict[str, Any]:
    return {"id": 1, "image_id": 1, "category_id": category, "segmentation": segmentation, "iscrowd": 0, **more}


def prepare(root: Path, **changes: Any) -> Path:
    write_image(root / "a.png")
    write_json(root / "labels.json", coco(**changes))
    return root


def test_classes_are_the_background_and_then_categories_by_id(tmp_path: Path) -> None:
    assert convert(read_coco, prepare(tmp_path / "coco"), tmp_path / "out") == {"a": COCO_MASK}
    source = FolderSource(tmp_path / "out")
    assert source.classes.names == ("background", "cat", "dog")
    assert source.classes.ignore == (255,)
    assert (tmp_path / "out/images/a.png").read_bytes() == (tmp_path / "coco/a.png").read_bytes()


CROWD = annotation(3, {"size": [HEIGHT, WIDTH], "counts": [0, 24, 24]}, iscrowd=1)
DOG = annotation(7, [SQUARE])


@pytest.mark.parametrize(
    ("objects", "rows"),
    [
        ([annotation(7, {"size": [HEIGHT, WIDTH], "counts": SQUARE_COUNTS})], COCO_MASK),
        ([annotation(7, {"size": [HEIGHT, WIDTH], "counts": "=33000a0"})], COCO_MASK),
        (
            [annotation(3, [WHOLE]), annotation(7, [SQUARE, [6, 5, 8, 5, 8, 6, 6, 6]])],
            ["11111111", "11222111", "11222111", "11222111", "11111111", "11111122"],
        ),
        (
            [annotation(3, [[0, 0, 8, 0, 8, 3, 0, 3]]), DOG],
            ["11111111", "11222111", "11222111", "..222...", "........", "........"],
        ),
        ([DOG, CROWD], ["xxxx....", "xx222...", "xx222...", "xx222...", "xxxx....", "xxxx...."]),
        ([CROWD, DOG], ["xxxx....", "xx222...", "xx222...", "xx222...", "xxxx....", "xxxx...."]),
    ],
    ids=["RLE", "compressed RLE", "several polygons", "smaller above", "a crowd behind", "a crowd in front"],
)
def test_objects_become_their_pixels(objects: list[dict[str, Any]], rows: list[str], tmp_path: Path) -> None:
    root = prepare(
        tmp_path / "coco",
        annotations=objects,
        images=[{**coco()["images"][0], "coco_url": "http://images.cocodataset.org/a.png"}],
    )
    assert convert(read_coco, root, tmp_path / "out") == {"a": rows}


def test_a_category_named_background_is_class_0(tmp_path: Path) -> None:
    categories = [{"id": 3, "name": "cat"}, {"id": 7, "name": "Background"}]
    root = prepare(tmp_path / "coco", categories=categories, annotations=[annotation(3, [WHOLE]), DOG])
    rows = ["11111111", "11...111", "11...111", "11...111", "11111111", "11111111"]
    assert convert(read_coco, root, tmp_path / "out") == {"a": rows}


def test_splits_are_in_the_names_of_the_instances_files(tmp_path: Path) -> None:
    for split, name in (("train", "000001.jpg"), ("val", "000002.jpg")):
        write_image(tmp_path / f"coco/{split}2017" / name)
        image = {"id": 1, "file_name": name, "width": WIDTH, "height": HEIGHT}
        folder = tmp_path / "coco/annotations"
        write_json(folder / f"instances_{split}2017.json", coco(images=[image]))
        write_json(folder / f"captions_{split}2017.json", {"images": [image], "annotations": []})
        write_json(folder / f"person_keypoints_{split}2017.json", coco(images=[image]))
    masks = convert(read_coco, tmp_path / "coco", tmp_path / "out")
    assert masks == {"train/000001": COCO_MASK, "val/000002": COCO_MASK}
    assert "person_keypoints_train2017.json" in " ".join(read_coco(tmp_path / "coco").notes)


def test_one_file_of_several_has_no_split(tmp_path: Path) -> None:
    write_image(tmp_path / "coco/val2017/a.png")
    path = write_json(tmp_path / "coco/annotations/instances_val2017.json", coco())
    assert convert(read_coco, path, tmp_path / "out") == {"a": COCO_MASK}


def test_each_split_may_have_a_file_in_its_folder_with_equal_ids(tmp_path: Path) -> None:
    root = tmp_path / "robot"
    for seed, split in enumerate(("train", "valid", "test")):
        write_image(root / split / "a.png", seed=seed)
        write_json(root / split / "_annotations.coco.json", coco())
    masks = convert(read_coco, root, tmp_path / "out")
    assert set(masks) == {"train/a", "val/a", "test/a"}
    for split, theirs in (("train", "train"), ("val", "valid"), ("test", "test")):
        assert (tmp_path / f"out/images/{split}/a.png").read_bytes() == (root / theirs / "a.png").read_bytes()


@pytest.mark.parametrize("name", ["images/a.png", "../media/upload/a.png", "C:\\data\\images\\a.png", "a.png"])
def test_an_image_is_found_whatever_folders_its_name_has(name: str, tmp_path: Path) -> None:
    write_image(tmp_path / "coco/images/a.png")
    write_json(tmp_path / "coco/result.json", coco(images=[{"id": 1, "file_name": name}]))  # without a size
    assert convert(read_coco, tmp_path / "coco", tmp_path / "out") == {"a": COCO_MASK}


def test_images_of_equal_names_get_their_folders_in_front(tmp_path: Path) -> None:
    images = [{"id": number, "file_name": f"{folder}/a.png"} for number, folder in ((1, "left"), (2, "right"))]
    for folder in ("left", "right"):
        write_image(tmp_path / "coco" / folder / "a.png")
    write_json(tmp_path / "coco/labels.json", coco(images=images))
    masks = convert(read_coco, tmp_path / "coco", tmp_path / "out")
    assert masks == {"left__a": COCO_MASK, "right__a": ["." * WIDTH] * HEIGHT}


def test_what_is_left_out_is_in_the_notes(tmp_path: Path) -> None:
    write_image(tmp_path / "coco/unlabeled2017/b.png")
    write_image(tmp_path / "coco/masks/a.png")
    write_json(tmp_path / "coco/other.json", {"name": "something else"})
    objects = [DOG, annotation(3, []), annotation(3, [[1, 1, 2, 2]])]
    images = [*coco()["images"], {"id": 2, "file_name": "gone.png"}]
    annotations = read_coco(prepare(tmp_path / "coco", annotations=objects, images=images))
    assert annotations.notes == (
        "1 JSON file not read (other.json)",
        f"1 image of the annotations not below {tmp_path / 'coco'}: left out (gone.png)",
        "2 annotations without an area: left out (a.png)",
        "1 image not in the annotations: left out (unlabeled2017/b.png)",
    )


# Panoptic PNGs


def panoptic(root: Path, ids: list[list[int]]) -> Path:
    """Write a panoptic set with one image and its segments, `ids` of each pixel."""
    numbers = np.array(ids)
    pixels = np.stack([numbers % 256, numbers // 256 % 256, numbers // 65536], axis=-1).astype(np.uint8)
    write_image(root / "train2017" / "a.png", size=(numbers.shape[1], numbers.shape[0]))
    folder = root / "annotations" / "panoptic_train2017"
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(folder / "a.png")
    segments = [{"id": 7, "category_id": 2}, {"id": 65536 * 3 + 300, "category_id": 5}]
    segments.append({"id": 258, "category_id": 5, "iscrowd": 1})
    content = {
        "images": [{"id": "x", "file_name": "a.png"}],
        "categories": [{"id": 2, "name": "sky", "color": [1, 2, 3]}, {"id": 5, "name": "sea", "isthing": 0}],
        "annotations": [{"image_id": "x", "file_name": "a.png", "segments_info": segments}],
    }
    write_json(root / "annotations" / "panoptic_train2017.json", content)
    return root


def test_panoptic_ids_are_in_all_three_channels_and_0_is_void(tmp_path: Path) -> None:
    root = panoptic(tmp_path / "coco", [[7, 7, 196908], [0, 258, 196908]])
    assert convert(read_coco, root, tmp_path / "out") == {"a": ["..1", "xx1"]}
    classes = FolderSource(tmp_path / "out").classes
    assert classes.names == ("sky", "sea")
    assert classes.colors[0] == (1, 2, 3)


@pytest.mark.parametrize("name", ["../../other.png", "/etc/other.png", "C:\\other.png", "..\\other.png"])
def test_a_panoptic_png_outside_of_the_folder_is_not_read(name: str, tmp_path: Path) -> None:
    root = panoptic(tmp_path / "coco", [[7, 7, 196908], [0, 258, 196908]])
    place = root / "annotations/panoptic_train2017.json"
    content = json.loads(place.read_text())
    inside = root / "annotations" / "panoptic_train2017" / content["annotations"][0]["file_name"]
    (tmp_path / "other.png").write_bytes(inside.read_bytes())
    content["annotations"][0]["file_name"] = name.replace("/etc", str(tmp_path))
    write_json(place, content)
    with refuses(where=place, value="outside"):
        read_coco(root)


def test_a_panoptic_png_beside_its_image_is_found(tmp_path: Path) -> None:
    root = panoptic(tmp_path / "coco", [[7, 7, 196908], [0, 258, 196908]])
    content = json.loads((root / "annotations/panoptic_train2017.json").read_text())
    content["annotations"][0]["file_name"] = "a_label_ground-truth_coco-panoptic.png"
    (root / "annotations/panoptic_train2017/a.png").rename(root / "train2017/a_label_ground-truth_coco-panoptic.png")
    shutil.rmtree(root / "annotations")
    write_json(root / "export_coco-panoptic_user_data_v1.json", content)
    assert convert(read_coco, root, tmp_path / "out") == {"a": ["..1", "xx1"]}
    assert not any("not in the annotations" in note for note in read_coco(root).notes)


def test_two_panoptic_annotations_of_an_image_are_refused(tmp_path: Path) -> None:
    root = panoptic(tmp_path / "coco", [[7, 7, 196908], [0, 258, 196908]])
    path = root / "annotations/panoptic_train2017.json"
    content = json.loads(path.read_text())
    write_json(path, content | {"annotations": 2 * content["annotations"]})
    with refuses(where=path, value="annotations[1]"):
        read_coco(root)


def test_a_panoptic_png_that_does_not_fit_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    root = panoptic(tmp_path / "coco", [[7, 9]])
    png = root / "annotations/panoptic_train2017/a.png"
    with refuses(where=png, value="segment 9"):
        write_annotations(tmp_path / "out", read_coco(root))
    Image.fromarray(np.full((1, 2), 7, dtype=np.uint16)).save(png)
    with refuses(where=png, value="16 bits"):
        write_annotations(tmp_path / "out", read_coco(root))
    assert not (tmp_path / "out").exists()


def test_instances_are_read_and_panoptic_files_beside_them_ignored(tmp_path: Path) -> None:
    root = panoptic(tmp_path / "coco", [[7] * 8] * 6)
    write_json(root / "annotations/instances_train2017.json", coco())
    write_annotations(tmp_path / "out", read_coco(root))
    assert read_back(FolderSource(tmp_path / "out")) == {"a": COCO_MASK}
    assert "1 JSON file not read (annotations/panoptic_train2017.json)" in read_coco(root).notes
