"""Errors of a file system, injected where segarena writes: the k-th operation in a folder fails, as a disk would.

    with Disk(folder) as disk:                                  # counts: what is there to fail?
        work()
    for number in range(len(disk.operations)):
        with Disk(folder, fails_at=number, code=errno.EIO):     # an I/O error, once
            ...

An operation is making a folder, opening a new file, a write, fsync, or renaming the file to its name, or linking it
there. What a library writes through a file descriptor of its own, e.g. Pillow a JPEG, is met at fsync.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
from pathlib import Path
from typing import Any, NamedTuple, Self

import pytest

#: The errors of a full disk, a broken disk, a network drive that is gone, a file system that became read-only.
CODES = (errno.ENOSPC, errno.EIO, getattr(errno, "ESTALE", errno.EIO), errno.EROFS)
#: The letters in the name of a temporary folder that differ each time.
_RANDOM = re.compile(r"\.\w+\.partial")
#: Errors that stay once they are there.
LASTING = (errno.ENOSPC, errno.EROFS)


class Operation(NamedTuple):
    """What was done, and the file or folder, relative to the disk's folder."""

    kind: str
    path: str


class Place(NamedTuple):
    """One of the operations of a command, which other commands take at another number."""

    operation: Operation
    before: int


class Disk:
    """A folder whose operations are counted, and of which one fails.

    Args:
        folder: The folder; operations elsewhere are as usual.
        fails_at: The operation that fails: its number, from 0, or what it is and how many like it there were before;
            None if none does.
        code: Its error number. ENOSPC and EROFS last: whatever is done later fails too.
        holds: The bytes that can be written until the disk is full; None where there is no end.
    """

    def __init__(
        self,
        folder: Path,
        *,
        fails_at: int | Place | None = None,
        code: int = errno.ENOSPC,
        holds: int | None = None,
    ) -> None:
        self.folder, self.fails_at, self.code, self.holds = folder, fails_at, code, holds
        self.operations: list[Operation] = []
        self.failed: Operation | None = None
        self.written = 0
        self._files: dict[int, str] = {}
        self._patch = pytest.MonkeyPatch()

    def __enter__(self) -> Self:
        self._real = {name: getattr(os, name) for name in ("mkdir", "fdopen", "fsync", "replace", "rename", "link")}
        self._mkstemp = tempfile.mkstemp
        for name in self._real:
            self._patch.setattr(os, name, getattr(self, f"_{name}"))
        self._patch.setattr(tempfile, "mkstemp", self._open)
        return self

    def __exit__(self, *_: object) -> None:
        self._patch.undo()

    def take(self, kind: str, path: object) -> None:
        """Count an operation, and raise OSError if it is the one that fails."""
        place = Path(os.fsdecode(path)) if isinstance(path, bytes) else Path(str(path))
        if not place.absolute().is_relative_to(self.folder.absolute()):
            return
        name = _RANDOM.sub(".partial", str(place.absolute().relative_to(self.folder)))
        number, operation = len(self.operations), Operation(kind, name)
        here = number if isinstance(self.fails_at, int) else Place(operation, self.operations.count(operation))
        self.operations.append(operation)
        is_later = self.failed is not None and self.code in LASTING
        if here == self.fails_at or is_later:
            self._fail(operation)

    def fill(self, path: str, length: int) -> int:
        """Count bytes that are written; returns how many of them there is room for, less than all if it is full."""
        room = length if self.holds is None else max(0, min(length, self.holds - self.written))
        self.written += room
        return room

    def _fail(self, operation: Operation) -> None:
        self.failed = self.failed or operation
        raise OSError(self.code, os.strerror(self.code))

    def _open(self, *args: Any, **options: Any) -> tuple[int, str]:
        if not {"prefix", "suffix", "dir"} <= options.keys():  # not by segarena.files
            return self._mkstemp(*args, **options)
        path = Path(options["dir"], options["prefix"].strip("."))
        self.take("open", path)
        descriptor, name = self._mkstemp(*args, **options)
        self._files[descriptor] = str(path)
        return descriptor, name

    def _fdopen(self, descriptor: int, *args: Any, **options: Any) -> Any:
        stream = self._real["fdopen"](descriptor, *args, **options)
        return _Stream(stream, self, self._files[descriptor]) if descriptor in self._files else stream

    def _fsync(self, descriptor: int) -> None:
        if descriptor in self._files:
            self.take("fsync", self._files.pop(descriptor))
        elif os.path.lexists(place := f"/proc/self/fd/{descriptor}"):  # opened by a library, on Linux
            self.take("fsync", Path(place).readlink())
        self._real["fsync"](descriptor)

    def _replace(self, source: Any, target: Any, **options: Any) -> None:
        self.take("rename", target)
        self._real["replace"](source, target, **options)

    def _rename(self, source: Any, target: Any, **options: Any) -> None:
        self.take("rename", target)
        self._real["rename"](source, target, **options)

    def _link(self, source: Any, target: Any, **options: Any) -> None:
        self.take("link", target)
        self._real["link"](source, target, **options)

    def _mkdir(self, path: Any, *args: Any, **options: Any) -> None:
        if not os.path.lexists(path):  # Path.mkdir asks for folders that exist, too
            self.take("mkdir", path)
        self._real["mkdir"](path, *args, **options)


class _Stream:
    """A file that is open for writing; half of the bytes of a write that fails are written."""

    def __init__(self, stream: Any, disk: Disk, path: str) -> None:
        self._stream, self._disk, self._path = stream, disk, path

    def write(self, content: Any) -> int:
        length = memoryview(content).nbytes
        try:
            self._disk.take("write", self._path)
        except OSError:
            self._stream.write(memoryview(content).cast("B")[: length // 2])
            raise
        room = self._disk.fill(self._path, length)
        if room < length:
            self._stream.write(memoryview(content).cast("B")[:room])
            self._disk._fail(Operation("write", self._path))
        return self._stream.write(content)  # type: ignore[no-any-return]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stream.__exit__(*exception)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
