"""Which files are the images and which are the masks: by names of folders, by names of files, and last by pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segarena.data.layout.alternatives import UnclearError
from segarena.data.layout.candidates import (
    Collection,
    group_by_common_ending,
    group_by_format,
    group_by_mask_words,
    make_collection,
    named_collections,
    unnamed_collections,
    without_kinds,
)
from segarena.data.layout.errors import ambiguous
from segarena.data.layout.fuzzy_pairing import Pair
from segarena.data.layout.pairing import Pairing, pair_files
from segarena.data.layout.tree import File
from segarena.data.layout.vocabulary import MASK_WORDS, VARIANT_WORDS, FileKind, is_preview, words_in
from segarena.errors import DataError
from segarena.image_files.headers import image_size
from segarena.image_files.images import find_bits, read_image
from segarena.image_files.raw_masks import read_plane

#: Number of pairs, evenly chosen, that are examined; of a large file only every n-th pixel, at least this number along
#: its side.
_EXAMINED_PAIRS = 6
_EXAMINED_SIDE = 512
#: The share of the pixels with the most common values: smallest of a mask, largest of photographs.
_MOST_COMMON = 16
_MASK_SHARE = 0.9
_PHOTOGRAPH_SHARE = 0.6
_JPEG = frozenset({".jpg", ".jpeg", ".jfif", ".jpe"})


@dataclass(frozen=True)
class Match:
    """Images and masks that can be paired."""

    images: Collection
    masks: Collection
    pairing: Pairing
    is_listed: bool = False
    """Whether a list has the pairs, whatever the names are."""

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Each image and its mask."""
        return self.pairing.pairs

    @property
    def rule(self) -> str:
        """How they were paired, as a sentence."""
        return self.pairing.rule

    @property
    def rank(self) -> tuple[bool, bool, bool]:
        """The match with the lowest rank is preferred.

        Most masks are used, the images' folder is named for images, images and masks are in folders of equal names.
        """
        are_apart = any(image.location.context != mask.location.context for image, mask in self.pairing.pairs)
        few = 2 * len(self.pairing.pairs) < len(self.masks.files)
        return few, self.images.kind is None, are_apart

    @property
    def paths(self) -> list[tuple[Path, Path]]:
        """The paths of each image and its mask."""
        return [(image.path, mask.path) for image, mask in self.pairing.pairs]

    @property
    def files(self) -> set[Path]:
        """The paths of all images and masks, paired or not."""
        return {file.path for file in (*self.images.files, *self.masks.files)}

    def is_redundant(self, other: Match) -> bool:
        """Whether the other match has all these pairs and more, or the same pairs from fewer files, and no problem."""
        own, others = set(self.paths), set(other.paths)
        if self.pairing.problem and not other.pairing.problem:
            return len(own) <= len(others) and other.files < self.files
        are_equal = own == others and bool(self.pairing.problem) == bool(other.pairing.problem)
        return own < others or (are_equal and len(other.files) < len(self.files))


