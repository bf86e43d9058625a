"""Which files are below a folder, which image an annotation refers to, and which split it is in."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Literal, overload
from urllib.parse import unquote, urlsplit

from segarena.annotations.annotations import Malformed
from segarena.data.layout.tree import looking_at
from segarena.data.layout.vocabulary import SPLIT_WORDS, folder_kind, split_of_name, to_nfc, words_in
from segarena.data.source import Split
from segarena.errors import DataError
from segarena.formats import listing, plural
from segarena.image_files.images import PICTURE_SUFFIXES


def split_of_folders(path: PurePath) -> Split | None:
    """Return the split that the nearest of a file's folders is named for; None if none is."""
    return next((split for split in map(split_of_name, reversed(path.parts[:-1])) if split), None)


def split_of_file(path: PurePath) -> Split | None:
    """Return the split in a file's own name, or else of its folders; None without one, and if its name has two.

    >>> split_of_file(PurePath("annotations/instances_train2017.json")), split_of_file(PurePath("valid/a.json"))
    ('train', 'val')
    """
    found = {split for split, split_words in SPLIT_WORDS.items() if split_words & set(words_in(path.stem))}
    if found:
        return found.pop() if len(found) == 1 else None
    return split_of_folders(path)


def walk(root: Path, suffixes: Iterable[str]) -> Iterator[Path]:
    """Yield the files below `root` with one of the endings, sorted; links are followed, each folder once.

    Hidden files and folders are skipped, and pipes and devices. Raises DataError if the root is not a folder, or a
    folder cannot be listed.
    """
    with looking_at(root):
        exists, is_folder = root.exists(), root.is_dir()
    if not is_folder:
        what = "is not a folder" if exists else "does not exist"
        raise DataError(what, where=root, remedy="Name the folder that holds the annotations and the images")
    wanted, seen = frozenset(suffixes), set()
    for folder, folders, names in os.walk(root, followlinks=True, onerror=_raise_unreadable):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__MACOSX")
        for name in sorted(names):
            if not name.startswith(".") and PurePath(name).suffix.lower() in wanted:
                path = Path(folder, name)
                if path.is_file() or not path.exists():  # a pipe would be waited for; a broken link is reported later
                    yield path


def find_annotation_files(src: Path, suffix: str) -> tuple[Path, list[Path]]:
    """Return the folder that holds the images, and the annotation files: `src` itself, or those below it.

    The images of a file in a folder `annotations` are in the folder around that. Raises DataError if there is no file.
    """
    with looking_at(src):
        is_file = src.is_file()
    if is_file:
        if src.suffix.lower() != suffix:
            raise DataError(
                f"is no {suffix} file",
                where=src,
                remedy="Name the file of the annotations, or its folder; unpack an archive first",
            )
        folder = src.parent
        return (folder.parent if folder.name.lower() == "annotations" else folder), [src]
    paths = list(walk(src, [suffix]))
    if not paths:
        raise DataError(f"has no {suffix} file", where=src, remedy="Name the file of the annotations, or its folder")
    return src, paths


