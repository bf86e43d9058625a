"""Where the data of finished runs is, and the options that open it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segarena.config import CompareOptions, make_options
from segarena.errors import RunError
from segarena.experiment.found_runs import FoundRun
from segarena.experiment.matching import Matched
from segarena.formats import command
from segarena.records.config import DataSettings
from segarena.reuse.paths import why_absent


def compared_options(
    matched: Matched, typed: CompareOptions, moved: Path | None, again: Sequence[Path]
) -> CompareOptions:
    """Return the options that open the data of runs.

    Args:
        matched: The runs.
        typed: The options as typed: --images, --masks and --root are used in place of those of the runs.
        moved: Where their data is now; None where it was.
        again: The folders as they were given, for the remedy.

    Raises:
        RunError: The data is in none of the places that the runs recorded, and no other place is named.
    """
    data = _find_data([run for _, run in matched.runs], typed, moved, again)
    rules = [run.group_by for _, run in matched.runs if run.group_by is not None]
    places: dict[str, Any] = {"data": data.data, "images": data.images, "masks": data.masks, "root": data.root}
    own = {"data": moved, "images": typed.images, "masks": typed.masks, "root": typed.root}
    places |= {name: value for name, value in own.items() if value is not None}
    return make_options(
        CompareOptions,
        **{name: value for name, value in places.items() if value is not None},
        channels=data.channels,
        split=data.split,
        test_fraction=data.test_fraction if matched.first.folds is None else 0.0,
        group_by=rules[0] if rules else None,
        folds=matched.first.folds,
    )


def _find_data(
    runs: Sequence[FoundRun], typed: CompareOptions, moved: Path | None, again: Sequence[Path]
) -> DataSettings:
    """Where the data of the runs is: of the first that recorded a place which is still there."""
    first = runs[0].config.data
    if moved is not None or typed.root is not None:
        return first
    for run in runs:
        data = run.config.data
        place = data.data if data.root is None else data.root
        if place is None or not why_absent(Path(place)):
            return data
    vary = ["--vary", *typed.vary] if typed.vary else []
    is_published = first.root is not None
    moved_from = str(first.root if is_published else first.data)
    words = [*again, "--root", "NEW_FOLDER"] if is_published else ["NEW_FOLDER", *again]
    raise RunError(
        f"was trained on data in {moved_from}, which {why_absent(Path(moved_from))}",
        where=runs[0].folder,
        remedy=f"If the data is elsewhere, name its folder: {command('segarena', 'compare', *words, *vary)}",
    )
