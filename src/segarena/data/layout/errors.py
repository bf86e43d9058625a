"""Why images and masks cannot be found or paired: the errors, with what is in the folder and what to do about it."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from segarena.data.layout.candidates import Collection, named_collections, relative_folders
from segarena.data.layout.fuzzy_pairing import Pair
from segarena.data.layout.tree import File, Tree, relative_name
from segarena.data.layout.vocabulary import FileKind, folder_kind
from segarena.errors import DataError
from segarena.formats import join_words, listing

_EXPECTED = (
    "Put them into images/ and masks/, with or without train/, val/ and test/ inside or around both, and name the "
    "folder that holds them all, or name the two folders with --images DIR --masks DIR"
)
_ARCHIVES = frozenset({".zip", ".tar", ".gz", ".tgz", ".rar", ".7z", ".bz2", ".xz"})
_CONVERTIBLE = frozenset({".json", ".xml"})
_ANNOTATIONS = _CONVERTIBLE | {".txt"}
#: Names of folders with the same images in several formats or sizes.
_FORMAT = re.compile(r"(png|tiff?|jpe?g|bmp|gif|webp|\d{3,}p|\d{3,}x\d{3,}|full[-_ ]?resolution)s?", re.IGNORECASE)


def check_root(root: Path) -> None:
    """Raise DataError if the root does not exist or is a file."""
    if not root.exists():
        raise DataError("does not exist", where=root, remedy="Check the path")
    if not root.is_dir():
        remedy = "Unpack it first, and name" if root.suffix.lower() in _ARCHIVES else "Name"
        raise DataError(
            "is a file, not a folder", where=root, remedy=f"{remedy} the folder that holds the images and masks"
        )


def check_pairs(root: Path, pairs: Sequence[Pair]) -> None:
    """Raise DataError if only some pairs are in the folder of a split, or if the same images are there in two formats.

    Also for a name that is not UTF-8, e.g. from an old archive: no table or page could show it.
    """
    for file in chain.from_iterable(pairs):
        name = os.fsencode(file.path)
        try:
            name.decode("utf-8")
        except UnicodeDecodeError as error:
            where = name.decode("utf-8", "backslashreplace")
            raise DataError("has a name that is not UTF-8", where=where, remedy="Rename the file") from error
    by_split = {bool(image.location.split or mask.location.split): image for image, mask in pairs}
    if len(by_split) > 1:
        outside, inside = (relative_name(root, by_split[key].path) for key in (False, True))
        raise DataError(
            f"has images in folders for splits ({inside}) and outside of them ({outside})",
            where=root,
            remedy="Move all of them into train/, val/ and test/, or none",
        )
    for names in zip(*(image.location.context for image, _ in pairs), strict=False):
        one, *others = sorted(set(names))
        if others and all(map(_FORMAT.fullmatch, names)):
            raise DataError(
                f"has {one}/ and {others[0]}/, which look like the same images in two formats",
                where=root,
                remedy="Choose the folders of one of them with --images DIR --masks DIR",
            )


def no_such_folder(root: Path, tree: Tree, given: Path, kind: FileKind) -> DataError:
    """Return the error for a value of --images or --masks that is no folder."""
    option = f"--{kind}s"
    if (root / given).exists() or given.exists():
        return DataError("is a file, not a folder", where=given, remedy=f"Name a folder with {option} DIR")
    inside = [f"{folder}/" for folder in relative_folders(root, tree.files) if folder != "."]
    if not inside:
        return DataError(
            f"has no folder {given} for {option}, nor any other folder with images",
            where=root,
            remedy=f"Check the path, or name a folder elsewhere with {option} DIR",
        )
    return DataError(
        f"has no folder {given} for {option}; folders with images are {listing(inside, 6)}",
        where=root,
        remedy=f"Name one of them with {option} DIR, or give the whole path of another folder",
    )


def ambiguous(root: Path, one: tuple[Collection, Collection], two: tuple[Collection, Collection]) -> DataError:
    """Return the error for two choices, images and masks each, that are equally good."""
    (images, masks), (other_images, other_masks) = one, two
    choices = [{"--images": images, "--masks": masks}, {"--images": other_images, "--masks": other_masks}]
    if images.title == other_images.title:
        what = f"{masks.title} and {other_masks.title} could both be the masks of {images.title}"
        choices = [{"--masks": masks}, {"--masks": other_masks}]
    elif masks.title == other_masks.title:
        what = f"{images.title} and {other_images.title} could both be the images of {masks.title}"
        choices = [{"--images": images}, {"--images": other_images}]
    else:
        what = (
            f"{images.title} with {masks.title} and {other_images.title} with {other_masks.title}"
            " could both be the images with their masks"
        )
    commands = [" ".join(f"{name} {_quote(c.option)}" for name, c in choice.items()) for choice in choices]
    # A folder that is chosen includes the folders in it, so that of two within each other only the inner can be chosen.
    outer = next((i for i in (0, 1) if any(_is_inside(choices[1 - i][n], c) for n, c in choices[i].items())), None)
    if commands[0] == commands[1]:
        remedy = "Move one of the two to another folder, or choose the folders with --images DIR --masks DIR"
    elif outer is not None:
        remedy = f"Choose the inner folder with {commands[1 - outer]}, or move it out of the other"
    else:
        remedy = f"Choose one: {commands[0]} or {commands[1]}"
    return DataError(what, where=root, remedy=remedy)


def nothing_paired(root: Path, tree: Tree, images: Collection | None, masks: Collection | None) -> DataError:
    """Return the error for a folder in which no image has a mask; `images` and `masks` are what the user chose."""
    found_images = [images] if images else named_collections(root, tree.files, "image")
    found_masks = [masks] if masks else named_collections(root, tree.files, "mask")
    note = _not_searched(root, tree)
    if found_images and found_masks:
        return _no_equal_names(root, found_images[0], found_masks[0])
    if not (tree.files or tree.endings or note or images or masks):
        return DataError("is empty", where=root, remedy=_EXPECTED)
    if not tree.files and not images and not masks:
        archives = sorted(set().union(*tree.endings.values()) & _ARCHIVES)
        if archives:
            what, remedy = f"has no images, but archives ({', '.join(archives)})", "Unpack them first"
        else:
            what, remedy = f"has no images; it {_top_folders(root, tree)}", _EXPECTED
        return DataError(what + note, where=root, remedy=remedy)
    if found_masks and (masks or len(found_masks[0].files) == len(tree.files)):
        return DataError(
            f"has no images for the masks in {found_masks[0].title}{note}",
            where=root,
            remedy="Name the folder of the images with --images DIR",
        )
    files = images.files if images else tree.files
    return DataError(
        f"has images (e.g. {_example(root, files)}), but no masks were found;"
        f" it {_top_folders(root, tree)}{_annotations(root, tree)}{note}",
        where=root,
        remedy=_EXPECTED,
    )


def _no_equal_names(root: Path, images: Collection, masks: Collection) -> DataError:
    crowded = _folder_of_several_masks(images.files, masks.files)
    if crowded:
        folder, count = crowded
        return DataError(
            f"{folder}/ has one image and {count} masks, probably one for each object",
            where=root,
            remedy="Merge the masks of each image: segarena convert SRC DST --from instances",
        )
    return DataError(
        "no mask has the name of an image:"
        f" the images are e.g. {_example(root, images.files)}, the masks e.g. {_example(root, masks.files)}",
        where=root,
        remedy="Rename each mask as its image, e.g. a.png or a_mask.png for a.jpg",
    )


def _folder_of_several_masks(images: Sequence[File], masks: Sequence[File]) -> tuple[str, int] | None:
    """The folder of a sample with one image and most masks, if all folders with both have one image."""
    image_counts, mask_counts = (Counter(file.location.context for file in files) for files in (images, masks))
    shared = [context for context in image_counts if context and context in mask_counts]
    if shared and all(image_counts[c] == 1 for c in shared) and any(mask_counts[c] > 1 for c in shared):
        context = max(shared, key=lambda c: mask_counts[c])
        return "/".join(context), mask_counts[context]
    return None


def _annotations(root: Path, tree: Tree) -> str:
    """Folders named for masks that hold texts: masks as polygons or boxes."""
    for folder, counts in tree.endings.items():
        endings = sorted(ending for ending in counts if ending in _ANNOTATIONS)
        if endings and any(folder_kind(part) == "mask" for part in folder.relative_to(root).parts):
            note = f"; {folder.relative_to(root).as_posix()}/ has {join_words(endings)} files, which are no masks"
            convertible = set(endings) & _CONVERTIBLE
            return note + (", but `segarena convert` may make masks of them" if convertible else "")
    return ""


def _not_searched(root: Path, tree: Tree) -> str:
    skipped = listing([f"{relative_name(root, path)}/" for path in tree.skipped], 4)
    broken = listing([relative_name(root, path) for path in tree.broken_links], 4)
    return (f"; skipped: {skipped}" if skipped else "") + (f"; broken links: {broken}" if broken else "")


def _top_folders(root: Path, tree: Tree) -> str:
    names = sorted({folder.split("/")[0] for folder in relative_folders(root, tree.files)} - {"."})
    names += sorted({f.relative_to(root).parts[0] for f in tree.endings if f != root} - set(names))
    return f"has {listing([f'{name}/' for name in names], 6)}" if names else "has no folders with files"


def _example(root: Path, files: Sequence[File]) -> str:
    return relative_name(root, min(file.path for file in files))


def _is_inside(inner: Collection, outer: Collection) -> bool:
    return inner.option != outer.option and (outer.option == "." or inner.option.startswith(f"{outer.option}/"))


def _quote(option: str) -> str:
    return f'"{option}"' if set(option) & set(" *{}()&'") else option
