"""Annotations with the same fault in many files or entries: one error with their number and their places.

One cause in three places is one error that names all three; of several causes, the error is on the most frequent one
and counts the others.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

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
from segarena.annotations.annotations import Annotations
from segarena.annotations.reading import Faults
from segarena.annotations.write import write_annotations
from segarena.converters.coco import read_coco
from segarena.converters.cvat import read_cvat
from segarena.converters.geojson import read_geojson
from segarena.converters.instances import read_instances
from segarena.converters.label_images import read_label_images
from segarena.converters.label_studio import read_label_studio
from segarena.converters.labelme import read_labelme
from segarena.converters.rle_csv import read_rle_csv
from segarena.converters.supervisely import read_supervisely
from segarena.converters.via import read_via
from segarena.converters.voc import read_voc
from segarena.converters.yolo import read_yolo
from segarena.errors import DataError
from support import refuses

Reader = Callable[[Path], Annotations]
NAMES = ("a", "b", "c", "good")
BROKEN = NAMES[:3]
ROWS = ["0011", "0011"]


def each(root: Path, write: Callable[[str, bool], object]) -> None:
    """Write an image for each name, and what belongs to it; all but the last are broken."""
    for seed, name in enumerate(NAMES):
        write_image(root / f"{name}.png", seed=seed)
        write(name, name in BROKEN)


def coco_objects(root: Path) -> None:
    [good] = coco()["annotations"]
    write_image(root / "a.png")
    objects = [{**good, "id": number, "category_id": 99 - number} for number in range(3)]
    write_json(root / "a.json", coco(annotations=[*objects, {**good, "id": 3}]))


def coco_images(root: Path) -> None:
    each(root, lambda name, broken: None)
    sizes = [{"width": 20 + number, "height": 10} for number in range(3)]
    images = [{"id": n, "file_name": f"{NAMES[n]}.png", **size} for n, size in enumerate([*sizes, {}])]
    write_json(root / "a.json", coco(images=images, annotations=[]))


def coco_files(root: Path) -> None:
    each(root, lambda name, broken: None)
    for name in BROKEN:
        (root / f"{name}.json").write_text('{"images": [' + name)
    write_json(root / "good.json", coco())


def labelme_files(root: Path) -> None:
    def write(name: str, broken: bool) -> None:
        shape = {"label": "leaf", "points": [[0, 0], [3, 3]], "shape_type": "cube" if broken else "rectangle"}
        write_json(root / f"{name}.json", labelme(shape, imagePath=f"{name}.png"))

    each(root, write)


def cvat_images(root: Path) -> None:
    each(root, lambda name, broken: None)
    box = '<box label="{}" xtl="1" ytl="1" xbr="3" ybr="3"/>'
    images = [cvat_image(box.format("bus" if name in BROKEN else "car"), name=f"{name}.png") for name in NAMES]
    (root / "annotations.xml").write_text(cvat(*images))


def cvat_files(root: Path) -> None:
    each(root, lambda name, broken: (root / f"{name}.xml").write_text("<annotations" if broken else cvat(cvat_image())))


def voc_sizes(root: Path) -> None:
    write_voc(root, *NAMES, rows=ROWS)
    for number, name in enumerate(BROKEN):
        write_mask(root / "SegmentationClass" / f"{name}.png", ["01" * (number + 3)])


def voc_lists(root: Path) -> None:
    write_voc(root, *NAMES, rows=ROWS, lists={"train": " ".join(NAMES)})
    for name in BROKEN:
        (root / "SegmentationClass" / f"{name}.png").unlink()


def yolo_files(root: Path) -> None:
    each(root, lambda name, broken: (root / f"{name}.txt").write_text(f"{7 * broken} 0.1 0.1 0.9 0.1 0.9 0.9\n"))
    (root / "data.yaml").write_text("names: [cat, dog]\n")


def via_region(name: str) -> dict[str, Any]:
    shape = {"name": "cube" if name in BROKEN else "rect", "x": 1, "y": 1, "width": 3, "height": 3}
    return {"filename": f"{name}.png", "regions": [{"shape_attributes": shape, "region_attributes": {"kind": "cat"}}]}


def via_images(root: Path) -> None:
    each(root, lambda name, broken: None)
    write_json(root / "via.json", {name: via_region(name) for name in NAMES})


def via_missing(root: Path) -> None:
    write_image(root / "good.png")
    write_json(root / "via.json", {name: via_region(name) for name in NAMES})


def via_3(root: Path, *, regions: bool = False, views: bool = False) -> None:
    """A project of VIA 3 with a box in each image; in three, its shape or the view is wrong."""
    each(root, lambda name, broken: None)
    files = {str(n): {"fid": n, "fname": f"{name}.png", "type": 2} for n, name in enumerate(NAMES)}
    metadata = {
        n: {"vid": n, "z": [], "xy": [9 if regions and NAMES[int(n)] in BROKEN else 2, 1, 1, 3, 3], "av": {}}
        for n in files
    }
    shown = {n: {"fid_list": [n, n] if views and NAMES[int(n)] in BROKEN else [n]} for n in files}
    content = {"project": {}, "attribute": {}, "file": files, "metadata": metadata, "view": shown}
    write_json(root / "via.json", content)


def via_3_csv(root: Path) -> None:
    each(root, lambda name, broken: None)
    columns = "metadata_id,file_list,flags,temporal_coordinates,spatial_coordinates,metadata"
    heads = f"# ATTRIBUTE = {{}}\n# CSV_HEADER = {columns}\n"
    rows = [f'"1_{name}","[""{name}.png""]",0,[],"[{9 if name in BROKEN else 2},1,1,3,3]",{{}}\n' for name in NAMES]
    (root / "via.csv").write_text(heads + "".join(rows))


def supervisely_files(root: Path) -> None:
    size = {"height": HEIGHT, "width": WIDTH}
    square = {"exterior": [[2, 1], [4, 3]], "interior": []}
    for name in NAMES:
        item = {"classTitle": "cat", "geometryType": "cube" if name in BROKEN else "rectangle", "points": square}
        write_image(root / "ds/img" / f"{name}.png")
        write_json(root / "ds/ann" / f"{name}.png.json", {"size": size, "objects": [item]})


def label_studio_tasks(root: Path) -> None:
    each(root, lambda name, broken: None)
    tasks = []
    for number, name in enumerate(NAMES, start=1):
        value = {"x": 50, "y": 0, "width": "wide" if name in BROKEN else 50, "height": 50, "rectanglelabels": ["cat"]}
        size = {"original_width": WIDTH, "original_height": HEIGHT}
        result = {"id": "r", "type": "rectanglelabels", "value": value, **size}
        tasks.append({"id": number, "data": {"image": f"/data/{name}.png"}, "annotations": [{"result": [result]}]})
    write_json(root / "project.json", tasks)


def geojson_files(root: Path) -> None:
    def write(name: str, broken: bool) -> None:
        ring = [[1, 1], [4, 1], [4, "x" if broken else 4], [1, 1]]
        geometry = {"type": "Polygon", "coordinates": [ring]}
        properties = {"classification": {"name": "cell"}}
        write_json(root / f"{name}.geojson", {"type": "Feature", "geometry": geometry, "properties": properties})

    each(root, write)


def csv_rows(root: Path) -> None:
    each(root, lambda name, broken: None)
    rows = [f"{name}.png,{'14 900' if name in BROKEN else '14 3'}\n" for name in NAMES]
    (root / "train.csv").write_text("ImageId,EncodedPixels\n" + "".join(rows))


def voc_damage(root: Path) -> None:
    write_voc(root, *NAMES, rows=ROWS)
    for name in BROKEN:
        path = root / "SegmentationClass" / f"{name}.png"
        path.write_bytes(path.read_bytes()[:-30])


def label_studio_images(root: Path) -> None:
    each(root, lambda name, broken: None)
    tasks = [
        {"id": number, "data": {"image": f"/data/missing{name}.png"}, "annotations": [{"result": []}]}
        for number, name in enumerate(BROKEN, start=1)
    ]
    write_json(root / "project.json", tasks)


def bowl_sizes(root: Path) -> None:
    for name in NAMES:
        write_bowl(root, name, one=["0011", "0000"], two=["1000", "1000"])
        if name in BROKEN:
            write_mask(root / name / "masks" / f"{name}1.png", ["01"])


def bowl_damage(root: Path) -> None:
    for name in NAMES:
        write_bowl(root, name, one=["0011", "0000"], two=["1000", "1000"])
        if name in BROKEN:
            path = root / name / "masks" / f"{name}1.png"
            path.write_bytes((root / name / "masks/one.png").read_bytes()[:-30])


def label_sizes(root: Path) -> None:
    for seed, name in enumerate(NAMES):
        write_image(root / "images" / f"{name}.png", seed=seed)
        write_mask(root / "masks" / f"{name}.png", ["0123"] if name in BROKEN else ["01234567"] * HEIGHT)


def yolo_two_labels(root: Path) -> None:
    each(root / "images", lambda name, broken: None)
    for folder, names in (("label", NAMES), ("labels", BROKEN)):
        (root / folder).mkdir()
        for name in names:
            (root / folder / f"{name}.txt").write_text("0 0.1 0.1 0.9 0.1 0.9 0.9\n")


def labelme_twice(root: Path) -> None:
    def write(name: str, broken: bool) -> None:
        shape = {"label": "leaf", "points": [[0, 0], [3, 3]], "shape_type": "rectangle"}
        for number in range(1 + broken):
            write_json(root / f"{name}{number}.json", labelme(shape, imagePath=f"{name}.png"))

    each(root, write)


PARTS: tuple[tuple[Reader, Callable[[Path], None], str, tuple[str, ...]], ...] = (
    (read_coco, coco_objects, "a.json", tuple(f"annotations[{n}] (id {n})" for n in range(3))),
    (read_coco, coco_images, "a.json", tuple(f"images[{n}]" for n in range(3))),
    (read_coco, coco_files, "a.json", ("a.json", "b.json", "c.json")),
    (read_labelme, labelme_files, "a.json", ("a.json shapes[0]", "b.json shapes[0]", "c.json shapes[0]")),
    (read_cvat, cvat_images, "annotations.xml", tuple(f"image {name}.png box 0" for name in BROKEN)),
    (read_cvat, cvat_files, "a.xml", ("a.xml", "b.xml", "c.xml")),
    (read_voc, voc_sizes, "SegmentationClass/a.png", ("a.png", "b.png", "c.png")),
    (read_voc, voc_damage, "SegmentationClass/a.png", ("a.png", "b.png", "c.png")),
    (read_voc, voc_lists, "ImageSets/Segmentation/train.txt", BROKEN),
    (read_yolo, yolo_files, "a.txt", tuple(f"{name}.txt line 1" for name in BROKEN)),
    (read_yolo, yolo_two_labels, "labels/a.txt", ("a.txt", "b.txt", "c.txt")),
    (read_labelme, labelme_twice, "a.png", ("a.png", "b.png", "c.png")),
    (read_via, via_images, "via.json", tuple(f"{name}.png region 0" for name in BROKEN)),
    (read_via, via_missing, "via.json", tuple(f"{name}.png" for name in BROKEN)),
    (read_via, partial(via_3, regions=True), "via.json", tuple(f"metadata {n}" for n in range(3))),
    (read_via, partial(via_3, views=True), "via.json", tuple(f"view {n}" for n in range(3))),
    (read_via, via_3_csv, "via.csv", tuple(f"row {n}" for n in (1, 2, 3))),
    (read_supervisely, supervisely_files, "ds/ann/a.png.json", tuple(f"{name}.png.json objects[0]" for name in BROKEN)),
    (read_label_studio, label_studio_images, "project.json", tuple(f"task {n}" for n in (1, 2, 3))),
    (read_label_studio, label_studio_tasks, "project.json", tuple(f"task {n} result 0" for n in (1, 2, 3))),
    (read_geojson, geojson_files, "a.geojson", tuple(f"{name}.geojson features[0]" for name in BROKEN)),
    (read_rle_csv, csv_rows, "train.csv", ("line 2", "line 3", "line 4")),
    (read_instances, bowl_sizes, "a/masks/a1.png", tuple(f"{name}/masks/{name}1.png" for name in BROKEN)),
    (read_instances, bowl_damage, "a/masks/a1.png", tuple(f"{name}/masks/{name}1.png" for name in BROKEN)),
    (read_label_images, label_sizes, "masks/a.png", ("a.png", "b.png", "c.png")),
)


def name_of(write: Callable[[Path], None]) -> str:
    if isinstance(write, partial):
        return "_".join([write.func.__name__, *write.keywords])
    return write.__name__


@pytest.mark.parametrize(("read", "write", "where", "places"), PARTS, ids=[name_of(write) for _, write, _, _ in PARTS])
def test_a_fault_in_three_places_is_one_error(
    read: Reader, write: Callable[[Path], None], where: str, places: tuple[str, ...], tmp_path: Path
) -> None:
    write(tmp_path / "in")
    with refuses(where=tmp_path / "in" / where, value=f"({', '.join(places)})") as caught:
        write_annotations(tmp_path / "out", read(tmp_path / "in"))
    assert "; 3 " in caught.value.what
    assert len(caught.value.parts) == 3
    assert not list((tmp_path / "out").rglob("*.png"))


def test_images_of_two_json_files_are_counted(tmp_path: Path) -> None:
    each(tmp_path, lambda name, broken: None)
    images = [{"id": number, "file_name": f"{name}.png"} for number, name in enumerate(NAMES)]
    write_json(tmp_path / "all.json", coco(images=images, annotations=[]))
    write_json(tmp_path / "some.json", coco(images=images[:3], annotations=[]))
    with refuses(where=tmp_path, value="all.json and some.json, which both annotate 3 images (a.png, b.png, c.png)"):
        read_coco(tmp_path)


def test_images_in_no_split_are_counted(tmp_path: Path) -> None:
    shape = {"label": "leaf", "points": [[0, 0], [3, 3]], "shape_type": "rectangle"}
    for name in ("train/a", "train/b", "c", "d", "e"):
        write_image(tmp_path / "in" / f"{name}.png")
        write_json(tmp_path / "in" / f"{name}.json", labelme(shape, imagePath=f"{Path(name).name}.png"))
    with refuses(value="3 images (c, d, e) are in no split, but 2 other images are"):
        write_annotations(tmp_path / "out", read_labelme(tmp_path / "in"))


def test_a_fault_in_one_place_has_no_count(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    [good] = coco()["annotations"]
    write_json(tmp_path / "a.json", coco(annotations=[{**good, "category_id": 99}]))
    with refuses(value="annotations[0] (id 5): the category 99") as caught:
        read_coco(tmp_path)
    assert ";" not in caught.value.what


def test_of_two_causes_the_most_frequent_is_described(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    [good] = coco()["annotations"]
    wrong = [{**good, "segmentation": [[1, 2, 3]]}, *({**good, "id": n, "category_id": n} for n in range(20, 27))]
    write_json(tmp_path / "a.json", coco(annotations=[good, *wrong]))
    with refuses(where=tmp_path / "a.json", value="7 entries have such a fault") as caught:
        read_coco(tmp_path)
    what = caught.value.what
    assert what.startswith("annotations[2] (id 20): the category 20 does not exist")
    assert "annotations[6] (id 24) and 2 more" in what
    assert "annotations[7]" not in what
    assert "1 other fault" in what
    assert len(caught.value.parts) == 8


def test_other_errors_are_not_collected() -> None:
    with pytest.raises(KeyError), Faults():
        raise KeyError
    faults = Faults()
    faults.check()
    with faults:
        raise DataError("is empty", where=Path("a.json"), remedy="Export it again")
    with refuses(where=Path("a.json"), value="is empty"):
        faults.check()
