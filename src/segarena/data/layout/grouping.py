"""Files of one folder sorted into groups of a kind, by what their names have at an end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from segarena.data.layout.fuzzy_pairing import NUMBERED, is_edge
from segarena.data.layout.tree import File
from segarena.data.layout.vocabulary import forms, words

#: Endings of one file format.
_SAME_FORMAT = {".jpeg": ".jpg", ".tiff": ".tif"}

Groups = dict[str, list[File]]


def by_words_of_stem(files: Sequence[File]) -> Groups:
    """Group the files whose stems begin or end with words for masks by these words: `*_mask`, `gt_*`.

    A file with such words at both ends is in two groups; one without is in none. A number behind another file's name
    does not count: a_mask_1 goes with a_mask.
    """
    stems = {(file.path.parent, file.stem) for file in files}
    groups: Groups = {}
    for file in files:
        numbered = NUMBERED.fullmatch(file.stem)
        is_further = numbered and (file.path.parent, numbered.group(1)) in stems
        found = forms(numbered.group(1) if numbered and is_further else file.stem, "mask")
        endings = [form.ending for form in found if form.ending and not form.beginning]
        beginnings = [form.beginning for form in found if form.beginning and not form.ending]
        if endings:
            groups.setdefault("*_" + "_".join(words(max(endings, key=len))), []).append(file)
        if beginnings:
            groups.setdefault("_".join(words(max(beginnings, key=len))) + "_*", []).append(file)
    return groups


def by_suffix(files: Sequence[File]) -> Groups:
    """Group by file format: `*.jpg`, `*.png`."""
    groups: Groups = {}
    for file in files:
        suffix = file.path.suffix.lower()
        groups.setdefault(f"*{_SAME_FORMAT.get(suffix, suffix)}", []).append(file)
    return groups


def by_constant_ending(files: Sequence[File]) -> Groups:
    """Group by endings that turn one file's stem into another's, `a` and `a_L`, as `*` and `*_L`.

    An ending counts where it does so for at least two files and for a quarter of all.
    """
    stems = {(file.path.parent, file.stem) for file in files}
    ends = {
        file: [file.stem[cut:] for cut in _edges(file.stem) if (file.path.parent, file.stem[:cut]) in stems]
        for file in files
    }
    counts = Counter(end for found in ends.values() for end in found)
    common = {end for end, count in counts.items() if count >= 2 and 4 * count >= len(files)}
    groups: Groups = {}
    for file, found in ends.items():
        own = [end for end in found if end in common]
        groups.setdefault(f"*{own[0]}" if own else "*", []).append(file)
    return groups if len(groups) > 1 else {}


def _edges(stem: str) -> list[int]:
    return [cut for cut in range(1, len(stem)) if is_edge(stem, cut)]
