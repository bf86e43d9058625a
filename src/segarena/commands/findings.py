"""What an inspection found: lines for people, JSON for programs, an error where it would stop a training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segarena.commands.terminal import console
from segarena.data.checks.problem import Problem, parts_of, relative
from segarena.data.folder import FolderSource
from segarena.data.layout.layout import Layout
from segarena.data.splitting.splits import Splits
from segarena.errors import DataError
from segarena.formats import listing, plural

_COLORS = {"error": "bold red", "warning": "yellow", "note": "cyan"}
_FILES = 3


def show_problems(problems: Sequence[Problem]) -> None:
    """Print for each problem: severity and code, what was found, the first files, the remedy."""
    if not problems:
        console.print("\nNothing looks wrong.")
    for problem in problems:
        console.print(f"\n[{_COLORS[problem.severity]}]{problem.severity}[/] [dim]{problem.code}[/]")
        console.print(f"  {problem.message}", markup=False)
        if problem.files:
            console.print(f"  files: {listing(problem.files, _FILES)}", markup=False)
        console.print(f"  remedy: {problem.remedy}", markup=False)


def stop_on_errors(problems: Sequence[Problem], data: Path) -> None:
    """Raise a DataError that sums up the problems of severity "error", which would stop a training, if any."""
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        first = errors[0]
        raise DataError(
            f"{plural(len(errors), 'error')} would stop a training"
            + (": " if len(errors) == 1 else ", listed above; the first: ")
            + first.message,
            where=data,
            remedy=first.remedy,
        )


def to_json(
    data: Path,
    layout: Layout,
    problems: Sequence[Problem],
    source: FolderSource | None = None,
    splits: Splits | None = None,
) -> dict[str, Any]:
    """What --json writes; what only a folder that can be read has is empty without `source` and `splits`."""
    part = {} if splits is None else parts_of(splits)
    found: dict[str, Any] = {"classes": [], "ignore": []} if source is None else source.classes.to_dict()
    return {
        "data": str(data),
        "pairs": len(layout.samples),
        "images_without_mask": [relative(path, data) for path in layout.images_without_mask],
        "masks_without_image": [relative(path, data) for path in layout.masks_without_image],
        "layout": layout.sentence,
        "pairing": layout.pairing,
        "encoding": None if source is None else source.encoding.sentence,
        "classes": [
            {
                "index": index,
                "name": entry["name"],
                "source": entry["value"],
                "color": entry["color"],
                "pixels": int(source.class_pixels[index]),
                "images": int(source.class_images[index]),
            }
            for index, entry in enumerate(found["classes"])
            if source is not None
        ],
        "ignore": found["ignore"],
        "void_pixels": None if source is None else int(source.mask_pixels[:, -1].sum()),
        "splits": {} if splits is None else splits.counts,
        "samples": [
            {
                "name": sample.name,
                "image": relative(sample.image, data),
                "mask": relative(sample.mask, data),
                "split": part.get(index),
            }
            for index, sample in enumerate(layout.samples)
        ],
        "problems": [problem.to_dict() for problem in problems],
    }
