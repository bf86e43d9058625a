"""Polygons and pre-annotations: `segarena convert` reads from them the masks they were made of, to the pixel.

Also pycocotools does, where it is installed. Label Studio exports a prediction that was accepted as an annotation.
"""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

import segarena
from segarena.classes.table import name_classes, read_class_table
from segarena.outputs.coco import CocoCollector
from segarena.outputs.cvat import CvatCollector
from segarena.outputs.geojson import GeoJsonWriter, make_features
from segarena.outputs.label_studio import LabelStudioCollector
from segarena.outputs.regions import Regions
from segarena.outputs.result import Result
from segarena.outputs.writer import Collected, Collector

CLASSES = name_classes([0, 1, 2], ["background", "road & rail", 'a "tree"'])


def masks() -> dict[str, np.ndarray]:
    """Masks with holes, corners that touch, single pixels, full rows and columns; of background alone."""
    random = np.random.default_rng(0)
    ring = np.zeros((9, 12), dtype=np.uint8)
    ring[:, 2:9] = 1
    ring[3:6, 4:7] = 2
    ring[4, 5] = 1
    return {
        "noise": random.integers(0, 3, (11, 14)).astype(np.uint8),
        "deep/ring": ring,
        "deep/full": np.full((7, 5), 2, dtype=np.uint8),
        "nothing here": np.zeros((6, 8), dtype=np.uint8),
    }


@pytest.fixture
def results(tmp_path: Path) -> list[Result]:
    """A result for each mask, and the images below `tmp_path/data`."""
    made = []
    for name, mask in masks().items():
        path = tmp_path / "data" / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        image = np.zeros((*mask.shape, 3), dtype=np.uint8)
        Image.fromarray(image).save(path)
        made.append(Result(name, path, image, mask))
    return made


def collect(collector: Collector, results: list[Result], folder: Path) -> Path:
    """The file about all results; what is collected goes through JSON, as in the manifest."""
    images = [
        Collected(each.name, f"{each.name}.jpg", *each.mask.shape, json.loads(json.dumps(collector.collect(each))))
        for each in results
    ]
    collector.finish(images, folder)
    return folder / collector.file


def read_back(folder: Path, source: str, out: Path) -> dict[str, np.ndarray]:
    segarena.convert(folder, out, source=source)
    return {path.stem: np.asarray(Image.open(path)) for path in (out / "masks").rglob("*.png")}


def indices_by_name(folder: Path) -> dict[str, int]:
    return {name: index for index, name in enumerate(read_class_table(folder / "classes.yaml").names)}


