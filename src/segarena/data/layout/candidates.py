"""Collections: sets of files that a search considers as the images or as the masks.

They are made of whole folders, by the folders' names, or of some files of a folder, by what the files' names share.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from segarena.data.layout.tree import File, relative_name
from segarena.data.layout.vocabulary import (
    IMAGE_WORDS,
    MASK_WORDS,
    SPLIT_WORDS,
    VARIANT_WORDS,
    FileKind,
    before_number,
    folder_kind,
    strip_kind_words,
    word_edges,
    words_in,
)

#: Folders with names without a meaning are considered one by one up to this many: more are a folder for each sample.
_MOST_FOLDERS = 24
_SPLIT_WORD = re.compile(
    "|".join(sorted((w for split in SPLIT_WORDS.values() for w in split), key=len, reverse=True)), re.I
)
#: Endings of one file format.
_SAME_FORMAT = {".jpeg": ".jpg", ".jfif": ".jpg", ".jpe": ".jpg", ".tiff": ".tif", ".heif": ".heic"}

Groups = dict[str, list[File]]


@dataclass(frozen=True)
class Collection:
    """Files that are all images or all masks."""

    kind: FileKind | None
    """None if the folders are named for neither."""
    files: tuple[File, ...]
    title: str
    """Its folder below the root, or the pattern of its folders, for messages."""
    option: str
    """The value of --images or --masks that chooses it."""

    @property
    def is_variant(self) -> bool:
        """Whether, by its name, it holds the same labels as another collection, in colours or per object."""
        return bool(VARIANT_WORDS & set(words_in(self.title)))


def make_collection(root: Path, files: Iterable[File], kind: FileKind | None, *, ending: str = "") -> Collection:
    """Make a collection of files.

    Args:
        root: The folder that the title is relative to.
        files: At least one file.
        kind: What they are, None if that is not known.
        ending: What the names of the files share, for the title, if they are only some of a folder's files.
    """
    chosen = tuple(files)
    pattern = chosen[0].location.pattern
    folders = relative_folders(root, chosen)
    common = os.path.commonpath(folders) if not any(Path(folder).is_absolute() for folder in folders) else ""
    is_named = common and (kind is None or any(folder_kind(part) == kind for part in Path(common).parts))
    title = common if is_named else folders[0] if len(folders) == 1 else pattern or "*"
    option = _find_option(title, folders, kind)
    place = "the folder itself" if title == "." else f"{_spell_out(title, option)}/"
    if ending:
        return Collection(kind, chosen, f"{ending} in {place}", file_pattern(chosen) or option)
    return Collection(kind, chosen, place, option)


def apart(
    root: Path, images: Collection | None, masks: Collection | None
) -> tuple[Collection | None, Collection | None]:
    """Return images and masks that the user chose, the one without what is in the other if that is a part of it."""
    if not images or not masks:
        return images, masks
    image_paths, mask_paths = ({file.path for file in chosen.files} for chosen in (images, masks))
    if mask_paths < image_paths:
        images = make_collection(root, [file for file in images.files if file.path not in mask_paths], "image")
    elif image_paths < mask_paths:
        masks = make_collection(root, [file for file in masks.files if file.path not in image_paths], "mask")
    return images, masks


def relative_folders(root: Path, files: Iterable[File]) -> list[str]:
    """Return the folders of the files, relative to the root and sorted."""
    return sorted({relative_name(root, folder) for folder in {file.folder for file in files}})


# Whole folders


def named_collections(root: Path, files: Iterable[File], kind: FileKind) -> list[Collection]:
    """Return the collections in folders that are named for `kind`.

    Folders of different splits are one collection, also if they use different words: training/masks and val/label.
    """
    by_pattern: dict[str, list[File]] = {}
    for file in files:
        if file.location.kind == kind:
            by_pattern.setdefault(file.location.pattern, []).append(file)
    by_shape: dict[str, list[list[File]]] = {}
    for pattern, group in by_pattern.items():
        by_shape.setdefault(_without_kind_words(pattern), []).append(group)
    found = []
    for groups in by_shape.values():
        splits = [{file.location.split for file in group} for group in groups]
        all_splits = set().union(*splits)
        are_one = None not in all_splits and sum(map(len, splits)) == len(all_splits)
        found += [[file for group in groups for file in group]] if are_one else groups
    return [make_collection(root, group, kind) for group in found]


def unnamed_collections(root: Path, files: Iterable[File]) -> list[Collection]:
    """Return the collections in folders that are named for no kind: for each pattern, and below each of its folders."""
    groups: dict[tuple[str, tuple[str, ...]], list[File]] = {}
    for file in files:
        if file.location.kind is None:
            for depth in range(len(file.location.context) + 1):
                groups.setdefault((file.location.pattern, file.location.context[:depth]), []).append(file)
    counts = Counter((pattern, len(folders)) for pattern, folders in groups)
    # Of several folders with the same files below them, the deepest is kept.
    different = {
        tuple(file.path for file in group): group
        for (pattern, folders), group in groups.items()
        if counts[pattern, len(folders)] <= _MOST_FOLDERS
    }
    return [make_collection(root, group, None) for group in different.values()]


# Some files of a folder


def group_by_mask_words(files: Sequence[File]) -> Groups:
    """Group the files whose stems begin or end with words for masks by these words: `*_mask`, `gt_*`.

    A file with such words at both ends is in two groups, one without them is in none. A number behind the stem of
    another file does not count: a_mask_1 is in the group of a_mask.
    """
    stems = {(file.folder, file.stem) for file in files}
    groups: Groups = {}
    for file in files:
        base = before_number(file.stem)
        stem = base if base and (file.folder, base) in stems else file.stem
        stripped = strip_kind_words(stem, "mask")
        endings = [part.ending for part in stripped if part.ending and not part.beginning]
        beginnings = [part.beginning for part in stripped if part.beginning and not part.ending]
        if endings:
            groups.setdefault("*_" + "_".join(words_in(max(endings, key=len))), []).append(file)
        if beginnings:
            groups.setdefault("_".join(words_in(max(beginnings, key=len))) + "_*", []).append(file)
    return groups


def group_by_format(files: Sequence[File]) -> Groups:
    """Group by file format: `*.jpg`, `*.png`."""
    groups: Groups = {}
    for file in files:
        suffix = file.path.suffix.lower()
        groups.setdefault(f"*{_SAME_FORMAT.get(suffix, suffix)}", []).append(file)
    return groups


def group_by_common_ending(files: Sequence[File]) -> Groups:
    """Group by endings that turn one file's stem into another's: `a` and `a_L` are in the groups `*` and `*_L`.

    An ending counts if it does so for at least two files and for a quarter of all.
    """
    stems = {(file.folder, file.stem) for file in files}
    endings: dict[File, list[str]] = {}
    for file in files:
        cuts = word_edges(file.stem)
        endings[file] = [file.stem[cut:] for cut in cuts if (file.folder, file.stem[:cut]) in stems]
    counts = Counter(ending for found in endings.values() for ending in found)
    common = {ending for ending, count in counts.items() if count >= 2 and 4 * count >= len(files)}
    groups: Groups = {}
    for file, found in endings.items():
        own = [ending for ending in found if ending in common]
        groups.setdefault(f"*{own[0]}" if own else "*", []).append(file)
    return groups if len(groups) > 1 else {}


# Titles


def without_kinds(title: str) -> str:
    """Return a collection's last folder without words for images and masks: `aug` of images_aug/ and of masks_aug/."""
    return "_".join(word for word in words_in(Path(title).name) if word not in IMAGE_WORDS | MASK_WORDS)