@dataclass(frozen=True)
class Search:
    """A search for images and masks in several steps; the first step with a match decides."""

    root: Path
    files: tuple[File, ...]
    """All image files below `root`."""
    images: Collection | None = None
    """The images that the user chose; these are not searched for."""
    masks: Collection | None = None
    """The same for masks."""

    def run(self) -> Match | None:
        """Return the match, None if no image has a mask.

        Raises DataError if two matches are equally good, and if two files could belong to the same one.
        """
        for step in self._steps():
            matches = step()
            if matches:
                match = self._choose(matches)
                problem = match.pairing.problem
                if problem:
                    if isinstance(problem, UnclearError):
                        problem.least = len(match.pairing.pairs) // 2
                    raise problem
                return match
        return None

    def _steps(self) -> Sequence[Callable[[], list[Match]]]:
        if self.images and self.masks:
            is_one_folder = {file.path for file in self.images.files} & {file.path for file in self.masks.files}
            return (self._by_file_names, self._by_file_pixels) if is_one_folder else (self._by_folder_names,)
        if self.masks:
            return (self._by_folder_names,)
        if self.images:
            return (self._named_beside, self._by_folder_names, self._by_mask_pixels)
        return (
            self._by_folder_names,
            self._by_file_names,
            self._by_mask_pixels,
            self._by_file_pixels,
            self._by_folder_pixels,
        )

    def _by_folder_names(self) -> list[Match]:
        """A folder named for masks, with one named for images or, failing that, for nothing."""
        images = [self.images] if self.images else [*self._named("image"), *self._unnamed(), *self._beside(self.masks)]
        matches = _find_matches(product(images, [self.masks] if self.masks else self._named("mask")))
        if len(matches) > 1 and all(match.images.kind is None for match in matches):
            return [match for match in matches if are_photographs(match.paths)] or matches
        return matches

    def _by_file_names(self) -> list[Match]:
        """Files named for masks among others of the same folder: a_mask.png beside a.png."""
        matches = []
        for collection in self._mixed():
            groups = group_by_mask_words(collection.files)
            named = {file.path for group in groups.values() for file in group}
            for ending, group in groups.items():
                masks = make_collection(self.root, group, "mask", ending=ending)
                own = {file.path for file in group}
                for excluded in (named, own):
                    rest = [f for f in collection.files if f.path not in excluded and not is_preview(f.stem)]
                    images = [make_collection(self.root, rest, "image")] if rest else []
                    found = [match for match in _find_matches(product(images, [masks])) if match.pairing.is_by_stem]
                    matches += found
                    if found:
                        break
        return matches

    def _by_mask_pixels(self) -> list[Match]:
        """A folder named for images, and one named for nothing with files that are clearly masks.

        Their names have those of images, and an ending or a beginning; what all share only if it shows that they are
        masks: `export/a_Simple Segmentation.png` of ilastik.
        """
        images = [self.images] if self.images else self._named("image")
        beside = self._beside(self.images)
        matches = _find_matches(product(images, [*self._unnamed(), *beside]))
        matches = [
            match
            for match in matches
            if match.pairing.is_by_stem or match.masks in beside or _are_named_for_masks(match.masks.files)
        ]
        return [match for match in matches if not match.pairing.problem and are_masks(match.paths)]

    def _by_file_pixels(self) -> list[Match]:
        """Files of one folder that differ in their format or in an ending: photographs and masks by their pixels."""
        matches = []
        for collection in self._mixed():
            files = [file for file in collection.files if not is_preview(file.stem)]
            for groups in (group_by_format(files), group_by_common_ending(files)):
                parts = [make_collection(self.root, group, None, ending=end) for end, group in groups.items()]
                matches += [match for match in _find_matches(permutations(parts, 2)) if _is_clear(match)]
        return matches

    def _by_folder_pixels(self) -> list[Match]:
        """Two folders named for nothing: photographs and masks by their pixels."""
        return [match for match in _find_matches(permutations(self._unnamed(), 2)) if _is_clear(match)]

    def _named_beside(self) -> list[Match]:
        """Files named for masks beside the images that the user chose."""
        rest = [file for collection in self._beside(self.images)[:1] for file in collection.files]
        groups = group_by_mask_words(rest)
        masks = [make_collection(self.root, group, "mask", ending=ending) for ending, group in groups.items()]
        return _find_matches(product([self.images] if self.images else [], masks))

    def _beside(self, chosen: Collection | None) -> list[Collection]:
        """The other files of the folders of which the user chose some files: all of them, and those of each ending."""
        folders = {file.folder for file in chosen.files} if chosen else set()
        rest = [file for file in self._unassigned() if file.folder in folders and not is_preview(file.stem)]
        groups = [("", rest)]
        if chosen and rest:
            groups += [*group_by_common_ending([*chosen.files, *rest]).items(), *group_by_format(rest).items()]
        own = set(rest)
        parts = [(ending, [file for file in group if file in own]) for ending, group in groups]
        different = {tuple(file.path for file in group): (ending, group) for ending, group in parts if group}
        return [make_collection(self.root, group, None, ending=ending) for ending, group in different.values()]

    def _mixed(self) -> list[Collection]:
        return [self.images] if self.images else [*self._named("image"), *self._named("mask"), *self._unnamed()]

    def _named(self, kind: FileKind) -> list[Collection]:
        return named_collections(self.root, self._unassigned(), kind)

    def _unnamed(self) -> list[Collection]:
        return unnamed_collections(self.root, self._unassigned())

    def _unassigned(self) -> list[File]:
        """The files that the user has not chosen as images or masks."""
        chosen = {file.path for collection in (self.images, self.masks) if collection for file in collection.files}
        return [file for file in self.files if file.path not in chosen]

    def _choose(self, matches: Sequence[Match]) -> Match:
        matches = [match for match in matches if not any(match.is_redundant(other) for other in matches)]
        matches = list({frozenset(match.paths): match for match in reversed(matches)}.values())[::-1]
        best = min(match.rank for match in matches)
        matches = [match for match in matches if match.rank == best]
        matches = [match for match in matches if not match.masks.is_variant] or matches
        if len(matches) > 1:
            matches = [match for match in matches if not _are_drawn(match)] or matches
        matches = _without_crossed(matches)
        if len(matches) > 1:
            raise ambiguous(self.root, [(match.images, match.masks, match.paths) for match in matches])
        return matches[0]


