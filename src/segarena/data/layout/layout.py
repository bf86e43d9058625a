"""How a folder of images and masks is laid out: which files are a pair, and which split each pair is in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from segarena.data.layout.alternatives import UnclearError
from segarena.data.layout.assign_splits import (
    Assignment,
    Conflict,
    assign_listed_splits,
    assign_named_splits,
    note_other_lists,
)
from segarena.data.layout.candidates import relative_folders
from segarena.data.layout.doubtful_pairs import check_numbers, find_likely_pairs
from segarena.data.layout.errors import MOST_CHOICES, check_pairs, check_root
from segarena.data.layout.find_match import find_match
from segarena.data.layout.fuzzy_pairing import Pair
from segarena.data.layout.layers.find import LayerMatch
from segarena.data.layout.lists.listed_pairs import find_listed_pairs
from segarena.data.layout.lists.split_lists import find_folds, find_lists
from segarena.data.layout.search import Match
from segarena.data.layout.tree import File, Tree, looking_at, relative_name, scan, skipped_classes, with_sample_folders
from segarena.data.layout.unread_files import unfetched
from segarena.data.source import Sample, Split
from segarena.errors import DataError
from segarena.formats import join_words

#: More folders such as image_1, image_2, ..., are taken for those of samples; fewer, if nothing else fits.
_MANY_SAMPLES = 24
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
    likely_pairs: tuple[tuple[Path, Path], ...] = ()
    """Of these, images and masks that probably belong together, as one has a mistyped name."""
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

    Hidden files, files that are not images, and folders of previews, predictions and the like are skipped. Splits are
    those of the folders' names, else those of lists (`split_lists`), else those of the images' names. If all files are
    in numbered folders, image_1, image_2, ..., each may have a sample.

    Args:
        root: The data folder.
        images: The folder of the images, which are not searched for then: a path below `root`; a name that folders in
            several places have, possibly with a `*`, e.g. `masks` for train/masks and val/masks; any other path; or a
            pattern of files, `*_sat.jpg` (`chosen.choose_files`).
        masks: The same for the masks.

    Raises:
        DataError: The folder is missing, empty or cannot be listed; no image has a mask; two folders could be the
            images or the masks; two files could belong to the same one; or a list has an image that does not exist.
    """
    check_root(root)
    with looking_at(root):
        are_both_paths = all(given is not None and (root / given).is_dir() for given in (images, masks))
    are_searched = not images and not masks
    tree = Tree() if are_both_paths else _scan(root, are_searched=are_searched)
    layout: Layout | None = None
    problem: DataError | None = None
    try:
        layout = _read(root, tree, images, masks)
        is_whole = not layout.images_without_mask and not layout.masks_without_image
    except DataError as error:
        problem, is_whole = error, False
    if not is_whole and (tree.leaves_further or images or masks):
        # Arrays, HEIC and the like may lie beside images for other reasons: they count where they give more pairs.
        tree = Tree(with_further=True) if are_both_paths else _scan(root, are_searched=are_searched, with_further=True)
        try:
            other = _read(root, tree, images, masks)
        except DataError as error:
            problem = error if problem is None or problem.where == root else problem
        else:
            layout = other if layout is None or len(other.samples) > len(layout.samples) else layout
    if layout is None and are_searched:
        sampled, samples = with_sample_folders(root, tree)
        with suppress(DataError):
            layout = _read(root, sampled, images, masks) if samples else None
    if layout is None:
        assert problem is not None
        raise unfetched(root, tree) or problem
    return layout


def _scan(root: Path, *, are_searched: bool, with_further: bool = False) -> Tree:
    """All files; numbered folders, if there are many, as those of samples: to search in each two would take hours."""
    tree = scan(root, with_further=with_further)
    sampled, samples = with_sample_folders(root, tree)
    return sampled if are_searched and samples > _MANY_SAMPLES else tree


def _read(root: Path, tree: Tree, images: Path | None, masks: Path | None) -> Layout:
    listed = [] if images or masks else find_listed_pairs(root, tree.files, tree.endings)
    try:
        match = find_match(root, tree, images, masks, listed)
        check_pairs(root, match.pairs)
    except UnclearError as unclear:
        raise _with_remedies(root, tree, unclear, images, masks) from None
    if isinstance(match, Match) and not match.is_listed:
        check_numbers(root, match.pairs, match.images.files, match.masks.files)
    layout = _make_layout(root, match, list(dict.fromkeys(pair.path.parent for pair in listed)))
    layout = replace(layout, skipped_masks=skipped_classes(root, tree))
    return _without_only_split(layout) if images and masks else layout


