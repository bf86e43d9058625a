"""Which class is the background, and which one overlays leave untinted."""

from __future__ import annotations

import re
from collections.abc import Sequence

from segarena.classes.values import Value

_BACKGROUND = frozenset({"background", "back ground", "bg"})
#: Names of what is left when all other classes are labelled.
_REST = frozenset(
    {
        "other",
        "others",
        "other classes",
        "everything else",
        "rest",
        "remainder",
        "misc",
        "miscellaneous",
        "unlabeled",
        "unlabelled",
        "not labeled",
        "not labelled",
        "unclassified",
        "unknown",
        "undefined",
        "none",
        "nothing",
        "no class",
        "no object",
        "negative",
        "empty",
        "clutter",
    }
)


def find_background(names: Sequence[str], marked: int | None = None) -> int | None:
    """Return the index of the background: the class marked as such, else the one of that name, else None.

    >>> find_background(["cell", "_background_"]), find_background(["cell", "gap"], 1), find_background(["cell", "gap"])
    (1, 1, None)
    """
    return marked if marked is not None else _first_of(_BACKGROUND, names)


def find_untinted(names: Sequence[str], values: Sequence[Value], marked: int | None = None) -> int:
    """Return the index of the class that overlays leave untinted, so that the photograph is visible there.

    It is the background; else the class with a name such as "other" or "unlabeled"; else the one whose value in the
    masks is 0 or black; else the first.

    Args:
        names: The name of each class.
        values: The first value of each class in the masks.
        marked: The class that is marked as background.

    >>> find_untinted(["road", "soil"], [1, 0]), find_untinted(["road", "soil"], [1, 2])
    (1, 0)
    """
    found = find_background(names, marked)
    found = _first_of(_REST, names) if found is None else found
    zeros = [index for index, value in enumerate(values) if value in (0, (0, 0, 0))]
    return found if found is not None else (zeros or [0])[0]


def _first_of(words: frozenset[str], names: Sequence[str]) -> int | None:
    plain = (re.sub(r"[\W_]+", " ", name).strip().casefold() for name in names)
    return next((index for index, name in enumerate(plain) if name in words), None)
