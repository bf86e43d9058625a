"""What is said where a folder cannot be read: what it holds, and what to do about it."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from segarena.data.layout.candidates import Collection, named_collections, relative_folders
from segarena.data.layout.fuzzy_pairing import Pair
from segarena.data.layout.tree import File, Tree
from segarena.data.layout.vocabulary import folder_kind
from segarena.errors import DataError

_EXPECTED = (
    "Lay it out as images/ and masks/, with or without train/, val/ and test/ inside either or around both, "
    "and name the folder that holds them all, or name the two with --images DIR --masks DIR"
)
_ARCHIVES = frozenset({".zip", ".tar", ".gz", ".tgz", ".rar", ".7z", ".bz2", ".xz"})
_ANNOTATIONS = frozenset({".json", ".xml", ".txt"})
#: Folders of the same pictures in several formats or sizes bear such names.
_FORMAT = re.compile(r"(png|tiff?|jpe?g|bmp|gif|webp|\d{3,}p|\d{3,}x\d{3,}|full[-_ ]?resolution)s?", re.IGNORECASE)


def check_folder(root: Path) -> None:
    """Raise DataError where the root is missing or a file."""
    if not root.exists():
        raise DataError("does not exist", where=root, remedy="Check the path")
    if not root.is_dir():
        raise DataError("is a file, not a folder", where=root, remedy=_EXPECTED)


def check_pairs(root: Path, pairs: Sequence[Pair]) -> None:
    """Raise DataError where some pairs lie in a split's folder and some do not, or where formats are mixed up.

    And for a name that is not UTF-8, such as an old archive leaves: no table or page could tell of it.
    """
    for file in chain.from_iterable(pairs):
        name = os.fsencode(file.path)
        try:
            name.decode("utf-8")
        except UnicodeDecodeError as error:
            where = name.decode("utf-8", "backslashreplace")
            raise DataError("has a name that is not UTF-8", where=where, remedy="Rename the file") from error
    by_split = {bool(image.place.split or mask.place.split): image for image, mask in pairs}
    if len(by_split) > 1:
        outside, inside = (_below(root, by_split[key].path) for key in (False, True))
        raise DataError(
            f"has images in folders for splits ({inside}) and outside of them ({outside})",
            where=root,
            remedy="Move all of them into train/, val/ and test/, or none",
        )
    for names in zip(*(image.place.context for image, _ in pairs), strict=False):
        one, *others = sorted(set(names))
        if others and all(map(_FORMAT.fullmatch, names)):
            raise DataError(
                f"holds {one}/ and {others[0]}/, which look like the same images in two formats",
                where=root,
                remedy="Name the folders of one of them with --images DIR --masks DIR",
            )


def refuse(root: Path, tree: Tree, images: Collection | None, masks: Collection | None) -> DataError:
    """Return what to raise where no image has a mask; `images` and `masks` are what the user named."""
    shown_images = [images] if images else named_collections(root, tree.files, "image")
    shown_masks = [masks] if masks else named_collections(root, tree.files, "mask")
    note = _notes(root, tree)
    if shown_images and shown_masks:
        return _nothing_fits(root, shown_images[0], shown_masks[0])
    if not (tree.files or tree.endings or note or images or masks):
        return DataError("is empty", where=root, remedy=_EXPECTED)
    if not tree.files and not images and not masks:
        return DataError(f"has no images{_other_files(root, tree)}{note}", where=root, remedy=_EXPECTED)
    if shown_masks and (masks or len(shown_masks[0].files) == len(tree.files)):
        return DataError(
            f"has no images that go with the masks in {shown_masks[0].title}{note}",
            where=root,
            remedy="Name the folder of the images with --images DIR",
        )
    pictures = images.files if images else tree.files
    return DataError(
        f"has images (e.g. {_example(root, pictures)}) but no masks that can be told from them;"
        f" it {_inside(root, tree)}{_no_pictures(root, tree)}{note}",
        where=root,
        remedy=_EXPECTED,
    )


def _nothing_fits(root: Path, images: Collection, masks: Collection) -> DataError:
    crowd = _many_masks(images.files, masks.files)
    if crowd:
        folder, count = crowd
        return DataError(
            f"{folder}/ holds one image and {count} masks, as if each object had its own",
            where=root,
            remedy="Merge the masks of each image: segarena convert SRC DST --from instances",
        )
    return DataError(
        f"no image has a mask: e.g. {_example(root, images.files)} and {_example(root, masks.files)}",
        where=root,
        remedy="Give each mask the file name of its image; it may end in another suffix, or in _mask before it",
    )


def _many_masks(images: Sequence[File], masks: Sequence[File]) -> tuple[str, int] | None:
    """A sample's folder that has one image and several masks, if all that hold both are like it."""
    image_counts, mask_counts = (Counter(file.place.context for file in files) for files in (images, masks))
    shared = [context for context in image_counts if context and context in mask_counts]
    if shared and all(image_counts[c] == 1 for c in shared) and any(mask_counts[c] > 1 for c in shared):
        context = max(shared, key=lambda c: mask_counts[c])
        return "/".join(context), mask_counts[context]
    return None


def _other_files(root: Path, tree: Tree) -> str:
    counts = sum(tree.endings.values(), Counter[str]())
    archives = sorted(ending for ending in counts if ending in _ARCHIVES)
    if archives:
        return f", but archives ({', '.join(archives)}) that are not unpacked"
    return f"; it {_inside(root, tree)}"


def _no_pictures(root: Path, tree: Tree) -> str:
    """Folders named for masks that hold texts: masks as polygons or boxes."""
    for folder, counts in tree.endings.items():
        kinds = sorted(ending for ending in counts if ending in _ANNOTATIONS)
        if kinds and any(folder_kind(part) == "mask" for part in folder.relative_to(root).parts):
            name = folder.relative_to(root).as_posix()
            return f"; {name}/ holds {', '.join(kinds)} files, which `segarena convert` may turn into masks"
    return ""


def _notes(root: Path, tree: Tree) -> str:
    """What was not looked at."""
    passed_over = ", ".join(f"{_below(root, path)}/" for path in tree.passed_over[:4])
    dead = ", ".join(_below(root, path) for path in tree.dead_links[:4])
    return (f"; passed over: {passed_over}" if passed_over else "") + (f"; links to nothing: {dead}" if dead else "")


def _inside(root: Path, tree: Tree) -> str:
    tops = sorted({folder.split("/")[0] for folder in relative_folders(root, tree.files)} - {"."})
    tops += sorted({f.relative_to(root).parts[0] for f in tree.endings if f != root} - set(tops))
    return f"has {', '.join(f'{name}/' for name in tops[:6])}" if tops else "has no folders with files"


def _example(root: Path, files: Sequence[File]) -> str:
    return _below(root, min(file.path for file in files))


def _below(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
