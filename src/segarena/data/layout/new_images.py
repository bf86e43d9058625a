"""The images to label: files, folders with all that is below them, and patterns; and what their results are called."""

from __future__ import annotations

import glob
import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from segarena.data.layout.tree import File, Tree, files_ending, looking_at, read_location, relative_name, scan
from segarena.data.layout.vocabulary import strip_kind_words
from segarena.errors import DataError
from segarena.extras import install_command
from segarena.formats import listing, plural
from segarena.image_files.foreign import VIDEO_SUFFIXES

#: Ending of the picture that `segarena predict` writes beside the mask NAME.png.
OVERLAY = "_overlay.jpg"
#: The end of the name of the folder of its probabilities, or of the file without its ending.
PROBABILITIES = "_probabilities"
#: What `segarena predict` writes of a video NAME: its overlay, the legend of that, and its masks.
VIDEO_OVERLAY, LEGEND, MASKS = "_overlay.mp4", "_legend.png", "_masks"
#: The most bytes of a name without its folder: file systems allow 255, with what is appended while a file is written.
_LONGEST = 200
#: Installs what reads videos.
INSTALL = install_command("video")
#: The file in the folder of its results.
RECORD = "predictions.json"


class NewImage(NamedTuple):
    """An image to label.

    Args:
        path: The file.
        name: What its results are called: the path below the folder that was named, without the ending of the file.
        is_renamed: Whether `name` has a number, because another image has that name, or is cut, because it is long.
        location: The path below the folder that was named, with the ending of the file, `/` between folders; where
            several folders have such an image, below the folder that all these have in common.
    """

    path: Path
    name: str
    is_renamed: bool
    location: str


@dataclass(frozen=True)
class NewImages:
    """The images and videos to label, and what is left out of the folders, in words."""

    images: tuple[NewImage, ...]
    left_out: tuple[str, ...]
    videos: tuple[NewImage, ...] = ()


def find_new_images(paths: Sequence[Path], *, reads_videos: bool = True) -> NewImages:
    """Find the images and videos to label.

    Subfolders are searched. Left out are folders that are named for masks, or for previews, predictions and the like,
    those that `segarena predict` has written, and masks beside their images. An image that is named twice is labelled
    once.

    Args:
        paths: Files of any ending, folders, and patterns such as `photos/*.jpg`, which some shells do not replace.
        reads_videos: Whether videos can be read; if not, those in folders of images are left out.

    Raises:
        DataError: A path does not exist, or a folder has neither images nor videos.
    """
    found: dict[Path, tuple[Path, str]] = {}
    left_out: list[str] = []
    for path in chain.from_iterable(_expand(path) for path in paths):
        if path.is_dir():
            tree = scan(path)
            if not tree.files and tree.leaves_further:
                tree = scan(path, with_further=True)
            files, notes = _choose(path, tree)
            videos = _find_videos(path, tree)
            if files and videos and not reads_videos:
                left_out.append(f"{plural(len(videos), 'video')}, which need PyAV: {INSTALL}")
                videos = []
            if not files and not videos:
                raise _no_images(path, tree)
            left_out += notes
            chosen = [*(file.path for file in files), *videos]
            named = [(file, relative_name(path, file.with_suffix(""))) for file in chosen]
        else:
            named = [(path, path.stem)]
        for file, name in named:
            found.setdefault(file.resolve(), (file, name))
    if not found:
        raise DataError("no image is named", remedy="Name image files, or folders of them")
    ordered = sorted(found.values(), key=lambda each: is_video(each[0]))
    named_all = tuple(_tell_apart(list(_name_results(ordered))))
    images = tuple(image for image in named_all if not is_video(image.path))
    return NewImages(images, tuple(left_out), named_all[len(images) :])


