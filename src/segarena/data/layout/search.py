"""Which pictures are the images and which are the masks: by the names of folders, of files, and at last by content.

Also: Photographs or masks, by their pixels: asked only where names do not tell, answered only where it is plain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segarena.data.files.images import read_header, read_image, set_bits
from segarena.data.files.raw_masks import read_plane
from segarena.data.layout.candidates import (
    Collection,
    by_constant_ending,
    by_suffix,
    by_words_of_stem,
    make_collection,
    named_collections,
    unnamed_collections,
)
from segarena.data.layout.pairing import Pairing, pair_files
from segarena.data.layout.tree import File
from segarena.data.layout.vocabulary import Kind, is_preview
from segarena.errors import DataError

#: Pairs looked at, evenly chosen, and pixels of the longer side at most, picked without blending.
_PAIRS = 6
_SIDE = 512
#: The share that the commonest values have of a mask at least, and of a photograph at most.
_COMMONEST = 16
_MASK_SHARE = 0.9
_PHOTOGRAPH_SHARE = 0.6
_JPEG = frozenset({".jpg", ".jpeg"})


def are_masks(pairs: Sequence[tuple[Path, Path]]) -> bool:
    """Whether the second of each pair is plainly a mask for the first.

    It is where its size is the same, it is no JPEG, and its 16 commonest values fill nine tenths of it. A file that
    cannot be read leaves the question open: False.
    """
    try:
        return all(_is_mask(image, mask) for image, mask in _spread(pairs))
    except DataError:
        return False


def are_photographs(pairs: Sequence[tuple[Path, Path]]) -> bool:
    """Whether the first of each pair is plainly a photograph: a JPEG, or of many colours.

    The 16 commonest colours of those that are no JPEGs must fill less than six tenths on average.
    """
    others = [image for image, _ in _spread(pairs) if image.suffix.lower() not in _JPEG]
    try:
        return not others or float(np.mean([_share(_colors(image)) for image in others])) < _PHOTOGRAPH_SHARE
    except DataError:
        return False


def _is_mask(image: Path, mask: Path) -> bool:
    if mask.suffix.lower() in _JPEG:
        return False
    values = read_plane(mask).values
    header = read_header(image)
    return values.shape == (header.height, header.width) and _share(values) >= _MASK_SHARE


def _colors(path: Path) -> NDArray[np.uint32]:
    """(H, W), the packed colour of each pixel as a network would see it. Raises DataError."""
    # Scaled as if it had all 16 bits, an image of 12 would have as few greys as a mask.
    bits = set_bits([path] if read_header(path).deep else [])
    colors: NDArray[np.uint32] = read_image(path, bits).astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    return colors


def _share(values: NDArray[Any]) -> float:
    """The share of the pixels that the commonest values of (H, W) have."""
    step = max(1, max(values.shape) // _SIDE)
    counts = np.unique(values[::step, ::step], return_counts=True)[1]
    return float(np.sort(counts)[-_COMMONEST:].sum() / counts.sum())


def _spread(pairs: Sequence[tuple[Path, Path]]) -> list[tuple[Path, Path]]:
    return [pairs[i] for i in sorted({int(i) for i in np.linspace(0, len(pairs) - 1, _PAIRS)})]


@dataclass(frozen=True)
class Match:
    """Images and masks that pair."""

    images: Collection
    masks: Collection
    pairing: Pairing

    @property
    def rank(self) -> tuple[bool, bool]:
        """What to prefer, lower first: most of the masks used, a folder named for images."""
        return 2 * len(self.pairing.pairs) < len(self.masks.files), self.images.kind is None

    @property
    def paths(self) -> list[tuple[Path, Path]]:
        """The paths of each image and its mask."""
        return [(image.path, mask.path) for image, mask in self.pairing.pairs]

    @property
    def is_plain(self) -> bool:
        """Whether the pixels say it too."""
        return not self.pairing.problem and are_masks(self.paths) and are_photographs(self.paths)

    def is_within(self, other: Match) -> bool:
        """Whether the other has all these pairs and more; or as many of fewer files, with no further problem."""
        own, others = set(self.paths), set(other.paths)
        if self.pairing.problem and not other.pairing.problem:
            return len(own) <= len(others) and other._files < self._files
        same = own == others and bool(self.pairing.problem) == bool(other.pairing.problem)
        return own < others or (same and len(other._files) < len(self._files))

    @property
    def _files(self) -> set[Path]:
        return {file.path for file in (*self.images.files, *self.masks.files)}


@dataclass(frozen=True)
class Search:
    """The pictures below `root`, and what the user said: `images` and `masks` override what would be found."""

    root: Path
    files: tuple[File, ...]
    images: Collection | None = None
    masks: Collection | None = None

    def run(self) -> Match | None:
        """Return the one match of the first step that has any; None where no image has a mask.

        Raises DataError where a step has several that are as good, and where two files claim one partner.
        """
        for step in self._steps():
            matches = step()
            if matches:
                match = _choose(self.root, matches)
                if match.pairing.problem:
                    raise match.pairing.problem
                return match
        return None

    def _steps(self) -> Sequence[Callable[[], list[Match]]]:
        if self.images and self.masks:
            same = {file.path for file in self.images.files} & {file.path for file in self.masks.files}
            return (self._words_of_files, self._endings_and_content) if same else (self._names_of_folders,)
        if self.masks:
            return (self._names_of_folders,)
        if self.images:
            return (self._names_of_folders, self._images_and_content)
        return (
            self._names_of_folders,
            self._words_of_files,
            self._images_and_content,
            self._endings_and_content,
            self._content,
        )

    def _names_of_folders(self) -> list[Match]:
        """A folder named for masks, beside one named for images or, failing that, for nothing."""
        matches = _matches(product(self._images(), [self.masks] if self.masks else self._named("mask")))
        if len(matches) > 1 and all(match.images.kind is None for match in matches):
            return [match for match in matches if are_photographs(match.paths)] or matches
        return matches

    def _words_of_files(self) -> list[Match]:
        """Files named for masks among others of the same folder: a_mask.png beside a.png."""
        matches = []
        for collection in self._mixed():
            groups = by_words_of_stem(collection.files)
            named = {file.path for group in groups.values() for file in group}
            for ending, group in groups.items():
                masks = make_collection(self.root, group, "mask", ending=ending)
                own = {file.path for file in group}
                for taken in (named, own):
                    rest = [file for file in collection.files if file.path not in taken and not is_preview(file.stem)]
                    images = [make_collection(self.root, rest, "image")] if rest else []
                    found = [match for match in _matches(product(images, [masks])) if match.pairing.sure]
                    matches += found
                    if found:
                        break
        return matches

    def _images_and_content(self) -> list[Match]:
        """A folder named for images, and one named for nothing whose files are plainly masks."""
        images = [self.images] if self.images else self._named("image")
        matches = [match for match in _matches(product(images, self._unnamed())) if match.pairing.sure]
        return [match for match in matches if not match.pairing.problem and are_masks(match.paths)]

    def _endings_and_content(self) -> list[Match]:
        """Stems or files that differ in their ending alone, of the same folder: photographs and masks by content."""
        matches = []
        for collection in self._mixed():
            plain = [file for file in collection.files if not is_preview(file.stem)]
            for groups in (by_suffix(plain), by_constant_ending(plain)):
                parts = [make_collection(self.root, group, None, ending=end) for end, group in groups.items()]
                matches += [match for match in _matches(permutations(parts, 2)) if match.is_plain]
        return matches

    def _content(self) -> list[Match]:
        """Two folders named for nothing: photographs and masks by content."""
        return [match for match in _matches(permutations(self._unnamed(), 2)) if match.is_plain]

    def _images(self) -> list[Collection]:
        return [self.images] if self.images else [*self._named("image"), *self._unnamed()]

    def _mixed(self) -> list[Collection]:
        return [self.images] if self.images else [*self._named("image"), *self._named("mask"), *self._unnamed()]

    def _named(self, kind: Kind) -> list[Collection]:
        return named_collections(self.root, self._free(), kind)

    def _unnamed(self) -> list[Collection]:
        return unnamed_collections(self.root, self._free())

    def _free(self) -> list[File]:
        """The files that the user has not given a kind."""
        given = {file.path for collection in (self.images, self.masks) if collection for file in collection.files}
        return [file for file in self.files if file.path not in given]


def _matches(candidates: Iterable[tuple[Collection, ...]]) -> list[Match]:
    """Those candidates, images first, that have a pair."""
    found = []
    for images, masks in candidates:
        if not {file.path for file in images.files} & {file.path for file in masks.files}:
            pairing = pair_files(images.files, masks.files)
            if pairing.pairs:
                found.append(Match(images, masks, pairing))
    return found


def _choose(root: Path, matches: Sequence[Match]) -> Match:
    matches = [match for match in matches if not any(match.is_within(other) for other in matches)]
    matches = list({frozenset(match.paths): match for match in reversed(matches)}.values())[::-1]
    best = min(match.rank for match in matches)
    matches = [match for match in matches if match.rank == best]
    matches = [match for match in matches if not match.masks.is_shown] or matches
    if len(matches) > 1:
        raise _ambiguous(root, *matches[:2])
    return matches[0]


def _ambiguous(root: Path, one: Match, two: Match) -> DataError:
    if one.images.title == two.images.title:
        what = f"{one.masks.title} and {two.masks.title} could both be the masks of {one.images.title}"
        options = [f"--masks {_quote(match.masks.option)}" for match in (one, two)]
    elif one.masks.title == two.masks.title:
        what = f"{one.images.title} and {two.images.title} could both be the images of {one.masks.title}"
        options = [f"--images {_quote(match.images.option)}" for match in (one, two)]
    else:
        what = (
            f"{one.images.title} with {one.masks.title} and {two.images.title} with {two.masks.title}"
            " could both be the images with their masks"
        )
        options = [f"--images {_quote(m.images.option)} --masks {_quote(m.masks.option)}" for m in (one, two)]
    remedy = f"Choose one: {options[0]} or {options[1]}"
    if options[0] == options[1]:
        remedy = "Move one of the two to another folder, or name the folders with --images DIR --masks DIR"
    return DataError(what, where=root, remedy=remedy)


def _quote(option: str) -> str:
    return f'"{option}"' if set(option) & set(" *{}()&'") else option
