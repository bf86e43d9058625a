"""How much room the disk of a folder has."""

from __future__ import annotations

import shutil
from pathlib import Path


def free_disk(folder: Path) -> int | None:
    """Return how much can be written below a folder, in bytes; None where it does not exist or that is not reported.

    Args:
        folder: The folder, or where shared memory is mounted.
    """
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def nearest_folder(path: Path) -> Path | None:
    """Return the nearest folder above a path, or the path itself, that exists: its disk is written to.

    Args:
        path: A file or folder, which may not exist yet.
    """
    try:
        return next((place for place in (path.absolute(), *path.absolute().parents) if place.is_dir()), None)
    except OSError:
        return None
