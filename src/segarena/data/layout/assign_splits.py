"""Which sample a list of splits means with each entry, and what follows from the lists for the whole set."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from segarena.data.files.images import IMAGE_SUFFIXES
from segarena.data.layout.split_lists import Division, SplitList
from segarena.data.layout.vocabulary import forms, normal, words
from segarena.data.source import Sample, Split
from segarena.errors import DataError

_NUMBER = re.compile(r"\d+")
_ORDER: tuple[Split, ...] = ("test", "val", "train")
_HEADER = frozenset({"image", "images", "img", "mask", "masks", "label", "file", "filename", "name", "path", "id"})


def divide(root: Path, samples: Sequence[Sample], lonely: Sequence[Path], places: list[list[SplitList]]) -> Division:
    """Give each sample the split in which the lists of the first place that fits name it.

    An entry is a name, a path or a number that means one image: a sample's, or one of `lonely`, which have no mask.
    An image in two splits stays in test, else in val. Where a list names training images, samples that no list names
    are left out; else they train. A list none of whose entries fits is passed over. Raises DataError for an entry
    that fits no image or two where others of its split fit, and where two lists divide the same images differently.
    """
    if not places:
        return Division(tuple(samples))
    index = _Index(root, samples, lonely)
    passed: list[str] = []
    for lists in places:
        followed: list[tuple[SplitList, dict[Split, set[int]]]] = []
        for split_list in lists:
            members = {split: _members(index, split_list, split) for split in split_list.entries}
            fitting = {split: found for split, found in members.items() if found}
            passed += [split_list.files[split].name for split in members if split not in fitting]
            if fitting:
                followed.append((split_list, fitting))
        if followed:
            (chosen, members), *others = sorted(followed, key=lambda each: -len(each[1]))
            for other, its_members in others:
                if not its_members.items() <= members.items():
                    raise DataError(
                        f"{chosen.title} and {other.title} both divide the images, and differently",
                        where=root,
                        remedy="Move the one that does not count to another folder",
                    )
            return _assign(root, samples, lonely, chosen, members, _passed_over(passed))
    return Division(tuple(samples), _passed_over(passed))


def _members(index: _Index, split_list: SplitList, split: Split) -> set[int]:
    """What the entries of a split mean; empty where not one is understood."""
    entries, path = split_list.entries[split], split_list.files[split]
    found = [index.find_line(entry, path) for entry in entries]
    if set(words(entries[0])) <= _HEADER and not found[0]:
        entries, found = entries[1:], found[1:]
    missing = [entry for entry, indices in zip(entries, found, strict=True) if not indices]
    if len(missing) == len(entries):
        return set()
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise DataError(
            f"names {missing[0]!r}{more} for {split}, and there is no such image",
            where=path,
            remedy="Put the image back, correct the list, or move the list to another folder to do without it",
        )
    for entry, indices in zip(entries, found, strict=True):
        if len(indices) > 1:
            one, two = sorted(index.paths[i].name for i in indices)[:2]
            raise DataError(
                f"names {entry!r} for {split}, which could be {one} or {two}",
                where=path,
                remedy="Write the file names of the images into the list",
            )
    return set().union(*found)


class _Index:
    """All names by which a list may mean an image; indices behind the samples' are images without a mask."""

    def __init__(self, root: Path, samples: Sequence[Sample], lonely: Sequence[Path]) -> None:
        self.paths = [*(sample.image for sample in samples if sample.image), *lonely]
        self._by_path: dict[str, set[int]] = {}
        self._by_core: dict[str, set[int]] = {}
        self._by_number: dict[int, set[int]] = {}
        files = [(i, path, "image") for i, path in enumerate(self.paths)]
        files += [(i, sample.mask, "mask") for i, sample in enumerate(samples) if sample.mask]
        for i, path, kind in files:
            parts = normal(path.as_posix()).split("/")
            below = len(path.relative_to(root).parts) if path.is_relative_to(root) else 2
            for depth in range(1, below + 1):
                self._by_path.setdefault("/".join(parts[-depth:]), set()).add(i)
                self._by_path.setdefault("/".join([*parts[-depth:-1], normal(path.stem)]), set()).add(i)
            for form in forms(normal(path.stem), "image" if kind == "image" else "mask"):
                self._by_core.setdefault(form.core, set()).add(i)
        for i, sample in enumerate(samples):
            self._by_core.setdefault(normal(sample.name), set()).add(i)
        for i, number in enumerate(_numbers([normal(path.stem) for path in self.paths])):
            self._by_number.setdefault(number, set()).add(i)

    def find_line(self, line: str, where: Path) -> set[int]:
        """What a line means: a name, or an image and its mask beside each other."""
        found = self._find(line)
        if found:
            return found
        first, *rest = re.split(r"[\s,;]+", line)
        found = self._find(first)
        for name in rest:
            other = self._find(name) if Path(name).suffix.lower() in IMAGE_SUFFIXES else set()
            if found and other and not found & other:
                raise DataError(
                    f"names {first} and {name} together, but {name} goes with another image by its name",
                    where=where,
                    remedy="Give each mask the file name of its image, or correct the list",
                )
        return found

    def _find(self, entry: str) -> set[int]:
        parts = [part for part in normal(entry).replace("\\", "/").split("/") if part not in ("", ".")]
        for start in range(len(parts)):
            name = "/".join(parts[start:])
            plain = name[: -len(Path(name).suffix)] if Path(name).suffix.lower() in IMAGE_SUFFIXES else name
            for table in (self._by_path, self._by_core):
                found = table.get(name) or table.get(plain)
                if found:
                    return found
        return self._by_number.get(int(entry), set()) if entry.isdecimal() else set()


