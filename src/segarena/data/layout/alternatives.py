"""Choices that are left to the user: the options that make them, and what each of them has to give."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from segarena.data.layout.tree import relative_name
from segarena.data.layout.vocabulary import FileKind
from segarena.errors import DataError
from segarena.formats import command

_SEPARATORS = "_-. "


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
