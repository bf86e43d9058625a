"""The images or the masks that --images or --masks names: a folder, a name that folders have, or a pattern of files."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from segarena.data.layout.candidates import Collection, make_collection
from segarena.data.layout.errors import no_such_folder, nothing_matches
from segarena.data.layout.tree import File, Tree, looking_at, relative_name, scan
from segarena.data.layout.vocabulary import FileKind, to_nfc
from segarena.errors import DataError

Parts = tuple[str, ...]


def is_pattern(given: Path) -> bool:
    """Whether the value of an option has signs that stand for other letters."""
    return bool(set(str(given)) & set("*?["))


def choose_files(root: Path, tree: Tree, given: Path, kind: FileKind) -> Collection:
    """Collect the files that an option names.

    A path below the root, or to any other folder, gives all image files in and below it. A name gives those below all
    folders of that name; a pattern those below folders that it matches or, if there are none, the files that it
    matches, `*` for any letters of one name and `**` for any folders. Outside of the root, a pattern has a folder in
    front. Neither ever takes images from a folder of masks, or masks from one of images, if there are others.

    Raises:
        DataError: There are no such files; an UnclearError for a pattern.
    """
    with looking_at(root / given):
        is_below, is_elsewhere = (root / given).is_dir(), given.is_dir()
    if is_below:
        files = list(scan(root, _rebase(root, root / given), with_further=tree.with_further).files)
        files = [file for file in files if file.location.kind in (kind, None)] or files
        return _collect(root, files, given, kind)
    wanted = given.relative_to(root) if given.is_relative_to(root) else given
    files = _matching(root, tree.files, wanted)
    by_kind = {found: [file for file in files if file.location.kind == found] for found in (kind, None)}
    files = by_kind[kind] or by_kind[None] or files
    if not files and is_elsewhere:
        files = list(scan(root, _rebase(root, given), with_further=tree.with_further).files)
    elif not files and is_pattern(given) and len(given.parts) > 1 and given.parent.is_dir():
        folder = scan(root, _rebase(root, given.parent), with_further=tree.with_further).files
        files = [file for file in folder if _same(file.path.name, given.name)]
    if not files and is_pattern(given):
        raise nothing_matches(root, tree, given, kind)
    if not files and not is_elsewhere:
        raise no_such_folder(root, tree, given, kind)
    return _collect(root, files, given, kind)


def _collect(root: Path, files: Sequence[File], given: Path, kind: FileKind) -> Collection:
    if not files:
        raise DataError("has no images", where=given, remedy=f"Name the folder of the {kind}s with --{kind}s DIR")
    return make_collection(root, files, kind)


def _rebase(root: Path, folder: Path) -> Path:
    """The folder as a path below the root if it is there, so that the folders between them count."""
    if folder.is_relative_to(root) and ".." not in folder.parts:
        return folder
    real, real_root = folder.resolve(), root.resolve()
    return root / real.relative_to(real_root) if real.is_relative_to(real_root) else folder


def _matching(root: Path, files: Sequence[File], given: Path) -> list[File]:
    """The files below folders of the given name, else the files of that name; without regard to case at last."""
    parts = {file: tuple(to_nfc(relative_name(root, file.path)).split("/")) for file in files}
    wanted = tuple(to_nfc(part) for part in given.parts)
    found = [file for file in files if _matches(parts[file][:-1], ("**", *wanted, "**"))]
    if found or not is_pattern(given):
        return found
    found = [file for file in files if _matches(parts[file], ("**", *wanted))]
    folded = tuple(part.casefold() for part in wanted)
    return found or [
        file for file in files if _matches(tuple(part.casefold() for part in parts[file]), ("**", *folded))
    ]


def _matches(parts: Parts, pattern: Parts) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(parts[start:], pattern[1:]) for start in range(len(parts) + 1))
    return bool(parts) and _same(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _same(name: str, pattern: str) -> bool:
    return name == pattern or fnmatchcase(name, pattern)
