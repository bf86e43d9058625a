"""Every picture below a folder, with what the names of its folders say; what is none of the data's is passed over."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from segarena.data.files.images import IMAGE_SUFFIXES
from segarena.data.layout.vocabulary import Place, is_aside, normal, read_place
from segarena.errors import DataError


@dataclass(frozen=True, eq=False)
class File:
    """A picture file and its place: what the folders above it say. Equal to itself alone."""

    path: Path
    place: Place

    @cached_property
    def stem(self) -> str:
        """The name without its last ending, in Unicode's composed form."""
        return normal(self.path.stem)


@dataclass(frozen=True)
class Tree:
    """What lies below a folder: pictures, folders passed over, links that lead nowhere, and of all other files the
    endings, folder by folder.
    """

    files: tuple[File, ...] = ()
    passed_over: tuple[Path, ...] = ()
    dead_links: tuple[Path, ...] = ()
    endings: dict[Path, Counter[str]] = field(default_factory=dict)


def scan(root: Path, start: Path | None = None) -> Tree:
    """Find all pictures below `start`, which is `root` itself if None; names are read from `root` downwards.

    The `context` of a file's place are the folders below `start` alone.
    Hidden files and folders are passed over, and so are the folders that `names.is_aside` tells of, below `start`.
    A link to a folder is followed once, and never to a folder that holds `start`. Raises DataError for a folder that
    cannot be listed.
    """
    start = root if start is None else start
    base = root if start.is_relative_to(root) else start.parent
    seen = {_identity(folder) for folder in start.resolve().parents}
    waiting, links = [start], list[Path]()
    files: list[File] = []
    aside: list[Path] = []
    dead: list[Path] = []
    endings: dict[Path, Counter[str]] = {}
    while waiting or links:
        # Links last: where one leads to a folder that is met anyway, the folder's own place counts.
        folder = waiting.pop(0) if waiting else links.pop(0)
        identity = _identity(folder)
        if identity in seen:
            continue
        seen.add(identity)
        place = read_place(folder.relative_to(base).parts)
        place = replace(place, context=read_place(folder.relative_to(start).parts).context)
        for entry in _listing(folder):
            path, suffix = folder / entry.name, Path(entry.name).suffix.lower()
            if _is_folder(entry):
                (aside if is_aside(entry.name) else links if entry.is_symlink() else waiting).append(path)
            elif suffix in IMAGE_SUFFIXES and _is_file(entry):
                files.append(File(path, place))
            elif _leads_nowhere(entry):
                dead.append(path)
            else:
                endings.setdefault(folder, Counter())[suffix] += 1
    return Tree(tuple(files), tuple(aside), tuple(dead), endings)


def image_files(folder: Path) -> list[Path]:
    """Return the files right inside `folder` that are images by their ending, sorted; hidden ones are passed over."""
    return files_ending(folder, IMAGE_SUFFIXES)


def files_ending(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Return the files right inside `folder` with one of the endings, in lower case, sorted. Raises DataError."""
    return [
        folder / entry.name
        for entry in _listing(folder)
        if Path(entry.name).suffix.lower() in suffixes and not _is_folder(entry) and _is_file(entry)
    ]


def folders(folder: Path) -> list[Path]:
    """Return the folders right inside `folder`, sorted; hidden ones are passed over. Raises DataError."""
    return [folder / entry.name for entry in _listing(folder) if _is_folder(entry)]


def _listing(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda e: e.name)
    except OSError as error:
        raise DataError(
            f"cannot be listed ({error.strerror or error})", where=folder, remedy="Check the folder's permissions"
        ) from error


def _identity(folder: Path) -> tuple[int, int]:
    try:
        status = folder.stat()
    except OSError as error:
        raise DataError(
            f"cannot be read ({error.strerror or error})", where=folder, remedy="Check the folder's permissions"
        ) from error
    return status.st_dev, status.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    """A file, or a link that leads nowhere: that is a fault to be named, not a file to be passed over."""
    try:
        return entry.is_file() or entry.is_symlink()
    except OSError:
        return True


def _leads_nowhere(entry: os.DirEntry[str]) -> bool:
    try:
        entry.stat()
    except OSError:
        return entry.is_symlink()
    return False