def _numbers(stems: Sequence[str]) -> list[int]:
    """The one number that tells each stem from all others; empty where none does, or two do."""
    found = [tuple(int(digits) for digits in _NUMBER.findall(stem)) for stem in stems]
    columns = list(zip(*found, strict=True)) if len({len(numbers) for numbers in found}) == 1 else []
    telling = [column for column in columns if len(set(column)) == len(column)]
    return list(telling[0]) if len(telling) == 1 else []


def _assign(
    root: Path,
    samples: Sequence[Sample],
    lonely: Sequence[Path],
    chosen: SplitList,
    members: dict[Split, set[int]],
    passed_over: str,
) -> Division:
    divided, conflicts, unlisted = [], [], []
    for i, sample in enumerate(samples):
        splits = [split for split in _ORDER if i in members.get(split, ())]
        if len(splits) > 1:
            conflicts.append(_conflict(root, sample, splits, chosen))
        if splits or "train" not in members:
            divided.append(replace(sample, split=splits[0] if splits else "train"))
        elif sample.image:
            unlisted.append(sample.image)
    counts = ", ".join(
        f"{sum(s.split == split for s in divided)} {split}" for split in reversed(_ORDER) if split in members
    )
    left_out = f"; {len(unlisted)} images that it does not name are left out" if unlisted else ""
    return Division(
        samples=tuple(divided),
        sentence=f"split by {chosen.title} ({counts}){left_out}{passed_over}",
        conflicts=tuple(conflicts),
        unlisted=tuple(unlisted),
        named=frozenset(path for i, path in enumerate(lonely, len(samples)) if any(i in m for m in members.values())),
    )


def _conflict(root: Path, sample: Sample, splits: Sequence[Split], chosen: SplitList) -> str:
    image = (
        sample.image.relative_to(root).as_posix() if sample.image and sample.image.is_relative_to(root) else sample.name
    )
    named = [f"in {split}" for split in reversed(splits)]
    where = f"{', '.join(named[:-1])} and {named[-1]}"
    others = splits[1] if len(splits) == 2 else "the others"
    return f"{chosen.title}: {image} is named {where}; it stays in {splits[0]} and is kept out of {others}"


def _passed_over(names: Iterable[str]) -> str:
    unique = list(dict.fromkeys(names))
    return f"; {', '.join(unique)} passed over, as no entry is an image's name" if unique else ""
