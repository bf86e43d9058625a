"""Which image belongs to which mask: one rule for the whole set, by names, never by position in a listing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from segarena.data.layout.fuzzy_pairing import (
    NUMBERED,
    Key,
    Name,
    Pair,
    by_constant_ends,
    by_numbers,
    by_words,
    one_in_each_folder,
)
from segarena.data.layout.tree import File
from segarena.data.layout.vocabulary import MASK_WORDS, SHOWN_WORDS, Form, forms, normal, words
from segarena.errors import DataError

View = Callable[[Sequence[File]], list[Name]]


@dataclass(frozen=True)
class Pairing:
    """Images with their masks, and the rule in words.

    `problem` is what is wrong with these pairs, to be raised if they are the ones that count. `sure` says that the
    stems are the same but for words such as mask; the other rules see less alike names.
    """

    pairs: tuple[Pair, ...] = ()
    rule: str = ""
    problem: DataError | None = None
    sure: bool = False


def pair_files(images: Sequence[File], masks: Sequence[File]) -> Pairing:
    """Pair by the one of these rules that pairs most, the first of two that pair as many, over the whole set at once.

    1. The same stem, case included; words such as `_image` and `_mask` may stand at its ends.
    2. The same without regard to case, if not one pair is found otherwise.
    3. The same words and numbers, wherever words such as `image` and `mask` stand among them.
    4. The same stem behind a beginning, or before an ending, that all images have, and one that all masks have.
    5. One image and one mask in each of two folders or more.
    6. The same number, if nothing but the number differs within the images, and within the masks.

    Splits and folders have to be the same too. Where too few pairs are found that way, folders that all images or all
    masks lie in are left out of account, then all folders, unless both kinds lie in several of the same names. Rules
    3 to 6 count only where they pair, one to one, at least half of what could be paired, and never against rule 1
    where that pairs half. Where nothing fits the result has no pairs.
    """
    divided = all(any(file.place.split for file in files) for files in (images, masks))
    views = [(view(images, divided), view(masks, divided)) for view in (_as_they_lie, _below_common)]
    inside = [{name.folders for name in names} for names in views[-1]]
    if min(map(len, inside)) == 1 or not inside[0] & inside[1]:
        views.append((_without_folders(images, divided), _without_folders(masks, divided)))
    views = [view for i, view in enumerate(views) if view not in views[:i]]
    possible = min(len(images), len(masks))
    found = _most([_by_stem(*view) for view in views], possible)
    if not found.pairs:
        folded = _most([_by_stem(*([_fold(name) for name in names] for names in view)) for view in views], possible)
        found = replace(folded, rule=f"{folded.rule}, upper and lower case apart")
    if len(found.pairs) == possible:
        return found
    rules = (by_words, by_constant_ends, one_in_each_folder, by_numbers)
    others = [_most([Pairing(*rule(*view)) for view in views], possible) for rule in rules]
    other = max(others, key=lambda pairing: len(pairing.pairs))
    better = len(other.pairs) > len(found.pairs) and 2 * len(other.pairs) >= possible
    agrees = set(found.pairs) <= set(other.pairs) or 2 * len(found.pairs) < possible
    return other if better and agrees else found


def _most(pairings: Sequence[Pairing], possible: int) -> Pairing:
    """The first that pairs half of what is possible, else the one with the most pairs."""
    enough = (pairing for pairing in pairings if 2 * len(pairing.pairs) >= possible)
    return next(enough, max(pairings, key=lambda pairing: len(pairing.pairs)))


def _as_they_lie(files: Sequence[File], divided: bool) -> list[Name]:
    return [Name(file, _split(file, divided), file.place.context, file.stem) for file in files]


def _below_common(files: Sequence[File], divided: bool) -> list[Name]:
    first = files[0].place.context
    common = 0
    while common < len(first) and all(file.place.context[: common + 1] == first[: common + 1] for file in files):
        common += 1
    return [name._replace(folders=name.folders[common:]) for name in _as_they_lie(files, divided)]


def _without_folders(files: Sequence[File], divided: bool) -> list[Name]:
    return [name._replace(folders=()) for name in _as_they_lie(files, divided)]


def _split(file: File, divided: bool) -> str:
    """The split, unless only one of the two kinds is divided: then its files take the others with them."""
    return (file.place.split or "") if divided else ""


def _fold(name: Name) -> Name:
    return name._replace(folders=tuple(folder.casefold() for folder in name.folders), stem=name.stem.casefold())


def _by_stem(images: Sequence[Name], masks: Sequence[Name]) -> Pairing:
    """Rule 1: the very same stem wins; what is left may differ by words at the ends of its stem."""
    image_by_key, mask_by_key = _first_of_each(images), _first_of_each(masks)
    problems = [*_doubles(images, image_by_key), *_doubles(masks, mask_by_key)]
    pairs = {image: mask_by_key[key] for key, image in image_by_key.items() if key in mask_by_key}
    taken = set(pairs.values())
    by_core: dict[Key, list[tuple[Name, Form]]] = {}
    for mask in masks:
        if mask not in taken:
            for form in forms(mask.stem, "mask"):
                by_core.setdefault(mask.key(form.core), []).append((mask, form))
    owners: dict[Name, Name] = {}
    used: set[str] = set()
    for image in images:
        if image in pairs:
            continue
        form, fitting = _fitting(image, by_core)
        if not fitting:
            continue
        mask, mask_form = fitting[0]
        if len(fitting) > 1:
            problems.append(_two_masks(image, mask, fitting[1][0]))
        if mask in owners:
            problems.append(_two_images(mask, owners[mask], image))
        pairs[image], owners[mask] = mask, image
        used |= {*_used("image", form), *_used("mask", mask_form)}
    problems += _further_masks(masks, set(pairs.values()))
    rule = "a mask has its image's stem" + (f", but for {' and '.join(sorted(used))}" if used else "")
    in_any_folder = not any(name.folders for name in images) and len({image.file.place.context for image in pairs}) > 1
    return Pairing(
        pairs=tuple((image.file, mask.file) for image, mask in pairs.items()),
        rule=f"{rule}, whatever folder it lies in" if in_any_folder else rule,
        problem=problems[0] if problems and pairs else None,
        sure=True,
    )


def _fitting(image: Name, by_core: dict[Key, list[tuple[Name, Form]]]) -> tuple[Form, list[tuple[Name, Form]]]:
    """The masks that fit with the least words taken from the image's stem; coloured copies only if nothing else."""
    form = forms(image.stem, "image")[0]
    for form in forms(image.stem, "image"):
        found = by_core.get(image.key(form.core), [])
        if found:
            plain = [(mask, used) for mask, used in found if not SHOWN_WORDS & set(words(used.ending + used.beginning))]
            return form, plain or found
    return form, []


