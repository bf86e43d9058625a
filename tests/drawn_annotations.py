"""One drawing written in the format of each labelling tool, independently of the code that reads them.

Objects are regions of pixels. A polygon runs along the edges of its pixels, so that no rounding is left to chance.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from annotated import write_image, write_json

Region = NDArray[np.bool_]
#: Corners along the edges of pixels: the outline, then the holes.
Loops = list[list[tuple[int, int]]]

#: Height and width: not equal, so that rows and columns cannot be mistaken for each other.
SIZE = (17, 23)
COLORS = {"cell": "#ff0000", "nucleus": "#00ff80"}
NAMES = tuple(COLORS)


class Drawn(NamedTuple):
    """One object."""

    name: str
    region: Region


def draw_scene(seed: int, holes: bool = False) -> tuple[list[Drawn], NDArray[np.uint8]]:
    """Two discs that do not touch, with a hole in the first one if wanted, and the labels (H, W): 1 and 2 by NAMES."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    objects, labels = [], np.zeros(SIZE, dtype=np.uint8)
    for label, (name, left) in enumerate(zip(NAMES, (5, 17), strict=True), start=1):
        row, column = random.uniform(5, 11), random.uniform(left, left + 1)
        distance = np.hypot(y - row, x - column)
        region = distance < random.uniform(3.2, 4.8)
        if holes and label == 1:
            region &= distance > 1.6
        objects.append(Drawn(name, region))
        labels[region] = label
    return objects, labels


def trace(region: Region) -> Loops:
    """The outline of a region and its holes; none of its pixels may touch at a corner only."""
    steps = {}
    for r, c in np.argwhere(region).tolist():
        padded = np.pad(region, 1)
        for dr, dc, start, end in (
            (-1, 0, (c, r), (c + 1, r)),
            (0, 1, (c + 1, r), (c + 1, r + 1)),
            (1, 0, (c + 1, r + 1), (c, r + 1)),
            (0, -1, (c, r + 1), (c, r)),
        ):
            if not padded[r + 1 + dr, c + 1 + dc]:
                assert start not in steps, "pixels touch at a corner"
                steps[start] = end
    loops = []
    while steps:
        loop = [next(iter(steps))]
        while (following := steps.pop(loop[-1])) != loop[0]:
            loop.append(following)
        loops.append(loop)
    return sorted(loops, key=len, reverse=True)


