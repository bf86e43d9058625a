"""Choices that are left to the user: the options that make them, and masks that may be objects or classes.

Masks that are numbered for each image, `a_0` and `a_1` for `a`, are either; a choice by options has to give its pairs.
"""

from __future__ import annotations

import os
import re
import shlex
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segarena.data.layout.tree import File, relative_name
from segarena.data.layout.vocabulary import FileKind
from segarena.errors import DataError
from segarena.formats import command

_SEPARATORS = "_-. "

_NUMBERED = re.compile(r"(.+)([_\-. ])\d+")


@dataclass(frozen=True)
class Alternative:
    """Folders, or patterns of files, that the options --images and --masks may choose."""

    images: Path | None
    masks: Path | None
    pairs: frozenset[tuple[Path, Path]]
    """Images and masks that this choice has to pair: others mean that it chose something else."""
    is_exact: bool = True
    """Whether it has to pair nothing else."""

    def fits(self, found: frozenset[tuple[Path, Path]], least: int) -> bool:
        """Whether the pairs that the options gave are those that they should give, and not too few."""
        return (self.pairs == found if self.is_exact else self.pairs <= found) and len(found) >= least

    def written(self, root: Path) -> str:
        """The options as they are typed behind the data folder: `--masks '*_gt.png'`."""
        words: list[object] = []
        for option, value in (("--images", self.images), ("--masks", self.masks)):
            if value is not None:
                words += [option, Path(relative_name(root, value))]
        return command(*words)


class UnclearError(DataError):
    """Files that can be paired in several ways: `alternatives` choose one, if they work."""

    def __init__(self, what: str, *, where: object, remedy: str, alternatives: tuple[Alternative, ...] = ()) -> None:
        """Make the error with the remedy that is left if no alternative works."""
        super().__init__(what, where=where, remedy=remedy)
        self.alternatives = alternatives
        self.least = 1
        """Smallest number of pairs that an alternative has to give."""


def choose_file(kind: FileKind, pairs: tuple[tuple[Path, Path], ...]) -> tuple[Alternative, ...]:
    """Return what chooses each of two images, or masks, that could be the same: its folder, or a pattern of its name.

    Args:
        kind: What the two files are.
        pairs: The pair that each of the two would be in.
    """
    side = 0 if kind == "image" else 1
    one, other = (pair[side] for pair in pairs)
    values = (one.parent, other.parent) if one.parent != other.parent else _patterns(one.name, other.name)
    return tuple(
        Alternative(
            images=value if kind == "image" else None,
            masks=value if kind == "mask" else None,
            pairs=frozenset([pair]),
            is_exact=False,
        )
        for value, pair in zip(values, pairs, strict=False)
    )


def _patterns(one: str, other: str) -> tuple[Path, ...]:
    """Patterns that tell two names apart: `*_labelIds.png` and `*_labelTrainIds.png`, `gt_*` and `mask_*`."""
    for backwards in (False, True):
        names = [name[::-1] if backwards else name for name in (one, other)]
        common = len(os.path.commonprefix(names))  # noqa: RUF071 - of letters, not of folders
        cut = max(
            (i for i in range(common + 1) if any(n[i : i + 1] in _SEPARATORS and n[i:] for n in names)), default=0
        )
        if cut:
            rests = [name[cut:] for name in names]
            return tuple(Path(f"{rest[::-1]}*" if backwards else f"*{rest}") for rest in rests)
    return ()


def find_numbered(images: Sequence[File], masks: Sequence[File]) -> DataError | None:
    """Return the error for such masks, with what to do in either case; None if most masks are not of this kind."""
    stems = {image.stem for image in images}
    groups: dict[str, list[File]] = defaultdict(list)
    for mask in masks:
        match = _NUMBERED.fullmatch(mask.stem)
        if match and match.group(1) in stems:
            groups[match.group(1)].append(mask)
    largest = max(groups.values(), key=len, default=[])
    if len(largest) < 2 or 2 * sum(map(len, groups.values())) < len(masks):
        return None
    folder, (first, second) = largest[0].path.parent, sorted(largest, key=lambda mask: mask.path)[:2]
    match = _NUMBERED.fullmatch(first.stem)
    separator = match.group(2) if match else "_"
    ending = f"{shlex.quote(separator)}[0-9]*"
    move = f'for f in {shlex.quote(str(folder))}/*{ending}; do d="${{f%{ending}}}"; mkdir -p "$d"; mv "$f" "$d/"; done'
    renamed = f"{first.stem.rpartition(separator)[0]}_class1{first.path.suffix}"
    return DataError(
        f"has several masks for an image, e.g. {first.path.name} and {second.path.name}, and it is not clear whether"
        " the numbers are objects or classes",
        where=folder,
        remedy=f"If they are classes, rename the masks, e.g. {renamed}. If they are objects of one class, move them"
        f" into a folder for each image: {move}",
    )
