"""What looks wrong in a data set, found before anything is trained on it."""

from __future__ import annotations

from collections.abc import Iterator

from segarena.checks.alignment import check_alignment
from segarena.checks.appearance import check_appearance
from segarena.checks.before_after import check_times
from segarena.checks.channels import check_channels
from segarena.checks.dependence import check_sequences
from segarena.checks.duplicates import check_duplicates
from segarena.checks.metadata import check_class_files, check_colors, check_labels
from segarena.checks.mismatch import check_mismatch
from segarena.checks.no_data import check_no_data
from segarena.checks.numbering import check_isolated_value, check_numbering, check_objects
from segarena.checks.pairs import (
    check_channels_of_masks,
    check_class_folders,
    check_layers,
    check_pairs,
    check_predicted_masks,
)
from segarena.checks.problem import Problem, sort_problems
from segarena.checks.thumbnails import collect_thumbnails
from segarena.checks.unreadable import describe_faults
from segarena.data.folder import FolderSource
from segarena.data.splitting.splits import Splits


def inspect(
    source: FolderSource, splits: Splits, *, closely: bool = True, grouped: bool = False
) -> tuple[Problem, ...]:
    """Run all checks that docs/problems.md lists, and return the problems, errors first.

    Args:
        source: the folder; its files have been read, and only possible copies are opened again.
        splits: the split that would be used.
        closely: also read some pairs at full size and compare the masks with the images.
        grouped: the split keeps groups together (`--group-by`), so that neighbours in different splits are intended.
    """
    return sort_problems(_find_problems(source, splits, closely, grouped))


def _find_problems(source: FolderSource, splits: Splits, closely: bool, grouped: bool) -> Iterator[Problem]:
    thumbnails = collect_thumbnails(source)
    yield from describe_faults(source.root, "unreadable-image", tuple(thumbnails.faults.values()))
    yield from check_pairs(source)
    yield from check_predicted_masks(source)
    yield from check_layers(source)
    yield from check_class_folders(source)
    yield from check_channels_of_masks(source)
    yield from check_channels(source)
    yield from check_appearance(source, splits)
    yield from check_mismatch(source, thumbnails)
    yield from check_numbering(source)
    yield from check_objects(source)
    yield from check_times(source)
    yield from check_isolated_value(source)
    yield from check_class_files(source)
    yield from check_labels(source, splits)
    yield from check_colors(source)
    yield from check_duplicates(source, splits, thumbnails)
    if not grouped:
        yield from check_sequences(source, splits, thumbnails)
    if closely:
        yield from check_no_data(source)
        yield from check_alignment(source)
