"""Arrays in a temporary file: of what was written, nothing has to stay in the memory of the process."""

from __future__ import annotations

import mmap
import os
import tempfile
from typing import Any

import numpy as np
from numpy.typing import NDArray


class PagedArray:
    """An array uint8 in a temporary file that is removed with it; without room on the disk, in memory.

    Attributes:
        array: The array, of the shape, not initialised.
    """

    array: NDArray[np.uint8]

    def __init__(self, shape: tuple[int, ...]) -> None:
        """Make an array.

        Args:
            shape: Its shape.
        """
        self._map: mmap.mmap | None = None
        size = int(np.prod(shape))
        try:
            with tempfile.TemporaryFile() as file:
                _reserve(file, size)
                self._map = mmap.mmap(file.fileno(), size)
        except (OSError, ValueError):  # no room, or no such files on this system
            self.array = np.empty(shape, np.uint8)
        else:
            self.array = np.frombuffer(self._map, np.uint8).reshape(shape)

    @property
    def is_in_file(self) -> bool:
        """Whether it is in a file, and not in memory."""
        return self._map is not None

    def release(self) -> None:
        """Give back the memory of what was written or read; it is read from the file again where it is used."""
        if self._map is not None and hasattr(self._map, "madvise"):
            self._map.madvise(mmap.MADV_DONTNEED)


def _reserve(file: Any, size: int) -> None:
    """Make a file that long, and take the room for it where the system can."""
    file.truncate(size)
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
