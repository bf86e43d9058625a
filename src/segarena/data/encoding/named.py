"""The encoding of masks whose classes are in a file of a tool: all of it is used if it fits the masks, else nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from segarena.classes import IGNORE_INDEX, ClassTable, SegmentationClass
from segarena.classes.background import find_untinted
from segarena.classes.colors import choose_colors
from segarena.classes.values import HIGHEST, Value
from segarena.data.encoding.class_files import ClassFile, Listed, find_class_files
from segarena.data.encoding.declared import apply_classes
from segarena.data.encoding.infer import InferredEncoding, count_classes
from segarena.data.encoding.label_tables import find_label_tables
from segarena.data.encoding.mask_encoding import show
from segarena.data.encoding.void import VOIDS
from segarena.errors import DataError
from segarena.formats import listing, plural
from segarena.image_files.mask_facts import CountedMask

#: Names of what should be in no score, in lower case.
_VOID = frozenset(
    {"void", "ignore", "ignored", "__ignore__", "_ignore_", "ignore_label", "unlabeled", "unlabelled", "don't care"}
)
_BACKGROUND = frozenset({"_background_", "__background__"})


class Unused(NamedTuple):
    """A file of classes that is not used.

    Args:
        path: The file.
        reason: What in it does not fit, as a phrase.
    """

    path: Path
    reason: str


class Named(NamedTuple):
    """What the files of classes give.

    Args:
        inferred: The encoding and its pixels; None if no file fits.
        path: The file that is used.
        everything: All classes of that file, also those that no mask has.
        unused: The files that do not fit.
    """

    inferred: InferredEncoding | None = None
    path: Path | None = None
    everything: ClassTable | None = None
    unused: tuple[Unused, ...] = ()


def read_class_files(root: Path, masks: Sequence[CountedMask]) -> Named:
    """Find the files of classes in a data folder, and apply them, unless each mask has a label table of its own.

    Raises DataError as `find_class_files` and `apply_class_files`.
    """
    if find_label_tables(masks):
        return Named()
    return apply_class_files(masks, find_class_files(root, [path for path, _ in masks]))


def apply_class_files(masks: Sequence[CountedMask], files: Sequence[ClassFile]) -> Named:
    """Return the encoding with the classes of the first file that fits all masks.

    A file fits if each value of the masks is in it. 255 may be missing: beside class numbers it is void. Classes named
    void, ignore or unlabeled are void. Classes that no mask has are left out.

    Args:
        masks: All masks of the set.
        files: The files, see `class_files`.

    Raises:
        DataError: Two files give a value other names: both fit, or they are those of two splits.
    """
    used, unused = Named(), []
    first: ClassFile | None = None
    for file in files:
        try:
            table = _make_table(masks, file)
            inferred = count_classes(masks, apply_classes(masks, table), least=1)
        except _MisfitError as misfit:
            unused.append((file, f"it {misfit}"))
            continue
        except DataError as error:
            place = f"{error.where.name} " if isinstance(error.where, Path) else ""
            unused.append((file, f"{place}{error.what}"))
            continue
        if first is None:
            first, used = file, Named(_without_absent(masks, inferred), file.path, table)
        elif _contradict(first, file):
            raise _two_meanings(first, file)
    if first is None:
        return Named(unused=tuple(Unused(file.path, reason) for file, reason in unused))
    for file, _ in unused:  # of another split
        if file.path.name == first.path.name and _contradict(first, file):
            raise _two_meanings(first, file)
    others = [
        (file, reason) for file, reason in unused if not file.entries or not set(file.entries) <= set(first.entries)
    ]
    return used._replace(unused=tuple(Unused(file.path, reason) for file, reason in others))


def _contradict(one: ClassFile, other: ClassFile) -> bool:
    """Whether two files give a number or a colour different names, or a name different numbers."""
    for kind in ("number", "color"):
        names = {getattr(entry, kind): entry.name for entry in one.entries if getattr(entry, kind) is not None}
        numbers = {name: key for key, name in names.items()}
        for entry in other.entries:
            key = getattr(entry, kind)
            if key is not None and names.get(key, entry.name) != entry.name:
                return True
            if kind == "number" and key is not None and numbers.get(entry.name, key) != key:
                return True
    return False


def _two_meanings(one: ClassFile, other: ClassFile) -> DataError:
    return DataError(
        f"gives the values of the masks other names than {one.path}",
        where=other.path,
        remedy="Remove one of the two if it is of other masks. If each is right for its folder, the same value is "
        "another class in another folder: export all masks with one list of classes",
    )


def like_run(classes: ClassTable, everything: ClassTable) -> ClassTable:
    """Return the classes of a run, in its order, with the values and colours that a file declares for their names.

    Args:
        classes: The classes of the run.
        everything: All classes of the file, also those that no mask has.

    Returns:
        The classes; `everything` as it is where the file lacks a name of the run's.
    """
    by_name = {entry.name: entry for entry in everything.classes}
    if any(name not in by_name for name in classes.names):
        return everything
    return replace(everything, classes=tuple(by_name[name] for name in classes.names))


class _MisfitError(Exception):
    """A file of classes does not fit the masks; the message is a phrase."""


def _make_table(masks: Sequence[CountedMask], file: ClassFile) -> ClassTable:
    """The classes of a file with the values that the masks have: colours, numbers, or places in the file."""
    # No mask can have another number.
    entries = [entry for entry in file.entries if entry.number is None or 0 <= entry.number <= HIGHEST]
    file = file._replace(entries=tuple(entries))
    if not file.entries:
        raise _MisfitError("cannot be understood")
    numbers = {value for _, facts in masks for value in facts.values.tolist()}
    colors = [entry.color for entry in file.entries if entry.color is not None]
    values = [entry.number for entry in file.entries if entry.number is not None]
    if any(facts.colored for _, facts in masks) or (
        not values and any(facts.palette is not None for _, facts in masks)
    ):
        if len(colors) == len(file.entries):
            return _tabulate(file, colors, ())
        if any(facts.colored for _, facts in masks):
            raise _MisfitError("lists no colours, and the masks have colours")
    greys = [color[0] for color in colors if len(set(color)) == 1]
    if not values and len(greys) == len(file.entries) and (numbers & set(greys) - {0} or greys != sorted(greys)):
        return _tabulate(file, greys, ())
    if len(values) < len(file.entries):
        if not _by_place(file, numbers):
            seen = listing([str(number) for number in sorted(numbers)])
            raise _MisfitError(f"lists {plural(len(file.entries), 'colour')}, and the masks have the numbers {seen}")
        values = list(range(len(file.entries)))
    void = tuple(value for value in VOIDS if value in numbers and value not in values)
    return _tabulate(file, values, void)


def _by_place(file: ClassFile, numbers: set[int]) -> bool:
    """Whether the numbers of the masks, void left out, are the places in the file, 0, 1, ..., all of them."""
    return file.by_row or numbers - set(VOIDS) == set(range(len(file.entries)))


def _tabulate(file: ClassFile, values: Sequence[Value], void: tuple[int, ...]) -> ClassTable:
    """The class table: equal names are one class, names such as Void are void."""
    listed: dict[str, list[Value]] = {}
    for entry, value in zip(file.entries, values, strict=True):
        listed.setdefault(_plain_name(entry), []).append(value)
    flat = [value for one in listed.values() for value in one]
    for value in flat:
        if flat.count(value) > 1:
            raise _MisfitError(f"has {show(value)} twice")
    ignored = [name for name in listed if name.lower() in _VOID]
    if len(listed) - len(ignored) < 2:  # "unlabeled" beside one class is its background
        ignored = []
    names = [name for name in listed if name not in ignored]
    if not 2 <= len(names) <= IGNORE_INDEX:
        raise _MisfitError(f"lists {plural(len(names), 'class')}")
    declared = {_plain_name(entry): entry.color for entry in file.entries}
    untinted = find_untinted(names, [listed[name][0] for name in names])
    colors = choose_colors([declared[name] for name in names], untinted)
    classes = (
        SegmentationClass(name, listed[name][0], color, tuple(listed[name][1:]))
        for name, color in zip(names, colors, strict=True)
    )
    return ClassTable(tuple(classes), (*(value for name in ignored for value in listed[name]), *void))


def _plain_name(entry: Listed) -> str:
    name = " ".join(entry.name.split())
    return "background" if name in _BACKGROUND else name


def _without_absent(masks: Sequence[CountedMask], inferred: InferredEncoding) -> InferredEncoding:
    """The encoding with the classes that a mask has, if there are two or more."""
    table, present = inferred.encoding.classes, (inferred.pixels.sum(axis=0) > 0).tolist()
    kept = [entry for entry, is_present in zip(table.classes, present, strict=True) if is_present]
    if len(kept) < 2 or len(kept) == table.num_classes:
        return inferred
    return count_classes(masks, apply_classes(masks, replace(table, classes=tuple(kept))))