def runs_of(flat: Region) -> list[tuple[int, int]]:
    """Start, counted from 0, and length of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flat.astype(int), [0]]))).tolist()
    return [(start, end - start) for start, end in zip(edges[::2], edges[1::2], strict=True)]


Scenes = dict[str, list[Drawn]]


def write_images(folder: Path, scenes: Scenes) -> None:
    for seed, name in enumerate(scenes):
        write_image(folder / f"{name}.png", size=(SIZE[1], SIZE[0]), seed=seed)


# A writer for each format: the scenes by the image's name into a folder


def write_yolo(root: Path, scenes: Scenes) -> None:
    write_images(root / "images", scenes)
    (root / "labels").mkdir()
    (root / "data.yaml").write_text(f"names: [{', '.join(NAMES)}]\n")
    for name, objects in scenes.items():
        lines = []
        for item in objects:
            (outline,) = trace(item.region)
            numbers = [f"{x / SIZE[1]:.6f} {y / SIZE[0]:.6f}" for x, y in outline]
            lines.append(f"{NAMES.index(item.name)} {' '.join(numbers)}\n")
        (root / "labels" / f"{name}.txt").write_text("".join(lines))


def via_region(item: Drawn) -> dict[str, Any]:
    (outline,) = trace(item.region)
    xs, ys = ([point[axis] for point in outline] for axis in (0, 1))
    return {
        "shape_attributes": {"name": "polygon", "all_points_x": xs, "all_points_y": ys},
        "region_attributes": {"kind": item.name},
    }


def write_via(root: Path, scenes: Scenes) -> None:
    write_images(root, scenes)
    content = {
        f"{name}.png-1": {"filename": f"{name}.png", "size": -1, "regions": [via_region(item) for item in objects]}
        for name, objects in scenes.items()
    }
    write_json(root / "via_project.json", {"_via_settings": {}, "_via_img_metadata": content, "_via_attributes": {}})


def write_via_1(root: Path, scenes: Scenes) -> None:
    write_images(root, scenes)
    content = {
        f"{name}.png9": {
            "fileref": "",
            "filename": f"{name}.png",
            "size": -1,
            "regions": {str(number): via_region(item) for number, item in enumerate(objects)},
        }
        for name, objects in scenes.items()
    }
    write_json(root / "via_region_data.json", content)


def write_via_csv(root: Path, scenes: Scenes) -> None:
    write_images(root, scenes)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(
        "filename file_size file_attributes region_count region_id region_shape_attributes region_attributes".split()
    )
    for name, objects in scenes.items():
        for number, item in enumerate(objects):
            region = via_region(item)
            cells = (json.dumps(region[key]) for key in ("shape_attributes", "region_attributes"))
            writer.writerow([f"{name}.png", -1, "{}", len(objects), number, *cells])
        if not objects:
            writer.writerow([f"{name}.png", -1, "{}", 0, 0, "{}", "{}"])
    (root / "via.csv").write_text(text.getvalue())


def write_via_3(root: Path, scenes: Scenes) -> None:
    write_images(root, scenes)
    numbers = {name: str(number) for number, name in enumerate(scenes, start=1)}
    options = {str(number): name for number, name in enumerate(NAMES)}
    regions = {
        f"{numbers[name]}_{place}": {
            "vid": numbers[name],
            "flg": 0,
            "z": [],
            "xy": [7, *(value for point in trace(item.region)[0] for value in point)],
            "av": {"1": str(NAMES.index(item.name))},
        }
        for name, objects in scenes.items()
        for place, item in enumerate(objects)
    }
    files = {n: {"fid": n, "fname": f"{name}.png", "type": 2, "loc": 1, "src": ""} for name, n in numbers.items()}
    content = {
        "project": {"pid": "__VIA_PROJECT_ID__"},
        "config": {},
        "attribute": {"1": {"aname": "kind", "anchor_id": "FILE1_Z0_XY1", "type": 4, "options": options}},
        "file": files,
        "metadata": regions,
        "view": {number: {"fid_list": [number]} for number in files},
    }
    write_json(root / "project.json", content)


def write_supervisely(root: Path, scenes: Scenes, kind: str = "polygon") -> None:
    write_images(root / "ds0/img", scenes)
    classes = [{"title": name, "shape": kind, "color": color} for name, color in COLORS.items()]
    write_json(root / "meta.json", {"classes": classes, "tags": []})
    for name, objects in scenes.items():
        items = [supervisely_object(item, kind) for item in objects]
        size = {"height": SIZE[0], "width": SIZE[1]}
        write_json(root / f"ds0/ann/{name}.png.json", {"description": "", "tags": [], "size": size, "objects": items})


def supervisely_object(item: Drawn, kind: str) -> dict[str, Any]:
    content: dict[str, Any] = {"classTitle": item.name, "geometryType": kind}
    if kind == "polygon":
        outline, *holes = trace(item.region)
        return {**content, "points": {"exterior": outline, "interior": holes}}
    rows, columns = (np.flatnonzero(item.region.any(axis=axis)) for axis in (1, 0))
    inside = item.region[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    picture = Image.fromarray(inside.astype(np.uint8))
    picture.putpalette([0, 0, 0, 255, 255, 255])
    stream = io.BytesIO()
    picture.save(stream, format="PNG", transparency=0)
    data = base64.b64encode(zlib.compress(stream.getvalue())).decode()
    return {**content, "bitmap": {"origin": [int(columns[0]), int(rows[0])], "data": data}}


def write_supervisely_bitmaps(root: Path, scenes: Scenes) -> None:
    write_supervisely(root, scenes, "bitmap")


def write_label_studio(root: Path, scenes: Scenes, kind: str = "polygonlabels") -> None:
    write_images(root / "images", scenes)
    tasks = []
    for number, (name, objects) in enumerate(scenes.items(), start=1):
        results = [
            {
                "id": f"r{place}",
                "type": kind,
                "to_name": "image",
                "original_width": SIZE[1],
                "original_height": SIZE[0],
                "image_rotation": 0,
                "value": {**label_studio_value(item, kind), kind: [item.name]},
            }
            for place, item in enumerate(objects)
        ]
        data = {"image": f"/data/upload/1/1a2b3c4d-{name}.png"}
        tasks.append({"id": number, "data": data, "annotations": [{"id": number, "result": results}]})
    write_json(root / "project-1.json", tasks)


def label_studio_value(item: Drawn, kind: str) -> dict[str, Any]:
    if kind == "polygonlabels":
        (outline,) = trace(item.region)
        return {"points": [[100 * x / SIZE[1], 100 * y / SIZE[0]] for x, y in outline], "closed": True}
    opacity = np.where(item.region, 255, 0).astype(np.uint8)
    if kind == "bitmasklabels":
        stream = io.BytesIO()
        Image.fromarray(np.dstack([np.zeros((*SIZE, 3), dtype=np.uint8), opacity])).save(stream, format="PNG")
        return {"imageDataURL": f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"}
    return {"format": "rle", "rle": encode_brush(np.repeat(opacity.ravel(), 4))}


def encode_brush(words: NDArray[np.uint8], literal: bool = False) -> list[int]:
    """The bit stream of @thi.ng/rle-pack with sizes of 3, 4, 8 and 16 bits; `literal` without repeated words."""
    bits = f"{len(words):032b}{7:05b}" + "".join(f"{size - 1:04b}" for size in (3, 4, 8, 16))
    place = 0
    while place < len(words):
        longest = 256 if literal else 65536
        end = place + 1
        while end < len(words) and end - place < longest and (literal or words[end] == words[place]):
            end += 1
        length = end - place
        kind = next(n for n, size in enumerate((3, 4, 8, 16)) if length <= 1 << size)
        bits += f"{int(not literal)}{kind:02b}{length - 1:0{(3, 4, 8, 16)[kind]}b}"
        bits += "".join(f"{word:08b}" for word in (words[place:end] if literal else words[place : place + 1]))
        place = end
    bits += "0" * (-len(bits) % 8)
    return [int(bits[start : start + 8], 2) for start in range(0, len(bits), 8)]


def write_label_studio_brush(root: Path, scenes: Scenes) -> None:
    write_label_studio(root, scenes, "brushlabels")


def write_label_studio_bitmask(root: Path, scenes: Scenes) -> None:
    write_label_studio(root, scenes, "bitmasklabels")


def write_rle_csv(
    root: Path, scenes: Scenes, *, header: str = "ImageId,EncodedPixels,ClassId", order: str = "F"
) -> None:
    write_images(root / "train_images", scenes)
    lines = [header]
    for name, objects in scenes.items():
        for item in objects:
            runs = runs_of(item.region.ravel(order))
            lines.append(f"{name}.png,{' '.join(f'{start + 1} {length}' for start, length in runs)},{item.name}")
        if not objects:
            lines.append(f"{name}.png,,")
    (root / "train.csv").write_text("\n".join(lines) + "\n")


def write_geojson(root: Path, scenes: Scenes) -> None:
    write_images(root, scenes)
    for name, objects in scenes.items():
        features = [
            {
                "type": "Feature",
                "id": f"object {number}",
                "geometry": {"type": "Polygon", "coordinates": [[*loop, loop[0]] for loop in trace(item.region)]},
                "properties": {
                    "objectType": "annotation",
                    "name": f"Annotation {number}",
                    "classification": {"name": item.name, "color": [200, 0, 100]},
                },
            }
            for number, item in enumerate(objects)
        ]
        write_json(root / f"{name}.geojson", {"type": "FeatureCollection", "features": features})


#: The writer of each way of writing a format, the name of the format, and whether it can have holes.
WRITERS: dict[str, tuple[str, Callable[[Path, Scenes], None], bool]] = {
    "yolo": ("yolo", write_yolo, False),
    "via 2": ("via", write_via, False),
    "via 1": ("via", write_via_1, False),
    "via 3": ("via", write_via_3, False),
    "via csv": ("via", write_via_csv, False),
    "supervisely polygons": ("supervisely", write_supervisely, True),
    "supervisely bitmaps": ("supervisely", write_supervisely_bitmaps, True),
    "label studio polygons": ("label-studio", write_label_studio, False),
    "label studio brush": ("label-studio", write_label_studio_brush, True),
    "label studio bitmask": ("label-studio", write_label_studio_bitmask, True),
    "rle csv": ("rle-csv", write_rle_csv, True),
    "geojson": ("geojson", write_geojson, True),
}
