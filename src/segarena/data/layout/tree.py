"""Every image file below a folder, with what the names of its folders mean."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path

from segarena.data.layout.vocabulary import (
    FileKind,
    folder_kind,
    is_numbered_kind,
    is_skipped_folder,
    may_be_class,
    split_of_name,
    to_nfc,
    without_split,
    words_in,
)
from segarena.data.source import Split
from segarena.errors import DataError
from segarena.image_files.images import FURTHER_SUFFIXES, IMAGE_SUFFIXES

#: With fewer numbered folders, it is not clear that each has a sample.
_FEWEST_SAMPLES = 3


@dataclass(frozen=True)
class Location:
    """What the names of the folders between the root and a file mean."""

    kind: FileKind | None
    """Of the nearest folder that is named for images or for masks."""
    split: Split | None
    """Of the nearest folder that is named for a split."""
    context: tuple[str, ...]
    """The folders that are named for neither."""
    pattern: str
    """The same for all folders of one collection: `masks/{split}`, or `*/masks` with any folders for the star."""


@dataclass(frozen=True, eq=False)
class File:
    """An image or mask file and where it is. Equal to itself alone."""

    path: Path
    location: Location

    @cached_property
    def stem(self) -> str:
        """The name without its last ending, in Unicode's composed form."""
        return to_nfc(self.path.stem)

    @cached_property
    def folder(self) -> Path:
        """The folder that the file is in."""
        return self.path.parent


@dataclass(frozen=True)
class Tree:
    """What is below a folder: image files, skipped folders, broken links, and the endings of all other files."""

    files: tuple[File, ...] = ()
    skipped: tuple[Path, ...] = ()
    broken_links: tuple[Path, ...] = ()
    endings: dict[Path, Counter[str]] = field(default_factory=dict)
    """For each folder, how many files it has of each ending, those in `files` and `broken_links` not counted."""
    with_further: bool = False
    """Whether `files` has those of `FURTHER_SUFFIXES` too: arrays, HEIC, ..."""

    @property
    def leaves_further(self) -> bool:
        """Whether there are files of `FURTHER_SUFFIXES` that are not among `files`."""
        return any(not FURTHER_SUFFIXES.isdisjoint(counts) for counts in self.endings.values())


@lru_cache(maxsize=1024)
def read_location(folders: tuple[str, ...], of_samples: frozenset[str] = frozenset()) -> Location:
    """Interpret the names of the folders, from the one below the root down to the one that holds a file.

    Args:
        folders: The names.
        of_samples: Names of folders that have a sample each, whatever the words in them mean.
    """
    kind: FileKind | None = None
    split: Split | None = None
    context: list[str] = []
    pattern: list[str] = []
    for name in folders:
        own_kind, own_split = (None, None) if name in of_samples else (folder_kind(name), split_of_name(name))
        kind, split = own_kind or kind, own_split or split
        if own_kind:
            pattern.append(without_split(name))
        elif own_split:
            pattern.append("{split}")
        else:
            context.append(to_nfc(name))
            if pattern[-1:] != ["*"]:
                pattern.append("*")
    if pattern[-1:] == ["*"]:
        pattern.pop()
    return Location(kind, split, tuple(context), "/".join(pattern))


def scan(root: Path, start: Path | None = None, *, with_further: bool = False) -> Tree:
    """Find all image files below a folder, images and masks alike.

    Hidden files and folders are skipped, and so are those of `is_skipped_folder`. A link to a folder is followed
    once, and never to a folder that contains `start`.

    Args:
        root: The folder whose subfolders' names are interpreted.
        start: The folder to search, `root` if None. Elsewhere, the `context` of a file has the folders below it only.
        with_further: Whether files of `FURTHER_SUFFIXES` are image files.

    Raises:
        DataError: A folder cannot be listed.
    """
    start = root if start is None else start
    base = root if start.is_relative_to(root) else start.parent
    seen = {_identity(folder) for folder in start.resolve().parents}
    waiting, links = [start], list[Path]()
    suffixes = IMAGE_SUFFIXES | FURTHER_SUFFIXES if with_further else IMAGE_SUFFIXES
    files: list[File] = []
    skipped: list[Path] = []
    broken: list[Path] = []
    endings: dict[Path, Counter[str]] = {}
    while waiting or links:
        # Links last: if one leads to a folder that is found anyway, the folder's own location counts.
        folder = waiting.pop(0) if waiting else links.pop(0)
        identity = _identity(folder)
        if identity in seen:
            continue
        seen.add(identity)
        location = read_location(folder.relative_to(base).parts)
        if base != root:
            location = replace(location, context=read_location(folder.relative_to(start).parts).context)
        for entry in _list_entries(folder):
            path, suffix = folder / entry.name, _suffix(entry.name)
            if _is_folder(entry):
                (skipped if is_skipped_folder(entry.name) else links if entry.is_symlink() else waiting).append(path)
            elif suffix in suffixes and _is_file(entry):
                files.append(File(path, location))
            elif _is_broken_link(entry):
                broken.append(path)
            else:
                endings.setdefault(folder, Counter())[suffix] += 1
    return Tree(tuple(files), tuple(skipped), tuple(broken), endings, with_further)


