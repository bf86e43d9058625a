"""`segarena check`: what the reader understood of a folder, and what looks wrong, before anything is trained on it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from rich.markup import escape
from rich.table import Table

from segarena.commands.findings import show_problems, stop_on_errors, to_json
from segarena.commands.terminal import console, show_progress
from segarena.config import CheckOptions
from segarena.data.checks import inspect
from segarena.data.checks.problem import PARTS, parts_of
from segarena.data.checks.unreadable import find_faults
from segarena.data.folder import FolderSource
from segarena.data.layout.layout import Layout
from segarena.data.splitting.splits import Splits
from segarena.errors import ConfigError, DataError
from segarena.experiment.inputs import divide
from segarena.files import write_json
from segarena.formats import listing, small_percent
from segarena.reporting.check_figures import TILES, DataSheet, Tile, save_sheet
from segarena.runs import open_folder


def run(options: CheckOptions) -> dict[str, Any]:
    """Read all masks, decode all images, show the findings and write check.png. Returns what --json writes.

    Raises DataError, after all findings are shown, for what would stop a training.
    """
    if options.json is not None and options.json.exists():
        raise ConfigError("exists already", where=f"--json {options.json}", remedy="Name a new file, or remove it")
    folder = None if options.out is None else open_folder(options.out, "", resume=False)  # or fail before the work
    source = _open(options)
    splits = divide(source, options)
    with show_progress("comparing images") as on_progress:
        problems = inspect(source, splits, grouped=options.group_by is not None, on_progress=on_progress)
    _show(source, splits, options)
    show_problems(problems)
    folder = folder or open_folder(None, f"{source.name}-check", resume=False)
    save_sheet(_sheet(source, splits), folder / "check.png")
    console.print(f"\nOverlays, class frequencies, sizes: {folder / 'check.png'}", markup=False)
    content = to_json(options.data, source.layout, problems, source, splits)
    _write(options.json, content)
    stop_on_errors(problems, options.data)
    return content


def _open(options: CheckOptions) -> FolderSource:
    """The folder as a source. Where it cannot be read, all its faults are shown, and not only the first one."""
    where = {"images": options.images, "masks": options.masks}
    try:
        with show_progress("reading masks") as on_progress:
            return FolderSource(options.data, on_progress, **where)
    except DataError:
        with show_progress("looking for faults") as on_progress:
            layout, problems = find_faults(options.data, **where, on_progress=on_progress)
        if problems:
            _say_layout(options.data.resolve().name, layout)
            show_problems(problems)
            _write(options.json, to_json(options.data, layout, problems))
            stop_on_errors(problems, options.data)
        raise


def _show(source: FolderSource, splits: Splits, options: CheckOptions) -> None:
    _say_layout(source.name, source.layout)
    console.print(f"  encoding: {source.describe()['encoding']}", markup=False)
    sizes = [f"{width} x {height} ({images})" for (height, width), images in Counter(source.sizes).most_common()]
    console.print(f"  sizes: {listing(sizes)}")
    console.print(f"  split: {_say_splits(source, splits, options)}", markup=False)
    console.print(_class_table(source))


def _say_layout(name: str, layout: Layout) -> None:
    console.print(f"[bold]{escape(name)}[/bold]: {len(layout.samples)} images with masks")
    console.print(f"  layout: {layout.sentence}", markup=False)
    console.print(f"  pairing: {layout.pairing}", markup=False)


def _say_splits(source: FolderSource, splits: Splits, options: CheckOptions) -> str:
    counts = ", ".join(f"{number} {name}" for name, number in splits.counts.items())
    drawn = sorted({part for index, part in parts_of(splits).items() if source.samples[index].split != part})
    if not any(sample.split for sample in source.samples):
        return f"{counts} (seeded, {options.split:g} to train)"
    return f"{counts} (the data's own{f', but {listing(drawn)} taken from train' if drawn else ''})"


def _class_table(source: FolderSource) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("class", "value", "color", "pixels", "images"):
        table.add_column(title, justify="left" if title in ("class", "color") else "right")
    total = max(1, int(source.class_pixels.sum()))
    for entry, pixels, images in zip(source.classes.classes, source.class_pixels, source.class_images, strict=True):
        color = "#{:02x}{:02x}{:02x}".format(*entry.color)
        share = small_percent(int(pixels) / total)
        value = str(entry.value if isinstance(entry.value, int) else list(entry.value))
        table.add_row(escape(entry.name), escape(value), f"[{color}]██[/] {color}", share, str(images))
    return table


def _write(path: Path | None, content: dict[str, Any]) -> None:
    if path is not None:
        write_json(path, content)
        console.print(f"The same for programs: {path}", markup=False)


def _sheet(source: FolderSource, splits: Splits) -> DataSheet:
    pixels = source.mask_pixels.sum(axis=0)
    parts = {part: list(splits.indices(part)) for part in PARTS if splits.indices(part)}
    return DataSheet(
        title=source.name,
        facts=(
            f"{len(source.samples)} images with masks: "
            + ", ".join(f"{number} {name}" for name, number in splits.counts.items() if number),
            source.layout.sentence,
            source.encoding.sentence,
        ),
        classes=source.classes,
        tiles=_tiles(source, splits),
        pixels={part: source.mask_pixels[indices, :-1].sum(axis=0) for part, indices in parts.items()},
        images=source.class_images,
        void=float(pixels[-1] / pixels.sum()),
        sizes=source.sizes,
    )


def _tiles(source: FolderSource, splits: Splits) -> tuple[Tile, ...]:
    """Pairs spread evenly over the set; what cannot be read is among the problems."""
    part = parts_of(splits)
    tiles = []
    for index in np.linspace(0, len(source.samples) - 1, min(TILES, len(source.samples))).round().astype(int).tolist():
        try:
            image, labels = source.read(index)
        except DataError:
            continue
        tiles.append(Tile(source.samples[index].name, part.get(index, "in no split"), image, labels))
    return tuple(tiles)
