"""What names say about frames of a film and slices of a volume: the order, the sequence, and what to group."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from segarena.errors import listing

#: At most 18 digits, so that any name makes a number that fits 64 bits.
_LAST_NUMBER = re.compile(r"([0-9]{1,18})[^0-9]*\Z")
_NUMBER = re.compile(r"([0-9]{1,18})")
_SEPARATORS = "_-. /"
#: Fewer names, or fewer blocks, leave nothing to choose from.
_FEWEST_NAMES, _FEWEST_BLOCKS, _MOST_BLOCKS = 10, 5, 10


@dataclass(frozen=True)
class Proposal:
    """A grouping that the names suggest: `sentence` says why, `by` is what `--group-by` takes, `groups` the result.

    It is never applied unasked: names cannot tell slices of one volume from separate photographs that someone numbered.
    """

    by: str
    sentence: str
    groups: tuple[str, ...]


def natural_key(name: str) -> tuple[Any, ...]:
    """Sort key of a listing as people number it: img_9 before img_10. Names that differ never have equal keys."""
    parts: list[Any] = list(_NUMBER.split(name))
    parts[1::2] = [int(digits) for digits in parts[1::2]]
    return (tuple(parts), name)  # the name decides between img_1 and img_01


def frame_prefixes(names: Sequence[str]) -> tuple[str, ...]:
    """Return what stands before each name's frame number: 0001TP_006690 -> 0001TP, Seq05VD_f00000 -> Seq05VD.

    The frame number is the last number, with the letters that a separator (`_ - . / ` or a space) sets apart from the
    rest; a name without a number is cut at its last separator. What all names end in, from a separator on, is no
    part of the number: the `_0000` of case_012_0000. The prefix is empty where nothing stands before the number.
    """
    ending = _common_ending(names)
    return tuple(_split(name.removesuffix(ending))[0] for name in names)


def cut_blocks(names: Sequence[str]) -> tuple[str, ...]:
    """Cut the names, in natural order, into 5 to 10 blocks of neighbours of nearly equal size, named by their ends.

    5 for up to 59 names, one more for each 10 above: only the ends of a block have a neighbour elsewhere.
    """
    order = sorted(names, key=natural_key)
    blocks = min(len(order), max(_FEWEST_BLOCKS, min(_MOST_BLOCKS, len(order) // 10)))
    group = {}
    for block in range(blocks):
        members = order[block * len(order) // blocks : (block + 1) * len(order) // blocks]
        group.update(dict.fromkeys(members, f"{members[0]}..{members[-1]}"))
    return tuple(group[name] for name in names)


def propose_groups(names: Sequence[str]) -> Proposal | None:
    """Look for sequences in the names: several of them are groups, a single one is cut into blocks of neighbours.

    A sequence is three or more names with the same prefix and evenly spaced numbers (over half of the gaps are alike:
    1, or each 30th frame). Nine tenths of the names must lie in sequences; a single one needs ten names.
    """
    ending = _common_ending(names)
    numbers: dict[str, list[int]] = defaultdict(list)
    for name in names:
        prefix, number = _split(name.removesuffix(ending))
        if number is not None:
            numbers[prefix].append(number)
    sequences = {prefix: sorted(found) for prefix, found in numbers.items() if _is_sequence(found)}
    if 10 * sum(map(len, sequences.values())) < 9 * max(1, len(names)):
        return None
    prefixes = frame_prefixes(names)
    if len(sequences) > 1 and all(prefixes):
        shown = [f"{prefix} ({len(found)} images)" for prefix, found in sorted(sequences.items())]
        listed = listing(shown, 4)
        return Proposal(
            "prefix",
            f"The names look like frames of {len(sequences)} sequences: {listed}. Frames of one sequence look alike: a"
            " random split puts near-copies of training images into validation; --group-by prefix keeps each"
            " sequence whole",
            prefixes,
        )
    if len(sequences) == 1 and len(names) >= _FEWEST_NAMES:
        found = next(iter(sequences.values()))
        groups = cut_blocks(names)
        return Proposal(
            "blocks",
            f"The names are one run of numbers, {found[0]} to {found[-1]}. If these are slices of one volume or frames"
            " of one film, neighbours look alike: a random split puts near-copies of training images into"
            f" validation; --group-by blocks keeps neighbours together, in {len(set(groups))} blocks",
            groups,
        )
    return None


def _split(name: str) -> tuple[str, int | None]:
    """The part before the frame number, and the number."""
    found = _LAST_NUMBER.search(name)
    before = name[: found.start()] if found else name
    cut = max(before.rfind(separator) for separator in _SEPARATORS)
    if cut < 0 and found is None:
        return "", None
    return (before[:cut] if cut >= 0 else before).rstrip(_SEPARATORS), int(found[1]) if found else None


def _common_ending(names: Sequence[str]) -> str:
    """What all names end in, from a separator on, as long as each keeps a number before it."""
    ending = ""
    while len(names) > 1:
        heads = [name.removesuffix(ending) for name in names]
        cut = max(heads[0].rfind(separator) for separator in _SEPARATORS)
        tail = heads[0][cut:]
        if cut < 0 or not all(head.endswith(tail) and _NUMBER.search(head.removesuffix(tail)) for head in heads):
            break
        ending = tail + ending
    return ending


def _is_sequence(numbers: Sequence[int]) -> bool:
    ordered = sorted(set(numbers))
    gaps = Counter(after - before for before, after in pairwise(ordered))
    return len(ordered) >= 3 and 2 * max(gaps.values()) > gaps.total()