class ImageFiles:
    """The images below a folder, found by the names that annotations use for them."""

    def __init__(self, root: Path, *, without: frozenset[str] = frozenset(), bare_names: bool = False) -> None:
        """List all folders below `root` except those with a name in `without`.

        Args:
            root: The folder.
            without: Names of folders.
            bare_names: Whether names without an ending are usual in the annotations, and need no note.
        """
        self.root = root
        self._bare_names = bare_names
        self.paths = [path for path in walk(root, PICTURE_SUFFIXES) if not without & set(path.relative_to(root).parts)]
        self._by_name: dict[str, list[Path]] = {}
        self._by_stem: dict[str, list[Path]] = {}
        self._by_place: dict[tuple[str, ...], list[Path]] = {}  # thousands may be called image.png
        for path in self.paths:
            self._by_name.setdefault(to_nfc(path.name), []).append(path)
            self._by_stem.setdefault(to_nfc(path.stem).lower(), []).append(path)
            self._by_place.setdefault((to_nfc(path.parent.name), to_nfc(path.name)), []).append(path)
        self._renamed: dict[str, Path] = {}

    @overload
    def find(self, name: str, split: Split | None = None) -> Path: ...

    @overload
    def find(self, name: str, split: Split | None = None, *, optional: Literal[True]) -> Path | None: ...

    def find(self, name: str, split: Split | None = None, *, optional: bool = False) -> Path | None:
        """Return the image file for a name that may have folders in front: the file that shares most of them.

        The name may be a URL. If no file has it, one of the same name with another ending, or in other letter case, is
        returned, and `notes` has a sentence on it. Files in the folder of another split are excluded. Composed and
        decomposed letters are equal: disks and archives differ in how they write é.

        Args:
            name: The name, or a path or URL that ends in it.
            split: The split of the image, if it is known.
            optional: Whether to return None if there is no file.

        Raises:
            Malformed: There is no file, or several fit.
        """
        parts = [to_nfc(part) for part in split_name(name)]
        files = self._of_split(self._in_folder(parts), split) or self._of_split(self._with_name(parts), split)
        if not files and optional:
            return None
        if not files:
            raise Malformed(
                f"the image {name!r} is not below {self.root}",
                remedy="Put the image there, or remove it from the annotations",
            )
        shared = {path: _shared_tail([to_nfc(part) for part in path.parts], parts) for path in files}
        most = max(shared.values())
        best = [path for path in files if shared[path] == most]
        best = [path for path in best if split is not None and self._split(path) == split] or best
        if len(best) > 1:
            raise Malformed(
                f"the image {name!r} could be {best[0]} or {best[1]}",
                remedy="Move one of them away, or write the image's path with its folders into the annotations",
            )
        file_name, stem = to_nfc(best[0].name), to_nfc(best[0].stem)
        if file_name != parts[-1] and not (self._bare_names and stem == parts[-1]):
            self._renamed[parts[-1]] = best[0]
        return best[0]

    def unused(self, used: Collection[object]) -> list[PurePath]:
        """Return the images that are not in `used`, as paths below the folder; files in folders for masks are none."""
        return [path.relative_to(self.root) for path in self.paths if path not in used and not self._is_mask(path)]

    def beside(self, path: Path) -> Path | None:
        """Return the image in the folder of an annotation file that has its name; None if there is none or several."""
        files = [file for file in self._by_stem.get(to_nfc(path.stem).lower(), []) if file.parent == path.parent]
        return files[0] if len(files) == 1 else None

    def rename(self, name: str, path: Path) -> None:
        """Take `path` for an image that the annotations call otherwise, and note it."""
        self._renamed[split_name(name)[-1] if split_name(name) else name] = path

    def notes(self) -> tuple[str, ...]:
        """Return a sentence on images whose names differ from those in the annotations."""
        if not self._renamed:
            return ()
        pairs = [f"{path.name} for {name}" for name, path in self._renamed.items()]
        return (f"{plural(len(pairs), 'image')} found under another name: {listing(pairs)}",)

    def _split(self, path: Path) -> Split | None:
        return split_of_folders(path.relative_to(self.root))

    def _of_split(self, paths: list[Path], split: Split | None) -> list[Path]:
        """The files that are not in the folder of another split."""
        return [path for path in paths if split is None or self._split(path) in (None, split)]

    def _in_folder(self, parts: list[str]) -> list[Path]:
        """The images of the name in folders of the last folder's name, which share more of it than all others."""
        return [path for path in self._by_place.get(tuple(parts[-2:]), []) if not self._is_mask(path)]

    def _with_name(self, parts: list[str]) -> list[Path]:
        if not parts:
            return []
        files = self._by_name.get(parts[-1], [])
        images = [path for path in files if not self._is_mask(path)] or files
        # A dot within a name need not begin an ending: `2.5mm` of 2.5mm.jpg, even if there is a 2.jpg.
        keys = [PurePath(parts[-1]).stem.lower(), parts[-1].lower()]
        if PurePath(parts[-1]).suffix.lower() not in PICTURE_SUFFIXES:
            keys.reverse()
        for key in dict.fromkeys(keys):
            images = images or [path for path in self._by_stem.get(key, []) if not self._is_mask(path)]
        return images

    def _is_mask(self, path: Path) -> bool:
        """Whether the file is in a folder that is named for masks: masks/a.png is not the image a.png."""
        return any(folder_kind(part) == "mask" for part in path.relative_to(self.root).parts[:-1])


def split_name(name: str) -> list[str]:
    """Return the parts of a path or URL that an annotation uses for an image; Windows' separators count.

    >>> split_name("../imgs/a.png"), split_name("https://host/x/b%20c.jpg?width=9"), split_name("https://[x/a.png")[-1]
    (['imgs', 'a.png'], ['x', 'b c.jpg'], 'a.png')
    """
    parts = list(PureWindowsPath(name).parts)
    if "://" in name:
        with suppress(ValueError):  # a bracket in the place of the host
            parts = [unquote(part) for part in urlsplit(name).path.split("/")]
    return [part for part in parts if part not in ("..", ".", "")]


def name_without_ending(name: str) -> str:
    r"""Return the name that an annotation uses for an image, without its ending and with `/` between folders.

    >>> name_without_ending("imgs\\a.png"), name_without_ending("..png")
    ('imgs/a', '.')
    """
    if "://" in name:
        name = "/".join(split_name(name)) or name
    path = PurePosixPath(PureWindowsPath(name).as_posix())
    return path.as_posix().removesuffix(path.suffix if path.suffix.lower() in PICTURE_SUFFIXES else "")


def _shared_tail(first: list[str], second: list[str]) -> int:
    """How many parts two paths share at their ends."""
    shared = 0
    for one, other in zip(reversed(first), reversed(second), strict=False):
        if one != other:
            break
        shared += 1
    return shared


def _raise_unreadable(error: OSError) -> None:
    raise DataError(
        f"cannot be listed ({error.strerror or error})",
        where=error.filename,
        remedy="Check the folder's permissions",
    ) from error
