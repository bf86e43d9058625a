"""The split of each sample where folders do not give one: by lists that come with the data, or by the images' names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from segarena.data.layout.lists.image_index import ImageIndex
from segarena.data.layout.lists.split_lists import SplitList
from segarena.data.layout.tree import relative_name
from segarena.data.layout.vocabulary import split_of_word, words_besides_kind
from segarena.data.source import Sample, Split
from segarena.errors import DataError
from segarena.formats import join_words, plural

#: An image in two splits is kept in the first of these.
_PRIORITY: tuple[Split, ...] = ("test", "val", "train")


class Conflict(NamedTuple):
    """An image that a list has in two splits."""

    image: Path
    sentence: str
    """Which list, which splits, and in which of them the image is kept."""


@dataclass(frozen=True)
class Assignment:
    """Samples with the splits that lists or names give them."""

    samples: tuple[Sample, ...]
    sentences: tuple[str, ...] = ()
    """What the splits were taken from, what is left out, and which lists were ignored."""
    conflicts: tuple[Conflict, ...] = ()
    """The images that are listed in two splits."""
    unlisted: tuple[Path, ...] = ()
    """The images of samples that are left out because no list has them."""
    listed_without_mask: frozenset[Path] | None = None
    """The images without a mask that a list has; None if no list is used."""
    used: SplitList | None = None
    """The list that is used."""


def assign_listed_splits(
    root: Path, samples: Sequence[Sample], unpaired: Sequence[Path], places: Sequence[Sequence[SplitList]]
) -> Assignment:
    """Assign to each sample the split of the list that has it.

    An entry refers to one image by its name, path or number. An image in two splits is kept in test, else in val. If
    there is a list of training images, samples in no list are left out; else they are for training. A list is ignored
    if none of its entries is an image.

    Args:
        root: The data folder.
        samples: The samples, without a split.
        unpaired: Images without a mask: an entry may refer to one of them.
        places: The lists of each folder that has any; the first folder with a list that fits is used.

    Raises:
        DataError: An entry refers to no image or to several, though others of its split refer to one, two lists of
            a folder assign different splits, or no sample is in the list of training images.
    """
    if not places:
        return Assignment(tuple(samples))
    index = ImageIndex(root, samples, unpaired)
    ignored: list[str] = []
    for lists in places:
        fitting: list[tuple[SplitList, dict[Split, set[int]]]] = []
        for split_list in lists:
            members = {split: _find_members(index, split_list, split) for split in split_list.entries}
            ignored += [split_list.files[split].name for split, indices in members.items() if not indices]
            members = {split: indices for split, indices in members.items() if indices}
            if members:
                fitting.append((split_list, members))
        if fitting:
            (chosen, members), *others = sorted(fitting, key=lambda each: -len(each[1]))
            for other, other_members in others:
                if not other_members.items() <= members.items():
                    raise DataError(
                        f"{chosen.title} and {other.title} assign the images to different splits",
                        where=root,
                        remedy="Move the one that is not to be used to another folder",
                    )
            return _assign(root, samples, unpaired, chosen, members, _describe_ignored(ignored))
    return Assignment(tuple(samples), tuple(_describe_ignored(ignored)))


def note_other_lists(
    root: Path, assigned: Assignment, unpaired: Sequence[Path], places: Sequence[Sequence[SplitList]]
) -> Assignment:
    """Return the splits of folders, with a sentence if lists beside them assign other splits to some of the images."""
    samples = [replace(sample, split=None) for sample in assigned.samples]
    try:
        listed = assign_listed_splits(root, samples, unpaired, places)
    except DataError:  # of other images
        return assigned
    if listed.used is None:
        return assigned
    # Images in no list are for training if there is no list of training images.
    split_of = {s.name: s.split for s in listed.samples if s.split != "train" or "train" in listed.used.entries}
    other = [s for s in assigned.samples if split_of.get(s.name, s.split) not in (s.split, None)]
    if not other:
        return assigned
    sentence = f"{listed.used.title} not used: the folders differ in the split of {plural(len(other), 'image')}"
    return replace(assigned, sentences=(*assigned.sentences, sentence))


def assign_named_splits(unassigned: Assignment) -> Assignment:
    """Assign to each sample the split that its image's name begins with, or ends with, e.g. train_12 or 21_training.

    Every name must have a split there, and train and another one must occur: else no splits are assigned. Numbers and
    words such as image do not count: train_3_image and 3_train both end with a split.
    """
    names = [_name_words(sample) for sample in unassigned.samples]
    for position in (0, -1):
        splits = [split_of_word(words[position]) if words else None for words in names]
        counts = Counter(split for split in splits if split)
        if None not in splits and "train" in counts and len(counts) > 1:
            shown = ", ".join(f"{counts[split]} {split}" for split in reversed(_PRIORITY) if counts[split])
            pairs = zip(unassigned.samples, splits, strict=True)
            return replace(
                unassigned,
                samples=tuple(replace(sample, split=split) for sample, split in pairs),
                sentences=(f"split by the names of the images ({shown})", *unassigned.sentences),
            )
    return unassigned


def _name_words(sample: Sample) -> list[str]:
    stem = sample.image.stem if sample.image else sample.name
    return [word for word in words_besides_kind(stem, "image") if not word.isdigit()]


# Which images the entries refer to


def _find_members(index: ImageIndex, split_list: SplitList, split: Split) -> set[int]:
    """The images that the entries of a split refer to; empty if none of them is an image, or for a table of others.

    A table of facts about images, train.csv with columns of its own, may have rows without an image here. It is not a
    list of splits if there is none of another split beside it.
    """
    path = split_list.files[split]
    is_alone = set(split_list.entries) == {"train"}
    entries, is_table = index.read_entries(split_list.entries[split], path, is_alone=is_alone)
    found = [index.find(entry) for entry in entries]
    missing = [entry for entry, indices in zip(entries, found, strict=True) if not indices]
    if len(missing) == len(entries) or (missing and is_table and is_alone):
        return set()
    if missing and not is_table:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise DataError(
            f"lists {missing[0]!r}{more} for {split}, but there is no such image",
            where=path,
            remedy="Put the image back, correct the list, or move the list to another folder if it is not to be used",
        )
    for entry, indices in zip(entries, found, strict=True):
        if len(indices) > 1:
            one, two = sorted(str(index.paths[i]) for i in indices)[:2]
            raise DataError(
                f"lists {entry!r} for {split}, which could be {one} or {two}",
                where=path,
                remedy="Write the paths of the images into the list, with their folders",
            )
    return set().union(*found)


# What follows from the entries


def _assign(
    root: Path,
    samples: Sequence[Sample],
    unpaired: Sequence[Path],
    chosen: SplitList,
    members: dict[Split, set[int]],
    ignored: Sequence[str],
) -> Assignment:
    assigned, conflicts, unlisted = [], [], []
    for i, sample in enumerate(samples):
        splits = [split for split in _PRIORITY if i in members.get(split, ())]
        if len(splits) > 1:
            image, _ = sample.files
            what = f"{relative_name(root, image)} is listed for {join_words(splits[::-1])}"
            conflicts.append(Conflict(image, f"{chosen.title}: {what}; it is kept in {splits[0]} only"))
        if splits or "train" not in members:
            assigned.append(replace(sample, split=splits[0] if splits else "train"))
        elif sample.image:
            unlisted.append(sample.image)
    if not assigned:
        raise DataError(
            f"lists no image that has a mask, and not the {plural(len(samples), 'image')} with one",
            where=chosen.files["train"],
            remedy="Correct the list, or move it to another folder if it is not to be used",
        )
    counts = Counter(sample.split for sample in assigned)
    shown = ", ".join(f"{counts[split]} {split}" for split in reversed(_PRIORITY) if split in members)
    left_out = [f"{plural(len(unlisted), 'unlisted image')} left out"] if unlisted else []
    listed_indices = set().union(*members.values())
    return Assignment(
        samples=tuple(assigned),
        sentences=(f"split by {chosen.title} ({shown})", *left_out, *ignored),
        conflicts=tuple(conflicts),
        unlisted=tuple(unlisted),
        listed_without_mask=frozenset(path for i, path in enumerate(unpaired, len(samples)) if i in listed_indices),
        used=chosen,
    )


def _describe_ignored(names: Sequence[str]) -> list[str]:
    unique = list(dict.fromkeys(names))
    return [f"{join_words(unique)} ignored, as no entry is an image"] if unique else []
