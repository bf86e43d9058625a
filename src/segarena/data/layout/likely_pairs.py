"""Images and masks without a partner whose names are nearly those of a pair: mistyped ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from segarena.data.layout.fuzzy_pairing import Pair
from segarena.data.layout.tree import File

_DIGITS = re.compile(r"\d+")
#: Number of letters of a name that may be missing, wrong or exchanged; one of a short name, none of a shorter one.
_MOST_EDITS = 2
_SHORT = 3
#: Of more files nothing can be concluded.
_MOST_FILES = 200


def find_likely_pairs(pairs: Sequence[Pair], images: Sequence[File], masks: Sequence[File]) -> tuple[Pair, ...]:
    """Return images and masks that probably belong together, by what the names of a pair have in common.

    A name may have two mistakes, but names that differ in a number are of different samples.

    Args:
        pairs: The pairs, at least one.
        images: Images without a mask.
        masks: Masks without an image.
    """
    if max(len(images), len(masks)) > _MOST_FILES:
        return ()
    found: list[tuple[int, File, File]] = []
    for image in images:
        wanted = _expected_stems(image, pairs)
        # Beside images, a mask with a mistyped ending passes for an image.
        for mask in (*masks, *(other for other in images if other is not image)):
            edits = [count for count in (_edits(stem, mask.stem) for stem in wanted) if count is not None]
            if edits:
                found.append((min(edits), image, mask))
    taken: set[File] = set()
    likely = []
    for _, image, mask in sorted(found, key=lambda each: each[0]):
        if not taken & {image, mask}:
            taken |= {image, mask}
            likely.append((image, mask))
    return tuple(likely)


def _expected_stems(image: File, pairs: Sequence[Pair]) -> set[str]:
    """The stems that the image's mask may have, with the letters before and behind that the mask of a pair has."""
    one, mask = next((pair for pair in pairs if pair[0].folder == image.folder), pairs[0])
    stems = set()
    for start, mask_start, size in SequenceMatcher(None, one.stem, mask.stem, autojunk=False).get_matching_blocks():
        before, behind = one.stem[:start], one.stem[start + size :]
        if size and image.stem.startswith(before) and image.stem.endswith(behind):
            core = image.stem[len(before) : len(image.stem) - len(behind)]
            stems.add(f"{mask.stem[:mask_start]}{core}{mask.stem[mask_start + size :]}")
    return stems


def _edits(one: str, other: str) -> int | None:
    """How many letters were changed, added, left out, or exchanged with the next; None for more than two."""
    most = _MOST_EDITS if min(len(one), len(other)) > _SHORT else 1
    if abs(len(one) - len(other)) > most or len(one) < _SHORT:
        return None
    numbers = [[int(digits) for digits in _DIGITS.findall(name)] for name in (one, other)]
    if len(numbers[0]) == len(numbers[1]) and numbers[0] != numbers[1]:
        return None
    rows = [list(range(len(other) + 1))]
    for i, letter in enumerate(one, start=1):
        row = [i]
        for j, another in enumerate(other, start=1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (letter != another))
            if i > 1 and j > 1 and letter == other[j - 2] and another == one[i - 2]:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1] if rows[-1][-1] <= most else None
