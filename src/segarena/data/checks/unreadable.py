"""All faults of a folder that cannot be read, file by file, not only the first one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from segarena.classes import ClassTable, find_class_table
from segarena.data.checks.problem import Problem
from segarena.data.encoding.infer import infer_encoding
from segarena.data.files.headers import fit
from segarena.data.files.mask_facts import CountedMask
from segarena.data.files.sample_files import Progress, SampleFiles, read_samples
from segarena.data.layout.layout import Layout, find_pairs
from segarena.data.layout.tree import relative_name
from segarena.errors import DataError

#: Masks that do not fit the encoding of the others are found one by one, at most so many.
MOST_MISFITS = 50


class Faults(NamedTuple):
    """The layout of a folder, and its problems, all of severity "error": why it cannot be read."""

    layout: Layout
    problems: tuple[Problem, ...]


def find_faults(
    root: Path,
    *,
    images: Path | None = None,
    masks: Path | None = None,
    on_progress: Progress | None = None,
) -> Faults:
    """Return all faults of a folder that `FolderSource` refuses. Each file is read once.

    Args:
        root: the folder, as for `FolderSource`; also `images` and `masks`.
        images: the folder of images, if given.
        masks: the folder of masks, if given.
        on_progress: called with the number of pairs read and their total.

    Raises:
        DataError: The layout of the folder or its classes.yaml is wrong.
    """
    layout = find_pairs(root, images=images, masks=masks)
    classes = find_class_table(root)
    pairs = [sample.files for sample in layout.samples]
    problems: list[Problem] = []
    readable: list[CountedMask] = []
    for files in read_samples(pairs, on_progress):
        problems += _faults_of_pair(root, files)
        if files.mask.facts is not None:
            readable.append(CountedMask(files.mask.path, files.mask.facts))
    return Faults(layout, (*problems, *_misfits(root, readable, classes)))


def _misfits(root: Path, masks: list[CountedMask], classes: ClassTable | None) -> Iterator[Problem]:
    """Masks that do not fit the encoding of the others: each error names one, which is then left out."""
    for _ in range(min(MOST_MISFITS, len(masks))):
        try:
            infer_encoding(masks, classes)
            return
        except DataError as error:
            misfit = next((mask for mask in masks if mask.path == error.where), None)
            if misfit is None:  # the error concerns all of them together
                yield _problem(root, "unclear-encoding", error, None)
                return
            yield _problem(root, "unclear-encoding" if classes is None else "undeclared-value", error, misfit.path)
            masks = [mask for mask in masks if mask is not misfit]


def _faults_of_pair(root: Path, files: SampleFiles) -> Iterator[Problem]:
    """The faults of one pair by itself."""
    for code, path, fault in (
        ("unreadable-image", files.image.path, files.image.fault),
        ("unreadable-mask", files.mask.path, files.mask.fault),
    ):
        if fault is not None:
            yield _problem(root, code, fault, path)
    if files.image.facts is not None and files.mask.facts is not None:
        try:
            fit(files.image.path, files.image.facts.size, files.mask.path, files.mask.facts.size)
        except DataError as error:
            yield _problem(root, "size-mismatch", error, files.mask.path)


def _problem(root: Path, code: str, error: DataError, path: Path | None) -> Problem:
    if path is not None:
        name = relative_name(root, path)
        return Problem(code, "error", (name,), f"{name} {error.what}", error.remedy)
    place = f"{relative_name(root, error.where)}/: " if isinstance(error.where, Path) else ""
    return Problem(code, "error", (), f"{place}{error.what}", error.remedy)
