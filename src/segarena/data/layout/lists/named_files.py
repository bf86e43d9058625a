"""Which files of the data a name in a list may mean: a path below another folder, a file name, or a stem."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from segarena.data.layout.lists.lines import has_image_suffix
from segarena.data.layout.tree import File, relative_name
from segarena.data.layout.vocabulary import to_nfc

_SEPARATORS = re.compile(r"[/\\]+")


class NamedFiles:
    """Image and mask files by the names that a list may have for them."""

    def __init__(self, root: Path, files: Iterable[File]) -> None:
        """Index files; their paths count from `root` on."""
        self._parts: dict[File, tuple[str, ...]] = {}
        self._by_name: dict[str, list[File]] = {}
        self._by_folded_name: dict[str, list[File]] = {}
        self._by_stem: dict[str, list[File]] = {}
        for file in files:
            parts = tuple(to_nfc(relative_name(root, file.path)).split("/"))
            self._parts[file] = parts
            self._by_name.setdefault(parts[-1], []).append(file)
            self._by_folded_name.setdefault(parts[-1].casefold(), []).append(file)
            self._by_stem.setdefault(file.stem, []).append(file)

    def has(self, entry: str, folder: tuple[str, ...] = ()) -> bool:
        """Whether an entry is the name of a file. A number alone is none: it may be a class or an index."""
        return not entry.isdecimal() and bool(self.find(entry, folder))

    def find(self, entry: str, folder: tuple[str, ...] = ()) -> list[File]:
        """Return the files that an entry may mean, those that agree with most of its folders.

        Args:
            entry: A path below the root, below the list's folder or on another machine, with slashes of either kind; a
                file name; or a stem. Case counts unless nothing else fits. With another ending than the file's, the
                folder has to agree.
            folder: The folder of the list below the root.
        """
        parts = tuple(part for part in _SEPARATORS.split(to_nfc(entry.strip())) if part not in ("", ".", ".."))
        if not parts:
            return []
        named = self._by_name.get(parts[-1]) or self._by_folded_name.get(parts[-1].casefold())
        if named:
            return self._best(named, parts, folder)
        stem = parts[-1].rpartition(".")[0] if has_image_suffix(parts[-1]) else parts[-1]
        same_stem = self._by_stem.get(stem, [])
        if stem != parts[-1]:  # of another ending
            same_stem = [file for file in same_stem if len(parts) > 1 and self._parts[file][-2:-1] == parts[-2:-1]]
        return self._best(same_stem, parts, folder)

    def _best(self, files: list[File], parts: tuple[str, ...], folder: tuple[str, ...]) -> list[File]:
        def agreement(file: File) -> tuple[int, bool]:
            own = self._parts[file][-2::-1]
            wanted = parts[-2::-1]
            common = next((i for i, (a, b) in enumerate(zip(own, wanted, strict=False)) if a != b), None)
            count = min(len(own), len(wanted)) if common is None else common
            return count, self._parts[file][:-1] in (parts[:-1], (*folder, *parts[:-1]))

        best = max(map(agreement, files), default=None)
        return [file for file in files if agreement(file) == best]
