"""Which classes the names of layers mean: `crack_0` and `crack_1` are two files of one class, or two classes."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from segarena.data.layout.vocabulary import SEPARATORS, strip_kind_words, words_in
from segarena.image_files.layers import MOST_LAYERS

#: The class of objects whose files have no name of a class.
ONLY_CLASS = "foreground"

#: Words after which a number is part of the name.
_NUMBERED = frozenset("class cls label category cat type grade level stage layer channel id c k".split())
#: Words of names that people give to versions of one mask.
_VERSIONS = frozenset(
    "expert experts annotator annotators annotation rater reader observer labeler labeller doctor radiologist user "
    "v version round pass run old new first second third st nd rd th copy final draft ho".split()
)
_NUMBER = re.compile(r"(.*?)[ _.\-+]*\(?(\d+)\)?")

#: The labels of each image's masks.
Labels = Mapping[Any, Sequence[str]]


def name_classes_of_folders(labels: Labels) -> dict[str, str] | None:
    """Return the class of each label, where labels are the names of folders; None if they are not clearly classes."""
    return _accept({label: label for some in labels.values() for label in some}, labels)


def name_classes_of_files(labels: Labels, is_alone: bool) -> dict[str, str] | None:
    """Return the class of each label, where labels are what files are named besides their image.

    Args:
        labels: The labels of each image.
        is_alone: Whether all files of a folder belong to one image, so that they need not be named for a class.

    Returns:
        None if the labels are not clearly classes, nor objects.
    """
    cores = {label: _core(label) for some in labels.values() for label in some}
    by_class = _accept(_without_object_numbers(cores, labels), labels)
    if by_class is None and _are_further(cores, labels):
        return dict.fromkeys(cores, ONLY_CLASS)
    if by_class is not None or not is_alone:
        return by_class
    counts = Counter(core for some in labels.values() for core in {cores[label] for label in some})
    are_objects = 2 * len(counts) > sum(counts.values())
    if all(core.isdigit() for core in cores.values()):
        # Objects are counted in each image, from 0 or 1; numbers of classes have gaps where an image lacks a class.
        found = [sorted(int(cores[label]) for label in some) for some in labels.values()]
        count_up = all(some == list(range(some[0], some[0] + len(some))) and some[0] < 2 for some in found)
        are_objects = count_up or max(map(max, found)) > MOST_LAYERS
    numbers = [frozenset(some) for some in labels.values()]
    if are_objects and len(set(numbers)) > 1:
        return dict.fromkeys(cores, ONLY_CLASS)
    return None


def _accept(names: dict[str, str], labels: Labels) -> dict[str, str] | None:
    """The names, if they are few and recur; None otherwise, if one is empty, or if they are versions of one mask."""
    counts = Counter(name.casefold() for some in labels.values() for name in {names[label] for label in some})
    recurring = sum(count > 1 for count in counts.values())
    if not all(names.values()) or len(counts) > MOST_LAYERS or 2 * recurring < len(counts):
        return None
    if len(counts) > 1 and all(map(_is_version, counts)):
        return None
    spelled: dict[str, str] = {}
    for name in names.values():
        spelled.setdefault(name.casefold(), name)
    return {label: spelled[name.casefold()] for label, name in names.items()}


def _is_version(name: str) -> bool:
    """Whether a name is that of a person's or a program's version of a mask: `expert 2`, `v1`, `2nd reader`."""
    words = [word for word in words_in(name) if not word.isdigit()]
    return bool(words) and all(word in _VERSIONS for word in words)


def _core(label: str) -> str:
    """The label without words for masks and separators at its ends: `_crack_mask` -> crack."""
    stripped = [part.core.strip(SEPARATORS) for part in strip_kind_words(label.strip(SEPARATORS), "mask")]
    return min(stripped, key=len)


def _without_object_numbers(cores: dict[str, str], labels: Labels) -> dict[str, str]:
    """The class of each label: without its number, where that counts the files of a class in an image.

    Empty where it is not clear what the number is.
    """
    split = {label: _split_number(core) for label, core in cores.items()}
    numbers: dict[str, list[list[int]]] = defaultdict(list)
    for some in labels.values():
        by_word: dict[str, list[int]] = defaultdict(list)
        for label in some:
            word, number = split[label]
            if number is not None:
                by_word[word].append(number)
        for word, found in by_word.items():
            numbers[word].append(sorted(found))
    names = {}
    for label, core in cores.items():
        word, number = split[label]
        if number is None or word.casefold() in _NUMBERED:
            names[label] = "" if _is_number(core) else core
        elif not word:
            names[label] = ""
        else:
            count_up = all(some == list(range(some[0], some[0] + len(some))) and some[0] < 2 for some in numbers[word])
            is_constant = len({len(some) for some in numbers[word]}) == 1 and len(numbers[word][0]) > 1
            names[label] = "" if count_up and is_constant else _core(word) if count_up else core
    return names


def _are_further(cores: Mapping[str, str], labels: Labels) -> bool:
    """Whether each image has `a_mask`, and some have further masks `a_mask_1`, `a_mask_2`: of objects of one class."""
    if not all(core == "" or core.isdigit() for core in cores.values()):
        return False
    found = [sorted(int(cores[label] or -1) for label in some) for some in labels.values()]
    are_counted = all(some[1:] == list(range(some[1], some[1] + len(some) - 1)) for some in found if len(some) > 1)
    return are_counted and all(some[0] == -1 and some[1:2] in ([], [1], [2]) for some in found)


def _split_number(core: str) -> tuple[str, int | None]:
    match = _NUMBER.fullmatch(core)
    return (match.group(1), int(match.group(2))) if match else (core, None)


def _is_number(text: str) -> bool:
    return not text or text.isdigit()
