"""Decoded images on disk, by the hash of their content, for data that memory does not hold.

A file has the pixels of an image and its mask and is mapped into memory: the system keeps in memory what is used, and
may give it up at any time. The cache is optional: where it cannot be written, or a file is missing or damaged, images
are decoded as without it. Several processes may use it.
"""

from __future__ import annotations

import math
import os
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pair = tuple[NDArray[Any], NDArray[np.uint8]]

#: The first number of each file: another version has another one.
_FORMAT = 0x5E6A0001
#: The types of an image. RGB of 8 bits is the first type with 3 channels, and 0 stands for it.
_TYPES = ("uint8", "uint16", "float32")
#: Bytes before the pixels: format (in its upper half type and channels), height, width and checksum, each an int64.
_HEADER = 32
#: Seconds in which a file counts as used, by whatever process: it is not deleted to make room.
_RECENT = 3600.0
#: Seconds after which a file that is still used is marked as used again.
_MARK_EVERY = _RECENT / 4
#: Seconds after which an unfinished file is one of a process that was killed.
_ABANDONED = 86400.0
_ENDING = ".pixels"
#: Seconds after which a full cache, or one that cannot be written, is tried again.
RETRY = 600.0
#: The share of the limit that a process writes, or deletes, before it lists the folder again.
PART = 1 / 16


class DiskCache:
    """Decoded images in a folder of a limited size. No method raises, but for what decoding raises.

    Args:
        folder: The folder; it is made where it is needed.
        limit_bytes: The most that all files take together; each process that writes at the same time may exceed it by
            `PART` of it. The least recently used make room for new ones.
    """

    def __init__(self, folder: Path, limit_bytes: float) -> None:
        self.folder, self.limit_bytes = folder, limit_bytes
        #: When this process has marked each file as used; its checksum was right.
        self._marked: dict[str, float] = {}
        # Threads share these without a lock, which a forked process could inherit as it is held. What they count may be
        # wrong for a moment; it is counted again whenever the folder is listed.
        self._taken = self._written = 0
        self._is_listed = False
        self._full_until = 0.0

    def recall(self, key: str, decode: Callable[[], Pair]) -> Pair:
        """Return what was kept under a key, else what `decode` returns, which is then kept if there is room.

        Args:
            key: The hash of all that the pixels depend on, in hex.
            decode: Returns the image (H, W, C), uint8, uint16 or float32, and the mask uint8 (H, W).
        """
        found = self._read(key)
        if found is None:
            found = decode()
            self._write(key, *found)
        return found

    def _read(self, key: str) -> Pair | None:
        path = self._path(key)
        try:
            if not path.is_file():  # opening a pipe would wait for a writer
                return None
            # copy-on-write: whoever changes a pixel does not change the file
            content = np.memmap(path, dtype=np.uint8, mode="c")
        except (OSError, ValueError):  # there is none, or it is empty
            return None
        kind, height, width, checksum = content[:_HEADER].view(np.int64).tolist() if len(content) > _HEADER else [0] * 4
        kind, code = kind & 0xFFFFFFFF, kind >> 32
        type_code, channels = (0, 3) if code == 0 else (code >> 16 & 3, code & 0xFFFF)
        if type_code >= len(_TYPES) or min(height, width) < 1:
            return None
        dtype = _TYPES[type_code]
        split = np.dtype(dtype).itemsize * channels * height * width
        if kind != _FORMAT or len(content) != _HEADER + split + height * width:
            return None
        pixels = np.asarray(content[_HEADER:])
        now = time.monotonic()
        if key not in self._marked and zlib.crc32(pixels.data) != checksum:
            return None
        if now - self._marked.get(key, -math.inf) >= _MARK_EVERY:
            self._marked[key] = now
            with suppress(OSError):
                os.utime(path)
        return pixels[:split].view(dtype).reshape(height, width, channels), pixels[split:].reshape(height, width)

    def _write(self, key: str, image: NDArray[Any], mask: NDArray[np.uint8]) -> None:
        parts = [np.ascontiguousarray(part).reshape(-1).view(np.uint8) for part in (image, mask)]
        code = _TYPES.index(str(image.dtype)) << 16 | image.shape[2]
        size = _HEADER + sum(len(part) for part in parts)
        if time.monotonic() < self._full_until or not self._make_room(size):
            return
        checksum = zlib.crc32(parts[1].data, zlib.crc32(parts[0].data))
        header = np.array([_FORMAT | (0 if code == 3 else code) << 32, *mask.shape, checksum], np.int64)
        unfinished = self.folder / f".{key}-{os.getpid()}-{time.monotonic_ns()}"
        try:
            with unfinished.open("xb") as file:
                for part in (header.view(np.uint8), *parts):
                    file.write(part.data)
            unfinished.replace(self._path(key))
            self._taken += size
            self._written += size
        except OSError:  # the disk is full, or cannot be written
            self._rest()
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)

    def _make_room(self, size: int) -> bool:
        """Whether a file may be written; files that were not used for long are deleted for it."""
        try:
            if not self._is_listed:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._remove_abandoned()
            if not self._is_listed or self._written > PART * self.limit_bytes:  # other processes write, too
                self._taken, self._written = sum(length for _, length, _ in self._files()), 0
                self._is_listed = True
            if self._taken + size > self.limit_bytes:
                self._delete_oldest(size)
        except OSError:
            self._rest()
            return False
        if self._taken + size > self.limit_bytes:
            self._rest()
            return False
        return True

    def _rest(self) -> None:
        """Write nothing for a while; then the folder is listed again: another process may have made room."""
        self._full_until = time.monotonic() + RETRY
        self._is_listed = False

    def _delete_oldest(self, size: int) -> None:
        files = sorted(self._files())
        self._taken = sum(length for _, length, _ in files)
        # more than for this file, so that the folder is not listed for each
        wanted = max(size, PART * self.limit_bytes)
        for used, length, path in files:
            if self._taken + wanted <= self.limit_bytes or used > time.time() - _RECENT:
                return
            path.unlink(missing_ok=True)
            self._taken -= length

    def _files(self) -> list[tuple[float, int, Path]]:
        """When each file was last used, its size and its path."""
        found = []
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.name.endswith(_ENDING):
                    with suppress(OSError):  # another process has deleted it
                        status = entry.stat()
                        found.append((status.st_mtime, status.st_size, Path(entry.path)))
        return found

    def _remove_abandoned(self) -> None:
        for path in self.folder.glob(".*-*-*"):
            with suppress(OSError):
                if path.stat().st_mtime < time.time() - _ABANDONED:
                    path.unlink()

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{_ENDING}"
