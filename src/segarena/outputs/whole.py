"""Files and folders that a library writes by their path: made beside their place, and moved there when complete."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from segarena.files import TEMPORARY, unwritable


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a path at which to make a file or a folder, which takes its place when the block ends without an error.

    What has that name is replaced then. After an error nothing is left of the new one.

    Args:
        path: The file or folder.

    Raises:
        RunError: It cannot be written.
    """
    made = path.with_name(f".{path.name}.{secrets.token_hex(4)}{TEMPORARY}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield made
        if made.is_dir():
            remove(path)
        else:
            with made.open("rb+") as stream:
                os.fsync(stream.fileno())
        made.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        remove(made)


def remove(path: Path) -> None:
    """Remove a file or a folder with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):  # of a disk that fails, which must not hide the first error
            path.unlink(missing_ok=True)
