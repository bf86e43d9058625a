"""`segarena convert`: write other formats' annotations as images, index masks and classes.yaml."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from segarena.commands.terminal import console, show_progress
from segarena.config import ConvertOptions
from segarena.data.converters.annotations import Annotations
from segarena.data.converters.coco import read_coco
from segarena.data.converters.cvat import read_cvat
from segarena.data.converters.instances import read_instances
from segarena.data.converters.labelme import read_labelme
from segarena.data.converters.voc import read_voc
from segarena.data.converters.write import check_free, write_annotations
from segarena.formats import listing

READERS: dict[str, Callable[[Path], Annotations]] = {
    "coco": read_coco,
    "labelme": read_labelme,
    "cvat": read_cvat,
    "voc": read_voc,
    "instances": read_instances,
}


def run(options: ConvertOptions) -> Path:
    """Read the annotations, all of them, then write. Returns the folder.

    Raises DataError for what cannot be converted, RunError where the folder holds files or cannot be written.
    """
    check_free(options.dst)
    console.print(f"reading {options.src}", markup=False)
    annotations = READERS[options.source](options.src)
    with show_progress("painting masks") as on_progress:
        write_annotations(options.dst, annotations, on_progress)
    counts = Counter(image.split for image in annotations.images)
    parts = ", ".join(f"{counts[split]} {split}" for split in ("train", "val", "test") if counts[split])
    total = f"{len(annotations.images)} images and their masks{f' ({parts})' if parts else ''}"
    console.print(f"{total}: {options.dst}", markup=False)
    names = annotations.classes.names
    shown = listing(names, 8)
    console.print(f"  {len(names)} classes: {shown}", markup=False)
    for note in annotations.notes:
        console.print(f"  {note}", markup=False)
    console.print(f"Look at what is in them with: segarena check {options.dst}", markup=False)
    return options.dst