def _used(kind: str, form: Form) -> list[str]:
    ends = (("beginning", form.beginning), ("ending", form.ending))
    return [f'the {end} "{word}" of {kind}s' for end, word in ends if word]


def _first_of_each(names: Sequence[Name]) -> dict[Key, Name]:
    found: dict[Key, Name] = {}
    for name in names:
        found.setdefault(name.key(name.stem), name)
    return found


def _doubles(names: Sequence[Name], first: dict[Key, Name]) -> list[DataError]:
    doubles = [(first[name.key(name.stem)].file.path, name.file.path) for name in names]
    return [_same_stem(one, other) for one, other in doubles if one != other]


def _same_stem(one: Path, other: Path) -> DataError:
    if one.parent == other.parent:
        case = "" if normal(one.stem) == normal(other.stem) else " but for upper and lower case"
        return DataError(
            f"{one.name} and {other.name} have the same stem{case}",
            where=one.parent,
            remedy="Keep one of the two, or rename one and what belongs to it",
        )
    return DataError(
        f"has the same stem as {one}, and nothing but the stem says what belongs together",
        where=other,
        remedy="Rename one and what belongs to it, or name the folders that count with --images DIR --masks DIR",
    )


def _further_masks(masks: Sequence[Name], taken: set[Name]) -> list[DataError]:
    """Masks such as a_mask_1 beside a_mask: a second object of the same image."""
    stems = {(mask.split, mask.folders, mask.stem): mask for mask in taken}
    found = []
    for mask in masks:
        match = NUMBERED.fullmatch(mask.stem)
        if mask not in taken and match and MASK_WORDS & set(words(match.group(1))[-1:]):
            first = stems.get((mask.split, mask.folders, match.group(1)))
            if first:
                found.append(
                    DataError(
                        f"seems to be a second mask beside {first.file.path.name}",
                        where=mask.file.path,
                        remedy="Merge the two into one mask, or move one to another folder",
                    )
                )
    return found


def _two_masks(image: Name, one: Name, other: Name) -> DataError:
    first, second = sorted(str(mask.file.path) for mask in (one, other))
    return DataError(
        f"could have the mask {first} or {second}",
        where=image.file.path,
        remedy="Keep one of the two in the folder of masks, or name the folder that counts with --masks DIR",
    )


def _two_images(mask: Name, one: Name, other: Name) -> DataError:
    return DataError(
        f"could belong to the image {one.file.path} or {other.file.path}",
        where=mask.file.path,
        remedy="Give each mask the file name of its image",
    )
