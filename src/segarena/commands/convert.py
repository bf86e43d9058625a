"""`segarena convert`: write annotations of other formats as images, index masks and a classes.yaml."""

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
from segarena.formats import command, listing, plural

READERS: dict[str, Callable[[Path], Annotations]] = {
    "coco": read_coco,
    "labelme": read_labelme,
    "cvat": read_cvat,
    "voc": read_voc,
    "instances": read_instances,
}


def run(options: ConvertOptions) -> Path:
    """Read all annotations, then write. Returns the folder that is written.

    Raises DataError if something cannot be converted, RunError if the folder is not empty or cannot be written.
    """
    check_free(options.dst)
    console.print(f"reading {options.src}", markup=False)
    annotations = READERS[options.source](options.src)
    with show_progress("painting masks") as on_progress:
        write_annotations(options.dst, annotations, on_progress)
    counts = Counter(image.split for image in annotations.images)
    splits = ", ".join(f"{counts[split]} {split}" for split in ("train", "val", "test") if counts[split])
    images = plural(len(annotations.images), "image") + " with masks" + (f" ({splits})" if splits else "")
    console.print(f"{images}: {options.dst}", markup=False)
    names = annotations.classes.names
    console.print(f"  {plural(len(names), 'class')}: {listing(names, 8)}", markup=False)
    for note in annotations.notes:
        console.print(f"  {note}", markup=False)
    console.print(f"Check the result with: {command('segarena', 'check', options.dst)}", markup=False)
    return options.dst
