"""A split that was saved, given back: the same names in the same parts, or a clear refusal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segarena.data.source import Sample
from segarena.data.splitting.splits import Splits
from segarena.errors import DataError
from segarena.formats import listing

PARTS = ("train", "val", "test")
_FORM = 'Give a run folder, its data.json, or JSON such as {"train": ["a", "b"], "val": ["c"], "test": []}'


def read_splits(path: Path, samples: Sequence[Sample]) -> Splits:
    """Return the split that a run saved: `path` is its folder, its data.json, or a JSON file {part: [names]}.

    The data's own splits do not count; `test` may be left out. Raises DataError where the file cannot be read, names a
    sample twice or one that the data does not have, leaves one out, or leaves train under two or val under one.
    """
    file = path / "data.json" if path.is_dir() else path
    named = _read(file)
    index = {sample.name: i for i, sample in enumerate(samples)}
    part_of: dict[str, str] = {}
    for part in PARTS:
        for name in named[part]:
            if name in part_of:
                twice = "twice" if part_of[name] == part else f"in {part_of[name]} and in {part}"
                raise DataError(f"names {name} {twice}", where=file, remedy="Leave each image in one part")
            part_of[name] = part
    unknown = [name for name in part_of if name not in index]
    if unknown:
        raise DataError(
            f"names {listing(unknown, 3)}, which the data does not have",
            where=file,
            remedy="Put the images and their masks back, or strike the names",
        )
    left_out = [name for name in index if name not in part_of]
    if left_out:
        raise DataError(
            f"says nothing of {listing(left_out, 3)}",
            where=file,
            remedy="Add each name to a part, or split the data anew",
        )
    splits = Splits(*(tuple(sorted(index[name] for name in named[part])) for part in PARTS))
    if len(splits.train) < 2 or not splits.val:
        raise DataError(
            f"gives {len(splits.train)} images for training and {len(splits.val)} for validation; at least 2 and 1 are"
            " needed",
            where=file,
            remedy="Move some names",
        )
    return splits


def _read(file: Path) -> dict[str, list[str]]:
    try:
        content: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"cannot be read as a saved split ({error})", where=file, remedy=_FORM) from error
    if isinstance(content, dict) and "split" in content:
        content = content["split"]
    if not isinstance(content, dict) or not {"train", "val"} <= content.keys() <= set(PARTS):
        raise DataError("has not the parts train and val, with or without test", where=file, remedy=_FORM)
    for part, names in content.items():
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise DataError(f"the part {part} is not a list of names", where=file, remedy=_FORM)
    return {part: content.get(part, []) for part in PARTS}
