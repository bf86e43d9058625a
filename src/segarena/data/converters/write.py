"""Annotations to a folder that the reader reads at once: images, index masks, classes.yaml."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import yaml
from PIL import Image

from segarena.data.converters.annotations import Annotations, LabelledImage
from segarena.data.source import Split
from segarena.errors import DataError, RunError
from segarena.files import open_whole, write_text, write_with
from segarena.runs import open_folder


@dataclass(frozen=True)
class _Place:
    split: Split | None
    stem: str


def check_free(folder: Path) -> None:
    """Raise RunError where the folder holds something, so that it is known before the annotations are read."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError("exists and is not an empty folder", where=folder, remedy="Name a new folder")


def write_annotations(
    folder: Path, annotations: Annotations, on_progress: Callable[[int, int], None] | None = None
) -> None:
    """Write `folder`/images/[SPLIT/]NAME, `folder`/masks/[SPLIT/]NAME.png and, last, `folder`/classes.yaml.

    Images are copied byte by byte. Masks are palette PNGs: a pixel's value is its label, its colour the class's. Where
    all images are of one split there are no folders for splits. `on_progress` hears (images written, images in all).
    Raises RunError where the folder has something in it or cannot be written, DataError where two images would have
    one name or a mask cannot be read; then nothing is left in the folder.
    """
    check_free(folder)
    places = _plan(annotations.images, folder)
    open_folder(folder, folder.name)
    palette = annotations.classes.palette()
    try:
        for done, (image, place) in enumerate(zip(annotations.images, places, strict=True), start=1):
            labels = Image.fromarray(image.labels())
            labels.putpalette(palette)
            mask = folder / "masks" / (place.split or "") / f"{place.stem}.png"
            write_with(mask, partial(labels.save, format="PNG", optimize=False))
            _copy(image, folder / "images" / (place.split or "") / f"{place.stem}{image.suffix}")
            if on_progress is not None:
                on_progress(done, len(places))
        write_text(folder / "classes.yaml", yaml.safe_dump(annotations.classes.to_dict(), sort_keys=False))
    except BaseException:  # half a data set must not be taken for one
        for kind in ("images", "masks"):
            shutil.rmtree(folder / kind, ignore_errors=True)
        raise


def _plan(images: tuple[LabelledImage, ...], folder: Path) -> list[_Place]:
    """Where each image goes: by its own name where that is enough, else with its folders in front."""
    if not images:
        raise DataError("no image would be in it", where=folder, remedy="Check that the annotations name images")
    splits = {image.split for image in images}
    if None in splits and len(splits) > 1:
        lonely = next(image.name for image in images if image.split is None)
        raise DataError(
            f"{lonely} belongs to no split, but other images do",
            remedy="Give it one (a folder or a file name with train, val or test), or convert it apart",
        )
    _check_used_once(images)
    keep = len(splits) > 1
    places = [_Place(image.split if keep else None, _clean(PurePosixPath(image.name).name)) for image in images]
    if not _differ(places):
        places = [
            _Place(place.split, "__".join(_clean(part) for part in PurePosixPath(image.name).parts))
            for image, place in zip(images, places, strict=True)
        ]
    if not _differ(places):
        names = [place.stem.lower() for place in places]
        twice = next(image.name for image, name in zip(images, names, strict=True) if names.count(name) > 1)
        raise DataError(f"two images would be called {twice}", where=folder, remedy="Rename one of them")
    return places


def _check_used_once(images: tuple[LabelledImage, ...]) -> None:
    seen: set[Path] = set()
    for image in images:
        if isinstance(image.image, Path):
            path = image.image.resolve()
            if path in seen:
                raise DataError(
                    "is annotated twice", where=image.image, remedy="Remove one of the two entries that name it"
                )
            seen.add(path)


def _differ(places: list[_Place]) -> bool:
    """Whether no two names are alike, also on a disk that takes A for a."""
    return len({(place.split, place.stem.lower()) for place in places}) == len(places)


def _clean(part: str) -> str:
    return part.strip("/\\").lstrip(".") or "_"


def _copy(image: LabelledImage, path: Path) -> None:
    if not isinstance(image.image, Path):
        content = image.image()
        write_with(path, lambda stream: stream.write(content))
        return
    try:
        source = image.image.open("rb")
    except OSError as error:
        raise DataError(
            f"cannot be read ({error.strerror or error})", where=image.image, remedy="Check the file"
        ) from error
    with source, open_whole(path) as stream:
        shutil.copyfileobj(source, stream)
