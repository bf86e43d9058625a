"""How a folder of images and masks is laid out: which files are a pair, and which split each pair is in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from segarena.data.layout.assign_splits import Assignment, Conflict, assign_listed_splits, assign_named_splits
from segarena.data.layout.candidates import Collection, make_collection, relative_folders
from segarena.data.layout.errors import check_pairs, check_root, no_such_folder, nothing_paired
from segarena.data.layout.fuzzy_pairing import Pair
from segarena.data.layout.layers import LayerMatch, find_export, find_layers
from segarena.data.layout.listed_pairs import ListedPair, contradiction, find_listed_pairs
from segarena.data.layout.pairing import Pairing
from segarena.data.layout.search import Match, Search
from segarena.data.layout.split_lists import find_lists
from segarena.data.layout.tree import File, Tree, relative_name, scan, skipped_classes
from segarena.data.layout.vocabulary import FileKind, to_nfc
from segarena.data.source import Sample, Split
from segarena.errors import DataError
from segarena.formats import join_words

_SPLITS: tuple[Split | None, ...] = (None, "train", "val", "test")


@dataclass(frozen=True)
class Layout:
    """How a folder was understood."""

    sentence: str
    """Where images and masks are, and what splits them."""
    pairing: str
    """The rule by which they were paired."""
    samples: tuple[Sample, ...]
    """The pairs, by split and then by name."""
    images_without_mask: tuple[Path, ...]
    masks_without_image: tuple[Path, ...]
    conflicts: tuple[Conflict, ...] = ()
    """The images that are listed in two splits."""
    unlisted: tuple[Path, ...] = ()
    """The images of pairs that are left out because no list of splits has them."""
    skipped_masks: tuple[Path, ...] = ()
    """The folders in folders of masks that are skipped for a name that a class could have, e.g. log or trash."""
    layers: tuple[str, ...] = ()
    """The names of the classes where each has a file of its own, by the numbers of the samples' layers."""


def find_pairs(root: Path, *, images: Path | None = None, masks: Path | None = None) -> Layout:
    """Find the images and masks below a folder, and pair them by name, never by position in a listing.

    Hidden files, files that are no images, and folders of previews, predictions and the like are skipped. Splits are
    those of the folders' names, else those of lists (`split_lists`), else those of the images' names.

    Args:
        root: The data folder.
        images: The folder of the images, which are not searched for then: a path below `root`; a name that folders in
            several places have, possibly with a `*`, e.g. `masks` for train/masks and val/masks; or any other path.
        masks: The same for the masks.

    Raises:
        DataError: The folder is missing, empty or cannot be listed; no image has a mask; two folders could be the
            images or the masks; two files could belong to the same one; or a list has an image that does not exist.
    """
    check_root(root)
    are_both_paths = all(given is not None and (root / given).is_dir() for given in (images, masks))
    tree = Tree() if are_both_paths else scan(root)
    chosen_images = _collect(root, tree, images, "image") if images else None
    chosen_masks = _collect(root, tree, masks, "mask") if masks else None
    listed = [] if images or masks else find_listed_pairs(root, tree.files, tree.endings)
    match: Match | LayerMatch = (
        _pair_as_listed(root, tree.files, listed, Search(root, tree.files))
        if listed
        else _find_match(root, tree, chosen_images, chosen_masks)
    )
    check_pairs(root, match.pairs)
    layout = _make_layout(root, match, list(dict.fromkeys(pair.path.parent for pair in listed)))
    return replace(layout, skipped_masks=skipped_classes(root, tree))


def _find_match(root: Path, tree: Tree, images: Collection | None, masks: Collection | None) -> Match | LayerMatch:
    """The images and masks, one mask or several for each image. Raises DataError."""
    exported = find_export(root, tree.files, images, masks)
    if exported:
        return exported
    found: Match | None = None
    problem: DataError | None = None
    try:
        found = Search(root, tree.files, images, masks).run()
    except DataError as error:
        problem = error
    if found is None or len(found.pairs) < len(found.masks.files):
        # Several masks for one image are no pairs: they were refused, not found, or only some of them were.
        layered = find_layers(root, tree.files, images, masks, found)
        if layered:
            return layered
    if found is None:
        if problem is None:
            problem = nothing_paired(root, tree, images, masks)
            problem.code = "nothing-paired"
        raise problem
    return found


def _pair_as_listed(root: Path, files: Sequence[File], listed: Sequence[ListedPair], search: Search) -> Match:
    """What the names give if lists of pairs agree with it, else the listed pairs. Raises DataError.

    Equal names that pair the listed files in another way are an error; names that are only similar give way.
    """
    try:
        by_name = search.run()
    except DataError:
        by_name = None
    if by_name is not None:
        pairs = by_name.pairing.pairs
        if {(pair.image, pair.mask) for pair in listed} <= set(pairs):
            return by_name
        problem = contradiction(root, listed, pairs) if by_name.pairing.is_by_stem else None
        if problem:
            raise problem
    images, masks = [pair.image for pair in listed], [pair.mask for pair in listed]
    listed_files = {*images, *masks}
    sides = []
    for own, other in ((images, masks), (masks, images)):
        folders = {file.path.parent for file in own} - {file.path.parent for file in other}
        unlisted = [file for file in files if file.path.parent in folders and file not in listed_files]
        sides.append([*own, *unlisted])
    lists = join_words(list(dict.fromkeys(pair.path.name for pair in listed)))
    return Match(
        make_collection(root, sides[0], "image"),
        make_collection(root, sides[1], "mask"),
        Pairing(tuple((pair.image, pair.mask) for pair in listed), f"as listed in {lists}"),
    )


