"""Masks that are numbered for each image, which may be objects or classes: `a_0` and `a_1` for `a`."""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from collections.abc import Sequence

from segarena.data.layout.tree import File
from segarena.errors import DataError

_NUMBERED = re.compile(r"(.+)([_\-. ])\d+")


def find_numbered(images: Sequence[File], masks: Sequence[File]) -> DataError | None:
    """Return the error for such masks, with what to do in either case; None if most masks are not of this kind."""
    stems = {image.stem for image in images}
    groups: dict[str, list[File]] = defaultdict(list)
    for mask in masks:
        match = _NUMBERED.fullmatch(mask.stem)
        if match and match.group(1) in stems:
            groups[match.group(1)].append(mask)
    largest = max(groups.values(), key=len, default=[])
    if len(largest) < 2 or 2 * sum(map(len, groups.values())) < len(masks):
        return None
    folder, (first, second) = largest[0].path.parent, sorted(largest, key=lambda mask: mask.path)[:2]
    match = _NUMBERED.fullmatch(first.stem)
    separator = match.group(2) if match else "_"
    move = f'for f in {shlex.quote(str(folder))}/*; do d="${{f%{separator}*}}"; mkdir -p "$d"; mv "$f" "$d/"; done'
    renamed = f"{first.stem.rpartition(separator)[0]}_class1{first.path.suffix}"
    return DataError(
        f"has several masks for an image, e.g. {first.path.name} and {second.path.name}, and it is not clear whether"
        " the numbers are objects or classes",
        where=folder,
        remedy=f"If they are classes, rename the masks, e.g. {renamed}. If they are objects of one class, move them"
        f" into a folder for each image: {move}",
    )
