"""Pictures that lie alike and so are of one kind: what a search for images and masks chooses among.

Also: Files of one folder sorted into groups of a kind, by what their names have at an end.
Also: The folders that the user names for images or masks: they override whatever a search would find.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from segarena.data.layout.fuzzy_pairing import NUMBERED, is_edge
from segarena.data.layout.tree import File, Tree, scan
from segarena.data.layout.vocabulary import (
    IMAGE_WORDS,
    MASK_WORDS,
    SHOWN_WORDS,
    SPLIT_WORDS,
    Kind,
    folder_kind,
    forms,
    normal,
    words,
)
from segarena.errors import DataError

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


def collect_given(root: Path, tree: Tree, given: Path, kind: Kind) -> Collection:
    """Return the pictures in and below the folder that the user means by `given`.

    That is a path below `root`; or all folders of `tree` of that name, which may hold a `*`, e.g. `masks` for
    train/masks and val/masks; or a path below the current folder, or an absolute one. Raises DataError where there
    is none, and where it holds no images.
    """
    inside = root / given
    if inside.is_dir():
        files: Sequence[File] = scan(root, _below(root, inside)).files
    else:
        files = [file for file in tree.files if _is_below(relative_folder(root, file.path.parent), given)]
        if not files and given.is_dir():
            files = scan(root, _below(root, given)).files
        elif not files:
            raise _not_there(root, tree, given, kind)
    if not files:
        raise DataError("holds no images", where=given, remedy=f"Name the folder of the {kind}s with --{kind}s DIR")
    return make_collection(root, files, kind)


def _below(root: Path, folder: Path) -> Path:
    """The folder as a path below the root if it lies there, so that the names above it can be read."""
    if folder.is_relative_to(root) and ".." not in folder.parts:
        return folder
    real, real_root = folder.resolve(), root.resolve()
    return root / real.relative_to(real_root) if real.is_relative_to(real_root) else folder


def _is_below(folder: str, given: Path) -> bool:
    """Whether the folder is one of the given name, or lies below one."""
    parts, wanted = normal(folder).split("/"), [normal(part) for part in given.parts]
    runs = (parts[start : start + len(wanted)] for start in range(len(parts) - len(wanted) + 1))
    return any(all(map(fnmatchcase, run, wanted)) for run in runs)


def _not_there(root: Path, tree: Tree, given: Path, kind: Kind) -> DataError:
    if (root / given).exists() or given.exists():
        return DataError("is a file, not a folder", where=given, remedy=f"Name a folder with --{kind}s DIR")
    inside = [folder for folder in relative_folders(root, tree.files) if folder != "."]
    seen = (
        f"images lie in {', '.join(f'{name}/' for name in inside[:6])}" if inside else "there are no images in folders"
    )
    return DataError(
        f"--{kind}s {given} names no folder here; {seen}",
        where=root,
        remedy=f"Name one of its folders with --{kind}s DIR, or give a whole path",
    )
