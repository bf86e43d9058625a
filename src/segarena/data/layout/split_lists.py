"""Lists of splits as they come with data: train.txt beside test.txt, ImageSets/Segmentation, a yaml or json file.

Also: Splits that the images' own names tell: train_12 and testA_3, 21_training and 01_test.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from segarena.data.layout.tree import files_ending, folders
from segarena.data.layout.vocabulary import SPLIT_WORDS, folder_split, without_words, word_split, words
from segarena.data.source import Sample, Split

_TEXT = frozenset({".txt", ".lst", ".csv"})
_TABLE = frozenset({".yaml", ".yml", ".json"})
#: Folders that hold lists, nearest to the purpose first; VOC keeps those for segmentation below ImageSets.
_FOLDERS = ("imagesets/segmentation", "imagesets", "splits", "split", "lists")
_SPLIT_NAMES = frozenset({word for split in SPLIT_WORDS.values() for word in split} | {"split", "splits"})
#: Where an entry is a table of its own, what may hold the image's name.
_IMAGE_KEYS = ("image", "img", "file", "filename", "file_name", "name", "id")
_SPLIT_WORD = re.compile("|".join(sorted(_SPLIT_NAMES, key=len, reverse=True)), re.IGNORECASE)


@dataclass(frozen=True)
class Division:
    """The samples with the splits that lists give them.

    `sentence` says which lists were followed and which were passed over, empty where there are none; `conflicts` has
    a sentence for each image that is named in two splits; `unlisted` are the images of samples that no list names
    and that are left out therefore; `named` are the images without a mask that a list names, None without a list.
    """

    samples: tuple[Sample, ...]
    sentence: str = ""
    conflicts: tuple[str, ...] = ()
    unlisted: tuple[Path, ...] = ()
    named: frozenset[Path] | None = None


@dataclass(frozen=True)
class SplitList:
    """One division of the images: the entries of each split as they are written, and the file of each split."""

    entries: dict[Split, tuple[str, ...]]
    files: dict[Split, Path]

    @property
    def title(self) -> str:
        """The names of its files."""
        names = list(dict.fromkeys(self.files[split].name for split in SPLIT_WORDS if split in self.files))
        return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def find_lists(bases: Iterable[Path]) -> list[list[SplitList]]:
    """Return what looks like lists of splits, place by place: right inside each base, then in its folders for lists.

    Files that cannot be read as such are passed over. Raises DataError where a folder cannot be listed.
    """
    places: dict[Path, None] = {}
    for base in dict.fromkeys(bases):
        inside = {path.name.lower(): path for path in folders(base)}
        if "imagesets" in inside:
            inside |= {f"imagesets/{path.name.lower()}": path for path in folders(inside["imagesets"])}
        places |= dict.fromkeys([base, *(inside[name] for name in _FOLDERS if name in inside)])
    found = [[*_texts(place), *_tables(place)] for place in places]
    return [lists for lists in found if lists]


def _texts(place: Path) -> list[SplitList]:
    """Files of one line for each image, one file for each split; train_ids.txt and val_ids.txt belong together."""
    families: dict[str, dict[Split | None, Path]] = {}
    for path in files_ending(place, _TEXT):
        split = folder_split(path.stem)
        if split or words(path.stem) == ("train", "val"):
            family = f"{_SPLIT_WORD.sub('', path.stem)}{path.suffix.lower()}"
            families.setdefault(family, {})[split] = path
    found = []
    for members in families.values():
        # trainval.txt is train.txt and val.txt together: of use only where there is neither.
        both = members.pop(None, None)
        if both and not {"train", "val"} & set(members):
            members["train"] = both
        files: dict[Split, Path] = {split: path for split, path in members.items() if split}
        entries = {split: _lines(path) for split, path in files.items()}
        if any(entries.values()):
            found.append(SplitList({split: lines for split, lines in entries.items() if lines}, files))
    return found


def _tables(place: Path) -> list[SplitList]:
    """Files that hold a list of images for each split, or say the split of each image."""
    found = []
    for path in files_ending(place, _TABLE):
        if not _SPLIT_NAMES & set(words(path.stem)):
            continue
        entries = _splits_of(_load(path), folder_split(path.stem))
        if entries:
            found.append(SplitList(entries, dict.fromkeys(entries, path)))
    return found


def _splits_of(content: Any, own: Split | None) -> dict[Split, tuple[str, ...]]:
    if isinstance(content, list) and own:
        return _only_whole({own: content})
    if not isinstance(content, dict):
        return {}
    if len(content) == 1 and isinstance(only := next(iter(content.values())), dict):
        content = only
    lists: dict[Split, Any] = {}
    for key, value in content.items():
        split = folder_split(str(key))
        if split and isinstance(value, list):
            lists[split] = value
    if lists:
        return _only_whole(lists)
    by_image: dict[Split, list[str]] = {}
    for key, value in content.items():
        split = folder_split(value) if isinstance(value, str) else None
        if not split:
            return {}
        by_image.setdefault(split, []).append(str(key))
    return {split: tuple(names) for split, names in by_image.items()}


def _only_whole(lists: dict[Split, list[Any]]) -> dict[Split, tuple[str, ...]]:
    """The entries as text; nothing where one is neither a name nor a table with one."""
    entries: dict[Split, tuple[str, ...]] = {}
    for split, values in lists.items():
        names = [_name_in(value) for value in values]
        if None in names:
            return {}
        entries[split] = tuple(name for name in names if name)
    return entries if any(entries.values()) else {}


def _name_in(value: Any) -> str | None:
    if isinstance(value, dict):
        value = next((value[key] for key in _IMAGE_KEYS if key in value), None)
    return value if isinstance(value, str) else None


def _load(path: Path) -> Any:
    """The file's content with numbers as they are written: in YAML 1.1 the number 012 would be ten."""
    try:
        text = _text(path)
        if path.suffix.lower() == ".json":
            return json.loads(text, parse_int=str, parse_float=str)
        return yaml.load(text, Loader=yaml.BaseLoader)  # strings, lists and dicts only
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return None


def _lines(path: Path) -> tuple[str, ...]:
    try:
        lines = [line.strip() for line in _text(path).splitlines()]
    except (OSError, ValueError):
        return ()
    return tuple(line for line in lines if line and not line.startswith("#"))


def _text(path: Path) -> str:
    content = path.read_bytes()
    is_utf_16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    return content.decode("utf-16" if is_utf_16 else "utf-8-sig")


_BEGINNING, _END = 0, -1


def divide_by_names(undivided: Division) -> Division:
    """Give each sample of a set without splits the split that its image's name begins with, or ends with.

    Every name must have a split there, and train and another one must occur: else nothing is divided. Numbers and words
    such as image do not count: train_3_image and 3_train both end with a split.
    """
    for place in (_BEGINNING, _END):
        splits = [_split_at(sample, place) for sample in undivided.samples]
        found = Counter(split for split in splits if split)
        if None not in splits and "train" in found and len(found) > 1:
            counts = ", ".join(f"{found[split]} {split}" for split in ("train", "val", "test") if found[split])
            pairs = zip(undivided.samples, splits, strict=True)
            return replace(
                undivided,
                samples=tuple(replace(sample, split=split) for sample, split in pairs),
                sentence=f"split by the names of the images ({counts}){undivided.sentence}",
            )
    return undivided


def _split_at(sample: Sample, place: int) -> Split | None:
    stem = sample.image.stem if sample.image else sample.name
    named = [word for word in without_words(stem, "image") if not word.isdigit()]
    return word_split(named[place]) if named else None
