"""Write files atomically (a temporary file in the same folder, fsync, rename), and read JSON."""

from __future__ import annotations

import errno
import json
import math
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from segarena.errors import RunError
from segarena.formats import byte_size
from segarena.free_disk import free_disk, nearest_folder

#: The `code` of the error of a file that cannot be written.
UNWRITABLE = "unwritable"
#: What the system answers where there is no room.
_NO_ROOM = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG)
#: Suffix of files that are being written; kill -9 can leave one.
TEMPORARY = ".partial"

_reading_mask = threading.Lock()
#: The folders of `keeping`, each with its device and inode.
_kept: dict[Path, tuple[int, int]] = {}


@contextmanager
def keeping(folder: Path) -> Iterator[None]:
    """Make a folder, and let no file be written below it in the block once it was removed or replaced.

    It would be made again otherwise, with the files that are written from then on and without those of before: a
    folder that nobody can use, or resume.

    Args:
        folder: The folder, as the paths of the files in it begin.

    Raises:
        RunError: The folder cannot be made, or one above it that is kept was removed.
    """
    _check_kept(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        status = folder.stat()
    except OSError as error:
        raise unwritable(folder, error) from error
    before = _kept.get(folder)
    _kept[folder] = (status.st_dev, status.st_ino)
    try:
        yield
    finally:
        if before is None:
            del _kept[folder]
        else:
            _kept[folder] = before


def _check_kept(path: Path) -> None:
    """Raise RunError if a folder above the file, of those that are kept, is not the one that it was."""
    for folder, identity in list(_kept.items()):
        if folder not in path.parents:
            continue
        try:
            status = folder.stat()
        except OSError:
            status = None
        if status is None or (status.st_dev, status.st_ino) != identity:
            raise RunError(
                f"was {'removed' if status is None else 'replaced by another folder'} while files were written into it",
                where=folder,
                remedy="What was in it cannot be completed. Start again in a new folder",
            )


def unwritable(
    path: Path, error: Exception, *, instead: str = "write to another folder", needed: int | None = None
) -> RunError:
    """Return the error for a file or folder that cannot be written.

    Args:
        path: The file or folder.
        error: Of the system, or of a library that writes by itself.
        instead: What else the user may do, as the end of a sentence.
        needed: The size of the file in bytes, or what of it is known to be needed; None where nothing is.
    """
    reason, remedy = getattr(error, "strerror", None) or str(error), "Check the disk and the permissions"
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        reason += "".join(_describe_room(path, needed))
        remedy = "Free some space"
    elif not isinstance(error, OSError):
        remedy = "Free some space, check the permissions"
    found = RunError(f"cannot be written ({reason})", where=path, remedy=f"{remedy}, or {instead}")
    found.code = UNWRITABLE
    return found


def _describe_room(path: Path, needed: int | None) -> Iterator[str]:
    """The free space of a full disk, and what the file needs."""
    place = nearest_folder(path.parent)
    free = None if place is None else free_disk(place)
    if free is not None:
        yield f"; {byte_size(free)} are free"
    if needed:
        yield f"; the file needs at least {byte_size(needed)}"


@contextmanager
def open_whole(path: Path, *, size: int = 0) -> Iterator[IO[bytes]]:
    """Open a file for writing bytes that appears, complete, when the block ends without an error.

    Until then an older file of that name stays as it was, also on a full disk or after kill -9. Folders are made.

    Args:
        path: The file to write or replace.
        size: The bytes that will be written, for the message of a full disk; 0 where they are unknown.

    Raises:
        RunError: The file cannot be written, or a folder above it was removed, see `keeping`.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "table.csv")
    ...     with open_whole(path) as stream:
    ...         _ = stream.write(b"a,b")
    ...         before = path.exists()
    ...     before, path.read_text()
    (False, 'a,b')
    """
    temporary: str | None = None
    written = 0
    _check_kept(path)
    try:
        try:
            descriptor, temporary = _make_temporary(path)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, temporary = _make_temporary(path)
        with os.fdopen(descriptor, "wb") as stream:
            try:
                yield stream
            finally:
                written = _length(temporary)  # an exception of the block, or of the next line, may be a full disk
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o666 & ~_umask())  # mkstemp's file can be read by its owner only
        Path(temporary).replace(path)
        temporary = None
    except OSError as error:
        raise unwritable(path, error, needed=max(size, written, _length(path))) from error
    finally:
        if temporary is not None:
            with suppress(OSError):  # of a disk that fails, which must not hide the first error
                Path(temporary).unlink(missing_ok=True)


def _make_temporary(path: Path) -> tuple[int, str]:
    return tempfile.mkstemp(prefix=f".{path.name}.", suffix=TEMPORARY, dir=path.parent)


def _length(path: str | Path) -> int:
    """The size of a file in bytes; 0 where there is none."""
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes to a file, whole or not at all. Raises RunError where it cannot be written."""
    with open_whole(path, size=len(content)) as stream:
        stream.write(content)


def write_text(path: Path, text: str) -> None:
    """Write text to a UTF-8 file, whole or not at all.

    Args:
        path: The file to write or replace.
        text: Its content. Lone surrogates, which stand for bytes of a file name that is not valid UTF-8, are written as
            JSON escapes.

    Raises:
        RunError: The file cannot be written.
    """
    write_bytes(path, text.encode(errors="backslashreplace"))


def write_with(path: Path, save: Callable[[IO[bytes]], object]) -> None:
    """Write a file, whole or not at all, with a function that saves to a stream.

    Args:
        path: The file to write or replace.
        save: Called with a binary stream, e.g. the save function of a figure or an image.

    Raises:
        RunError: The file cannot be written.
    """
    with open_whole(path) as stream:
        save(stream)


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file, whole or not at all.

    Args:
        path: The file to write or replace.
        content: Dictionaries, lists, tuples, strings, numbers, paths, NumPy arrays and scalars. NaN and infinities are
            written as null, as JSON has no such numbers.

    Raises:
        RunError: The file cannot be written.
        TypeError: The content has a value of another type; nothing is written.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_json(Path(folder, "metrics.json"), {"miou": 0.5, "recall": [math.nan]})
    ...     read_json(Path(folder, "metrics.json"))
    {'miou': 0.5, 'recall': [None]}
    """
    write_text(path, json.dumps(_jsonable(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file of a run or comparison folder.

    Args:
        path: The file.

    Returns:
        Its content, as `json.loads` returns it.

    Raises:
        RunError: The file is missing or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError(
            "is missing", where=path, remedy="Name the folder of a finished run (`segarena train` prints it)"
        ) from error
    except (OSError, ValueError) as error:
        raise RunError(f"cannot be read ({error})", where=path, remedy="Repeat the run in a new folder") from error


def _jsonable(content: Any) -> Any:
    """Replace what JSON does not have: paths, arrays, NaN."""
    if isinstance(content, dict):
        return {str(key): _jsonable(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_jsonable(value) for value in content]
    if isinstance(content, Path):
        return str(content)
    if isinstance(content, float) and not math.isfinite(content):
        return None
    if hasattr(content, "tolist"):  # a numpy array or scalar
        return _jsonable(content.tolist())
    return content


def _umask() -> int:
    """The mask of new files. It can only be read by setting it: two threads at once would leave it at 0."""
    with _reading_mask:
        mask = os.umask(0)
        os.umask(mask)
    return mask
