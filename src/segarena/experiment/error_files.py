"""Write and read where the errors of a run are: error_analysis.json and confident_errors.npz."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from segarena.errors import RunError
from segarena.files import write_with
from segarena.records.error_analysis import ErrorAnalysis, ErrorCounts
from segarena.scoring.disagreement import ConfidentErrors
from segarena.training.error_analysis import ErrorCollector

#: Stretches of pixels where the run is confident in another class than the truth, of all its scored images.
CONFIDENT_ERRORS = "confident_errors.npz"
_ARRAYS = tuple(item.name for item in fields(ConfidentErrors))


def write_errors(folder: Path, names: Sequence[str], classes: Sequence[str], found: ErrorCollector) -> None:
    """Write where the errors of a run are: both files.

    Args:
        folder: The folder of the run.
        names: The name of each image, by its position in the evaluation.
        classes: The names of the classes.
        found: What was counted.

    Raises:
        RunError: A file cannot be written.
    """
    write_error_analysis(folder, names, classes, found)
    _write_confident(folder, names, found)


def write_error_analysis(folder: Path, names: Sequence[str], classes: Sequence[str], found: ErrorCollector) -> None:
    """Write error_analysis.json; arguments and errors as of `write_errors`."""
    counts = found.totals.to_record(classes)
    ErrorAnalysis(
        **{item.name: getattr(counts, item.name) for item in fields(ErrorCounts)},
        image_properties={names[position]: entry for position, entry in sorted(found.properties.items())},
    ).write(folder)


def _write_confident(folder: Path, names: Sequence[str], found: ErrorCollector) -> None:
    positions = sorted(found.confident)
    entries = [found.confident[position] for position in positions]
    empty = np.zeros(0, np.int64)
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(entry, name) for entry in entries] or [empty]) for name in _ARRAYS
    }
    write_with(
        folder / CONFIDENT_ERRORS,
        lambda stream: np.savez_compressed(
            stream,
            images=np.array([names[position] for position in positions], dtype=np.str_),
            runs=np.array([len(entry.starts) for entry in entries], dtype=np.int64),
            **arrays,
        ),
    )


def read_confident_errors(folder: Path) -> dict[str, ConfidentErrors] | None:
    """Return the confident errors of a run, by image; None where a run of an earlier version has none.

    Raises RunError where the file is damaged.
    """
    path = folder / CONFIDENT_ERRORS
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as content:
            ends = np.cumsum(content["runs"])[:-1]
            columns = [np.split(content[name], ends) for name in _ARRAYS]
            names = [str(name) for name in content["images"]]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise RunError(
            f"cannot be read ({error})", where=path, remedy="Remove it: the page then has no suspicious labels"
        ) from error
    return {name: ConfidentErrors(*parts) for name, *parts in zip(names, *columns, strict=True)} if names else {}