def _are_named_for_masks(files: Iterable[File]) -> bool:
    return all(not MASK_WORDS.isdisjoint(words_in(file.stem)) for file in files)


def _without_crossed(matches: Sequence[Match]) -> Sequence[Match]:
    """The matches without images/ with masks_aug/, if there are images/ with masks/ and images_aug/ with masks_aug/."""
    parallel = [match for match in matches if without_kinds(match.images.title) == without_kinds(match.masks.title)]
    images, masks = ({getattr(match, side).files for match in parallel} for side in ("images", "masks"))
    return [
        match
        for match in matches
        if match in parallel or match.images.files not in images or match.masks.files not in masks
    ]


def _are_drawn(match: Match) -> bool:
    """Whether the images are the masks in colours, by name and by pixels: semantic_rgb/ beside semantic/ of KITTI."""
    images, masks = (set(words_in(Path(side.title).name)) for side in (match.images, match.masks))
    return masks < images and images - masks <= VARIANT_WORDS and not are_photographs(match.paths)


def _find_matches(candidates: Iterable[tuple[Collection, ...]]) -> list[Match]:
    """Those candidates, images first, that have a pair."""
    found = []
    for images, masks in candidates:
        if not {file.path for file in images.files} & {file.path for file in masks.files}:
            pairing = pair_files(images.files, masks.files)
            if pairing.pairs:
                found.append(Match(images, masks, pairing))
    return found


# By pixels


def _is_clear(match: Match) -> bool:
    return not match.pairing.problem and are_masks(match.paths) and are_photographs(match.paths)


def are_masks(pairs: Sequence[tuple[Path, Path]]) -> bool:
    """Whether the second of each pair is clearly a mask of the first.

    It is if the sizes are equal, it is not a JPEG, and its 16 most common values cover 90% of it. False if a file
    cannot be read.
    """
    try:
        return all(_is_mask(image, mask) for image, mask in _choose_evenly(pairs))
    except DataError:
        return False


def are_photographs(pairs: Sequence[tuple[Path, Path]]) -> bool:
    """Whether the first of each pair is clearly a photograph: a JPEG, or an image with many colours.

    The 16 most common colours of those that are not JPEGs must cover less than 60% on average. False if a file
    cannot be read.
    """
    others = [image for image, _ in _choose_evenly(pairs) if image.suffix.lower() not in _JPEG]
    try:
        return not others or float(np.mean([_share(_packed_colors(image)) for image in others])) < _PHOTOGRAPH_SHARE
    except DataError:
        return False


def _is_mask(image: Path, mask: Path) -> bool:
    if mask.suffix.lower() in _JPEG:
        return False
    values = read_plane(mask).values
    return values.shape == image_size(image) and _share(values) >= _MASK_SHARE


def _packed_colors(path: Path) -> NDArray[np.uint32]:
    """(H, W), each pixel's colour as a network sees it, as one number."""
    # With its values scaled as if it had all 16 bits, an image of 12 bits would have as few greys as a mask.
    image = read_image(path, find_bits(path)).astype(np.uint32)
    colors: NDArray[np.uint32] = image @ np.array([65536, 256, 1], np.uint32)
    return colors


def _share(values: NDArray[Any]) -> float:
    """The share of the pixels of (H, W) that have one of the most common values."""
    step = max(1, max(values.shape) // _EXAMINED_SIDE)
    counts = np.unique(values[::step, ::step], return_counts=True)[1]
    return float(np.sort(counts)[-_MOST_COMMON:].sum() / counts.sum())


def _choose_evenly(pairs: Sequence[tuple[Path, Path]]) -> list[tuple[Path, Path]]:
    return [pairs[i] for i in sorted({int(i) for i in np.linspace(0, len(pairs) - 1, _EXAMINED_PAIRS)})]