def _make_layout(root: Path, match: Match | LayerMatch, folders_of_lists: Sequence[Path]) -> Layout:
    pairs = match.pairs
    samples = _make_samples(root, match.first_pairs if isinstance(match, LayerMatch) else pairs)
    if isinstance(match, LayerMatch):
        samples = tuple(replace(sample, layers=match.layers_of(sample.files[0])) for sample in samples)
    paired = {file.path for pair in pairs for file in pair}
    unpaired_images, unpaired_masks = (
        tuple(sorted(file.path for file in collection.files if file.path not in paired))
        for collection in (match.images, match.masks)
    )
    assignment = Assignment(samples)
    if not any(sample.split for sample in samples):
        assignment = assign_listed_splits(
            root, samples, unpaired_images, find_lists([*_folders_of_lists(root, pairs), *folders_of_lists])
        )
        if not any(sample.split for sample in assignment.samples):
            assignment = assign_named_splits(assignment)
    listed = assignment.listed_without_mask
    return Layout(
        sentence="; ".join([*_describe_folders(root, pairs), *assignment.sentences]),
        pairing=match.rule,
        samples=_sort(assignment.samples),
        images_without_mask=tuple(path for path in unpaired_images if listed is None or path in listed),
        masks_without_image=unpaired_masks,
        conflicts=assignment.conflicts,
        unlisted=assignment.unlisted,
        layers=match.classes if isinstance(match, LayerMatch) else (),
    )


# The folders that the user names


def _collect(root: Path, tree: Tree, given: Path, kind: FileKind) -> Collection:
    """All image files in and below the folder that --images or --masks names. Raises DataError if there are none."""
    if (root / given).is_dir():
        files: Sequence[File] = scan(root, _rebase(root, root / given)).files
    else:
        files = [file for file in tree.files if _is_below(relative_name(root, file.path.parent), given)]
        if not files and given.is_dir():
            files = scan(root, _rebase(root, given)).files
        elif not files:
            raise no_such_folder(root, tree, given, kind)
    if not files:
        raise DataError("has no images", where=given, remedy=f"Name the folder of the {kind}s with --{kind}s DIR")
    return make_collection(root, files, kind)


def _rebase(root: Path, folder: Path) -> Path:
    """The folder as a path below the root if it is there, so that the folders between them count."""
    if folder.is_relative_to(root) and ".." not in folder.parts:
        return folder
    real, real_root = folder.resolve(), root.resolve()
    return root / real.relative_to(real_root) if real.is_relative_to(real_root) else folder


def _is_below(folder: str, given: Path) -> bool:
    """Whether the folder has the given name, or is below one that has it."""
    parts, wanted = to_nfc(folder).split("/"), [to_nfc(part) for part in given.parts]
    runs = (parts[start : start + len(wanted)] for start in range(len(parts) - len(wanted) + 1))
    return any(all(map(fnmatchcase, run, wanted)) for run in runs)


# Samples


def _make_samples(root: Path, pairs: Sequence[Pair]) -> tuple[Sample, ...]:
    """Samples with names that differ: stems, else with the folders, the split, or at last paths below the root."""
    samples = [Sample(image.stem, _split(image, mask), image.path, mask.path) for image, mask in pairs]
    shared = len(os.path.commonprefix([image.location.context for image, _ in pairs]))  # noqa: RUF071 - of tuples
    folders = ["/".join(image.location.context[shared:]) for image, _ in pairs]
    choices = (
        [sample.name for sample in samples],
        [folder or sample.name for folder, sample in zip(folders, samples, strict=True)],
        ["/".join(filter(None, [folder, s.name])) for folder, s in zip(folders, samples, strict=True)],
        ["/".join(filter(None, [s.split, folder, s.name])) for folder, s in zip(folders, samples, strict=True)],
    )
    paths = ["/".join([relative_name(root, image.path.parent), image.stem]) for image, _ in pairs]
    names = next((names for names in choices if len(set(names)) == len(names)), paths)
    return _sort([replace(sample, name=name) for sample, name in zip(samples, names, strict=True)])


def _split(image: File, mask: File) -> Split | None:
    return image.location.split or mask.location.split


def _sort(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    return tuple(sorted(samples, key=lambda sample: (_SPLITS.index(sample.split), sample.name)))


def _folders_of_lists(root: Path, pairs: Sequence[Pair]) -> list[Path]:
    """Where lists of splits may be: the root, and the folder that holds all images and masks."""
    common = Path(os.path.commonpath([file.path.parent for pair in pairs for file in pair]))
    return [root, common] if common.is_relative_to(root) else [root]


# The sentence


def _describe_folders(root: Path, pairs: Sequence[Pair]) -> list[str]:
    """Where the images and the masks of each split are."""
    sentences = []
    for split in _SPLITS:
        part = [pair for pair in pairs if _split(*pair) == split]
        if part:
            images, masks = (_common_folder(root, [pair[side] for pair in part]) for side in (0, 1))
            where = (
                f"images and masks together in {images}" if images == masks else f"images in {images}, masks in {masks}"
            )
            sentences.append(f"{split}: {where}" if split else where)
    return sentences


def _common_folder(root: Path, files: Sequence[File]) -> str:
    """The folder of the files; of several, what they share, with a star for what differs."""
    folders = [Path(folder).parts for folder in relative_folders(root, files)]
    start = os.path.commonprefix(folders)  # noqa: RUF071 - of tuples of names
    if len(folders) > 1:
        shortest = min(len(parts) for parts in folders) - len(start)
        end = os.path.commonprefix([parts[::-1][:shortest] for parts in folders])[::-1]  # noqa: RUF071
        return "/".join([*start, "*", *end]) + "/"
    return f"{'/'.join(start)}/" if start else "the folder itself"
