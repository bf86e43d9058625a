"""Before the trainings: whether the disk has room for their weights and states."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from segarena.errors import RunError
from segarena.formats import byte_size, plural
from segarena.free_disk import free_disk


def check_space(folder: Path, sizes: Mapping[Path, float]) -> None:
    """Check that there is room for trainings, so that a disk is not full after hours of them.

    A file is written beside the one that it replaces: the largest training needs its room twice.

    Args:
        folder: The folder of the command; it exists.
        sizes: The folder of each training that is not finished, and the bytes that it takes at its end.

    Raises:
        RunError: There is too little room.
    """
    if not sizes:
        return
    needed = sum(max(0.0, size - _used(path)) for path, size in sizes.items()) + max(sizes.values())
    free = free_disk(folder)
    if free is not None and needed > free:
        raise RunError(
            f"the weights and states of {plural(len(sizes), 'training')} need about {byte_size(needed)} of disk space, "
            f"and {byte_size(free)} are free",
            where=folder,
            remedy="Free some space, train fewer models or seeds, or write to another disk with --out",
        )


def _used(folder: Path) -> int:
    """The bytes of the files in a folder; 0 where there is none."""
    total = 0
    with suppress(OSError):
        total = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return total
