"""Label tables beside each mask: the same number can be another class in another mask.

labelme's `json_to_dataset` numbers the labels of each image separately, and writes their names beside `label.png`: a
name for each number, as lines of `label_names.txt` or as a list in `info.yaml`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from segarena.classes import IGNORE_INDEX, ClassTable, name_classes
from segarena.data.encoding.mask_encoding import MaskEncoding, exact_encoding, place_of
from segarena.errors import DataError
from segarena.formats import listing, plural
from segarena.image_files.image_io import reading
from segarena.image_files.mask_facts import CountedMask
from segarena.texts import decode_text, parse_yaml, yaml_problem

_SAME = "the same number is another class in another mask"

#: The names of a mask's numbers, from 0 on.
Names = tuple[str, ...]

_LINES, _LISTS = "label_names.txt", ("info.yaml", "info.yml")
_ENDINGS = frozenset({".txt", ".yaml", ".yml"})
_BACKGROUND = frozenset({"_background_", "__background__", "background"})
_IGNORED = frozenset({"__ignore__", "_ignore_"})


def find_label_tables(masks: Sequence[CountedMask]) -> dict[Path, Names]:
    """Return the label table of each mask that has one.

    A table is `label_names.txt` or `info.yaml` in the folder of the mask, or `a_names.txt` beside `a.png`.

    Args:
        masks: All masks of the set.

    Raises:
        DataError: A table cannot be read.
    """
    listed: dict[Path, dict[str, Path]] = {}
    found: dict[Path, Names] = {}
    shared: dict[Path, Names | None] = {}
    for path, _ in masks:
        if path.parent not in listed:
            listed[path.parent] = {file.name: file for file in path.parent.glob("*") if file.suffix in _ENDINGS}
        files = listed[path.parent]
        table = next((files[name] for name in (f"{path.stem}_names.txt", _LINES, *_LISTS) if name in files), None)
        if table is None:
            continue
        if table not in shared:
            shared[table] = _read_table(table)
        names = shared[table]
        if names:
            found[path] = names
    return found


def encode_by_names(
    masks: Sequence[CountedMask], tables: dict[Path, Names], classes: ClassTable | None, *, of_run: bool = False
) -> MaskEncoding | None:
    """Return the encoding in which the numbers of each mask mean what its own table has.

    Args:
        masks: All masks of the set.
        tables: What `find_label_tables` found.
        classes: The content of a classes.yaml, if there is one; its names choose the classes and their order.
        of_run: Whether `classes` are those of a trained run, whose values need not be those of these masks.

    Returns:
        The encoding; None where the tables do not matter: there are none, or all are the same and values are declared,
        or the masks have other values than the tables.

    Raises:
        DataError: Tables differ, and a mask has none, or a number that its table lacks, or a name that classes.yaml
            lacks; or classes.yaml has the names of the only table with other numbers.
    """
    if not tables:
        return None
    differ = len(set(tables.values())) > 1
    if not differ and not _fit_all(masks, tables):
        return None
    if not differ and classes is not None and (not _contradict(classes, tables) or not of_run):
        _refuse_contradiction(masks, classes, tables)
        return None
    if not differ and classes is None:
        return _encode_by_one_table(masks, next(iter(tables.values())))
    _refuse_other_files(masks, tables)
    names = _shared_names(tables)
    table = _make_classes(masks, tables, names) if classes is None else classes
    numbers = {_plain(entry.name): place_of(entry.value) for entry in table.classes}
    lacking = [name for name in names if name not in numbers]
    if lacking:
        raise DataError(
            f"classes.yaml has no class {listing(lacking)}, and the label tables beside the masks differ: {_SAME}",
            where=masks[0].path.parent,
            remedy=f"Use the names {listing(names, 20)} in classes.yaml, or remove it",
        )
    translations = {one: _translate(one, numbers) for one in set(tables.values())}
    note = "numbers as the label table beside each mask has them"
    encoding = exact_encoding("index", table)
    return replace(encoding, note=note, own_numbers={path: translations[one] for path, one in tables.items()})


def _read_table(path: Path) -> Names | None:
    """The names in a table, None for a YAML file without `label_names`. Raises DataError where it cannot be read."""
    with reading(path):
        text = decode_text(path.read_bytes())
    if path.suffix == ".txt":
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        start = 1 if lines[:1] == ["__ignore__"] else 0  # labelme2voc's, with the number -1
        return tuple(lines[start:])
    try:
        content = parse_yaml(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError(
            f"is not valid YAML ({yaml_problem(error)})",
            where=path,
            remedy="Correct the syntax, or move the file to another folder if it is not the label table of the masks",
        ) from error
    names = content.get("label_names") if isinstance(content, dict) else None
    return tuple(map(str, names)) if isinstance(names, list) else None


def _plain(name: str) -> str:
    return "background" if name.lower() in _BACKGROUND else name


def _shared_names(tables: dict[Path, Names]) -> list[str]:
    """The names of all tables: background first, the others sorted."""
    names = {_plain(name) for one in tables.values() for name in one if name not in _IGNORED}
    return sorted(names, key=lambda name: (name != "background", name))


def _encode_by_one_table(masks: Sequence[CountedMask], names: Names) -> MaskEncoding:
    """The encoding of masks that all have the same table: its numbers, in its order."""
    numbers = [number for number, name in enumerate(names) if name not in _IGNORED]
    void = [number for number, name in enumerate(names) if name in _IGNORED]
    void += [IGNORE_INDEX] if any(IGNORE_INDEX in facts.values for _, facts in masks) else []
    table = name_classes(numbers, [_plain(names[number]) for number in numbers], void)
    return replace(exact_encoding("index", table), note="names from the label table beside the masks")


def _contradict(classes: ClassTable, tables: dict[Path, Names]) -> list[str]:
    """The names that have other numbers in classes than in the only table, if classes have all names of the table."""
    numbers = {_plain(entry.name): place_of(entry.value) for entry in classes.classes}
    own = {_plain(name): number for number, name in enumerate(next(iter(tables.values()))) if name not in _IGNORED}
    return [name for name in own if numbers[name] != own[name]] if own.keys() <= numbers.keys() else []


def _refuse_contradiction(masks: Sequence[CountedMask], classes: ClassTable, tables: dict[Path, Names]) -> None:
    names = _contradict(classes, tables)
    if names:
        raise DataError(
            f"classes.yaml and the label table beside the masks have other numbers for {listing(names)}",
            where=masks[0].path.parent,
            remedy="Correct the values in classes.yaml, or remove it or the label table",
        )


def _fit_all(masks: Sequence[CountedMask], tables: dict[Path, Names]) -> bool:
    """Whether each mask has a table of at most 255 names, and its numbers are those of the table, 0 and 1 at least."""
    plain = not any(facts.colored or facts.one_bit for _, facts in masks)
    if not plain or any(path not in tables for path, _ in masks):
        return False
    if any(len(set(map(_plain, one))) < len(one) or len(one) > IGNORE_INDEX for one in tables.values()):
        return False
    highest = [int(_numbers(facts.values).max(initial=0)) for _, facts in masks]
    return max(highest) > 0 and all(
        number < len(tables[path]) for number, (path, _) in zip(highest, masks, strict=True)
    )


def _refuse_other_files(masks: Sequence[CountedMask], tables: dict[Path, Names]) -> None:
    """Raise DataError if a mask has colours, no table, or a number that its table lacks."""
    for path, facts in masks:
        if facts.colored:
            raise DataError(
                f"has colours, but the label tables beside the masks differ: {_SAME}, and so is the same colour",
                where=path,
                remedy="Save the masks as numbers, or with one list of classes for all",
            )
    without = [path for path, _ in masks if path not in tables]
    if without:
        raise DataError(
            f"{plural(len(without), 'mask')} of {len(masks)} (e.g. {without[0].name}) without a label table, and the"
            f" tables of the others differ: {_SAME}",
            where=without[0].parent,
            remedy=f"Put the {_LINES} of each mask beside it, or export all masks with one list of classes",
        )
    for path, facts in masks:
        numbers = _numbers(facts.values)
        if len(numbers) and numbers[-1] >= len(tables[path]):
            raise DataError(
                f"has the number {numbers[-1]}, but its label table has only {listing(tables[path])}",
                where=path,
                remedy="Export the mask and its table again",
            )


def _numbers(values: NDArray[np.int64]) -> NDArray[np.int64]:
    numbers: NDArray[np.int64] = values[values != IGNORE_INDEX]
    return numbers


def _make_classes(masks: Sequence[CountedMask], tables: dict[Path, Names], names: list[str]) -> ClassTable:
    ignored = any(_IGNORED & set(one) for one in tables.values())
    void = ignored or any(IGNORE_INDEX in facts.values for _, facts in masks)
    return name_classes(list(range(len(names))), names, [IGNORE_INDEX] if void else [])


def _translate(names: Names, numbers: dict[str, int]) -> NDArray[np.uint16]:
    """The number of the class table for each number of a mask, (65536,); 255 stays void."""
    translation = np.full(2**16, IGNORE_INDEX, dtype=np.uint16)
    for number, name in enumerate(names):
        translation[number] = numbers.get(_plain(name), IGNORE_INDEX)
    return translation
