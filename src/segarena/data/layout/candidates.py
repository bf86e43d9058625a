"""Pictures that lie alike and so are of one kind: what a search for images and masks chooses among."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from segarena.data.layout.tree import File
from segarena.data.layout.vocabulary import IMAGE_WORDS, MASK_WORDS, SHOWN_WORDS, SPLIT_WORDS, Kind, folder_kind, words

#: Folders that no name tells apart are looked at one by one up to this many: more are a folder for each sample.
_MOST_FOLDERS = 24
_SPLIT = re.compile("|".join(sorted((w for split in SPLIT_WORDS.values() for w in split), key=len, reverse=True)), re.I)


@dataclass(frozen=True)
class Collection:
    """Files of one `kind`, None where the names of their folders tell of none."""

    kind: Kind | None
    files: tuple[File, ...]
    title: str
    """What to call it in a message: its folder, or the pattern of its folders, below the root."""
    option: str
    """What names it behind --images or --masks."""

    @property
    def is_shown(self) -> bool:
        """Whether its name says that it shows, in colours or object by object, what another one holds."""
        return bool(SHOWN_WORDS & set(words(self.title)))


def make_collection(root: Path, files: Iterable[File], kind: Kind | None, *, ending: str = "") -> Collection:
    """Put files together; `ending` is added to the title where others of the same folder are left out."""
    chosen = tuple(files)
    pattern = chosen[0].place.pattern
    folders = relative_folders(root, chosen)
    common = os.path.commonpath(folders) if not any(Path(folder).is_absolute() for folder in folders) else ""
    named = common and (kind is None or any(folder_kind(part) == kind for part in Path(common).parts))
    title = common if named else folders[0] if len(folders) == 1 else pattern or "*"
    option = _option(title, folders, kind)
    place = "the folder itself" if title == "." else f"{_spell_out(title, option)}/"
    return Collection(kind, chosen, f"{ending} in {place}" if ending else place, option)


def named_collections(root: Path, files: Iterable[File], kind: Kind) -> list[Collection]:
    """The collections whose folders are named for a kind; those of different splits that differ in a word are one."""
    by_pattern: dict[str, list[File]] = {}
    for file in files:
        if file.place.kind == kind:
            by_pattern.setdefault(file.place.pattern, []).append(file)
    by_shape: dict[str, list[list[File]]] = {}
    for pattern, group in by_pattern.items():
        by_shape.setdefault(_shape(pattern), []).append(group)
    found = []
    for groups in by_shape.values():
        splits = [{file.place.split for file in group} for group in groups]
        apart = None not in set().union(*splits) and sum(map(len, splits)) == len(set().union(*splits))
        found += [[file for group in groups for file in group]] if apart else groups
    return [make_collection(root, group, kind) for group in found]


def unnamed_collections(root: Path, files: Iterable[File]) -> list[Collection]:
    """Collections of files whose folders name no kind: all of a pattern, and all below each of their folders."""
    groups: dict[tuple[str, tuple[str, ...]], list[File]] = {}
    for file in files:
        if file.place.kind is None:
            for depth in range(len(file.place.context) + 1):
                groups.setdefault((file.place.pattern, file.place.context[:depth]), []).append(file)
    depths: dict[tuple[str, int], int] = {}
    for pattern, folders in groups:
        depths[pattern, len(folders)] = depths.get((pattern, len(folders)), 0) + 1
    # Of several names for the same files, the deepest folder's stays.
    different = {
        tuple(file.path for file in group): group
        for (pattern, folders), group in groups.items()
        if depths[pattern, len(folders)] <= _MOST_FOLDERS
    }
    return [make_collection(root, group, None) for group in different.values()]


def relative_folders(root: Path, files: Iterable[File]) -> list[str]:
    """The folders of the files, sorted, as `relative_folder` gives them."""
    return sorted({relative_folder(root, folder) for folder in {file.path.parent for file in files}})


def relative_folder(root: Path, folder: Path) -> str:
    """The folder below the root, `.` for the root; the whole path of a folder elsewhere."""
    return folder.relative_to(root).as_posix() if folder.is_relative_to(root) else folder.as_posix()


def _shape(pattern: str) -> str:
    """The pattern with every word of a kind replaced by the kind: training/masks and val/label are of one shape."""
    parts = []
    for part in pattern.split("/"):
        kept = [
            f"<{'mask' if w in MASK_WORDS else 'image'}>" if w in MASK_WORDS | IMAGE_WORDS else w for w in words(part)
        ]
        parts.append("_".join(kept))
    return "/".join(parts)


def _spell_out(title: str, option: str) -> str:
    """The title with its last name as it is spelled, where it is a pattern; `*` for the rest that differs."""
    parts = title.split("/")
    named = [i for i, part in enumerate(parts) if part not in ("*", "{split}")]
    if len(parts) > len(named) or "{" in title:
        parts[named[-1] if named else -1] = option
    return "/".join(parts).replace("{split}", "*")


def _option(title: str, folders: list[str], kind: Kind | None) -> str:
    if title in folders or ("*" not in title and "{" not in title):
        return title or "."
    named = {
        next((part for part in reversed(Path(f).parts) if folder_kind(part) == kind), Path(f).name) for f in folders
    }
    starred = named if len(named) == 1 else {_SPLIT.sub("*", name) for name in named}
    return sorted(starred)[0]
