"""COCO's JSON: polygons, both kinds of RLE, crowds, panoptic PNGs, and the folders that people keep them in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from annotated import COCO_MASK, HEIGHT, WIDTH, coco, convert, read_back, write_image, write_json
from segarena.data.converters.coco import read_coco
from segarena.data.converters.write import write_annotations
from segarena.data.folder import FolderSource
from segarena.errors import DataError

RING = [0, 0, 8, 0, 8, 6, 0, 6]
#: The 3 x 3 square of COCO_MASK: one before it, then 3 of every 6, down the columns.
SQUARE_COUNTS = [13, 3, 3, 3, 3, 3, 20]


def annotation(category: int, segmentation: object, **more: object) -> dict[str, Any]:
    return {"id": 1, "image_id": 1, "category_id": category, "segmentation": segmentation, "iscrowd": 0, **more}


def prepare(root: Path, **changes: Any) -> Path:
    write_image(root / "a.png")
    write_json(root / "labels.json", coco(**changes))
    return root


def test_a_polygon_becomes_its_pixels_and_categories_follow_the_background_by_id(tmp_path: Path) -> None:
    masks = convert(read_coco, prepare(tmp_path / "coco"), tmp_path / "out")
    assert masks == {"a": COCO_MASK}
    source = FolderSource(tmp_path / "out")
    assert source.classes.names == ("background", "cat", "dog")
    assert source.classes.ignore == (255,)
    assert (tmp_path / "out/images/a.png").read_bytes() == (tmp_path / "coco/a.png").read_bytes()


@pytest.mark.parametrize("counts", [SQUARE_COUNTS, "=33000a0"], ids=["list", "string"])
def test_both_kinds_of_rle_give_the_same_mask(counts: object, tmp_path: Path) -> None:
    segmentation = {"size": [HEIGHT, WIDTH], "counts": counts}
    root = prepare(tmp_path / "coco", annotations=[annotation(7, segmentation)])
    assert convert(read_coco, root, tmp_path / "out") == {"a": COCO_MASK}


def test_later_objects_lie_over_earlier_ones_and_several_polygons_are_one_object(tmp_path: Path) -> None:
    objects = [annotation(3, [RING]), annotation(7, [[2, 1, 5, 1, 5, 4, 2, 4], [6, 5, 8, 5, 8, 6, 6, 6]])]
    rows = ["11111111", "11222111", "11222111", "11222111", "11111111", "11111122"]
    assert convert(read_coco, prepare(tmp_path / "one", annotations=objects), tmp_path / "1") == {"a": rows}
    backwards = prepare(tmp_path / "two", annotations=[*objects[::-1]])
    with pytest.raises(DataError, match="only"):
        convert(read_coco, backwards, tmp_path / "2")  # all of it is cat: nothing to tell apart
    assert (np.asarray(Image.open(tmp_path / "2/masks/a.png")) == 1).all()


def test_a_crowd_is_void_but_for_the_objects_drawn_in_it(tmp_path: Path) -> None:
    crowd = annotation(3, {"size": [HEIGHT, WIDTH], "counts": [0, 24, 24]}, iscrowd=1)
    for order in ([annotation(7, [[2, 1, 5, 1, 5, 4, 2, 4]]), crowd], [crowd, *coco()["annotations"]]):
        root = prepare(tmp_path / f"crowd{order.index(crowd)}", annotations=order)
        rows = ["xxxx....", "xx222...", "xx222...", "xx222...", "xxxx....", "xxxx...."]
        assert convert(read_coco, root, tmp_path / f"out{order.index(crowd)}") == {"a": rows}


def test_a_category_called_background_is_class_0(tmp_path: Path) -> None:
    categories = [{"id": 3, "name": "cat"}, {"id": 7, "name": "Background"}]
    objects = [annotation(3, [RING]), annotation(7, [[2, 1, 5, 1, 5, 4, 2, 4]])]
    root = prepare(tmp_path / "coco", categories=categories, annotations=objects)
    rows = ["11111111", "11...111", "11...111", "11...111", "11111111", "11111111"]
    assert convert(read_coco, root, tmp_path / "out") == {"a": rows}


def test_the_layout_of_coco_itself(tmp_path: Path) -> None:
    """Splits by the names of the files; captions and keypoints beside them are other tasks."""
    root = tmp_path / "coco"
    for split, name in (("train", "000001.jpg"), ("val", "000002.jpg")):
        write_image(root / f"{split}2017" / name)
        image = {"id": 1, "file_name": name, "width": WIDTH, "height": HEIGHT}
        write_json(root / f"annotations/instances_{split}2017.json", coco(images=[image]))
        write_json(root / f"annotations/captions_{split}2017.json", {"images": [image], "annotations": []})
        write_json(root / f"annotations/person_keypoints_{split}2017.json", coco(images=[image]))
    masks = convert(read_coco, root, tmp_path / "out")
    assert masks == {"train/000001": COCO_MASK, "val/000002": COCO_MASK}
    notes = " ".join(read_coco(root).notes)
    assert "person_keypoints_train2017.json" in notes


def test_one_file_of_several_and_one_split_of_several_have_no_split(tmp_path: Path) -> None:
    root = tmp_path / "coco"
    write_image(root / "val2017" / "a.png")
    path = write_json(root / "annotations" / "instances_val2017.json", coco())
    assert convert(read_coco, path, tmp_path / "out") == {"a": COCO_MASK}


def test_a_file_of_annotations_in_each_splits_folder_where_numbers_start_anew(tmp_path: Path) -> None:
    root = tmp_path / "robot"
    for seed, split in enumerate(("train", "valid", "test")):
        write_image(root / split / "a.png", seed=seed)
        write_json(root / split / "_annotations.coco.json", coco())
    masks = convert(read_coco, root, tmp_path / "out")
    assert set(masks) == {"train/a", "val/a", "test/a"}
    for split, theirs in (("train", "train"), ("val", "valid"), ("test", "test")):
        assert (tmp_path / f"out/images/{split}/a.png").read_bytes() == (root / theirs / "a.png").read_bytes()


@pytest.mark.parametrize("name", ["images/a.png", "../media/upload/a.png", "C:\\data\\images\\a.png", "a.png"])
def test_the_image_is_found_whatever_folders_its_name_has(name: str, tmp_path: Path) -> None:
    write_image(tmp_path / "coco/images/a.png")
    image = {"id": 1, "file_name": name}  # without a size
    write_json(tmp_path / "coco/result.json", coco(images=[image]))
    assert convert(read_coco, tmp_path / "coco", tmp_path / "out") == {"a": COCO_MASK}


def test_equal_names_in_two_folders_are_told_apart(tmp_path: Path) -> None:
    images = [{"id": number, "file_name": f"{folder}/a.png"} for number, folder in ((1, "left"), (2, "right"))]
    for folder in ("left", "right"):
        write_image(tmp_path / "coco" / folder / "a.png")
    write_json(tmp_path / "coco/labels.json", coco(images=images))
    masks = convert(read_coco, tmp_path / "coco", tmp_path / "out")
    assert masks == {"left__a": COCO_MASK, "right__a": ["." * WIDTH] * HEIGHT}


def test_what_has_no_area_is_left_out_and_said(tmp_path: Path) -> None:
    objects = [*coco()["annotations"], annotation(3, []), annotation(3, [[1, 1, 2, 2]])]
    root = prepare(tmp_path / "coco", annotations=objects)
    assert convert(read_coco, root, tmp_path / "out") == {"a": COCO_MASK}
    assert read_coco(root).notes == ("2 annotations have no area and are left out",)


def test_images_that_are_not_in_the_annotations_are_counted(tmp_path: Path) -> None:
    write_image(tmp_path / "unlabeled2017" / "b.png")
    assert read_coco(prepare(tmp_path)).notes == ("1 image not in the annotations: left out",)


def test_only_boxes_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="boxes only"):
        read_coco(prepare(tmp_path, annotations=[annotation(3, [])]))


def panoptic(root: Path, ids: list[list[int]], **changes: Any) -> Path:
    """A panoptic set with one image whose segments are `ids` by pixel."""
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
    write_json(root / "annotations" / "panoptic_train2017.json", {**content, **changes})
    return root


def test_panoptic_ids_are_red_and_256_green_and_65536_blue_and_the_rest_is_void(tmp_path: Path) -> None:
    root = panoptic(tmp_path / "coco", [[7, 7, 196908], [0, 258, 196908]])
    assert convert(read_coco, root, tmp_path / "out") == {"a": ["..1", "xx1"]}
    classes = FolderSource(tmp_path / "out").classes
    assert classes.names == ("sky", "sea")
    assert classes.colors[0] == (1, 2, 3)


def test_a_segment_that_is_not_described_names_the_png_and_leaves_nothing_behind(tmp_path: Path) -> None:
    root = panoptic(tmp_path / "coco", [[7, 9]])
    with pytest.raises(DataError, match=r"panoptic_train2017/a\.png: has the segment 9"):
        write_annotations(tmp_path / "out", read_coco(root))
    assert list((tmp_path / "out").iterdir()) == []


def test_instances_win_over_panoptic_beside_them(tmp_path: Path) -> None:
    root = panoptic(tmp_path / "coco", [[7] * 8] * 6)
    write_json(root / "annotations/instances_train2017.json", coco())
    write_annotations(tmp_path / "out", read_coco(root))
    assert read_back(FolderSource(tmp_path / "out")) == {"a": COCO_MASK}
    assert read_coco(root).notes == ("passed over: panoptic_train2017.json",)
