"""Where an export is written: beside its place first, and moved there whole once it has passed its checks."""

from __future__ import annotations

import glob
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from segarena.errors import RunError
from segarena.files import TEMPORARY, unwritable
from segarena.locks import hold

#: Seconds for which a folder is left alone: another export may have made it and not locked it yet.
_JUST_MADE = 10
_ANOTHER, _ELSEWHERE = "Name another one with --out", "name another place with --out"


def choose_target(out: Path | None, name: str, root: Path) -> Path:
    """Choose the file or folder to write, before any work. Nothing is made.

    Args:
        out: What the user named: the file or folder itself, by its suffix, or a folder for it; None for `root`.
        name: Its name where `out` has none, e.g. "unet.onnx"; without a suffix it is a folder.
        root: The run folder; there, a name that exists is numbered.

    Returns:
        A path at which there is nothing; for a folder, perhaps an empty one.

    Raises:
        RunError: There is something, or `out` has the suffix of another format.
    """
    suffix = Path(name).suffix
    if out is None:
        number, target = 1, root / name
        while target.exists():
            number += 1
            target = root / f"{Path(name).stem}-{number}{suffix}"
        return target
    if not suffix:
        if out.exists() and not (out.is_dir() and not any(out.iterdir())):
            raise RunError("exists and is not an empty folder", where=out, remedy=_ANOTHER)
        return out
    if out.suffix and out.suffix != suffix and not out.is_dir():
        raise RunError(f"ends in {out.suffix}, and the file is {suffix}", where=out, remedy=f"Name a file *{suffix}")
    target = out if out.suffix == suffix and not out.is_dir() else out / name
    if target.exists():
        raise RunError("exists, and is not overwritten", where=target, remedy=_ANOTHER)
    return target


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """Yield a path to write to, which becomes the target when the block ends without an error; else nothing is left.

    What killed exports of the same name have left beside the target is removed.

    Args:
        target: The file or folder to make.

    Raises:
        RunError: It cannot be written, or something is there by now.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_left_over(target)
        place = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=TEMPORARY, dir=target.parent))
    except OSError as error:
        raise unwritable(target, error, instead=_ELSEWHERE) from error
    try:
        with hold(place):
            yield place / target.name
            _move(place / target.name, target)
    except OSError as error:
        raise unwritable(target, error, instead=_ELSEWHERE) from error
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _remove_left_over(target: Path) -> None:
    """Remove the folders of exports of this target that were killed: those that no process has locked."""
    for folder in target.parent.glob(f".{glob.escape(target.name)}.*{TEMPORARY}"):
        with suppress(OSError, RunError):  # it is in use, or of another user: this export does not need it
            if time.time() - folder.stat().st_mtime < _JUST_MADE:
                continue
            with hold(folder) as is_locked:
                if is_locked:
                    shutil.rmtree(folder)


def _move(made: Path, target: Path) -> None:
    if made.is_dir():
        if target.exists():
            target.rmdir()  # an empty one; others are refused
        made.rename(target)
        return
    with made.open("rb+") as stream:
        os.fsync(stream.fileno())
    try:
        os.link(made, target)  # unlike a rename, it does not replace a file that was made in the meantime
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if target.exists():
            raise FileExistsError(17, "File exists") from None
        made.rename(target)
