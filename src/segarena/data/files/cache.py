"""What was found out about files, kept by the hash of their content: any copy of a file, anywhere, is known.

The store is one SQLite file in the user's cache folder: a write is a transaction, whole or not at all. It is never
needed: where it is damaged, locked or cannot be written, everything is computed as if it were empty.
"""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

#: The store's size, in bytes, from which on it starts anew.
LIMIT = 500_000_000

_PATIENCE = 2.0  # seconds to wait for another process that writes
_CHUNK = 500  # keys in one question; SQLite takes 999
_TABLE = "CREATE TABLE IF NOT EXISTS facts (kind TEXT, key TEXT, content BLOB, PRIMARY KEY (kind, key))"


def cache_folder() -> Path:
    """$SEGARENA_CACHE, else segarena/ in $XDG_CACHE_HOME or ~/.cache. RuntimeError where the user has no home."""
    given = os.environ.get("SEGARENA_CACHE")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "segarena"


def recall(kind: str, keys: Sequence[str]) -> dict[str, bytes]:
    """Return what `remember` kept of this `kind` under `keys`; keys that are unknown are left out. Never fails."""
    found: dict[str, bytes] = {}
    with suppress(sqlite3.Error, OSError, RuntimeError), _open() as store:
        for start in range(0, len(keys), _CHUNK):
            chunk = keys[start : start + _CHUNK]
            marks = ", ".join("?" * len(chunk))
            question = f"SELECT key, content FROM facts WHERE kind = ? AND key IN ({marks})"
            for key, content in store.execute(question, (kind, *chunk)):
                with suppress(zlib.error, TypeError):  # a damaged entry; its checksum tells
                    found[key] = zlib.decompress(content)
    return found


def remember(kind: str, contents: Mapping[str, bytes]) -> None:
    """Keep `contents` by key for `recall`, all or none of them. Never fails: a store that is damaged is replaced."""
    if not contents:
        return
    rows = [(kind, key, zlib.compress(content, 1)) for key, content in contents.items()]
    with suppress(sqlite3.Error, OSError, RuntimeError):
        try:
            _write(rows)
        except sqlite3.OperationalError:
            return  # locked, full or read-only, but sound
        except sqlite3.DatabaseError:
            _store_path().unlink()
            _write(rows)


def _write(rows: list[tuple[str, str, bytes]]) -> None:
    path = _store_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LIMIT:
        path.unlink()
    with _open(create=True) as store, store:
        store.execute("PRAGMA synchronous = OFF")  # nothing is lost with it that could not be computed again
        store.execute(_TABLE)
        store.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", rows)


@contextmanager
def _open(create: bool = False) -> Iterator[sqlite3.Connection]:
    mode = "rwc" if create else "ro"
    address = f"{_store_path().absolute().as_uri()}?mode={mode}"
    with closing(sqlite3.connect(address, timeout=_PATIENCE, uri=True)) as store:
        yield store


def _store_path() -> Path:
    return cache_folder() / "facts.sqlite"
