"""How a folder of images and masks is laid out: found by names and content, paired by stems, divided by lists."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from segarena.data.layout.assign_splits import divide
from segarena.data.layout.candidates import collect_given, relative_folder, relative_folders
from segarena.data.layout.errors import check_folder, check_pairs, refuse
from segarena.data.layout.fuzzy_pairing import Pair
from segarena.data.layout.search import Match, Search
from segarena.data.layout.split_lists import Division, divide_by_names, find_lists
from segarena.data.layout.tree import File, Tree, scan
from segarena.data.source import Sample, Split

_SPLITS: tuple[Split | None, ...] = (None, "train", "val", "test")


@dataclass(frozen=True)
class Layout:
    """How a folder was read.

    `sentence` says it, `pairing` how images and masks were matched, `samples` what was paired, by split and then by
    name. `conflicts` has a sentence for each image that a list names in two splits; `unlisted` are images with masks
    that are left out because the lists of splits do not name them.
    """

    sentence: str
    pairing: str
    samples: tuple[Sample, ...]
    images_without_mask: tuple[Path, ...]
    masks_without_image: tuple[Path, ...]
    conflicts: tuple[str, ...] = ()
    unlisted: tuple[Path, ...] = ()


def find_pairs(root: Path, *, images: Path | None = None, masks: Path | None = None) -> Layout:
    """Find images and masks below `root` and pair them by name, never by position in a listing.

    `images` and `masks` name a folder below `root`, by its path or, where it stands in several places, by its name
    alone, or a folder anywhere else; what they name is not searched for. Hidden files, files that are no images and
    folders of previews, predictions and the like are passed over. Splits are those of the folders' names or else
    those of lists of splits (`segarena.data.layout.split_lists`).

    Raises DataError where the folder is missing, empty or cannot be listed, where no image has a mask, where two
    folders could be the images or the masks, where two files claim the same partner, and for a list that names an
    image which is not there.
    """
    check_folder(root)
    both_lie_there = all(given is not None and (root / given).is_dir() for given in (images, masks))
    tree = Tree() if both_lie_there else scan(root)
    given_images = collect_given(root, tree, images, "image") if images else None
    given_masks = collect_given(root, tree, masks, "mask") if masks else None
    match = Search(root, tree.files, given_images, given_masks).run()
    if match is None:
        raise refuse(root, tree, given_images, given_masks)
    check_pairs(root, match.pairing.pairs)
    return _read(root, match)


def _read(root: Path, match: Match) -> Layout:
    pairs = match.pairing.pairs
    samples = _name_apart(root, pairs)
    paired = {file.path for pair in pairs for file in pair}
    lonely_images, lonely_masks = (
        tuple(sorted(file.path for file in collection.files if file.path not in paired))
        for collection in (match.images, match.masks)
    )
    division = Division(samples)
    if not any(sample.split for sample in samples):
        division = divide(root, samples, lonely_images, find_lists(_bases(root, pairs)))
        if not any(sample.split for sample in division.samples):
            division = divide_by_names(division)
    return Layout(
        sentence="; ".join([*_describe(root, pairs), *([division.sentence] if division.sentence else [])]),
        pairing=match.pairing.rule,
        samples=_sorted(division.samples),
        images_without_mask=tuple(p for p in lonely_images if division.named is None or p in division.named),
        masks_without_image=lonely_masks,
        conflicts=division.conflicts,
        unlisted=division.unlisted,
    )


def _split(image: File, mask: File) -> Split | None:
    return image.place.split or mask.place.split


def _bases(root: Path, pairs: Sequence[Pair]) -> list[Path]:
    """Where lists of splits may lie: the root, and the folder that holds all images and masks."""
    common = Path(os.path.commonpath([file.path.parent for pair in pairs for file in pair]))
    return [root, common] if common.is_relative_to(root) else [root]


def _name_apart(root: Path, pairs: Sequence[Pair]) -> tuple[Sample, ...]:
    """Stems as names where they differ; else with the folders, the split, or at last as paths below the root."""
    samples = [Sample(image.stem, _split(image, mask), image.path, mask.path) for image, mask in pairs]
    shared = len(os.path.commonprefix([image.place.context for image, _ in pairs]))  # noqa: RUF071 - of tuples
    folders = ["/".join(image.place.context[shared:]) for image, _ in pairs]
    ways = (
        [sample.name for sample in samples],
        [folder or sample.name for folder, sample in zip(folders, samples, strict=True)],
        ["/".join(filter(None, [folder, s.name])) for folder, s in zip(folders, samples, strict=True)],
        ["/".join(filter(None, [s.split, folder, s.name])) for folder, s in zip(folders, samples, strict=True)],
    )
    paths = ["/".join([relative_folder(root, image.path.parent), image.stem]) for image, _ in pairs]
    names = next((names for names in ways if len(set(names)) == len(names)), paths)
    return _sorted([replace(sample, name=name) for sample, name in zip(samples, names, strict=True)])


def _sorted(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    return tuple(sorted(samples, key=lambda sample: (_SPLITS.index(sample.split), sample.name)))


def _describe(root: Path, pairs: Sequence[Pair]) -> list[str]:
    """Where the images and the masks of each split lie."""
    said = []
    for split in _SPLITS:
        part = [pair for pair in pairs if _split(*pair) == split]
        if part:
            images, masks = (_place(root, [pair[side] for pair in part]) for side in (0, 1))
            where = (
                f"images and masks together in {images}" if images == masks else f"images in {images}, masks in {masks}"
            )
            said.append(f"{split}: {where}" if split else where)
    return said


def _place(root: Path, files: Sequence[File]) -> str:
    """The folder of the files; of several, what they have in common, with a star for what differs."""
    folders = [Path(folder).parts for folder in relative_folders(root, files)]
    start = os.path.commonprefix(folders)  # noqa: RUF071 - of tuples of names
    if len(folders) > 1:
        shortest = min(len(parts) for parts in folders) - len(start)
        end = os.path.commonprefix([parts[::-1][:shortest] for parts in folders])[::-1]  # noqa: RUF071
        return "/".join([*start, "*", *end]) + "/"
    return f"{'/'.join(start)}/" if start else "the folder itself"
