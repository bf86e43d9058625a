"""Files that hold the images or masks of a folder and are not read: by their ending, or because they have none."""

from __future__ import annotations

import shlex
from collections import Counter, defaultdict
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError

from segarena.data.layout.tree import Tree, files_ending, relative_name
from segarena.errors import DataError
from segarena.formats import command, listing, plural
from segarena.image_files.arrays import ARRAY_SUFFIXES
from segarena.image_files.foreign import FOREIGN, identify
from segarena.image_files.image_io import known_formats
from segarena.texts import decode_text, is_lfs_pointer

#: So few files of arrays are taken for those of a whole data set.
_FEW = 10
#: Of a file of text that is a mask: the fewest rows and columns, and the most bytes that are read to find out.
_SMALLEST, _LARGEST = 16, 1 << 25
#: Of several such files for each image, those with this word have the classes (Stanford Background).
_REGIONS = "regions"


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
    matrices = _find_matrices(root, tree)
    if matrices is not None:
        return matrices
    counts = sum(tree.endings.values(), Counter[str]())
    ending = max((each for each in counts if each in FOREIGN or not each), key=lambda each: counts[each], default=None)
    if ending is None or 2 * counts[ending] < len(tree.files):
        return None
    if ending:
        kind = FOREIGN[ending]
        return Unread(f"{plural(counts[ending], f'{ending} file')} ({kind.name}), which are not read", kind.remedy)
    folder = max(tree.endings, key=lambda each: tree.endings[each][""])
    return _without_ending(root, files_ending(folder, {""}), counts[ending])


def _find_matrices(root: Path, tree: Tree) -> Unread | None:
    """Files of text with the class of each pixel, a row of the image in each line."""
    for folder, counts in tree.endings.items():
        if 2 * max(counts[".txt"], counts[".csv"]) < len(tree.files):
            continue
        by_ending: dict[str, list[Path]] = defaultdict(list)
        for path in files_ending(folder, {".txt", ".csv"}):
            by_ending["." + path.name.partition(".")[2]].append(path)
        found = {ending: paths for ending, paths in by_ending.items() if 2 * len(paths) >= len(tree.files)}
        shapes = {ending: shape for ending, paths in found.items() if (shape := _matrix_shape(paths[0]))}
        if shapes:
            ending = next((each for each in shapes if _REGIONS in each), min(shapes))
            shown = listing([f"*{each}" for each in sorted(shapes)], 5)
            height, width = shapes[ending]
            what = f"{relative_name(root, folder)}/ has {shown}, text with {height} rows of {width} numbers, which "
            return Unread(f"{what}is not read", f"Make PNG files of it: {_as_png(found[ending], ending)}")
    return None


def _matrix_shape(path: Path) -> tuple[int, int] | None:
    """Rows and columns of a file of text that has nothing but whole numbers, the same number in each line."""
    with suppress(OSError, UnicodeDecodeError):
        if path.stat().st_size <= _LARGEST:
            lines = decode_text(path.read_bytes()).replace(",", " ").replace(";", " ").split("\n")
            rows = [words for line in lines if (words := line.split())]
            widths = {len(words) for words in rows}
            are_numbers = all(word.removeprefix("-").isdecimal() for words in rows for word in words)
            if len(widths) == 1 and are_numbers and min(len(rows), *widths) >= _SMALLEST:
                return len(rows), widths.pop()
    return None


def _as_png(paths: list[Path], ending: str) -> str:
    """The command that writes such files as PNG beside them, of 16 bits; what is negative is void."""
    read = "np.array([r.translate({44: 32, 59: 32}).split() for r in f.read_text().split('\\n') if r.strip()], int)"
    images = [path.with_name(f"{path.name.removesuffix(ending)}.png") for path in paths]
    suffix = "_mask.png" if any(image.exists() for image in images) else ".png"
    code = (
        "import numpy as np; from pathlib import Path; from PIL import Image; "
        f"[Image.fromarray(np.where((m := {read}) < 0, 65535, m).astype(np.uint16))"
        f".save(f.with_name(f.name.removesuffix({ending!r}) + {suffix!r})) "
        f"for f in Path({paths[0].parent.as_posix()!r}).glob({'*' + ending!r})]"
    )
    return command("python", "-c", code)


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
    folder = shlex.quote(str(files[0].parent))
    return Unread(
        f"{shown} ({form}), which are not taken for images",
        f"Give them their ending: find {folder} -maxdepth 1 -type f ! -name '*.*' -exec mv -n {{}} {{}}.{suffix} \\;",
    )