def with_sample_folders(root: Path, tree: Tree) -> tuple[Tree, int]:
    """Return the tree with image_1, image_2, image_3, ... as folders of a sample each, and how many there are.

    There are none if fewer than three have such names, if they have other words too, images_1 beside masks_1, or if a
    file is in none of them.
    """
    parts = {folder: folder.relative_to(root).parts for folder in {file.folder for file in tree.files}}
    numbered: dict[tuple[str, ...], set[str]] = {}
    for name in {name for folders in parts.values() for name in folders}:
        if is_numbered_kind(name):
            numbered.setdefault(tuple(word for word in words_in(name) if not word.isdigit()), set()).add(name)
    names = frozenset(next(iter(numbered.values()))) if len(numbered) == 1 else frozenset[str]()
    if len(names) < _FEWEST_SAMPLES or any(names.isdisjoint(folders) for folders in parts.values()):
        return tree, 0
    files = tuple(File(file.path, read_location(parts[file.folder], names)) for file in tree.files)
    return replace(tree, files=files), len(names)


def skipped_classes(root: Path, tree: Tree) -> tuple[Path, ...]:
    """Return the skipped folders with image files, in a folder of masks, whose name could be that of a class: `log`."""
    parts = {path: path.relative_to(root).parts[:-1] for path in tree.skipped if may_be_class(path.name)}
    inside = [path for path, folders in parts.items() if any(folder_kind(part) == "mask" for part in folders)]
    return tuple(path for path in inside if image_files(path))


def image_files(folder: Path) -> list[Path]:
    """Return the image files directly in a folder, sorted, hidden ones skipped. Raises DataError."""
    return files_ending(folder, IMAGE_SUFFIXES)


def files_ending(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Return the files directly in a folder with one of the endings, in lower case, sorted. Raises DataError."""
    return [
        folder / entry.name
        for entry in _list_entries(folder)
        if _last_suffix(entry.name.lower()) in suffixes and not _is_folder(entry) and _is_file(entry)
    ]


def subfolders(folder: Path) -> list[Path]:
    """Return the folders directly in a folder, sorted, hidden ones skipped. Raises DataError."""
    return [folder / entry.name for entry in _list_entries(folder) if _is_folder(entry)]


def relative_name(root: Path, path: Path) -> str:
    """Return the path below the root, `.` for the root; the whole path if it is elsewhere."""
    name, prefix = path.as_posix(), f"{root.as_posix().rstrip('/')}/"
    if name.startswith(prefix):  # all but always, and ten times as fast as pathlib
        return name.removeprefix(prefix)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else name


@contextmanager
def looking_at(path: Path) -> Iterator[None]:
    """Turn errors of asking what a path is into a DataError: a folder above it may be closed to the user."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"cannot be read ({error.strerror or error})",
            where=path,
            remedy="Check the path and its permissions, and those of the folders that it is in",
        ) from error


def _suffix(name: str) -> str:
    """The ending in lower case; of a compressed volume, both."""
    lower = name.lower()
    return ".nii.gz" if lower.endswith(".nii.gz") else _last_suffix(lower)


def _last_suffix(name: str) -> str:
    """As `Path(name).suffix`, in a tenth of the time."""
    dot = name.rfind(".")
    return name[dot:] if 0 < dot < len(name) - 1 else ""


def _list_entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda e: e.name)
    except OSError as error:
        raise _unreadable(folder, error) from error


def _identity(folder: Path) -> tuple[int, int]:
    try:
        status = folder.stat()
    except OSError as error:
        raise _unreadable(folder, error) from error
    return status.st_dev, status.st_ino


def _unreadable(folder: Path, error: OSError) -> DataError:
    return DataError(
        f"cannot be listed ({error.strerror or error})", where=folder, remedy="Check the folder's permissions"
    )


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Whether it is a file, or a broken link to one: that is an error when it is read, and must not be skipped."""
    try:
        return entry.is_file() or entry.is_symlink()
    except OSError:
        return True


def _is_broken_link(entry: os.DirEntry[str]) -> bool:
    try:
        entry.stat()
    except OSError:
        return entry.is_symlink()
    return False
