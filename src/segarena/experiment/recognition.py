"""Which images of some data are those of a run, by their content: whatever they are called, wherever they are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from segarena.data.contents import ContentHash, hash_contents
from segarena.data.source import Source, Split
from segarena.errors import DataError
from segarena.formats import join_words, listing, plural
from segarena.records.run import Data

#: What a run used an image for: the part of its split, or "new" where it does not have it.
Use = Literal["train", "val", "test", "new"]
_PARTS: tuple[Split, ...] = get_args(Split)
_NO_PIXELS = np.zeros((0, 0), dtype=np.uint8)


@dataclass(frozen=True)
class Recognised:
    """The images of some data that a run has.

    Args:
        data: What the run recorded.
        names: For each sample, the name under which the run has its image; None where it does not have it.
        changed: The samples whose image the run has with another mask.
    """

    data: Data
    names: tuple[str | None, ...]
    changed: frozenset[int]

    def part(self, index: int) -> Split | None:
        """The part of the run's split in which a sample is; None for a new one."""
        name = self.names[index]
        return None if name is None else self._parts[name]

    def use(self, index: int) -> Use:
        """What the run used the image of a sample, or an equal one, for."""
        name = self.names[index]
        return "new" if name is None else self._uses[name]

    @property
    def found(self) -> tuple[int, ...]:
        """The samples that the run has."""
        return tuple(index for index, name in enumerate(self.names) if name is not None)

    @property
    def missing(self) -> tuple[str, ...]:
        """The names of the run's images that the data does not have."""
        here = set(self.names)
        return tuple(name for name in self._parts if name not in here)

    @cached_property
    def _parts(self) -> dict[str, Split]:
        return parts_by_name(self.data)

    @cached_property
    def _uses(self) -> dict[str, Split]:
        return uses_by_name(self.data)

    def describe(self) -> str:
        """Return what was recognised, in a line."""
        if not self.found:
            line = f"none of the {plural(len(self._parts), 'image')} of the training was recognised here"
            older = " (an earlier version recorded no hashes of them, so those with other masks are not recognised)"
            return line if self.data.image_sha256 else line + older
        parts = [self.part(index) for index in self.found]
        counts = join_words([f"{parts.count(part)} {part}" for part in _PARTS if part in parts])
        new = len(self.names) - len(self.found)
        line = f"{plural(len(self.found), 'image')} of the training, recognised by content ({counts})"
        line += f", and {plural(new, 'new image')}" if new else ""
        if self.changed:
            names = listing([name for index in sorted(self.changed) if (name := self.names[index]) is not None])
            what = "another mask" if self.data.image_sha256 else "another image or mask"
            line += f"; {plural(len(self.changed), 'image')} with {what} than in the training: {names}"
        if self.missing:
            line += f"; not here: {listing(self.missing)}"
        return line


def describe_other_scenes(recorded: Data, source: Source) -> str | None:
    """Return which built-in scenes a run used, if this version of segarena draws others; None if it does not.

    Args:
        recorded: What the run recorded.
        source: The present data.
    """
    key = "generator_version"
    before, now = recorded.description.get(key), source.describe().get(key)
    if before is None or now is None or before == now:
        return None
    return f"version {before} of the built-in scenes; this version of segarena draws version {now}"


def parts_by_name(data: Data) -> dict[str, Split]:
    """Return the part of the split of each of a run's images, by name."""
    parts = asdict(data.split)
    return {name: part for part in _PARTS for name in parts[part]}


def uses_by_name(data: Data) -> dict[str, Split]:
    """Return what a run used each image for: train where an equal image trained the network, else val likewise.

    Without hashes of the images it is their part of the split.
    """
    parts = parts_by_name(data)
    first: dict[str, Split] = {}
    for part in _PARTS:
        for name, own in parts.items():
            if own == part and name in data.image_sha256:
                first.setdefault(data.image_sha256[name], part)
    return {name: first.get(data.image_sha256.get(name, ""), part) for name, part in parts.items()}


def recognise(
    source: Source, data: Data, *, decoded_alike: bool = True, on_progress: Callable[[int, int], None] | None = None
) -> Recognised:
    """Find the images of a run among those of a source.

    Files with the bytes that the run recorded are found by their hash. Of the others the decoded images are compared,
    so that an image with a corrected mask, or saved in another format without loss, is found too.

    Args:
        source: The data, of the same classes in the same order.
        data: What the run recorded. In files of earlier versions, which have no hashes of images, a changed file is
            found by its name, if other files are found by their hashes.
        decoded_alike: Whether the masks are decoded as in the run, so that equal files have equal labels.
        on_progress: Called with (images compared, images) while images are decoded.
    """
    indices = range(len(source.samples))
    own = [sample.name for sample in source.samples]
    names: dict[int, str] = {}
    if decoded_alike:
        names = _match(_digests(source), data.sha256, own)
    rest = [index for index in indices if index not in names]
    if data.image_sha256:
        contents = _hash(source, rest, on_progress)
        images = {index: content.image for index, content in contents.items()}
        found = _match(images, data.image_sha256, own, taken=names.values())
        changed = {index for index, name in found.items() if contents[index].labels != data.label_sha256.get(name)}
    else:
        left = set(parts_by_name(data)) - set(names.values()) if names else set()
        found = {index: own[index] for index in rest if own[index] in left}
        changed = set(found)
    unused = set(data.split.unused)  # new to a network that was trained on a part of the images
    names = {index: name for index, name in {**names, **found}.items() if name not in unused}
    return Recognised(data, tuple(names.get(index) for index in indices), frozenset(changed & names.keys()))


def _digests(source: Source) -> dict[int, str]:
    """The hash of each image with its mask, by index; those that cannot be read are left out."""
    found = {}
    for index in range(len(source.samples)):
        with suppress(DataError):
            found[index] = source.digest(index)
    return found


def _match(
    hashes: Mapping[int, str], recorded: Mapping[str, str], own: Sequence[str], taken: Collection[str] = ()
) -> dict[int, str]:
    """The recorded name of each index with a recorded hash.

    Of several equal images it is the one of the same name, else one that no other index has.
    """
    by_hash: dict[str, list[str]] = {}
    for name, value in recorded.items():
        by_hash.setdefault(value, []).append(name)
    candidates = {index: by_hash[value] for index, value in hashes.items() if value in by_hash}
    names = {index: own[index] for index, found in candidates.items() if own[index] in found}
    used = {*taken, *names.values()}
    for index, found in candidates.items():
        if index not in names:
            names[index] = next((name for name in found if name not in used), found[0])
            used.add(names[index])
    return names


def _hash(
    source: Source, indices: Sequence[int], on_progress: Callable[[int, int], None] | None
) -> dict[int, ContentHash]:
    """The hashes of images and labels, by index; of a file that cannot be decoded a hash that no image has."""

    def read(index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        try:
            return source.read(index)
        except DataError:
            return _NO_PIXELS, _NO_PIXELS

    return dict(zip(indices, hash_contents(read, indices, on_progress), strict=True))
