"""All faults of a folder that cannot be read, by their causes, not only the first one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from segarena.checks.problem import Problem
from segarena.classes import ClassTable, find_class_table
from segarena.config.channels import Channels
from segarena.data.encoding.infer import infer_encoding
from segarena.data.layout.layout import Layout, find_pairs
from segarena.data.layout.tree import relative_name
from segarena.errors import DataError
from segarena.image_files.faults import describe_group, group_by_cause
from segarena.image_files.headers import fit
from segarena.image_files.mask_facts import CountedMask
from segarena.image_files.sample_files import Progress, SampleFiles, read_samples

#: Causes for which masks do not fit the encoding of the others are found one by one, up to this number.
MOST_CAUSES = 50


#: Of the faults of a pair by itself, in the order in which they are reported.
_CODES = ("unreadable-image", "unreadable-mask", "size-mismatch")


class Faults(NamedTuple):
    """The layout of a folder, and its problems, all of severity "error": why it cannot be read."""

    layout: Layout
    problems: tuple[Problem, ...]


def find_faults(
    root: Path,
    *,
    images: Path | None = None,
    masks: Path | None = None,
    channels: Channels | None = None,
    on_progress: Progress | None = None,
) -> Faults:
    """Return all faults of a folder that `FolderSource` refuses. Each file is read once.

    Args:
        root: the folder, as for `FolderSource`; also `images` and `masks`.
        images: the folder of images, if given.
        masks: the folder of masks, if given.
        channels: the channels of the images; None for RGB.
        on_progress: called with the number of pairs read and their total.

    Raises:
        DataError: The layout of the folder or its classes.yaml is wrong.
    """
    layout = find_pairs(root, images=images, masks=masks)
    classes = find_class_table(root, [sample.files[1] for sample in layout.samples])
    pairs = [(sample.files[0], sample.mask_files) for sample in layout.samples]
    faults: dict[str, list[DataError]] = {code: [] for code in _CODES}
    readable: list[CountedMask] = []
    for files in read_samples(pairs, on_progress, as_stored=channels is not None):
        _collect(faults, files)
        if files.mask.facts is not None:
            readable.append(CountedMask(files.mask.path, files.mask.facts))
    problems = [problem for code, found in faults.items() for problem in describe_faults(root, code, found)]
    misfits = () if layout.layers else _misfits(root, readable, classes)
    return Faults(layout, (*problems, *misfits))


def describe_faults(root: Path, code: str, faults: Sequence[DataError]) -> Iterator[Problem]:
    """Yield one problem for each cause, with all files that have it. Each fault has its file as `where`."""
    for group in group_by_cause(faults):
        names = [relative_name(root, fault.where) for fault in group if isinstance(fault.where, Path)]
        details = tuple(fault.what for fault in group) if len(group) > 1 else ()
        message = f"{names[0]} {describe_group(group)}"
        yield Problem(code, "error", tuple(names), message, group[0].remedy, details)


def _misfits(root: Path, masks: list[CountedMask], classes: ClassTable | None) -> Iterator[Problem]:
    """Masks that do not fit the encoding of the others: those that an error names are left out for the next one."""
    code = "unclear-encoding" if classes is None else "undeclared-value"
    misfits: list[DataError] = []
    together: DataError | None = None
    for _ in range(min(MOST_CAUSES, len(masks))):
        try:
            infer_encoding(masks, classes, root)
            break
        except DataError as error:
            faults = [fault for fault in error.parts or (error,) if isinstance(fault, DataError)]
            places = {fault.where for fault in faults}
            if not any(mask.path in places for mask in masks):  # the error concerns all of them together
                together = error
                break
            misfits += faults
            masks = [mask for mask in masks if mask.path not in places]
            if not masks:
                break
    yield from describe_faults(root, code, misfits)
    if together is not None and not (misfits and len(masks) < 2):  # one mask that is left shows nothing of its own
        place = f"{relative_name(root, together.where)}/: " if isinstance(together.where, Path) else ""
        yield Problem("unclear-encoding", "error", (), f"{place}{together.what}", together.remedy)


def _collect(faults: dict[str, list[DataError]], files: SampleFiles) -> None:
    """Add the faults of one pair by itself, each under its code."""
    for code, fault in (("unreadable-image", files.image.fault), ("unreadable-mask", files.mask.fault)):
        if fault is not None:
            faults[code].append(fault)
    if files.image.facts is not None and files.mask.facts is not None:
        try:
            fit(files.image.path, files.image.facts.size, files.mask.path, files.mask.facts.size)
        except DataError as error:
            faults["size-mismatch"].append(error)
