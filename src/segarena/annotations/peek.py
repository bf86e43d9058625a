"""A look into a folder of annotations, without reading all of it: for finding out which format it has."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from segarena.annotations.image_index import walk
from segarena.data.layout.tree import looking_at
from segarena.image_files.images import PICTURE_SUFFIXES
from segarena.texts import decode_text

_ENDINGS = (".json", ".xml", ".txt", ".csv", ".yaml", ".yml", ".geojson", ".ndjson", ".jsonl")
_MOST_BYTES = 1 << 25  # of a JSON file that is read for a look: more take over a second
_HEAD = 1 << 16
_CUT = 4  # bytes of the longest character of UTF-8
_SAMPLE = 12


class Peek:
    """The files below a folder, or one file, and the beginnings of some of them."""

    def __init__(self, src: Path) -> None:
        """List the files. Raises DataError if a folder cannot be listed or `src` does not exist."""
        self.src = src
        with looking_at(src):
            is_file = src.is_file()
        self.root = src.parent if is_file else src
        self._files: dict[str, list[Path]] = defaultdict(list)
        paths: Iterator[Path] = iter([src]) if is_file else walk(src, (*_ENDINGS, *PICTURE_SUFFIXES))
        for path in paths:
            self._files[path.suffix.lower()].append(path)
        self._json: dict[Path, Any] = {}

    def files(self, *endings: str) -> list[Path]:
        """Return all files with one of the endings (lower case, with the dot), sorted; without endings, all."""
        return sorted(path for ending in endings or list(self._files) for path in self._files[ending])

    @cached_property
    def images(self) -> list[Path]:
        """All files with an ending of images, masks among them."""
        return self.files(*PICTURE_SUFFIXES)

    def sample(self, *endings: str) -> list[Path]:
        """Return some of these files: of each folder the first, files at equal steps, and the largest."""
        files = self.files(*endings)
        first = list({path.parent: path for path in reversed(files)}.values())[-_SAMPLE:]
        step = max(1, len(files) // _SAMPLE)
        return sorted({*first, *files[::step], *sorted(files, key=_size)[-3:]})

    def json(self, path: Path) -> Any:
        """Return the content of a JSON file; None if it is none, or larger than 32 MiB."""
        if path not in self._json:
            try:
                small = path.stat().st_size <= _MOST_BYTES
                self._json[path] = _parse(path.read_bytes()) if small else None
            except (OSError, ValueError, RecursionError):
                self._json[path] = None
        return self._json[path]

    def head(self, path: Path) -> str:
        """Return the first 64 KiB of a text file, see `read_head`."""
        return read_head(path)

    def xml_tags(self, path: Path) -> set[str]:
        """Return the tag of the root of an XML file and of its first children; empty if it is no XML."""
        tags = _Tags()
        head = self.head(path)
        # What is read before an error counts; a document type may define entities without end.
        with suppress(ElementTree.ParseError, ValueError, LookupError):
            if "<!DOCTYPE" not in head:
                ElementTree.XMLParser(target=tags).feed(head)
        return tags.found

    def name(self, path: Path) -> str:
        """Return a file's path below the folder, for messages."""
        return path.relative_to(self.root).as_posix()


def read_head(path: Path) -> str:
    """Return the first 64 KiB of a text file in any encoding; "" where they cannot be read or are not text.

    Lines end with a line feed, whichever system wrote them.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
        return decode_text(_whole_characters(head)).replace("\r\n", "\n").replace("\r", "\n")
    except (OSError, UnicodeDecodeError):
        return ""


def _whole_characters(head: bytes) -> bytes:
    """The first bytes of a longer file, without those of a character of UTF-8 that is cut."""
    for end in range(len(head), len(head) - _CUT, -1) if len(head) == _HEAD else ():
        with suppress(UnicodeDecodeError):
            head[:end].decode()
            return head[:end]
    return head


class _Tags:
    """Collects the tags of an XML file down to the second level."""

    def __init__(self) -> None:
        self.found: set[str] = set()
        self._depth = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Called at the start of an element."""
        self._depth += 1
        if self._depth <= 2:
            self.found.add(tag)

    def end(self, tag: str) -> None:
        """Called at its end."""
        self._depth -= 1

    def data(self, text: str) -> None:
        """Text is not needed."""

    def close(self) -> None:
        """There is no result to return."""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _parse(content: bytes) -> Any:
    """JSON in any encoding of Unicode; other bytes are replaced, as the format shows all the same."""
    try:
        return json.loads(content)
    except UnicodeDecodeError:
        return json.loads(content.decode(errors="replace"))
