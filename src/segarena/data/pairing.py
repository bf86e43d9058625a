"""Which file of one folder belongs to which of another: by stem, never by position in a listing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from segarena.data.images import IMAGE_SUFFIXES
from segarena.errors import DataError

#: What may end a stem, after `_`, `-` or `.`, without being a part of the sample's name.
IMAGE_ENDINGS = ("image", "img", "rgb")
MASK_ENDINGS = (
    *("mask", "masks", "label", "labels", "annot", "annotation", "annotations"),
    *("gt", "groundtruth", "seg", "segmentation"),
)


def pair_files(images: dict[str, Path], masks: dict[str, Path]) -> dict[str, str]:
    """Map the stem of an image to the stem of its mask; both arguments come from `files_by_stem`.

    Stems are compared letter by letter, case included. The very same stem wins; what is left is paired where the
    stems are equal but for an ending such as _image or _mask. Raises DataError where that fits two files at once.
    """
    pairs = {stem: stem for stem in images if stem in masks}
    cores: dict[str, list[str]] = {}
    for stem in masks.keys() - pairs.keys():
        cores.setdefault(_core(stem, MASK_ENDINGS), []).append(stem)
    owners: dict[str, str] = {}
    for stem in sorted(images.keys() - pairs.keys()):
        found = sorted(cores.get(stem) or cores.get(_core(stem, IMAGE_ENDINGS)) or [])
        if not found:
            continue
        if len(found) > 1:
            raise DataError(
                f"could have the mask {masks[found[0]].name} or {masks[found[1]].name}",
                where=images[stem],
                remedy="Keep one of the two in the folder of masks",
            )
        mask = found[0]
        if mask in owners:
            raise DataError(
                f"could belong to the image {images[owners[mask]].name} or {images[stem].name}",
                where=masks[mask],
                remedy="Give each mask the file name of its image",
            )
        pairs[stem], owners[mask] = mask, stem
    return pairs


def files_by_stem(folder: Path) -> dict[str, Path]:
    """Return the image files right inside `folder` by stem. Raises DataError where two have the same stem."""
    files: dict[str, Path] = {}
    for path in image_files(folder):
        if path.stem in files:
            raise DataError(
                f"{files[path.stem].name} and {path.name} have the same stem",
                where=folder,
                remedy="Keep one of the two, or rename one and what belongs to it",
            )
        files[path.stem] = path
    return files


def image_files(folder: Path) -> list[Path]:
    """Return the files right inside `folder` that are images by their ending, sorted; hidden ones are passed over."""
    return [path for path in entries(folder) if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()]


def folders(folder: Path) -> Iterator[Path]:
    """Return the folders right inside `folder`, sorted; hidden ones are passed over."""
    return (path for path in entries(folder) if path.is_dir())


def entries(folder: Path) -> list[Path]:
    """Return all that is right inside `folder` and not hidden, sorted. Raises DataError if it cannot be listed."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise DataError(
            f"cannot be listed ({error.strerror or error})", where=folder, remedy="Check the folder's permissions"
        ) from error


def _core(stem: str, endings: tuple[str, ...]) -> str:
    for ending in endings:
        if stem.lower().endswith(ending) and stem[: -len(ending)].endswith(("_", "-", ".")):
            return stem[: -len(ending) - 1]
    return stem
