"""COCO's JSON as tools write it.

The kinds of situations: a flag that a tool sets for another reason than COCO (iscrowd for each mask of a brush); a
category that is none (Roboflow's id 0); ids that mean another category in each file; names of images that are URLs,
have folders or another ending; sizes that are not filled in; a data set in several files, or of which only some images
were downloaded.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from annotated import COCO_MASK, HEIGHT, SQUARE, WIDTH, coco, convert, write_image, write_json
from segarena.converters.coco import read_coco
from segarena.converters.registry import choose_format
from segarena.data.folder import FolderSource
from support import refuses

#: The square of COCO_MASK as run lengths, down the columns.
RLE = {"size": [HEIGHT, WIDTH], "counts": [13, 3, 3, 3, 3, 3, 20]}
CORNER = [0, 0, 1, 0, 1, 1, 0, 1]
#: The pixel of CORNER as run lengths.
RUNS = {"size": [HEIGHT, WIDTH], "counts": [0, 1, 47]}
VOID_MASK = [row.replace("2", "x") for row in COCO_MASK]
COCO_IMAGE = {"id": 1, "file_name": "a.png", "coco_url": "http://images.cocodataset.org/a.png"}
BLANK = {"contributor": "", "url": "", "version": ""}  # CVAT's info


def brush(**more: Any) -> dict[str, Any]:
    return {"id": 1, "image_id": 1, "category_id": 7, "segmentation": RLE, "iscrowd": 1, **more}


def polygons(count: int, category: int = 7) -> list[dict[str, Any]]:
    corner = {"image_id": 1, "category_id": category, "segmentation": [CORNER], "iscrowd": 0}
    return [{"id": 100 + n, **corner} for n in range(count)]


def rows(mask: list[str], category: int) -> list[str]:
    """The mask with the pixel of CORNER."""
    return [str({3: 1, 7: 2}[category]) + mask[0][1:], *mask[1:]]


@pytest.mark.parametrize(
    ("objects", "changes", "expected"),
    [
        ([brush()], {}, COCO_MASK),
        ([brush(), *polygons(5)], {}, rows(COCO_MASK, 7)),
        ([brush(), *polygons(30)], {}, rows(COCO_MASK, 7)),
        ([brush(), *polygons(30), brush(iscrowd=0, segmentation=RUNS)], {}, rows(VOID_MASK, 7)),
        ([brush(), *polygons(30)], {"info": BLANK}, rows(COCO_MASK, 7)),
        ([brush(attributes={"occluded": False}), *polygons(30)], {}, rows(COCO_MASK, 7)),
        ([brush(), *polygons(30, category=3)], {}, rows(COCO_MASK, 3)),
        ([brush(), *polygons(5)], {"info": {"description": "COCO 2017 Dataset"}}, rows(VOID_MASK, 7)),
        ([brush(), *polygons(1)], {"info": {"description": "COCO 2017 Dataset"}}, rows(COCO_MASK, 7)),
        ([brush()], {"images": [{**COCO_IMAGE, "coco_url": "a.png"}]}, COCO_MASK),
        ([brush(), *polygons(1)], {"images": [COCO_IMAGE]}, rows(VOID_MASK, 7)),
        ([brush()], {"images": [COCO_IMAGE]}, COCO_MASK),
    ],
    ids=[
        "all are flagged",
        "many are flagged",
        "few, and all run lengths",
        "few, among run lengths",
        "few, from CVAT by its info",
        "few, from CVAT by its attributes",
        "all of a class are flagged",
        "COCO by its info",
        "info that was copied from COCO",
        "coco_url that VIA fills in",
        "COCO by its images",
        "all are flagged, on images of COCO",
    ],
)
def test_iscrowd_is_read_by_what_wrote_the_file(
    objects: list[dict[str, Any]], changes: dict[str, Any], expected: list[str], tmp_path: Path
) -> None:
    write_image(tmp_path / "in/a.png")
    write_json(tmp_path / "in/a.json", coco(annotations=objects, **changes))
    assert convert(read_coco, tmp_path / "in", tmp_path / "out") == {"a": expected}
    [note] = [note for note in read_coco(tmp_path / "in").notes if "iscrowd" in note]
    assert note.startswith(f"1 of {len(objects)} object")
    assert "--crowd" in note


@pytest.mark.parametrize("name", ["000000397133", "COCO_val2014_000000397133"])
def test_images_with_cocos_names_are_cocos_own(name: str, tmp_path: Path) -> None:
    """A part of COCO, saved again by a tool that keeps neither info nor addresses."""
    write_image(tmp_path / f"in/{name}.jpg")
    image = {"id": 1, "file_name": f"{name}.jpg"}
    write_json(tmp_path / "in/a.json", coco(images=[image], annotations=[brush(), *polygons(1)]))
    assert convert(read_coco, tmp_path / "in", tmp_path / "out") == {name: rows(VOID_MASK, 7)}


def test_the_user_decides_what_crowds_are(tmp_path: Path) -> None:
    write_image(tmp_path / "in/a.png")
    write_json(tmp_path / "in/a.json", coco(annotations=[brush()]))
    for crowd, expected in (("void", VOID_MASK), ("object", COCO_MASK)):
        [image] = read_coco(tmp_path / "in", crowd=crowd).images  # type: ignore[arg-type]
        assert (image.labels() == 255).any() == (expected is VOID_MASK)


def test_polygons_and_masks_of_a_brush_in_every_second_image(tmp_path: Path) -> None:
    """As CVAT exports a task in which some objects were drawn with the brush."""
    objects, images = [], []
    for number in range(4):
        write_image(tmp_path / "in/images" / f"s{number}.jpg", seed=number)
        images.append({"id": number, "file_name": f"s{number}.jpg", "width": WIDTH, "height": HEIGHT})
        objects.append(brush(id=number, image_id=number, iscrowd=number % 2))
    write_json(tmp_path / "in/annotations/instances_default.json", coco(images=images, annotations=objects))
    assert convert(read_coco, tmp_path / "in", tmp_path / "out") == {f"s{n}": COCO_MASK for n in range(4)}


# Categories

ROBOFLOW = [{"id": 0, "name": "pets", "supercategory": "none"}, {"id": 7, "name": "dog", "supercategory": "pets"}]


@pytest.mark.parametrize(
    ("categories", "names", "note"),
    [
        (ROBOFLOW, ["dog"], "left out: pets"),
        ([{**ROBOFLOW[0], "name": "dog"}, {**ROBOFLOW[1], "supercategory": "dog"}], ["dog"], "'dog' of 0 and 7"),
        ([{"id": 9, "name": "dog"}, {"id": 7, "name": "dog"}], ["dog"], "'dog' of 9 and 7"),
        ([{"id": 900, "name": "cat"}, {"id": 7, "name": "dog"}], ["dog", "cat"], "kept as classes: cat"),
        ([{"id": 7, "name": "dog", "supercategory": "dog"}], ["dog"], None),
        ([{"id": 7, "name": "dog"}, {"id": 8, "name": "background"}, {"id": 9, "name": "Background"}], ["dog"], "kept"),
        ([{"id": 7, "name": "Hund / großer 犬"}], ["Hund / großer 犬"], None),
    ],
    ids=[
        "Roboflow's id 0",
        "of the same name",
        "two ids of one name",
        "sparse ids",
        "its own group",
        "two names of the background",
        "any name",
    ],
)
def test_categories_become_classes(
    categories: list[dict[str, Any]], names: list[str], note: str | None, tmp_path: Path
) -> None:
    write_image(tmp_path / "in/a.png")
    write_json(tmp_path / "in/a.json", coco(categories=categories))
    masks = convert(read_coco, tmp_path / "in", tmp_path / "out")
    assert masks == {"a": [row.replace("2", "1") for row in COCO_MASK]}
    assert FolderSource(tmp_path / "out").classes.names == ("background", *names)
    notes = read_coco(tmp_path / "in").notes
    assert any(note in each for each in notes) if note else not notes


def test_a_group_that_has_objects_itself_stays_a_class(tmp_path: Path) -> None:
    write_image(tmp_path / "in/a.png")
    categories = [{"id": 3, "name": "pets"}, {"id": 7, "name": "dog", "supercategory": "pets"}]
    write_json(tmp_path / "in/a.json", coco(categories=categories, annotations=[brush(iscrowd=0), *polygons(1, 3)]))
    assert convert(read_coco, tmp_path / "in", tmp_path / "out") == {"a": rows(COCO_MASK, 3)}


def test_an_id_may_be_another_category_in_each_file(tmp_path: Path) -> None:
    for split, names in (("train", ["cat", "dog"]), ("valid", ["dog", "cat"])):
        write_image(tmp_path / "in" / split / f"{split}.png")
        content = coco(
            images=[{"id": 1, "file_name": f"{split}.png"}],
            categories=[{"id": number, "name": name} for number, name in enumerate(names)],
            annotations=[brush(iscrowd=0, category_id=names.index("dog"))],
        )
        write_json(tmp_path / "in" / split / "_annotations.coco.json", content)
    masks = convert(read_coco, tmp_path / "in", tmp_path / "out")
    assert masks == {"train/train": COCO_MASK, "val/valid": COCO_MASK}


# Images


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("https://host/upload/a.png?size=9", "images/a.png"),
        ("http://host/my%20photo.png", "my photo.png"),
        ("a.jpg", "a.png"),
        ("a", "a.png"),
        ("2.5mm", "2.5mm.png"),
        ("A.PNG", "a.png"),
        ("C:\\data\\a.png", "images/a.png"),
    ],
)
@pytest.mark.parametrize("size", [{"width": 0, "height": 0}, {"width": None, "height": None}, {}])
def test_an_image_is_found_by_any_name(name: str, file: str, size: dict[str, Any], tmp_path: Path) -> None:
    write_image(tmp_path / "in" / file)
    write_json(tmp_path / "in/a.json", coco(images=[{"id": 1, "file_name": name, **size}]))
    assert list(convert(read_coco, tmp_path / "in", tmp_path / "out").values()) == [COCO_MASK]
    named = Path(name).suffix == ".jpg" or name in ("a", "2.5mm", "A.PNG")
    assert any("another name" in note for note in read_coco(tmp_path / "in").notes) == named


@pytest.mark.parametrize("mask", ["masks/a.png", "SegmentationClass/a.png"])
def test_a_mask_is_never_taken_for_the_image(mask: str, tmp_path: Path) -> None:
    write_image(tmp_path / "in" / mask)
    write_json(tmp_path / "in/a.json", coco(images=[{"id": 1, "file_name": "a.jpg"}]))
    with refuses(where=tmp_path / "in/a.json", value="a.jpg"):
        read_coco(tmp_path / "in")
    write_image(tmp_path / "in/images/a.png", seed=1)
    for name in ("a.jpg", "a.png"):
        write_json(tmp_path / "in/a.json", coco(images=[{"id": 1, "file_name": name}]))
        assert read_coco(tmp_path / "in").images[0].image == tmp_path / "in/images/a.png"


def test_a_data_set_may_be_in_several_files(tmp_path: Path) -> None:
    for name in ("b", "c"):
        write_image(tmp_path / "in" / f"{name}.png")
        write_json(tmp_path / "in" / f"job_{name}.json", coco(images=[{"id": 1, "file_name": f"{name}.png"}]))
    assert convert(read_coco, tmp_path / "in", tmp_path / "out") == {"b": COCO_MASK, "c": COCO_MASK}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_any_unicode_encoding_of_json_is_read(encoding: str, tmp_path: Path) -> None:
    write_image(tmp_path / "in/ä.png")
    text = json.dumps(coco(images=[{"id": 1, "file_name": "ä.png"}]), ensure_ascii=False)
    (tmp_path / "in/a.json").write_bytes(text.encode(encoding))
    assert convert(read_coco, tmp_path / "in", tmp_path / "out") == {"ä": COCO_MASK}


def test_several_polygons_are_one_object(tmp_path: Path) -> None:
    write_image(tmp_path / "in/a.png")
    parts = {"id": 1, "image_id": 1, "category_id": 7, "segmentation": [SQUARE, CORNER], "iscrowd": 0}
    write_json(tmp_path / "in/a.json", coco(annotations=[parts]))
    assert convert(read_coco, tmp_path / "in", tmp_path / "out") == {"a": rows(COCO_MASK, 7)}


def test_objects_far_outside_an_image_without_a_declared_size_are_refused(tmp_path: Path) -> None:
    """Annotated in full size, and delivered with smaller images."""
    write_image(tmp_path / "in/a.png")
    large = {"id": 5, "image_id": 1, "category_id": 7, "segmentation": [[value * 4 for value in SQUARE]]}
    write_json(tmp_path / "in/a.json", coco(images=[{"id": 1, "file_name": "a.png"}], annotations=[large]))
    with refuses(where=tmp_path / "in/a.json", value="annotations[0] (id 5)"):
        read_coco(tmp_path / "in")


def test_run_lengths_in_a_list_are_read(tmp_path: Path) -> None:
    write_image(tmp_path / "in/a.png")
    write_json(tmp_path / "in/a.json", coco(annotations=[brush(segmentation=[RLE], iscrowd=0)]))
    assert convert(read_coco, tmp_path / "in", tmp_path / "out") == {"a": COCO_MASK}


def test_annotations_of_images_that_were_removed_are_left_out(tmp_path: Path) -> None:
    write_image(tmp_path / "in/a.png")
    objects = [brush(iscrowd=0), *polygons(1), brush(image_id=99, iscrowd=0)]
    write_json(tmp_path / "in/a.json", coco(annotations=objects))
    assert convert(read_coco, tmp_path / "in", tmp_path / "out") == {"a": rows(COCO_MASK, 7)}
    assert "1 annotation of an image that is not in the file: left out (a.json)" in read_coco(tmp_path / "in").notes


@pytest.mark.parametrize(("image", "category"), [("1", 7), (1, "7"), ("1", "7"), ("x", "dog")])
def test_ids_may_be_texts(image: str | int, category: str | int, tmp_path: Path) -> None:
    write_image(tmp_path / "in/a.png")
    images = [{"id": str(image), "file_name": "a.png"}]
    categories = [{"id": 3, "name": "cat"}, {"id": category, "name": " dog "}]
    objects = [brush(iscrowd=0, image_id=image, category_id=category)]
    write_json(tmp_path / "in/a.json", coco(images=images, categories=categories, annotations=objects))
    assert convert(read_coco, tmp_path / "in", tmp_path / "out") == {"a": COCO_MASK}


@pytest.mark.parametrize("keys", [["images"], ["annotations"], ["images", "annotations", "categories"]])
def test_tables_by_id_are_read_as_lists(keys: list[str], tmp_path: Path) -> None:
    """`json.dumps(dict)` of a script or of pandas: {"1": {...}} in place of [{"id": 1, ...}]."""
    content = coco()
    for key in keys:
        content[key] = {str(one.pop("id")): one for one in content[key]}
    write_image(tmp_path / "in" / "a.png")
    write_json(tmp_path / "in" / "a.json", content)
    assert choose_format(tmp_path / "in", tmp_path / "out")[0] == "coco"
    assert convert(read_coco, tmp_path / "in", tmp_path / "out") == {"a": COCO_MASK}
