"""`segarena check`: what the reader understood of a folder, before anything is trained on it."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from segarena.commands.progress import console, show_progress
from segarena.config import CheckOptions
from segarena.data.folder import FolderSource
from segarena.data.splits import split_samples


def run(options: CheckOptions) -> dict[str, Any]:
    """Read all masks and every image's header, and show the findings. Returns them.

    Raises DataError for what would stop a training.
    """
    with show_progress("reading masks") as on_progress:
        source = FolderSource(options.data, on_progress)
    splits = split_samples(source.samples, share=options.split, where=options.data)
    found = {**source.describe(), "counts": splits.counts}
    console.print(f"[bold]{found['name']}[/bold]: {found['num_samples']} images with masks")
    for key in ("layout", "pairing", "encoding"):
        console.print(f"  {key}: {found[key]}", markup=False)
    sizes = [f"{size['width']} x {size['height']} ({size['images']})" for size in found["sizes"]]
    console.print(f"  sizes: {', '.join(sizes[:5])}{' and more' if len(sizes) > 5 else ''}")
    own = "the data's own" if any(sample.split for sample in source.samples) else f"seeded, {options.split:g} to train"
    counts = ", ".join(f"{count} {name}" for name, count in splits.counts.items())
    console.print(f"  split: {counts} ({own})")
    for key in ("images_without_mask", "masks_without_image"):
        names = found[key]
        if names:
            shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            console.print(f"  {key.replace('_', ' ')} ({len(names)}, left out): {shown}", markup=False)
    console.print(_class_table(found))
    return found


def _class_table(found: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("class", "value", "pixels", "images"):
        table.add_column(title, justify="left" if title == "class" else "right")
    total = sum(found["class_pixels"].values())
    for entry in found["classes"]:
        name = entry["name"]
        share = found["class_pixels"][name] / total
        table.add_row(name, str(entry["value"]), f"{100 * share:.2f}%", str(found["class_images"][name]))
    return table