def _with_remedies(root: Path, tree: Tree, unclear: UnclearError, images: Path | None, masks: Path | None) -> DataError:
    """The error with those of its alternatives as remedies that give what they should, tried one by one."""
    working = []
    for alternative in unclear.alternatives[:MOST_CHOICES]:
        try:
            match = find_match(root, tree, alternative.images or images, alternative.masks or masks)
        except DataError:
            continue
        if isinstance(match, Match) and alternative.fits(frozenset(match.paths), unclear.least):
            working.append(alternative.written(root))
    working = list(dict.fromkeys(working))
    otherwise = unclear.remedy[:1].lower() + unclear.remedy[1:]
    remedy = f"Choose one: {join_words(working, 'or')}, or {otherwise}" if working else unclear.remedy
    error = DataError(unclear.what, where=unclear.where, remedy=remedy)
    error.code = error.code if working else unclear.code
    return error


def _without_only_split(layout: Layout) -> Layout:
    """The layout without its split if all are in test, or in val: who names these folders wants to divide them."""
    if {sample.split for sample in layout.samples} not in ({"test"}, {"val"}):
        return layout
    samples = _sort([replace(sample, split=None) for sample in layout.samples])
    split = layout.samples[0].split
    return replace(layout, samples=samples, sentence=f"{layout.sentence}; divided again, as all are in {split}")


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
    places = [*_folders_of_lists(root, pairs), *folders_of_lists]
    lists = find_lists(places)
    if any(sample.split for sample in samples):
        assignment = note_other_lists(root, assignment, unpaired_images, lists)
    else:
        assignment = assign_listed_splits(root, samples, unpaired_images, lists)
        if not any(sample.split for sample in assignment.samples):
            assignment = assign_named_splits(assignment)
    unused = [f"{name} not used: it has {folds} folds" for name, folds in find_folds(places)]
    listed = assignment.listed_without_mask
    alone = [[file for file in side.files if file.path not in paired] for side in (match.images, match.masks)]
    likely = find_likely_pairs(pairs, *alone) if isinstance(match, Match) else ()
    return Layout(
        sentence="; ".join([*_describe_folders(root, pairs), *assignment.sentences, *unused]),
        pairing=match.rule,
        samples=_sort(assignment.samples),
        images_without_mask=tuple(path for path in unpaired_images if listed is None or path in listed),
        masks_without_image=unpaired_masks,
        likely_pairs=tuple((image.path, mask.path) for image, mask in likely),
        conflicts=assignment.conflicts,
        unlisted=assignment.unlisted,
        layers=match.classes if isinstance(match, LayerMatch) else (),
    )


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
    paths = ["/".join([relative_name(root, image.folder), image.stem]) for image, _ in pairs]
    names = next((names for names in choices if len(set(names)) == len(names)), paths)
    return _sort([replace(sample, name=name) for sample, name in zip(samples, names, strict=True)])


def _split(image: File, mask: File) -> Split | None:
    return image.location.split or mask.location.split


def _sort(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    return tuple(sorted(samples, key=lambda sample: (_SPLITS.index(sample.split), sample.name)))


def _folders_of_lists(root: Path, pairs: Sequence[Pair]) -> list[Path]:
    """Where lists of splits may be: the root, the folder that holds all images and masks, and the masks' folders.

    Those are the folder that holds all masks and the one above it: annotations/test.txt beside annotations/trimaps/.
    """
    places = [root]
    with suppress(ValueError):  # nothing in common: one of the two is absolute or on another drive
        places.append(Path(os.path.commonpath({file.folder for pair in pairs for file in pair})))
    masks = Path(os.path.commonpath({mask.folder for _, mask in pairs}))
    return [folder for folder in (*places, masks.parent, masks) if folder.is_relative_to(root)]


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
        return f"{Path(*start, '*', *end).as_posix()}/"
    return f"{Path(*start).as_posix()}/" if start else "the folder itself"