@pytest.mark.parametrize("form", ["coco", "geojson", "cvat", "label-studio"])
def test_convert_reads_the_same_masks(form: str, results: list[Result], tmp_path: Path) -> None:
    folder = tmp_path / "data"
    if form == "coco":
        collect(CocoCollector(CLASSES), results, folder)
    elif form == "cvat":
        collect(CvatCollector(CLASSES), results, folder)
    elif form == "geojson":
        for result in results:
            GeoJsonWriter(CLASSES).write(result, folder)
    else:
        path = collect(LabelStudioCollector(CLASSES, "unet-0"), results, folder)
        tasks = json.loads(path.read_text())
        path.write_text(json.dumps([{"data": task["data"], "annotations": task["predictions"]} for task in tasks]))
    found = read_back(folder, form, tmp_path / "out")
    places = indices_by_name(tmp_path / "out")
    back = np.zeros(256, dtype=np.uint8)
    for index, name in enumerate(CLASSES.names):
        back[places[name]] = index
    expected = {Path(name).name: mask for name, mask in masks().items()}
    assert set(found) == set(expected)
    for name, mask in expected.items():
        assert np.array_equal(back[found[name]], mask), name


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_coco_is_valid_to_pycocotools(results: list[Result], tmp_path: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    data = coco.COCO(str(collect(CocoCollector(CLASSES), results, tmp_path)))
    assert [category["name"] for category in data.loadCats(data.getCatIds())] == list(CLASSES.names[1:])
    for number, (name, mask) in zip(data.getImgIds(), masks().items(), strict=True):
        [image] = data.loadImgs(number)
        assert (image["file_name"], image["height"], image["width"]) == (f"{name}.jpg", *mask.shape)
        painted = np.zeros_like(mask)
        for annotation in data.loadAnns(data.getAnnIds(number)):
            region = data.annToMask(annotation).astype(bool)
            assert region.sum() == annotation["area"]
            left, top, width, height = annotation["bbox"]
            assert region[top : top + height, left : left + width].sum() == annotation["area"]
            assert not painted[region].any()
            painted[region] = annotation["category_id"] - 1
        assert np.array_equal(painted, mask), name


def test_small_regions_are_left_out(results: list[Result], tmp_path: Path) -> None:
    few = json.loads(collect(CocoCollector(CLASSES, 3), results, tmp_path).read_text())["annotations"]
    every = json.loads(collect(CocoCollector(CLASSES), results, tmp_path).read_text())["annotations"]
    assert min(each["area"] for each in few) == 3
    assert len(few) == sum(each["area"] >= 3 for each in every) < len(every)
    noise = results[0]
    brushes = LabelStudioCollector(CLASSES, "", 3).collect(noise)
    areas = {polygon.label for polygon in noise.regions.polygons(min_area=3, without=0)}
    assert set(brushes) == {str(label) for label in areas}
    large = noise.regions.is_large(3)
    assert large.sum() == sum(area for area in noise.regions.areas if area >= 3)


def test_geojson_in_map_coordinates_turns_the_same_way() -> None:
    """RFC 7946, 3.1.6: outer rings are counterclockwise, holes clockwise; a map has y upwards."""
    mask = masks()["deep/ring"]
    polygons = Regions.of(mask).polygons(without=0)
    for transform in (None, (0.5, 0.0, 500000.0, 0.0, -0.5, 5000000.0), (0.0, 2.0, 1.0, 2.0, 0.0, 1.0)):
        features = make_features(polygons, CLASSES, transform)
        scale = 1.0 if transform is None else abs(transform[0] * transform[4] - transform[1] * transform[3])
        for feature in features:
            rings = [np.array(ring, dtype=float) for ring in feature["geometry"]["coordinates"]]
            assert all(np.array_equal(ring[0], ring[-1]) for ring in rings)
            x0, y0 = rings[0][0]  # near zero, so that nothing is rounded
            areas = [np.sum((r[:-1, 0] - x0) * (r[1:, 1] - y0) - (r[1:, 0] - x0) * (r[:-1, 1] - y0)) / 2 for r in rings]
            assert areas[0] > 0
            assert all(area < 0 for area in areas[1:])
            assert sum(areas) == pytest.approx(feature["properties"]["area"] * scale)
    [first, *_] = make_features(polygons, CLASSES, (0.5, 0.0, 100.0, 0.0, -0.5, 900.0))
    assert [100 + 2 * 0.5, 900.0] in first["geometry"]["coordinates"][0]


def test_geojson_names_the_reference_system(results: list[Result], tmp_path: Path) -> None:
    ring = results[1]
    placed = Result(
        ring.name, ring.source, ring.image, ring.mask, None, (1, 0, 0, 0, -1, 0), "urn:ogc:def:crs:EPSG::3857"
    )
    [path] = GeoJsonWriter(CLASSES).write(placed, tmp_path)
    content = json.loads(path.read_text())
    assert content["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::3857"
    assert {feature["properties"]["class"] for feature in content["features"]} == set(CLASSES.names[1:])


def test_label_studio_gets_the_interface_of_its_labels(results: list[Result], tmp_path: Path) -> None:
    collector = LabelStudioCollector(CLASSES, "unet-0123")
    [_, task, *_] = json.loads(collect(collector, results, tmp_path).read_text())
    interface = ElementTree.parse(tmp_path / "labelstudio.xml").getroot()
    brush = interface.find("BrushLabels")
    assert brush is not None
    image = interface.find("Image")
    assert image is not None
    [prediction] = task["predictions"]
    assert prediction["model_version"] == "unet-0123"
    assert task["data"] == {"image": "/data/local-files/?d=deep/ring.jpg"}
    for result in prediction["result"]:
        assert (result["from_name"], result["to_name"]) == (brush.get("name"), image.get("name"))
        assert {label.get("value") for label in brush} >= set(result["value"]["brushlabels"])
        assert (result["original_height"], result["original_width"]) == (9, 12)
