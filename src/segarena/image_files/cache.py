"""What decoding a file showed, kept by the hash of its content: a copy of a file, anywhere, is not decoded again.

The store is one SQLite file in the user's cache folder: a write is a transaction, whole or not at all. It is optional:
where it is damaged, locked or cannot be written, everything is computed as if it were empty.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

#: Size of the store, in bytes, above which it is emptied.
LIMIT = 500_000_000

_LARGE = 8192  # bytes
_PATIENCE = 2.0  # seconds to wait for another process that writes
_TABLE = "CREATE TABLE IF NOT EXISTS facts (kind TEXT, key TEXT, content BLOB, PRIMARY KEY (kind, key))"
_SELECT = "SELECT content FROM facts WHERE kind = ? AND key = ?"


class FactCache:
    """Facts about files, by their kind and the SHA-256 of the file.

    A context manager: `get` looks facts up while files are read, `add` collects new ones, and leaving the context
    writes them all. Threads may share it. No method raises: a store that cannot be used is left out, a damaged one is
    replaced.
    """

    def __init__(self) -> None:
        self._new: dict[tuple[str, str], bytes] = {}
        self._lock = threading.Lock()
        self._store: sqlite3.Connection | None = None

    def __enter__(self) -> FactCache:
        with suppress(sqlite3.Error, OSError, RuntimeError):
            self._store = _connect("ro")
        return self

    def __exit__(self, *exception: object) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None
        if self._new:
            _write([(kind, key, _pack(content)) for (kind, key), content in self._new.items()])

    def get(self, kind: str, key: str) -> bytes | None:
        """Return what was added as `kind` under `key`, in an earlier context; None where that is unknown."""
        with self._lock:
            if self._store is None:
                return None
            try:
                row = self._store.execute(_SELECT, (kind, key)).fetchone()
            except sqlite3.Error:  # damaged or locked: the next lookup would have to wait, too
                self._store.close()
                self._store = None
                return None
        with suppress(zlib.error, TypeError, ValueError):  # a damaged entry
            return None if row is None else _unpack(row[0])
        return None

    def add(self, kind: str, key: str, content: bytes) -> None:
        """Keep `content`, which is written when the context is left."""
        with self._lock:
            self._new[kind, key] = content


def recall_array(kind: str, parts: Iterable[bytes], compute: Callable[[], NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return what `compute` returned in an earlier call of the same kind and parts, else call it and keep the result.

    Args:
        kind: What is computed, and the version of how.
        parts: All that the result depends on.
        compute: Returns an array.

    Returns:
        Its values, (L,).
    """
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    key = digest.hexdigest()
    with FactCache() as cache:
        content = cache.get(kind, key)
        if content is not None:
            return np.frombuffer(content, dtype="<f8")
        found = compute()
        cache.add(kind, key, found.astype("<f8").tobytes())
        return found.ravel()


def cache_folder() -> Path:
    """$SEGARENA_CACHE, else segarena/ in $XDG_CACHE_HOME or ~/.cache. RuntimeError where the user has no home."""
    given = os.environ.get("SEGARENA_CACHE")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "segarena"


def _pack(content: bytes) -> bytes:
    """The content with a checksum; compressed, which has one, if it is large enough for that to be worth the time."""
    return zlib.compress(content, 1) if len(content) > _LARGE else b"\0" + zlib.crc32(content).to_bytes(4) + content


def _unpack(packed: bytes) -> bytes:
    """Raises zlib.error or ValueError where the checksum is another."""
    if packed[:1] != b"\0":
        return zlib.decompress(packed)
    if zlib.crc32(packed[5:]) != int.from_bytes(packed[1:5]):
        raise ValueError("the checksum is wrong")
    return packed[5:]


def _write(rows: list[tuple[str, str, bytes]]) -> None:
    with suppress(sqlite3.Error, OSError, RuntimeError):
        path = _store_path()
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > LIMIT:
            path.unlink()
        try:
            _insert(rows)
        except sqlite3.OperationalError:
            return  # locked, full or read-only, but sound
        except sqlite3.DatabaseError:
            path.unlink()
            _insert(rows)


def _insert(rows: list[tuple[str, str, bytes]]) -> None:
    with closing(_connect("rwc")) as store, store:
        store.execute("PRAGMA synchronous = OFF")  # whatever a crash loses can be computed again
        store.execute(_TABLE)
        store.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", rows)


def _connect(mode: str) -> sqlite3.Connection:
    address = f"{_store_path().absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(address, timeout=_PATIENCE, uri=True, check_same_thread=False)


def _store_path() -> Path:
    return cache_folder() / "facts.sqlite"