def is_video(path: Path) -> bool:
    """Whether the ending of a file is that of a video."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def check_named(paths: Iterable[Path]) -> None:
    """Raise DataError for the first path that neither exists nor is a pattern of files."""
    for path in paths:
        _expand(path)


def _expand(path: Path) -> list[Path]:
    """The path, or what it matches as a pattern. Raises DataError where there is neither, or that is not known."""
    with looking_at(path):
        if path.exists():
            return [path]
    matches = sorted(map(Path, glob.glob(str(path), recursive=True)))  # noqa: PTH207 - also absolute patterns
    if not matches:
        raise DataError("does not exist", where=path, remedy="Check the path")
    return matches


def _choose(root: Path, tree: Tree) -> tuple[list[File], list[str]]:
    """The files of a folder that are images to label, and what is left out, in words."""
    folders: dict[Path, list[File]] = defaultdict(list)
    for file in tree.files:
        folders[file.folder].append(file)
    masks = [folder for folder, files in folders.items() if files[0].location.kind == "mask"]
    written = _written(root, folders)
    results = [
        folder
        for folder, files in folders.items()
        if (folder in written or _are_results(files)) and folder not in masks
    ]
    notes = [
        f"{plural(len(group), 'folder')} {why}: {listing([f'{relative_name(root, folder)}/' for folder in group])}"
        for group, why in (
            (masks, "named for masks"),
            (list(tree.skipped), "named for previews, results or the like"),
            (results, "that `segarena predict` has written"),
        )
        if group
    ]
    kept = [files for folder, files in folders.items() if folder not in {*masks, *results}]
    beside = {file: None for files in kept for file in _masks_beside(files)}
    if beside:
        names = listing([relative_name(root, file.path) for file in beside])
        notes.append(f"{plural(len(beside), 'file')} named for the mask of another image: {names}")
    chosen = [file for files in kept for file in files if file not in beside]
    return sorted(chosen, key=lambda file: file.path), notes


def _find_videos(root: Path, tree: Tree) -> list[Path]:
    """The videos of a folder that are to be labelled, sorted; without those in folders for masks or of results."""
    folders = [folder for folder, endings in tree.endings.items() if not VIDEO_SUFFIXES.isdisjoint(endings)]
    written = _written(root, folders)
    kept = [
        folder
        for folder in folders
        if folder not in written and read_location(folder.relative_to(root).parts).kind != "mask"
    ]
    return sorted(file for folder in kept for file in files_ending(folder, VIDEO_SUFFIXES))


def _masks_beside(files: Sequence[File]) -> list[File]:
    """The files of one folder that are named for the mask of another one: `a_mask.png` beside `a.jpg`."""
    cores = {core.core: file for file in files for core in strip_kind_words(file.stem, "image") if core.core}
    owners = [
        [cores.get(core.core) for core in strip_kind_words(file.stem, "mask") if core.core != file.stem]
        for file in files
    ]
    return [file for file, found in zip(files, owners, strict=True) if any(one not in (None, file) for one in found)]


def _written(root: Path, folders: Iterable[Path]) -> set[Path]:
    """The folders of results of `segarena predict` below a root, by the record that is in the uppermost of them."""
    known = {root: False}

    def is_written(folder: Path) -> bool:
        if folder not in known:
            known[folder] = (folder / RECORD).exists() or (folder.is_relative_to(root) and is_written(folder.parent))
        return known[folder]

    return {folder for folder in folders if is_written(folder)}


def _are_results(files: Sequence[File]) -> bool:
    """Whether all files of a folder are pairs of a mask and its overlay."""
    names = {file.path.name for file in files}
    masks = {name.removesuffix(OVERLAY) for name in names if name.endswith(OVERLAY)}
    return names == {f"{name}{ending}" for name in masks for ending in (".png", OVERLAY)}


def _name_results(found: Iterable[tuple[Path, str]]) -> Iterator[NewImage]:
    """Give each image a name that no other has, also where case does not count.

    Nor is the folder of its probabilities, or of the masks of a video, one that other images are in.
    """
    found = list(found)
    folders = {str(folder).casefold() for _, own in found for folder in PurePosixPath(own).parents}
    taken = {folder.removesuffix(PROBABILITIES) for folder in folders if folder.endswith(PROBABILITIES)}
    legends = {f"{own}.png".casefold() for file, own in found if not is_video(file)}
    no_videos = {used.removesuffix(end) for end in (MASKS, LEGEND) for used in folders | legends if used.endswith(end)}
    names: dict[tuple[str, bool], Iterator[str]] = {}  # those of equal files go on where the last one was free
    for file, own in found:
        excluded = no_videos if is_video(file) else frozenset[str]()
        candidates = names.setdefault((own, is_video(file)), _numbered(_cut(own)))
        name = next(name for name in candidates if not (name.casefold() in taken or name.casefold() in excluded))
        taken |= {name.casefold(), f"{name}_overlay".casefold()}
        location = str(PurePosixPath(own).with_name(file.name))
        yield NewImage(file, name, name != own, location)


def _cut(own: str) -> str:
    """The name, or its beginning with a hash of all of it where the files of the results could not be called so."""
    path = PurePosixPath(own)
    content = os.fsencode(path.name)
    if len(content) <= _LONGEST:
        return own
    digest = hashlib.sha256(content).hexdigest()[:8]
    return str(path.with_name(f"{content[: _LONGEST - 9].decode(errors='ignore')}-{digest}"))


def _numbered(name: str) -> Iterator[str]:
    """The name itself, then `name-2`, `name-3`, ..."""
    yield name
    path = PurePosixPath(name)
    yield from (str(path.with_name(f"{path.name}-{number}")) for number in count(2))


def _tell_apart(images: list[NewImage]) -> list[NewImage]:
    """Give images of one location, of several folders that were named, their paths below what these have in common."""
    counts = Counter(image.location for image in images)
    alike = {image.path: image.path.resolve() for image in images if counts[image.location] > 1}
    if not alike:
        return images
    common = [set(path.parents) for path in alike.values()]
    root = max(set.intersection(*common), key=lambda folder: len(folder.parts), default=None)
    return [
        image
        if image.path not in alike
        else image._replace(location=(alike[image.path].relative_to(root) if root else alike[image.path]).as_posix())
        for image in images
    ]


def _no_images(path: Path, tree: Tree) -> DataError:
    masks = sorted({f"{file.folder}" for file in tree.files})
    if masks:
        return DataError(
            f"has images only in folders named for masks, or that `segarena predict` has written: {listing(masks)}",
            where=path,
            remedy="Name the folder itself if its images are to be labelled",
        )
    endings = Counter(ending for counter in tree.endings.values() for ending in counter.elements() if ending)
    others = (
        f"; it has {listing([f'{number} {ending}' for ending, number in endings.most_common()])}" if endings else ""
    )
    return DataError(
        f"has no images{others}",
        where=path,
        remedy="Name a folder of images, or image files; a file that is named itself may have any ending",
    )
