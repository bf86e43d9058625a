"""What `segarena check` writes: JSON for programs, the content of check.png, and a classes.yaml to be edited."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from segarena.checks.problem import Problem, parts_of
from segarena.classes import TABLE, ClassTable
from segarena.data.folder import FolderSource
from segarena.data.layout.layout import Layout
from segarena.data.layout.tree import relative_name
from segarena.data.splitting.splits import PARTS, Splits
from segarena.errors import DataError
from segarena.evenly import evenly_spaced
from segarena.experiment.ceilings import CeilingTable
from segarena.formats import defined, plural, small_percent
from segarena.reporting.check_figures import TILES, DataSheet, Tile
from segarena.scoring.ceilings import Ceiling
from segarena.texts import parse_yaml

_HEAD = (
    "# The classes of the masks in this folder. Change what is wrong, and run `segarena check` again.",
    "#   name:   any text. The order of the lines is the order of the class indices.",
    "#   value:  what the class is in the mask files. To merge classes, write their values into one: value: [1, 2]",
    '#   color:  how the class is drawn: [r, g, b] or "#rrggbb". May be left out.',
    "#   ignore: values that are void: in no loss and in no score. To leave a class out, move its value there.",
    "#   background: true, at one class at most: means are also given without it, and overlays do not tint it.",
    "# The share of the pixels of each class is behind its line.",
)


def json_content(
    data: Path,
    layout: Layout,
    problems: Sequence[Problem],
    source: FolderSource | None = None,
    splits: Splits | None = None,
    ceilings: CeilingTable | None = None,
) -> dict[str, Any]:
    """Return what --json writes.

    Args:
        data: The folder.
        layout: Where its images and masks are.
        problems: What looks wrong.
        source: What was read. It and the two below are None for a folder that cannot be read: then its encoding, void
            pixels and ceilings are None, and its classes and splits are empty.
        splits: The split that would be used.
        ceilings: The resolution ceilings.
    """
    part = {} if splits is None else parts_of(splits)
    return {
        "data": str(data),
        "pairs": len(layout.samples),
        "images_without_mask": [relative_name(data, path) for path in layout.images_without_mask],
        "masks_without_image": [relative_name(data, path) for path in layout.masks_without_image],
        "layout": layout.sentence,
        "pairing": layout.pairing,
        "encoding": None if source is None else source.encoding.sentence,
        "classes": [] if source is None else _classes(source),
        "ignore": [] if source is None else source.classes.to_dict()["ignore"],
        "void_pixels": None if source is None else int(source.void_pixels.sum()),
        "splits": {} if splits is None else splits.counts,
        "samples": [
            {
                "name": sample.name,
                "image": relative_name(data, sample.files[0]),
                "mask": relative_name(data, sample.files[1]),
                "layers": [
                    {"class": layout.layers[layer.number], "mask": relative_name(data, layer.path)}
                    for layer in sample.layers
                ],
                "split": part.get(index),
            }
            for index, sample in enumerate(layout.samples)
        ],
        "ceilings": None if ceilings is None or source is None else _ceilings(ceilings, source.classes.names),
        "problems": [problem.to_dict() for problem in problems],
    }


def classes_text(source: FolderSource) -> str:
    """Return the content of a classes.yaml that declares the classes as they are read now.

    Raises:
        DataError: The masks are read in a way that a classes.yaml cannot declare.
    """
    lines = []
    total = max(1, int(source.class_pixels.sum() + source.void_pixels.sum()))
    for label, entry in enumerate(source.classes.to_dict()["classes"]):
        values = " ".join(f"{key}: {json.dumps(entry[key])}," for key in ("value", "values") if key in entry)
        share = small_percent(int(source.class_pixels[label]) / total)
        images = plural(int(source.image_counts[label]), "image")
        name = json.dumps(entry["name"], ensure_ascii=False)
        mark = ", background: true" if label == source.classes.background else ""
        lines.append(
            f"  - {{name: {name}, {values} color: {json.dumps(entry['color'])}{mark}}}  # {share}, in {images}"
        )
    ignore = json.dumps(source.classes.to_dict()["ignore"])
    text = "\n".join([*_HEAD, "classes:", *lines, f"ignore: {ignore}", ""])
    if not source.reads_alike(ClassTable.from_dict(parse_yaml(text), where=TABLE)):
        raise DataError(
            f"the masks are read in a way that a {TABLE} cannot declare: {source.encoding.sentence}",
            where=source.root,
            remedy="Leave out --write-classes; to change the classes, export the masks with one value per class",
        )
    return text


def _classes(source: FolderSource) -> list[dict[str, Any]]:
    return [
        {
            "index": index,
            "name": entry["name"],
            "source": entry["values"] if "values" in entry else entry["value"],
            "color": entry["color"],
            "background": index == source.classes.background,
            "pixels": int(source.class_pixels[index]),
            "images": int(source.image_counts[index]),
        }
        for index, entry in enumerate(source.classes.to_dict()["classes"])
    ]


def _ceilings(table: CeilingTable, names: Sequence[str]) -> dict[str, Any]:
    def grids(ceilings: Sequence[Ceiling]) -> list[dict[str, Any]]:
        return [
            {
                "size": ceiling.grid.size,
                "stride": ceiling.grid.stride,
                "miou": defined(ceiling.miou),
                "ious": {name: defined(iou) for name, iou in zip(names, ceiling.ious.tolist(), strict=True)},
            }
            for ceiling in ceilings
        ]

    return {
        "masks": table.used,
        "grids": grids(table.ceilings),
        "optimised": grids(table.optimised),
        "choice": {
            device: {**asdict(found.chosen), "is_affordable": found.is_affordable, "why": found.why}
            for device, found in table.advice.items()
        },
    }


def sheet_content(source: FolderSource, splits: Splits, ceilings: CeilingTable) -> DataSheet:
    """Return what check.png shows."""
    void = int(source.void_pixels.sum())
    parts = {part: list(splits.indices(part)) for part in PARTS if splits.indices(part)}
    return DataSheet(
        title=source.name,
        facts=(
            plural(len(source.samples), "image")
            + " with masks: "
            + ", ".join(f"{number} {name}" for name, number in splits.counts.items() if number),
            source.layout.sentence,
            *(() if source.format is None else (f"channels: {source.format.sentence}",)),
            source.encoding.sentence,
        ),
        classes=source.classes,
        tiles=_tiles(source, splits),
        pixels={part: source.mask_pixels[indices].sum(axis=0) for part, indices in parts.items()},
        images=source.image_counts,
        void=void / (void + int(source.class_pixels.sum())),
        sizes=source.sizes,
        ceilings=ceilings.ceilings,
    )


def _tiles(source: FolderSource, splits: Splits) -> tuple[Tile, ...]:
    """Pairs spread evenly over the set; unreadable ones are left out, as they are reported among the problems."""
    part = parts_of(splits)
    tiles = []
    for index in evenly_spaced(len(source.samples), TILES):
        try:
            image, labels = source.read(index)
        except DataError:
            continue
        tiles.append(Tile(source.samples[index].name, part.get(index, "in no split"), source.shown(image), labels))
    return tuple(tiles)
