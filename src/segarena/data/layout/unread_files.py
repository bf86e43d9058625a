"""Files that hold the images or masks of a folder and are not read: by their ending, or because they have none."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError

from segarena.data.layout.tree import Tree, files_ending, relative_name
from segarena.errors import DataError
from segarena.formats import listing, plural
from segarena.image_files.arrays import ARRAY_SUFFIXES
from segarena.image_files.foreign import FOREIGN, identify
from segarena.image_files.image_io import known_formats
from segarena.texts import is_lfs_pointer

#: So few files of arrays are taken for those of a whole data set.
_FEW = 10


class Unread(NamedTuple):
    """What there is, as a part of a sentence, and what to do about it."""

    what: str
    remedy: str


def find_unread(root: Path, tree: Tree) -> Unread | None:
    """Return the most common kind of such files, None if there are hardly any beside the images and masks."""
    arrays = [file.path for file in tree.files if file.path.suffix.lower() in ARRAY_SUFFIXES]
    if arrays and len(arrays) == len(tree.files) < _FEW:
        shown = listing([relative_name(root, path) for path in arrays], 5)
        what = f"files of arrays ({shown}), which are read as one image or one mask each"
        return Unread(
            what, "Save each image and each mask as a file of its own, images/00000.npy and masks/00000.npy, ..."
        )
    counts = sum(tree.endings.values(), Counter[str]())
    ending = max((each for each in counts if each in FOREIGN or not each), key=lambda each: counts[each], default=None)
    if ending is None or 2 * counts[ending] < len(tree.files):
        return None
    if ending:
        kind = FOREIGN[ending]
        return Unread(f"{plural(counts[ending], f'{ending} file')} ({kind.name}), which are not read", kind.remedy)
    folder = max(tree.endings, key=lambda each: tree.endings[each][""])
    return _without_ending(root, files_ending(folder, {""}), counts[ending])


def unfetched(root: Path, tree: Tree) -> DataError | None:
    """Return the error for images or masks that are pointers of git-lfs: there are no pixels to judge by."""
    pointers = [file.path for file in tree.files[:: max(1, len(tree.files) // _FEW)] if _is_pointer(file.path)]
    if not pointers:
        return None
    return DataError(
        f"has pointers of git-lfs in place of images, e.g. {relative_name(root, pointers[0])}",
        where=root,
        remedy="Run `git lfs pull` in its repository",
    )


def _is_pointer(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return is_lfs_pointer(stream.read(64))
    except OSError:
        return False


def _without_ending(root: Path, files: list[Path], count: int) -> Unread | None:
    """Images without an ending, or what else the first file is."""
    if not files:
        return None
    shown = f"{plural(count, 'file')} without an ending, e.g. {relative_name(root, files[0])}"
    try:
        with Image.open(files[0], formats=known_formats()) as image:
            form = image.format or ""
    except UnidentifiedImageError:
        with files[0].open("rb") as stream:
            kind = identify(stream.read(512))
        return Unread(f"{shown} ({kind.name}), which are not read", kind.remedy) if kind else None
    except OSError:
        return None
    suffix = {"JPEG": "jpg", "TIFF": "tif"}.get(form, form.lower())
    pattern = f"{shlex.quote(str(files[0].parent))}/*"
    return Unread(
        f"{shown} ({form}), which are not taken for images",
        f'Give them their ending: for f in {pattern}; do mv "$f" "$f.{suffix}"; done',
    )
