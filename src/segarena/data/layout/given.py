"""The folders that the user names for images or masks: they override whatever a search would find."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from segarena.data.layout.candidates import Collection, make_collection, relative_folder, relative_folders
from segarena.data.layout.tree import File, Tree, scan
from segarena.data.layout.vocabulary import Kind, normal
from segarena.errors import DataError


def collect_given(root: Path, tree: Tree, given: Path, kind: Kind) -> Collection:
    """Return the pictures in and below the folder that the user means by `given`.

    That is a path below `root`; or all folders of `tree` of that name, which may hold a `*`, e.g. `masks` for
    train/masks and val/masks; or a path below the current folder, or an absolute one. Raises DataError where there
    is none, and where it holds no images.
    """
    inside = root / given
    if inside.is_dir():
        files: Sequence[File] = scan(root, _below(root, inside)).files
    else:
        files = [file for file in tree.files if _is_below(relative_folder(root, file.path.parent), given)]
        if not files and given.is_dir():
            files = scan(root, _below(root, given)).files
        elif not files:
            raise _not_there(root, tree, given, kind)
    if not files:
        raise DataError("holds no images", where=given, remedy=f"Name the folder of the {kind}s with --{kind}s DIR")
    return make_collection(root, files, kind)


def _below(root: Path, folder: Path) -> Path:
    """The folder as a path below the root if it lies there, so that the names above it can be read."""
    if folder.is_relative_to(root) and ".." not in folder.parts:
        return folder
    real, real_root = folder.resolve(), root.resolve()
    return root / real.relative_to(real_root) if real.is_relative_to(real_root) else folder


def _is_below(folder: str, given: Path) -> bool:
    """Whether the folder is one of the given name, or lies below one."""
    parts, wanted = normal(folder).split("/"), [normal(part) for part in given.parts]
    runs = (parts[start : start + len(wanted)] for start in range(len(parts) - len(wanted) + 1))
    return any(all(map(fnmatchcase, run, wanted)) for run in runs)


def _not_there(root: Path, tree: Tree, given: Path, kind: Kind) -> DataError:
    if (root / given).exists() or given.exists():
        return DataError("is a file, not a folder", where=given, remedy=f"Name a folder with --{kind}s DIR")
    inside = [folder for folder in relative_folders(root, tree.files) if folder != "."]
    seen = (
        f"images lie in {', '.join(f'{name}/' for name in inside[:6])}" if inside else "there are no images in folders"
    )
    return DataError(
        f"--{kind}s {given} names no folder here; {seen}",
        where=root,
        remedy=f"Name one of its folders with --{kind}s DIR, or give a whole path",
    )
