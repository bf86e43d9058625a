"""Lists of splits that come with data: train.txt beside test.txt, ImageSets/Segmentation, a YAML or JSON file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from segarena.data.layout.tree import files_ending, subfolders
from segarena.data.layout.vocabulary import SPLIT_WORDS, is_train_and_val, split_of_name, split_of_word, words_in
from segarena.data.source import Split
from segarena.errors import DataError
from segarena.formats import join_words
from segarena.texts import decode_text, is_lfs_pointer

_TEXT = frozenset({".txt", ".lst", ".csv", ".tsv"})
#: Files with a JSON value on each line; .odgt is that of the scene parsing benchmark of MIT.
LINES_OF_JSON = frozenset({".jsonl", ".ndjson", ".odgt"})
_TABLE = frozenset({".yaml", ".yml", ".json"}) | LINES_OF_JSON
#: Folders of lists, the most specific first; VOC has those for segmentation below ImageSets.
_FOLDERS = ("imagesets/segmentation", "imagesets", "splits", "split", "lists", "list")
_SPLIT_NAMES = frozenset({word for split in SPLIT_WORDS.values() for word in split} | {"split", "splits"})
#: Where an entry is a table of its own, the keys that may hold the image's name.
_IMAGE_KEYS = tuple("image img file filename file_name image_path img_path image_name fpath_img name id".split())
_SPLIT_WORD = re.compile("|".join(sorted(_SPLIT_NAMES, key=len, reverse=True)), re.IGNORECASE)

#: Names of a column that has the split of each image.
_SPLIT_COLUMNS = frozenset("split splits set subset partition phase usage stage".split())
#: A longer file, in bytes, is not a list.
LARGEST_LIST = 20_000_000

Entries = dict[Split, tuple[str, ...]]


@dataclass(frozen=True)
class SplitList:
    """One way of assigning images to splits: the entries of each split as written, and the file of each split."""

    entries: Entries
    files: dict[Split, Path]

    @property
    def title(self) -> str:
        """The names of its files: "train.txt and val.txt"."""
        return join_words(list(dict.fromkeys(self.files[split].name for split in SPLIT_WORDS if split in self.files)))


def find_lists(bases: Iterable[Path]) -> list[list[SplitList]]:
    """Find files that look like lists of splits. Those that are not text, YAML or JSON are skipped.

    Args:
        bases: Folders to look into, and into their folders for lists, the most important first.

    Returns:
        The lists of each folder that has any, in the order in which the folders should be considered.

    Raises:
        DataError: A folder cannot be listed, or a list is a broken link or a pointer of git-lfs.
    """
    places: dict[Path, None] = {}
    for base in dict.fromkeys(bases):
        inside = {path.name.lower(): path for path in subfolders(base)}
        if "imagesets" in inside:
            inside |= {f"imagesets/{path.name.lower()}": path for path in subfolders(inside["imagesets"])}
        places |= dict.fromkeys([base, *(inside[name] for name in _FOLDERS if name in inside)])
    found = [[*_read_texts(place), *_read_tables(place), *_read_columns(place)] for place in places]
    return [lists for lists in found if lists]


def find_folds(bases: Iterable[Path]) -> Iterator[tuple[str, int]]:
    """Yield the name and the number of folds of files that have a split for each fold, as nnU-Net writes them."""
    for base in dict.fromkeys(bases):
        for path in files_ending(base, _TABLE):
            if _SPLIT_NAMES & set(words_in(path.stem)):
                content = load_table(path)
                if isinstance(content, list) and len(content) > 1 and all(map(_is_fold, content)):
                    yield path.name, len(content)


def _is_fold(value: Any) -> bool:
    return isinstance(value, dict) and {"train", "val"} <= {split_of_name(str(key)) for key in value}


def _read_texts(place: Path) -> list[SplitList]:
    """Files of one line per image, one file per split; train_ids.txt and val_ids.txt are one list."""
    families: dict[str, dict[Split | None, Path]] = {}
    for path in files_ending(place, _TEXT):
        split = None if is_train_and_val(path.stem) else split_of_name(path.stem)
        if split or is_train_and_val(path.stem):
            family = f"{_SPLIT_WORD.sub('', path.stem)}{path.suffix.lower()}"
            families.setdefault(family, {})[split] = path
    found = []
    for members in families.values():
        # trainval.txt is train.txt and val.txt together: it is used only if there is neither.
        trainval = members.pop(None, None)
        if trainval and not {"train", "val"} & set(members):
            members["train"] = trainval
        files: dict[Split, Path] = {split: path for split, path in members.items() if split}
        for path in files.values():
            _refuse_absent(path)
        entries = {split: read_lines(path) for split, path in files.items()}
        if any(entries.values()):
            found.append(SplitList({split: lines for split, lines in entries.items() if lines}, files))
    return found


def _read_tables(place: Path) -> list[SplitList]:
    """Files with a list of images for each split, or with the split of each image."""
    found = []
    for path in files_ending(place, _TABLE):
        if not _SPLIT_NAMES & set(words_in(path.stem)):
            continue
        _refuse_absent(path)
        entries = _find_entries(load_table(path), split_of_name(path.stem))
        if entries:
            found.append(SplitList(entries, dict.fromkeys(entries, path)))
    return _join_families(found)


def _join_families(lists: Sequence[SplitList]) -> list[SplitList]:
    """One list of train.json and val.json, which have a split each."""
    joined: dict[str, SplitList] = {}
    for one in lists:
        path = next(iter(one.files.values()))
        family = _SPLIT_WORD.sub("", path.name) if len(one.files) == 1 else path.name
        first = joined.get(family)
        if first and not first.files.keys() & one.files.keys():
            joined[family] = SplitList(first.entries | one.entries, first.files | one.files)
        else:
            joined[path.name if first else family] = one
    return list(joined.values())


def _read_columns(place: Path) -> list[SplitList]:
    """Tables with the split of each image in a column: `image,mask,split`."""
    found = []
    for path in files_ending(place, _TEXT):
        if split_of_name(path.stem) or not path.exists() or path.stat().st_size > LARGEST_LIST:
            continue
        rows = [(line, re.split(r"[\t,;]", line)) for line in read_lines(path)]
        columns = range(min((len(cells) for _, cells in rows), default=0) if len(rows) > 2 else 0)
        for column in columns:
            values = [split_of_word(cells[column].strip().strip("\"'")) for _, cells in rows]
            named = set(words_in(rows[0][1][column]))
            is_named = bool(named) and named <= _SPLIT_COLUMNS
            if all(values[1:]) and (is_named or len(set(values[1:])) > 1) and len(columns) > 1:
                entries: dict[Split, list[str]] = {}
                header = [] if values[0] else [rows[0][0]]
                for (line, _), split in zip(rows, values, strict=True):
                    if split:
                        entries.setdefault(split, header.copy()).append(line)
                files = dict.fromkeys(entries, path)
                found.append(SplitList({split: tuple(lines) for split, lines in entries.items()}, files))
                break
    return found


def _find_entries(content: Any, split_of_file: Split | None) -> Entries:
    """The entries of each split in the content of a YAML or JSON file; empty if it is not a list of splits."""
    if isinstance(content, list) and split_of_file:
        return _as_names({split_of_file: content})
    if not isinstance(content, dict):
        return {}
    if len(content) == 1 and isinstance(only := next(iter(content.values())), dict):
        content = only
    lists: dict[Split, list[Any]] = {}
    for key, value in content.items():
        split = split_of_name(str(key))
        if split and isinstance(value, list) and not (split in lists and is_train_and_val(str(key))):
            lists[split] = value
    if lists:
        return _as_names(lists)
    by_image: dict[Split, list[str]] = {}
    for key, value in content.items():
        split = split_of_name(value) if isinstance(value, str) else None
        if not split:
            return {}
        by_image.setdefault(split, []).append(str(key))
    return {split: tuple(names) for split, names in by_image.items()}


def _as_names(lists: dict[Split, list[Any]]) -> Entries:
    """The names in the lists that are not empty; nothing if an entry is neither a name nor a table with one."""
    names = {split: [_name_in(value) for value in values] for split, values in lists.items()}
    if any(None in found for found in names.values()):
        return {}
    entries = {split: tuple(name for name in found if name) for split, found in names.items()}
    return {split: found for split, found in entries.items() if found}


def _name_in(value: Any) -> str | None:
    if isinstance(value, dict):
        value = next((value[key] for key in _IMAGE_KEYS if key in value), None)
    return value if isinstance(value, str) else None


def load_table(path: Path) -> Any:
    """Return a YAML or JSON file's content with numbers as they are written: in YAML 1.1 012 would be ten.

    None if it cannot be read.
    """
    try:
        text = _read_text(path)
        if path.suffix.lower() in LINES_OF_JSON:
            return [json.loads(line, parse_int=str, parse_float=str) for line in text.splitlines() if line.strip()]
        if path.suffix.lower() == ".json":
            return json.loads(text, parse_int=str, parse_float=str)
        return yaml.load(text, Loader=yaml.BaseLoader)  # strings, lists and dicts only
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return None


def read_lines(path: Path) -> tuple[str, ...]:
    """Return the lines of a text file without comments and empty ones; none if it cannot be read."""
    try:
        lines = [line.strip() for line in _read_text(path).splitlines()]
    except (OSError, ValueError):
        return ()
    return tuple(line for line in lines if line and not line.startswith("#"))


def _refuse_absent(path: Path) -> None:
    """Raise DataError for a list that was not fetched: without it, the images would get another split."""
    if not path.exists():
        raise DataError(
            "is a link to a file that does not exist", where=path, remedy="Restore that file, or remove the link"
        )
    with suppress(OSError), path.open("rb") as stream:
        if is_lfs_pointer(stream.read(64)):
            raise DataError(
                "is a pointer of git-lfs, not the list itself",
                where=path,
                remedy="Run `git lfs pull` in its repository",
            )


def _read_text(path: Path) -> str:
    text = decode_text(path.read_bytes())
    if not any(sign.isascii() and sign.isalnum() for sign in text):  # bytes of any kind are text in cp1252
        raise ValueError("no text")
    return text
