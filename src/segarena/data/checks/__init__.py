"""What looks wrong in a data set, found before anything is trained on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from segarena.data.checks.alignment import check_alignment
from segarena.data.checks.duplicates import check_copies
from segarena.data.checks.leakage import check_sequences
from segarena.data.checks.metadata import check_labels, check_pairs
from segarena.data.checks.problem import Problem, relative, sort_problems
from segarena.data.checks.thumbnails import read_thumbnails
from segarena.data.folder import FolderSource
from segarena.data.splitting.splits import Splits


def inspect(
    source: FolderSource,
    splits: Splits,
    *,
    closely: bool = True,
    grouped: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[Problem, ...]:
    """Look for everything in docs/data.md, "Problems", and return what was found, errors first.

    Each image file is decoded once in its life; `closely` also compares some masks with their images at full size.
    `grouped` says that whoever divided the images has said what belongs together: then no sequence is torn apart.
    `on_progress` is called with the number of images looked at and their total.
    """
    return sort_problems(_find(source, splits, closely, grouped, on_progress))


def _find(
    source: FolderSource,
    splits: Splits,
    closely: bool,
    grouped: bool,
    on_progress: Callable[[int, int], None] | None,
) -> Iterator[Problem]:
    images = [_known(sample.image) for sample in source.samples]
    thumbnails = read_thumbnails(images, source.bits, on_progress)
    for index, error in thumbnails.faults.items():
        name = relative(images[index], source.root)
        yield Problem("unreadable-image", "error", (name,), f"{name} {error.what}", error.remedy)
    yield from check_pairs(source)
    yield from check_labels(source, splits)
    yield from check_copies(source, splits, thumbnails)
    if not grouped:
        yield from check_sequences(source, splits, thumbnails)
    if closely:
        yield from check_alignment(source)


def _known(path: Path | None) -> Path:
    assert path is not None
    return path
