"""Pairing rules for stems that differ by more than a word such as `mask`. Each pairs one to one, or not at all."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import NamedTuple
from urllib.parse import unquote

from segarena.data.layout.tree import File
from segarena.data.layout.vocabulary import FileKind, is_word_edge, to_nfc, words_besides_kind

#: An image and its mask.
Pair = tuple[File, File]
#: Pairs, and the rule that gave them as a sentence.
RuleResult = tuple[tuple[Pair, ...], str]
Key = tuple[str, ...]
#: How many characters are removed from the beginning and from the end of a stem.
Cut = tuple[int, int]

#: A beginning or an ending that all stems share is considered up to this many characters.
_LONGEST_END = 40
_KINDS: tuple[FileKind, FileKind] = ("image", "mask")
#: A rule for the names of all files has to fit this share of them, or all but two of eight or more: the others are
#: mistyped.
_MOST_NAMES = 0.9
_MANY_NAMES = 8
_ADDED = re.compile(r"^[0-9a-f]{8}-(?=.)|(?:_(?:jpe?g|png|tiff?|bmp|webp))?\.rf\.[0-9A-Za-z]{20,32}")
_NUMBER = re.compile(r"\d+")


class Name(NamedTuple):
    """What the rules compare of a file: `stem` only where `split` and `folders` are equal."""

    file: File
    split: str
    folders: tuple[str, ...]
    stem: str

    def key(self, core: str) -> Key:
        """Return what files of one sample share; `core` is what is left of the stem, possibly nothing."""
        return (self.split, *self.folders, *([core] if core else []))


def by_words(images: Sequence[Name], masks: Sequence[Name]) -> RuleResult:
    """Pair stems of the same words and numbers, words of their kind left out: `s1_img_left`, `s1_mask_left`."""
    pairs = _pair_equal(
        {name: words_besides_kind(name.stem, "image") or None for name in images},
        {name: words_besides_kind(name.stem, "mask") or None for name in masks},
    )
    return pairs, "a mask has its image's words and numbers, apart from words such as image and mask and separators"


def by_words_and_values(images: Sequence[Name], masks: Sequence[Name]) -> RuleResult:
    """Pair stems of the same words and equal numbers, however many zeros are in front: `east_7`, `east_007`."""

    def values(name: Name, kind: FileKind) -> Hashable:
        words = words_besides_kind(name.stem, kind)
        return tuple(int(word) if word.isdecimal() else word for word in words) or None

    pairs = _pair_equal(
        {name: values(name, "image") for name in images}, {name: values(name, "mask") for name in masks}
    )
    return pairs, "a mask has its image's words and numbers, zeros in front of a number do not count"


def by_original_name(images: Sequence[Name], masks: Sequence[Name]) -> RuleResult:
    """Pair stems that are equal without what labelling tools add: `06eca1b4-a`, `a_jpg.rf.HASH`, `a%20b` and `a b`."""
    pairs = _pair_equal(
        {name: words_besides_kind(original_name(name.stem), "image") or None for name in images},
        {name: words_besides_kind(original_name(name.stem), "mask") or None for name in masks},
    )
    return pairs, "a mask has its image's name, apart from what a labelling tool added to it, e.g. a hash"


def original_name(stem: str) -> str:
    """Return the stem of a file before a labelling tool renamed it.

    Label Studio puts eight hexadecimal digits in front, Roboflow its former ending and a hash behind; names that were
    part of an address have their other characters as %XX.

    >>> original_name("06eca1b4-a%20b"), original_name("s1_jpg.rf.0123456789abcdef0123_mask"), original_name("a-b")
    ('a b', 's1_mask', 'a-b')
    """
    return _ADDED.sub("", to_nfc(unquote(stem)))


def by_common_ends(images: Sequence[Name], masks: Sequence[Name]) -> RuleResult:
    """Pair stems that are equal without an end that all images share and one that all masks share.

    Each split may have ends of its own: 21_training and 21_manual1, 01_test and 01_manual1. A cut is never inside a
    word or a number. There are no pairs if only one would be found, or if two ways of cutting find equally many but
    different pairs.
    """
    results = [
        _by_common_ends_in_split(*([name for name in names if name.split == split] for names in (images, masks)))
        for split in sorted({name.split for name in images} & {name.split for name in masks})
    ]
    sentences = dict.fromkeys(sentence for pairs, sentence in results if pairs)
    return tuple(pair for pairs, _ in results for pair in pairs), "; ".join(sentences)


def by_own_words(images: Sequence[Name], masks: Sequence[Name]) -> RuleResult:
    """Pair stems of the same words and numbers, without words that all of a kind and none of the other have.

    For example `um_7` and `um_road_7`.
    """
    words = [
        {name: words_besides_kind(name.stem, kind) for name in names}
        for names, kind in zip((images, masks), _KINDS, strict=True)
    ]
    shared = [set.intersection(*map(set, side.values())) for side in words]
    elsewhere = [set().union(*side.values()) for side in reversed(words)]
    removed = [own - other for own, other in zip(shared, elsewhere, strict=True)]
    own_words: list[dict[Name, Hashable]] = [
        {name: tuple(word for word in found if word not in words_of_all) or None for name, found in side.items()}
        for side, words_of_all in zip(words, removed, strict=True)
    ]
    pairs = _pair_equal(*own_words)
    return pairs if len(pairs) > 1 else (), "a mask has its image's words and numbers, apart from those that all share"


def one_in_each_folder(images: Sequence[Name], masks: Sequence[Name]) -> RuleResult:
    """Pair the only image and the only mask of each folder, if two folders or more have one of each."""
    pairs = _pair_equal(
        {name: (name.folders,) if name.folders else None for name in images},
        {name: (name.folders,) if name.folders else None for name in masks},
        any_folder=True,
    )
    return pairs if len(pairs) > 1 else (), "each sample has a folder with one image and one mask"


def by_numbers(images: Sequence[Name], masks: Sequence[Name]) -> RuleResult:
    """Pair equal numbers, `image_001` and `gt_1`, if one number is all that differs within a kind.

    All files of the kind that has fewer must be paired, but for a tenth, and there are two pairs or more.
    """
    pairs = _pair_equal(_varying_numbers(images), _varying_numbers(masks))
    fewer, more = sorted((len(images), len(masks)))
    is_complete = _are_most(len(pairs), fewer) and 2 * len(pairs) >= more
    return pairs if is_complete and len(pairs) > 1 else (), "a mask has its image's number"


#: In the order in which they are preferred if they find equally many pairs.
FUZZY_RULES: tuple[Callable[[Sequence[Name], Sequence[Name]], RuleResult], ...] = (
    by_words,
    by_words_and_values,
    by_common_ends,
    by_own_words,
    one_in_each_folder,
    by_numbers,
    by_original_name,
)


def _pair_equal(
    images: dict[Name, Hashable], masks: dict[Name, Hashable], *, any_folder: bool = False
) -> tuple[Pair, ...]:
    """Pair equal values in equal folders; None is no value.

    There are no pairs at all if a value that both sides have occurs twice on one of them.
    """
    tables: list[dict[Hashable, list[Name]]] = []
    for side in (images, masks):
        table: dict[Hashable, list[Name]] = {}
        for name, value in side.items():
            if value is not None:
                table.setdefault((name.split, () if any_folder else name.folders, value), []).append(name)
        tables.append(table)
    shared = [(tables[0][key], tables[1][key]) for key in tables[0] if key in tables[1]]
    if any(len(names) > 1 for pair in shared for names in pair):
        return ()
    return tuple((image.file, mask.file) for (image,), (mask,) in shared)


def _by_common_ends_in_split(images: Sequence[Name], masks: Sequence[Name]) -> RuleResult:
    image_ends, mask_ends = _common_ends(images), _common_ends(masks)
    cuts_of: dict[Key, list[Cut]] = {}
    for mask in masks:
        for core, cut in _cuts(mask.stem, *mask_ends):
            cuts_of.setdefault(mask.key(core), []).append(cut)
    cuts = {
        (image_cut, mask_cut)
        for image in images
        for core, image_cut in _cuts(image.stem, *image_ends)
        for mask_cut in cuts_of.get(image.key(core), ())
    }
    results: list[RuleResult] = []
    for image_cut, mask_cut in sorted(cuts):
        image_start, image_end = _ends_of_cut(image_ends, image_cut)
        mask_start, mask_end = _ends_of_cut(mask_ends, mask_cut)
        pairs = _pair_equal(
            {name: _core(name.stem, image_start, image_end) for name in images},
            {name: _core(name.stem, mask_start, mask_end) for name in masks},
        )
        results.append((pairs, f"image {image_start}*{image_end} has mask {mask_start}*{mask_end}"))
    most = max((len(pairs) for pairs, _ in results), default=0)
    best = [result for result in results if len(result[0]) == most]
    return best[0] if most > 1 and all(set(pairs) == set(best[0][0]) for pairs, _ in best) else ((), "")


def _common_ends(names: Sequence[Name]) -> tuple[str, str]:
    """The beginning and the ending that all stems share, but for a tenth of them."""
    stems = [name.stem for name in names]
    return _common_start(stems), _common_start([stem[::-1] for stem in stems])[::-1]


def _common_start(stems: Sequence[str]) -> str:
    start = ""
    for length in range(1, _LONGEST_END + 1):
        counts = Counter(stem[:length] for stem in stems if len(stem) >= length and stem.startswith(start))
        (best, count), *_ = counts.most_common(1) or [("", 0)]
        if not _are_most(count, len(stems)):
            break
        start = best
    return start


def _are_most(count: int, total: int) -> bool:
    return count >= _MOST_NAMES * total or (total >= _MANY_NAMES and count >= total - 2)


def _ends_of_cut(ends: tuple[str, str], cut: Cut) -> tuple[str, str]:
    return ends[0][: cut[0]], ends[1][len(ends[1]) - cut[1] :]


def _core(stem: str, start: str, end: str) -> str | None:
    """What is between a beginning and an ending; None if the stem does not have them."""
    has_both = len(start) + len(end) < len(stem) and stem.startswith(start) and stem.endswith(end)
    return stem[len(start) : len(stem) - len(end)] if has_both else None


def _cuts(stem: str, common_start: str, common_end: str) -> Iterator[tuple[str, Cut]]:
    """What is left of a stem for each way to cut its two ends without dividing a word or a number."""
    longest_start, longest_end = _shared(stem, common_start), _shared(stem[::-1], common_end[::-1])
    ends = [end for end in range(longest_end + 1) if is_word_edge(stem, len(stem) - end)]
    for start in range(longest_start + 1):
        if is_word_edge(stem, start):
            yield from ((stem[start : len(stem) - end], (start, end)) for end in ends if start + end < len(stem))


def _shared(stem: str, start: str) -> int:
    """How many letters a stem has in common with a start that all but a few stems have."""
    return len(start if stem.startswith(start) else os.path.commonprefix([stem, start]))  # noqa: RUF071 - of letters


def _varying_numbers(names: Sequence[Name]) -> dict[Name, Hashable]:
    """The number of each name; None for all if more than one number, or anything else, differs between them.

    A tenth of them may have other words: for them there is None.

    None for all, too, if the numbers are not all padded with zeros to one width, or all without zeros: 1 beside 000
    are names, not numbers.
    """
    found = {name: _NUMBER.findall(name.stem) for name in names}
    texts = {name: _NUMBER.sub("#", name.stem) for name in names}
    text, count = Counter(texts.values()).most_common(1)[0]
    found = {name: numbers for name, numbers in found.items() if texts[name] == text}
    columns = list(zip(*found.values(), strict=True)) if _are_most(count, len(names)) else []
    varying = [column for column, values in enumerate(columns) if len(set(values)) > 1]
    if len(varying) != 1:
        return dict.fromkeys(names)
    written = columns[varying[0]]
    width = min(map(len, written))
    if any(digits != str(int(digits)).zfill(width) for digits in written):
        return dict.fromkeys(names)
    return {name: int(found[name][varying[0]]) if name in found else None for name in names}
