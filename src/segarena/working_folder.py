"""The folder that a command writes to for hours: made, and kept for this command alone until it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segarena.files import keeping
from segarena.locks import hold
from segarena.runs import DEFAULT_ROOT, check_out, open_folder, unwritable


def check_claim(out: Path | None, *, resume: bool) -> None:
    """Check that `claimed_folder` will accept a folder, before the data is read. Nothing is made.

    Args:
        out: The folder that the user named, or None.
        resume: Whether `out` may have files.

    Raises:
        RunError: Another command writes into it, or as for `check_out`.
    """
    if out is not None and out.is_dir():
        with hold(out):
            pass
    check_out(out, resume=resume)


@contextmanager
def claimed_folder(
    out: Path | None, name: str, *, resume: bool = False, root: Path = DEFAULT_ROOT
) -> Iterator[tuple[Path, bool]]:
    """Make the folder that a command writes to for hours, and keep other commands out of it until the block ends.

    Args:
        out: The folder that the user named, or None.
        name: Name of a new folder if `out` is None, as for `open_folder`.
        resume: Whether `out` may have files.
        root: The folder in which a new folder is made.

    Yields:
        The folder, and whether it is locked, see `locks.hold`.

    Raises:
        RunError: Another command writes into it, or as for `open_folder`.
    """
    check_out(out, resume=resume)
    if out is None:
        folder = open_folder(None, name, root=root)
    else:
        folder = out
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(out, error) from error
    with hold(folder) as is_locked, keeping(folder):
        # Opened under the lock: what another command is writing is not removed, and what it has written is noticed.
        yield open_folder(folder, name, resume=resume), is_locked
