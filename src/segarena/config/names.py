"""Names that people type: read whatever their spelling, split at commas, and what a mistyped one may have meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


def squeeze(name: str) -> str:
    """Return a name as it is compared with others: without case, hyphens, underscores and spaces.

    >>> squeeze("DeepLab-V3"), squeeze("deeplab_v3")
    ('deeplabv3', 'deeplabv3')
    """
    return "".join(sign for sign in name.casefold() if sign not in "-_ ")


def find_choice(value: object, choices: Iterable[object]) -> Any:
    """Find the choice that a value names, whatever its case, hyphens, underscores and spaces; None if there is none.

    >>> find_choice("DeepLab-V3", ["unet", "deeplabv3"]), find_choice("U-Net++", ["unet"])
    ('deeplabv3', None)
    """
    if value in (choices := list(choices)):
        return value
    same = [choice for choice in choices if isinstance(value, str) and squeeze(str(choice)) == squeeze(value)]
    return same[0] if len(same) == 1 else None


def split_names(item: object) -> list[object]:
    """Split "unet,fcn" into its names; anything else is one item.

    >>> split_names("unet, fcn"), split_names(8)
    (['unet', 'fcn'], [8])
    """
    return [part.strip() for part in item.split(",") if part.strip()] if isinstance(item, str) else [item]


def choose_from(choices: Iterable[object], *, like: str = "") -> str:
    """Write the remedy for an unknown name: the choices, after the one that is spelled most alike.

    >>> choose_from(["fcn", "unet"], like="unett")
    'Did you mean unet? Choose from fcn, unet'
    """
    names = [str(choice) for choice in choices]
    meant = [f"Did you mean {name}? " for name in find_alike(like, names)[:1]]
    return f"{''.join(meant)}Choose from {', '.join(names)}"


def find_alike(word: str, names: Iterable[str]) -> list[str]:
    """Return the names that are spelled almost as the word, the most similar first."""
    spelled = {squeeze(name): name for name in names}
    return [spelled[found] for found in get_close_matches(squeeze(word), spelled)]
