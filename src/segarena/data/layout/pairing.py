"""Which mask belongs to which image: one rule for the whole set, by names, never by position in a listing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from segarena.data.layout.alternatives import UnclearError, choose_file
from segarena.data.layout.fuzzy_pairing import FUZZY_RULES, Key, Name, Pair
from segarena.data.layout.tree import File
from segarena.data.layout.vocabulary import (
    MASK_WORDS,
    VARIANT_WORDS,
    FileKind,
    StrippedStem,
    before_number,
    strip_kind_words,
    to_nfc,
    words_in,
)
from segarena.errors import DataError
from segarena.image_files.images import PICTURE_SUFFIXES

#: The names of the images and those of the masks.
Names = tuple[list[Name], list[Name]]


@dataclass(frozen=True)
class Pairing:
    """Images with their masks."""

    pairs: tuple[Pair, ...] = ()
    rule: str = ""
    """How they were paired, as a sentence."""
    problem: DataError | None = None
    """What is wrong with these pairs, to be raised if they are chosen."""
    is_by_stem: bool = False
    """Whether the stems are equal apart from words such as `mask`; the other rules need less."""


def pair_files(images: Sequence[File], masks: Sequence[File]) -> Pairing:
    """Pair by the one of these rules that pairs most, the first of several that pair equally many.

    1. The same stem, case included; words such as `_image` and `_mask` may be at its ends.
    2. The same without regard to case, if rule 1 finds no pair.
    3. The same words and numbers, wherever words such as `image` and `mask` are among them; numbers padded with zeros
       or not.
    4. The same stem, apart from a beginning or an ending that all images share, and one that all masks share.
    5. The same words and numbers apart from those that all images share, and those that all masks share.
    6. One image and one mask in each of two folders or more.
    7. The same number, if nothing but the number differs within the images, and within the masks.
    8. The same words and numbers apart from what labelling tools add to names, e.g. a hash.

    Splits and folders have to be equal too. If that gives too few pairs, folders that all images or all masks are in
    are ignored, then all folders, unless both kinds are in several folders of the same names. Rules 3 to 8 count only
    if they pair, one to one, at least half of what could be paired, and never against rule 1 if that pairs half.

    Args:
        images: At least one file.
        masks: At least one file.

    Returns:
        A pairing without pairs if no rule fits.
    """
    views = compare_folders(images, masks)
    possible = min(len(images), len(masks))
    found = _choose([_pair_by_stem(*view) for view in views], possible)
    if not found.pairs:
        folded = [_pair_by_stem(*(_fold_case(names) for names in view)) for view in views]
        found = _choose(folded, possible)
        found = replace(found, rule=f"{found.rule}, ignoring upper and lower case")
    if len(found.pairs) == possible:
        return found
    others = [_choose([Pairing(*rule(*view)) for view in views], possible) for rule in FUZZY_RULES]
    other = max(others, key=lambda pairing: len(pairing.pairs))
    is_better = len(other.pairs) > len(found.pairs) and 2 * len(other.pairs) >= possible
    agrees = set(found.pairs) <= set(other.pairs) or 2 * len(found.pairs) < possible
    return other if is_better and agrees else found


def _choose(pairings: Sequence[Pairing], possible: int) -> Pairing:
    """The first that pairs half of what is possible, else the one with the most pairs."""
    enough = (pairing for pairing in pairings if 2 * len(pairing.pairs) >= possible)
    return next(enough, max(pairings, key=lambda pairing: len(pairing.pairs)))


# Which folders are compared


def compare_folders(images: Sequence[File], masks: Sequence[File]) -> list[Names]:
    """Names with all their folders, without those that a kind shares, and, where that is safe, without any."""
    both_split = all(any(file.location.split for file in files) for files in (images, masks))

    def names(files: Sequence[File]) -> list[Name]:
        # If only one kind is in splits, its files decide the splits of the others.
        return [
            Name(file, (file.location.split or "") if both_split else "", file.location.context, file.stem)
            for file in files
        ]

    full = names(images), names(masks)
    below_common = _below_common(full[0]), _below_common(full[1])
    views = [full, below_common]
    folders = [{name.folders for name in side} for side in below_common]
    if min(map(len, folders)) == 1 or not folders[0] & folders[1]:
        views.append(([name._replace(folders=()) for name in full[0]], [name._replace(folders=()) for name in full[1]]))
    return [view for i, view in enumerate(views) if view not in views[:i]]


def _below_common(names: list[Name]) -> list[Name]:
    first = names[0].folders
    common = 0
    while common < len(first) and all(name.folders[: common + 1] == first[: common + 1] for name in names):
        common += 1
    return [name._replace(folders=name.folders[common:]) for name in names] if common else names


def _fold_case(names: Sequence[Name]) -> list[Name]:
    return [
        name._replace(folders=tuple(folder.casefold() for folder in name.folders), stem=name.stem.casefold())
        for name in names
    ]


# Rules 1 and 2


def _pair_by_stem(images: Sequence[Name], masks: Sequence[Name]) -> Pairing:
    """Pair equal stems; then, of the rest, those that are equal without words at their ends."""
    image_by_key, mask_by_key = _first_of_each(images), _first_of_each(masks)
    pairs = {image: mask_by_key[key] for key, image in image_by_key.items() if key in mask_by_key}
    paired = set(pairs.values())
    by_core: dict[Key, list[tuple[Name, StrippedStem]]] = {}
    for mask in masks:
        if mask not in paired:
            for stripped in _strip(mask.stem, "mask"):
                by_core.setdefault(mask.key(stripped.core), []).append((mask, stripped))
    image_of: dict[Name, Name] = {}
    removed: set[str] = set()
    problems: list[DataError] = []
    for image in images:
        if image in pairs:
            continue
        stripped_image, fitting = _fitting_masks(image, by_core)
        if not fitting:
            continue
        mask, stripped_mask = fitting[0]
        if len(fitting) > 1:
            problems.append(_two_masks(image, mask, fitting[1][0]))
        if mask in image_of:
            problems.append(_two_images(mask, image_of[mask], image))
        pairs[image], image_of[mask] = mask, image
        removed |= {*_describe_ends("image", stripped_image), *_describe_ends("mask", stripped_mask)}
    duplicates = [*_duplicates("image", images, image_by_key, pairs), *_duplicates("mask", masks, mask_by_key, pairs)]
    problems = [*duplicates, *problems, *_further_masks(masks, set(pairs.values()))]
    rule = "a mask has its image's stem" + (f", apart from {' and '.join(sorted(removed))}" if removed else "")
    in_any_folder = (
        not any(name.folders for name in images) and len({image.file.location.context for image in pairs}) > 1
    )
    return Pairing(
        pairs=tuple((image.file, mask.file) for image, mask in pairs.items()),
        rule=f"{rule}, in any folder" if in_any_folder else rule,
        problem=problems[0] if problems and pairs else None,
        is_by_stem=True,
    )


def _fitting_masks(
    image: Name, by_core: dict[Key, list[tuple[Name, StrippedStem]]]
) -> tuple[StrippedStem, list[tuple[Name, StrippedStem]]]:
    """The masks that fit with the fewest words removed from the image's stem; variants only if nothing else fits."""
    for stripped in _strip(image.stem, "image"):
        found = by_core.get(image.key(stripped.core), [])
        if found:
            plain = [(mask, s) for mask, s in found if not VARIANT_WORDS & set(words_in(s.ending + s.beginning))]
            return stripped, plain or found
    return StrippedStem(image.stem, "", ""), []


