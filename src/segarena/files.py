"""Each file is written whole or not at all: a temporary file in the same folder, fsync, rename."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from segarena.errors import RunError

#: Ends the names of files that are being written; kill -9 can leave one behind.
TEMPORARY = ".partial"


@contextmanager
def open_whole(path: Path) -> Iterator[IO[bytes]]:
    """Open `path` for writing bytes; it appears, complete, only when the block ends without an error.

    Until then an older file of that name stays as it was, also on a full disk or after kill -9.
    Raises RunError, with the path and a remedy, where the file cannot be written.
    """
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=TEMPORARY, dir=path.parent)
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
        temporary = None
    except OSError as error:
        raise RunError(
            f"cannot be written ({error.strerror or error})",
            where=path,
            remedy="Free some space, check the permissions, or write to another folder",
        ) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file. Raises RunError."""
    with open_whole(path) as stream:
        stream.write(content)


def write_text(path: Path, text: str) -> None:
    """Write a whole UTF-8 file. Raises RunError.

    Bytes of a file name that are no UTF-8, lone surrogates in `text`, are written as JSON escapes them.
    """
    write_bytes(path, text.encode(errors="backslashreplace"))


def write_with(path: Path, save: Callable[[IO[bytes]], object]) -> None:
    """Let `save` fill a stream, e.g. a figure's or an image's own save function. Raises RunError."""
    with open_whole(path) as stream:
        save(stream)


def write_json(path: Path, content: Any) -> None:
    """Write JSON with NaN and infinities as null, so that any reader can read it. Raises RunError."""
    write_text(path, json.dumps(_jsonable(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file of a run or comparison folder. Raises RunError where it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError(
            "is missing", where=path, remedy="Name the folder of a finished run (`segarena train` prints it)"
        ) from error
    except (OSError, ValueError) as error:
        raise RunError(f"cannot be read ({error})", where=path, remedy="Repeat the run in a new folder") from error


def _jsonable(content: Any) -> Any:
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
    mask = os.umask(0)
    os.umask(mask)
    return mask