def _without_kind_words(pattern: str) -> str:
    """The pattern with its kind in place of each word for it, so that masks/{split} and label/{split} are equal."""
    shown = dict.fromkeys(MASK_WORDS, "<mask>") | dict.fromkeys(IMAGE_WORDS - MASK_WORDS, "<image>")
    return "/".join("_".join(shown.get(word, word) for word in words_in(part)) for part in pattern.split("/"))


def _spell_out(title: str, option: str) -> str:
    """The title with its last name as it is spelled, where it is a pattern; `*` for the rest that differs."""
    parts = title.split("/")
    named = [i for i, part in enumerate(parts) if part not in ("*", "{split}")]
    if (len(parts) > len(named) or "{" in title) and option != ".":
        parts[named[-1] if named else -1] = option
    return "/".join(parts).replace("{split}", "*")


def _find_option(title: str, folders: list[str], kind: FileKind | None) -> str:
    """The folder's path, or the name that all folders have, with a star if only their splits differ."""
    if title in folders or ("*" not in title and "{" not in title):
        return title or "."
    named = {
        next((part for part in reversed(Path(f).parts) if folder_kind(part) == kind), Path(f).name) for f in folders
    }
    named = named if len(named) == 1 else {_SPLIT_WORD.sub("*", name) for name in named}
    return min(named) if kind or len(named) == 1 else "."


def file_pattern(files: Sequence[File]) -> str:
    """Return the pattern of the ending, or the beginning, that the files' names share: `*_mask.png`; or nothing."""
    names = [file.path.name for file in files]
    ending = commonprefix([name[::-1] for name in names])[::-1]
    cuts = [cut for cut in range(len(ending)) if ending[cut] in "_-. " and not ending[cut:].startswith(".")]
    if cuts:
        return f"*{ending[cuts[0] :]}"
    beginning = commonprefix(names)
    cuts = [cut for cut in range(len(beginning)) if beginning[cut] in "_-. "]
    return f"{beginning[: cuts[-1] + 1]}*" if cuts else ""


def commonprefix(names: Sequence[str]) -> str:
    """Return the letters that all names begin with."""
    return os.path.commonprefix(list(names))  # noqa: RUF071 - of letters, not of folders
