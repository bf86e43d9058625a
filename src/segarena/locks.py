"""One command at a time in a folder: a lock that the system takes back when its process ends, however it ends."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segarena.errors import RunError

#: The file that is locked on Windows.
LOCK = ".lock"
#: What a file system answers that has no locks, or none for folders: e.g. some network file systems.
_NO_LOCKS = frozenset(
    number
    for name in ("ENOLCK", "EOPNOTSUPP", "ENOTSUP", "ENOSYS", "EINVAL", "EBADF", "EACCES", "EISDIR")
    if (number := getattr(errno, name, None)) is not None
)


@contextmanager
def hold(folder: Path) -> Iterator[bool]:
    """Lock a folder against other commands that write into it, until the block or the process ends.

    On Linux and macOS the folder itself is locked, and nothing is written; on Windows a file in it, which
    disappears with its process. The lock concerns only those who ask for it: files can be read and written as before.

    Args:
        folder: A folder that exists.

    Yields:
        Whether it is locked: False where the file system has no locks.

    Raises:
        RunError: Another process, or another call in this one, holds the lock; or the folder cannot be opened.
    """
    try:
        descriptor = _open(folder)
    except OSError as error:
        raise RunError(
            f"cannot be opened ({error.strerror or error})",
            where=folder,
            remedy="Check its permissions, or name another folder with --out",
        ) from error
    _held.add(descriptor)
    try:
        yield _lock(descriptor, folder)
    finally:
        if descriptor in _held:
            _held.remove(descriptor)
            os.close(descriptor)  # and with it the lock


#: The descriptors whose locks this process holds.
_held: set[int] = set()


def _leave_to_parent() -> None:
    """Close what a forked process inherits: a worker that hangs would keep the lock of a command that has ended."""
    while _held:
        os.close(_held.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)


if sys.platform == "win32":
    import msvcrt

    def _open(folder: Path) -> int:
        return os.open(folder / LOCK, os.O_CREAT | os.O_RDWR | os.O_TEMPORARY | os.O_NOINHERIT)

    def _take(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    _IN_USE = frozenset({errno.EACCES, errno.EDEADLOCK})
else:
    import fcntl

    def _open(folder: Path) -> int:
        return os.open(folder, os.O_RDONLY | os.O_CLOEXEC)

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    _IN_USE = frozenset({errno.EWOULDBLOCK, errno.EAGAIN})


def _lock(descriptor: int, folder: Path) -> bool:
    try:
        _take(descriptor)
    except OSError as error:
        if error.errno in _IN_USE:
            raise RunError(
                "is in use: another segarena command writes into it",
                where=folder,
                remedy="Wait until that command has ended, or name another folder with --out",
            ) from None
        if error.errno not in _NO_LOCKS:
            raise
        return False
    return True
