"""Which files lie below a folder, which of them an annotation means, and to which split they belong."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

from segarena.data.converters.rasterize import Malformed
from segarena.data.files.images import IMAGE_SUFFIXES
from segarena.data.layout.vocabulary import SPLIT_WORDS, split_of_name, words_in
from segarena.data.source import Split
from segarena.errors import DataError


def split_of_folders(path: PurePath) -> Split | None:
    """The split that the nearest of a file's folders is called for; None where none is."""
    return next((split for split in map(split_of_name, reversed(path.parts[:-1])) if split), None)


def split_of(path: PurePath) -> Split | None:
    """The split in a file's own name, wherever in it, or else its folders': `instances_train2017.json`, `valid/a.json`.

    None where neither says one, or the name says two.
    """
    found = {split for split, meant in SPLIT_WORDS.items() if meant & set(words_in(path.stem))}
    if found:
        return found.pop() if len(found) == 1 else None
    return split_of_folders(path)


def walk(root: Path, suffixes: Iterable[str]) -> Iterator[Path]:
    """Yield the files below `root` with one of the endings, sorted; links are followed, each folder once.

    Hidden files and folders are passed over. Raises DataError where the root is no folder, or a folder is unreadable.
    """
    if not root.is_dir():
        what = "is not a folder" if root.exists() else "does not exist"
        raise DataError(what, where=root, remedy="Name the folder that holds the annotations and the images")
    wanted, seen = frozenset(suffixes), set()
    for folder, folders, names in os.walk(root, followlinks=True, onerror=_refuse):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__MACOSX")
        for name in sorted(names):
            if not name.startswith(".") and PurePath(name).suffix.lower() in wanted:
                yield Path(folder, name)


def annotation_files(src: Path, suffix: str) -> tuple[Path, list[Path]]:
    """The folder below which the images lie, and the annotation files: `src` itself, or those below it.

    A file in a folder `annotations` stands for the folder around that. Raises DataError where there is none.
    """
    if src.is_file():
        if src.suffix.lower() != suffix:
            remedy = "Name the folder of the annotations, or the file; unpack an archive first"
            raise DataError(f"is no {suffix} file", where=src, remedy=remedy)
        folder = src.parent
        return (folder.parent if folder.name.lower() == "annotations" else folder), [src]
    paths = list(walk(src, [suffix]))
    if not paths:
        raise DataError(f"has no {suffix} file", where=src, remedy="Name the folder or the file of the annotations")
    return src, paths


class ImageFiles:
    """The images below a folder, found by the names that annotations give them."""

    def __init__(self, root: Path, *, without: frozenset[str] = frozenset()) -> None:
        """Look at all folders below `root` but those called one of `without`."""
        self.root = root
        self.paths = [path for path in walk(root, IMAGE_SUFFIXES) if not without & set(path.relative_to(root).parts)]
        self._named: dict[str, list[Path]] = {}
        for path in self.paths:
            self._named.setdefault(path.name, []).append(path)

    def find(self, name: str, split: Split | None = None) -> Path:
        """The image called `name`, which may have folders in front: the file that shares most of them.

        A file in the folder of another split is not the one. Raises Malformed where none is, or two could be.
        """
        parts = [part for part in PureWindowsPath(name).parts if part not in ("..", ".")]
        files = self._named.get(parts[-1], []) if parts else []
        splits = {path: split_of_folders(path.relative_to(self.root)) for path in files}
        files = [path for path in files if split is None or splits[path] in (None, split)]
        if not files:
            raise Malformed(f"the image {name!r} is not below {self.root}")
        tails = {path: _common_tail(path.parts, parts) for path in files}
        best = [path for path in files if tails[path] == max(tails.values())]
        best = [path for path in best if split is not None and splits[path] == split] or best
        if len(best) > 1:
            raise Malformed(f"the image {name!r} could be {best[0]} or {best[1]}")
        return best[0]


def bare_name(name: str) -> str:
    """The name that an annotation gives an image, without its ending, its folders divided by `/`."""
    path = PurePosixPath(PureWindowsPath(name).as_posix())
    return path.with_name(path.stem).as_posix()


def _common_tail(first: tuple[str, ...], second: list[str]) -> int:
    common = 0
    for mine, theirs in zip(reversed(first), reversed(second), strict=False):
        if mine != theirs:
            break
        common += 1
    return common


def _refuse(error: OSError) -> None:
    raise DataError(
        f"cannot be listed ({error.strerror or error})",
        where=error.filename,
        remedy="Check the folder's permissions",
    ) from error
