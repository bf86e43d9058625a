"""Why images and masks cannot be found or paired: the errors, with what is in the folder and what to do about it."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

from segarena.data.layout.alternatives import Alternative, UnclearError, find_numbered
from segarena.data.layout.candidates import Collection, named_collections, relative_folders
from segarena.data.layout.fuzzy_pairing import Pair
from segarena.data.layout.tree import File, Tree, looking_at, relative_name
from segarena.data.layout.unread_files import find_unread
from segarena.data.layout.vocabulary import FileKind, folder_kind, split_of_name, words_besides_kind
from segarena.errors import DataError
from segarena.formats import command, join_words, listing

#: Images, masks, and the paths of those that are paired.
Choice = tuple[Collection, Collection, Iterable[tuple[Path, Path]]]

_EXPECTED = (
    "Put them into images/ and masks/, with or without train/, val/ and test/ inside or around both, and name the "
    "folder that holds them all, or name the two folders with --images DIR --masks DIR"
)
_TARGETS = ("images", "masks")
#: Choices that a message has: of samples in folders of their own there are thousands.
MOST_CHOICES = 8
#: Letters of `_0000`, the number of a channel in nnU-Net's names.
_CHANNEL = 5
_ALL_IN_SPLITS = "Move all of them into train/, val/ and test/, or none"
_ARCHIVES = frozenset({".zip", ".tar", ".gz", ".tgz", ".rar", ".7z", ".bz2", ".xz"})
_ANNOTATIONS = frozenset({".json", ".xml", ".txt"})
#: Names of folders with the same images in several formats or sizes.
_FORMAT = re.compile(r"(png|tiff?|jpe?g|bmp|gif|webp|\d{3,}p|\d{3,}x\d{3,}|full[-_ ]?resolution)s?", re.IGNORECASE)


def check_root(root: Path) -> None:
    """Raise DataError if the root does not exist, is a file, or is in a folder that is closed to the user."""
    with looking_at(root):
        exists, is_folder = root.exists(), root.is_dir()
    if not exists:
        raise DataError("does not exist", where=root, remedy="Check the path")
    if not is_folder:
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
            remedy = "Rename the file, or its folder"
            raise DataError("has a name that is not UTF-8", where=where, remedy=remedy) from error
    by_split = {bool(image.location.split or mask.location.split): image for image, mask in pairs}
    if len(by_split) > 1:
        outside, inside = (relative_name(root, by_split[key].path) for key in (False, True))
        raise DataError(
            f"has images in folders for splits ({inside}) and outside of them ({outside})",
            where=root,
            remedy=_ALL_IN_SPLITS,
        )
    for names in zip(*(image.location.context for image, _ in pairs), strict=False):
        one, *others = sorted(set(names))
        if others and all(map(_FORMAT.fullmatch, names)):
            raise _two_formats(root, pairs, names, (one, *others))


def _two_formats(root: Path, pairs: Sequence[Pair], names: Sequence[str], formats: Sequence[str]) -> UnclearError:
    """The error for the same images in several formats; `names` has the one of each pair."""
    by_format = [[pair for pair, name in zip(pairs, names, strict=False) if name == one] for one in formats]
    alternatives = []
    for some in by_format:
        images, masks = (Path(os.path.commonpath([pair[side].path.parent for pair in some])) for side in (0, 1))
        paths = frozenset((image.path, mask.path) for image, mask in some)
        alternatives.append(Alternative(images, masks, paths))
    return UnclearError(
        f"has {join_words([f'{one}/' for one in formats])}, which look like the same images in several formats",
        where=root,
        remedy="Move all but one out of the data folder",
        alternatives=tuple(alternatives),
    )


def no_such_folder(root: Path, tree: Tree, given: Path, kind: FileKind) -> DataError:
    """Return the error for a value of --images or --masks that is not a folder."""
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


def nothing_matches(root: Path, tree: Tree, given: Path, kind: FileKind) -> UnclearError:
    """Return the error for a pattern that no file fits, with the patterns that most files fit as alternatives."""
    names = [file.path.name for file in tree.files]
    cuts = [(name, max(name.rfind("_"), name.rfind("-"), 0) or name.rfind(".")) for name in names]
    patterns = [Path(f"*{name[cut:]}") for name, cut in cuts]
    common = [pattern for pattern, number in Counter(patterns).most_common(6) if number > 1]
    return UnclearError(
        f"has no image files that the pattern {str(given)!r} of --{kind}s fits; it has"
        f" {listing([relative_name(root, file.path) for file in tree.files], 3)}",
        where=root,
        remedy="Correct the pattern, in which * stands for any letters of a name and ** for any folders",
        alternatives=tuple(
            Alternative(pattern if kind == "image" else None, pattern if kind == "mask" else None, frozenset(), False)
            for pattern in common
        ),
    )


def _use_all(choices: Sequence[Choice]) -> str:
    """Where to move the folders so that all images and masks are used; empty where one is inside another."""
    moves = [(Path(images.option), Path(masks.option)) for images, masks, _ in choices]
    sources = list(chain.from_iterable(moves))
    names = {images.name for images, _ in moves}
    are_apart = len(set(sources)) == len(sources) and not any(
        one in other.parents for one in sources for other in sources
    )
    if not are_apart or len(names) < len(moves) or any("*" in str(one) or one.name in _TARGETS for one in sources):
        return ""
    shown = [f"{i.as_posix()}/ to images/{i.name}/ and {m.as_posix()}/ to masks/{i.name}/" for i, m in moves]
    return f". To use {'both' if len(moves) == 2 else 'all'}, move {listing(shown, 3)}"


def _some(choices: Sequence[str]) -> str:
    return join_words(choices) if len(choices) <= MOST_CHOICES else listing(choices, MOST_CHOICES)


def ambiguous(
    root: Path, choices: Sequence[tuple[Collection, Collection, Iterable[tuple[Path, Path]]]]
) -> UnclearError:
    """Return the error for choices that are equally good, two or more: images, masks, and their pairs."""
    all_images = [images.title for images, _, _ in choices]
    all_masks = [masks.title for _, masks, _ in choices]
    both = "both" if len(choices) == 2 else "all"
    needs_images = needs_masks = True
    remedy = f"Move {'one of the two' if len(choices) == 2 else 'all but one'} out of the data folder"
    if len(set(all_images)) == 1:
        what = f"{_some(all_masks)} could {both} be the masks of {all_images[0]}"
        needs_images = False
    elif len(set(all_masks)) == 1:
        what = f"{_some(all_images)} could {both} be the images of {all_masks[0]}"
        needs_masks = False
    else:
        each = [f"{images} with {masks}" for images, masks in zip(all_images, all_masks, strict=True)]
        what = f"{_some(each)} could {both} be the images with their masks"
        if any(split_of_name(Path(images.option).name) for images, _, _ in choices):
            remedy += f". To use {both}, {_ALL_IN_SPLITS[0].lower()}{_ALL_IN_SPLITS[1:]}"
        else:
            remedy += _use_all(choices)
    return UnclearError(
        what,
        where=root,
        remedy=remedy,
        alternatives=tuple(
            Alternative(
                Path(images.option) if needs_images else None,
                Path(masks.option) if needs_masks else None,
                frozenset(pairs),
            )
            for images, masks, pairs in choices
        ),
    )


def nothing_paired(root: Path, tree: Tree, images: Collection | None, masks: Collection | None) -> DataError:
    """Return the error for a folder in which no image has a mask; `images` and `masks` are what the user chose."""
    found_images = [images] if images else named_collections(root, tree.files, "image")
    found_masks = [masks] if masks else named_collections(root, tree.files, "mask")
    note = _not_searched(root, tree)
    unread = find_unread(root, tree)
    if found_images and found_masks:
        return _no_equal_names(root, found_images[0], found_masks[0])
    if not (tree.files or tree.endings or note or images or masks):
        return DataError("is empty", where=root, remedy=_EXPECTED)
    if not tree.files and not images and not masks:
        archives = sorted(set().union(*tree.endings.values()) & _ARCHIVES)
        if unread:
            what, remedy = f"has no images, but {unread.what}", unread.remedy
        elif archives:
            what, remedy = f"has no images, but archives ({', '.join(archives)})", "Unpack them first"
        else:
            what, remedy = f"has no images; it {_top_folders(root, tree)}", _EXPECTED
        return DataError(what + note, where=root, remedy=remedy)
    if found_masks and (masks or len(found_masks[0].files) == len(tree.files)):
        return DataError(
            f"has no images for the masks in {found_masks[0].title}{f', but {unread.what}' if unread else ''}{note}",
            where=root,
            remedy=unread.remedy if unread else "Name the folder of the images with --images DIR",
        )
    files = images.files if images else tree.files
    return DataError(
        f"has images (e.g. {_example(root, files)}), but no masks were found;"
        f" it {_top_folders(root, tree)}{_annotations(root, tree)}{f', and {unread.what}' if unread else ''}{note}",
        where=root,
        remedy=unread.remedy if unread else _EXPECTED,
    )


def _no_equal_names(root: Path, images: Collection, masks: Collection) -> DataError:
    crowded = find_several_masks(root, images, masks)
    if crowded:
        return crowded
    numbered = find_numbered(images.files, masks.files)
    if numbered:
        return numbered
    channels = _find_channels(images.files)
    if channels:
        shown = join_words([file.path.name for file in channels])
        return UnclearError(
            f"an image is in {len(channels)} files, {shown}, a channel in each, as nnU-Net has them: one is read",
            where=root,
            remedy="Put the channels of each image into one TIFF or .npy file and use --channels all",
            alternatives=tuple(
                Alternative(Path(f"*{file.stem[-_CHANNEL:]}{file.path.suffix}"), None, frozenset(), is_exact=False)
                for file in channels
            ),
        )
    return UnclearError(
        "no mask has the name of an image:"
        f" the images are e.g. {_example(root, images.files)}, the masks e.g. {_example(root, masks.files)}",
        where=root,
        remedy="Rename each mask as its image, e.g. a.png or a_mask.png for a.jpg",
        alternatives=tuple(
            Alternative(None, Path(f"*{word}*"), frozenset(), is_exact=False) for word in _words_of_some(images, masks)
        ),
    )


def _find_channels(images: Sequence[File]) -> list[File]:
    """The files of the first image if each is in several that end with _0000, _0001, ..., all with the same numbers."""
    by_stem: dict[str, list[File]] = defaultdict(list)
    for file in images:
        if not re.search(r"._\d{4}$", file.stem):
            return []
        by_stem[file.stem[:-_CHANNEL]].append(file)
    numbers = {tuple(sorted(file.stem[-_CHANNEL:] for file in files)) for files in by_stem.values()}
    if len(numbers) != 1 or len(found := numbers.pop()) < 2 or found[0] != "_0000":
        return []
    return sorted(by_stem[min(by_stem)], key=lambda file: file.stem)


def _words_of_some(images: Collection, masks: Collection) -> list[str]:
    """The most common words that only some masks have and no image: masks of several kinds, um_lane_1 and um_road_1."""
    in_images = {word for file in images.files for word in words_besides_kind(file.stem, "image")}
    counts = Counter(word for file in masks.files for word in set(words_besides_kind(file.stem, "mask")))
    some = [word for word, count in counts.most_common() if 1 < count < len(masks.files) and not word.isdigit()]
    return [word for word in some if word not in in_images][:6]


def find_several_masks(root: Path, images: Collection, masks: Collection, pairs: int = 0) -> DataError | None:
    """Return the error if all folders with images and masks have one image, and some have several masks.

    Args:
        root: The data folder.
        images: The images.
        masks: The masks.
        pairs: How many of them are pairs; by chance, as a mask 1 of image 1 is, up to a tenth of these folders.
    """
    image_counts, mask_counts = (Counter(file.location.context for file in each.files) for each in (images, masks))
    shared = [context for context in image_counts if context and context in mask_counts]
    if 10 * pairs > len(shared) or not all(image_counts[c] == 1 for c in shared):
        return None
    context = max(shared, key=lambda c: mask_counts[c], default=())
    if mask_counts[context] < 2 or not shared:
        return None
    convert = command("segarena", "convert", root, "DST", "--from", "instances")
    return DataError(
        f"{'/'.join(context)}/ has one image and {mask_counts[context]} masks, probably one for each object",
        where=root,
        remedy=f"Merge the masks of each image: {convert}",
    )


def _annotations(root: Path, tree: Tree) -> str:
    """Folders named for masks that hold texts: masks as polygons or boxes."""
    for folder, counts in tree.endings.items():
        endings = sorted(ending for ending in counts if ending in _ANNOTATIONS)
        if endings and any(folder_kind(part) == "mask" for part in folder.relative_to(root).parts):
            return f"; {folder.relative_to(root).as_posix()}/ has {join_words(endings)} files, which are not masks"
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
