"""All masks of a set looked at once, so that one meaning holds for the first and for the last of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segarena.classes import IGNORE_INDEX, ClassTable
from segarena.data.encoding import value_counts as mask_facts
from segarena.data.encoding.color import guess_colors
from segarena.data.encoding.declared import apply_classes
from segarena.data.encoding.grey import guess_greys, guess_levels
from segarena.data.encoding.mask_encoding import MaskEncoding, one_class
from segarena.data.encoding.palette import choose_reading, colors_of, greys_of
from segarena.data.encoding.value_counts import Found, MaskFacts
from segarena.data.files.cache import recall, remember
from segarena.data.files.image_io import file_hash, reading
from segarena.errors import DataError
from segarena.threads import thread_pool

#: Called with the number of masks looked at and their total.
Progress = Callable[[int, int], None]

_WORTH_KEEPING = 2**14  # different values


class MaskScan(NamedTuple):
    """What looking at all masks gave: the encoding, and `pixels` (N, num_classes + 1) int64, void last."""

    encoding: MaskEncoding
    pixels: NDArray[np.int64]


def infer_encoding(
    paths: Sequence[Path], classes: ClassTable | None = None, on_progress: Progress | None = None
) -> MaskScan:
    """Look at all masks and say what their values mean; `segarena.data.encoding.grey` and `colors` hold the rules.

    With `classes` (a classes.yaml) its values and its `ignore` are the only ones allowed, but for what compression
    or soft edges make of two greys far apart, and of colours in a compressed file. Files that have been looked at
    before are remembered by their hash. Raises DataError for what could mean two things, for a value that is not
    declared, for a damaged file, and where all pixels are of one class.
    """
    found = _look_at_all(paths, on_progress)
    encoding = _guess(found) if classes is None else apply_classes(found, classes)
    pixels = np.stack([_count_labels(one, encoding) for one in found])
    present = np.flatnonzero(pixels[:, :-1].sum(axis=0))
    if len(present) < 2:
        only = f"only the class {encoding.classes.names[present[0]]!r}" if len(present) else "only void pixels"
        raise one_class(paths, only)
    return MaskScan(encoding, pixels)


def _look_at_all(paths: Sequence[Path], on_progress: Progress | None) -> list[Found]:
    found: list[Found] = []
    new: dict[str, bytes] = {}
    with thread_pool() as threads:
        keys = list(threads.map(file_hash, paths))
        known = recall(mask_facts.KIND, sorted(set(keys)))

        def look(one: tuple[Path, str]) -> MaskFacts:
            path, key = one
            if key in known:
                return MaskFacts.from_bytes(known[key])
            with reading(path):
                content = path.read_bytes()
            looked = mask_facts.read_facts(path, content)
            if looked.is_picture:
                raise _no_mask(path, looked)
            if len(looked.values) <= _WORTH_KEEPING:
                new[hashlib.sha256(content).hexdigest()] = looked.to_bytes()
            return looked

        try:
            for path, looked in zip(paths, threads.map(look, zip(paths, keys, strict=True)), strict=True):
                found.append(Found(path, looked))
                if on_progress is not None:
                    on_progress(len(found), len(paths))
        finally:
            remember(mask_facts.KIND, new)
    return found


def _no_mask(path: Path, facts: MaskFacts) -> DataError:
    kind = "colours" if facts.colored else "grey levels"
    return DataError(
        f"has {len(facts.values)} different {kind} and hardly an area of one: a photograph, a depth map or noise, "
        "but no mask",
        where=path,
        remedy="Name the folder of the masks; masks hold one value per class",
    )


def _guess(found: Sequence[Found]) -> MaskEncoding:
    reading = choose_reading(found)
    if reading == "colors":
        return guess_colors(found)
    return guess_levels(found) if reading == "numbers" else guess_greys(found)


def _count_labels(one: Found, encoding: MaskEncoding) -> NDArray[np.int64]:
    path, facts = one
    color = encoding.kind == "color"
    places = colors_of(one) if color else greys_of(one) if encoding.by_grey else facts.values
    labels = encoding.labels(places, facts.one_bit and not color, path)
    columns = np.where(labels == IGNORE_INDEX, encoding.classes.num_classes, labels)
    pixels = np.zeros(encoding.classes.num_classes + 1, dtype=np.int64)
    np.add.at(pixels, columns, facts.pixels)
    return pixels