def _strip(stem: str, kind: FileKind) -> Iterator[StrippedStem]:
    """The stem without words of its kind at its ends, and without another file's ending: `a.jpg`, of a.jpg.png."""
    yield from strip_kind_words(stem, kind)
    bare, _, suffix = stem.rpartition(".")
    if bare and f".{suffix.lower()}" in PICTURE_SUFFIXES:
        for part in strip_kind_words(bare, kind):
            yield StrippedStem(part.core, f"{part.ending}.{suffix}", part.beginning)


def _describe_ends(kind: FileKind, stripped: StrippedStem) -> list[str]:
    ends = (("beginning", stripped.beginning), ("ending", stripped.ending))
    return [f'the {end} "{text}" of {kind}s' for end, text in ends if text]


def _first_of_each(names: Sequence[Name]) -> dict[Key, Name]:
    found: dict[Key, Name] = {}
    for name in names:
        found.setdefault(name.key(name.stem), name)
    return found


# Problems


def _duplicates(
    kind: FileKind, names: Sequence[Name], first: dict[Key, Name], pairs: dict[Name, Name]
) -> Iterator[DataError]:
    """Files that have the stem of another one which is in a pair."""
    partners = pairs if kind == "image" else {mask: image for image, mask in pairs.items()}
    for name in names:
        one = first[name.key(name.stem)]
        if one.file is not name.file and one in partners:
            yield _same_stem(kind, one, name, partners[one])


def _same_stem(kind: FileKind, one: Name, other: Name, partner: Name) -> DataError:
    path, other_path = one.file.path, other.file.path
    of_each = [(name, partner) if kind == "image" else (partner, name) for name in (one, other)]
    alternatives = choose_file(kind, tuple((image.file.path, mask.file.path) for image, mask in of_each))
    if path.parent == other_path.parent:
        case = "" if to_nfc(path.stem) == to_nfc(other_path.stem) else ", ignoring upper and lower case"
        return UnclearError(
            f"{path.name} and {other_path.name} have the same stem{case}",
            where=path.parent,
            remedy="Keep one of the two, or rename one together with its image or mask",
            alternatives=alternatives,
        )
    return UnclearError(
        f"has the same stem as {path}, so it is not clear which image and mask belong together",
        where=other_path,
        remedy="Rename one together with its image or mask, or move one out of the data folder",
        alternatives=alternatives,
    )


def _further_masks(masks: Sequence[Name], paired: set[Name]) -> list[DataError]:
    """Masks such as a_mask_1 beside a_mask: of a second object in the same image."""
    by_key = {(mask.split, mask.folders, mask.stem): mask for mask in paired}
    found = []
    for mask in masks:
        base = before_number(mask.stem)
        first = by_key.get((mask.split, mask.folders, base)) if base else None
        if mask not in paired and base and first and MASK_WORDS & set(words_in(base)[-1:]):
            found.append(
                DataError(
                    f"looks like a second mask beside {first.file.path.name}",
                    where=mask.file.path,
                    remedy="Merge the two into one mask, or move one to another folder",
                )
            )
    return found


def _two_masks(image: Name, one: Name, other: Name) -> DataError:
    first, second = sorted(mask.file.path for mask in (one, other))
    return UnclearError(
        f"could have the mask {first} or {second}",
        where=image.file.path,
        remedy="Keep one of the two, or move one out of the data folder",
        alternatives=choose_file("mask", ((image.file.path, first), (image.file.path, second))),
    )


def _two_images(mask: Name, one: Name, other: Name) -> DataError:
    return UnclearError(
        f"could belong to the image {one.file.path} or {other.file.path}",
        where=mask.file.path,
        remedy="Give each mask the file name of its image",
        alternatives=choose_file("image", ((one.file.path, mask.file.path), (other.file.path, mask.file.path))),
    )
