"""Which pictures are the images and which are the masks: by the names of folders, of files, and at last by content."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from pathlib import Path

from segarena.data.layout.candidates import Collection, make_collection, named_collections, unnamed_collections
from segarena.data.layout.content import are_masks, are_photographs
from segarena.data.layout.grouping import by_constant_ending, by_suffix, by_words_of_stem
from segarena.data.layout.pairing import Pairing, pair_files
from segarena.data.layout.tree import File
from segarena.data.layout.vocabulary import Kind, is_preview
from segarena.errors import DataError


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
