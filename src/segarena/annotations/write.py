"""Annotations written as a folder that can be trained on: images, index masks and a classes.yaml."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import yaml
from PIL import Image

from segarena.annotations.annotations import Annotations, LabelledImage
from segarena.annotations.painting import Kept, Overlap, Painting, Tally
from segarena.annotations.reading import Faults
from segarena.data.layout.vocabulary import to_nfc
from segarena.data.source import Split
from segarena.errors import DataError
from segarena.files import open_whole, write_text, write_with
from segarena.formats import listing, plural
from segarena.runs import check_out, open_folder, remove_if_empty

_BLOCK = 1 << 20  # bytes


def write_annotations(
    folder: Path,
    annotations: Annotations,
    on_progress: Callable[[int, int], None] | None = None,
    *,
    overlap: Overlap = "smaller-on-top",
) -> tuple[str, ...]:
    """Write `folder`/images/[SPLIT/]NAME, `folder`/masks/[SPLIT/]NAME.png and, last, `folder`/classes.yaml.

    Images are copied byte by byte. Masks are palette PNGs: the value of a pixel is its label, its colour that of the
    class. If all images are in one split there are no folders for splits. If writing fails, nothing is left.

    Args:
        folder: A folder that does not exist or is empty.
        annotations: What to write.
        on_progress: Called with (images written, images in all).
        overlap: Which of two objects is above, see `painting`.

    Returns:
        Sentences on objects that are covered by others or outside their image, and on void.

    Raises:
        RunError: The folder is not empty or cannot be written.
        DataError: Two images would have the same name, only some images are in a split, or a file cannot be read.
    """
    check_out(folder)
    targets = _choose_targets(annotations.images, folder)
    open_folder(folder, folder.name)
    palette = annotations.classes.palette()
    tally = Tally()
    faults = Faults()
    try:
        for done, (image, target) in enumerate(zip(annotations.images, targets, strict=True), start=1):
            with faults:
                objects: list[Kept] | None = None
                if isinstance(image.labels, Painting):
                    mask, objects = image.labels.paint(overlap)
                else:
                    mask = image.labels()
                tally.add(image.name, mask, objects)
                labels = Image.fromarray(mask)
                labels.putpalette(palette)
                path = folder / "masks" / (target.split or "") / f"{target.stem}.png"
                write_with(path, partial(labels.save, format="PNG", optimize=False))
                _copy(image, folder / "images" / (target.split or "") / f"{target.stem}{image.suffix}")
            if on_progress is not None:
                on_progress(done, len(targets))
        faults.check()
        tally.check()
        write_text(folder / "classes.yaml", yaml.safe_dump(annotations.classes.to_dict(), sort_keys=False))
    except BaseException:  # part of a data set must not be mistaken for all of it
        for kind in ("images", "masks"):
            shutil.rmtree(folder / kind, ignore_errors=True)
        remove_if_empty(folder)
        raise
    return tally.notes(annotations.classes.names)


@dataclass(frozen=True)
class _Target:
    """Where an image and its mask are written."""

    split: Split | None
    stem: str


def _choose_targets(images: tuple[LabelledImage, ...], folder: Path) -> list[_Target]:
    """The target of each image: its own name, or its name with its folders in front if names occur twice."""
    if not images:
        raise DataError("no image would be written", where=folder, remedy="Check that the annotations name images")
    splits = {image.split for image in images}
    if None in splits and len(splits) > 1:
        names = [image.name for image in images if image.split is None]
        raise DataError(
            f"{plural(len(names), 'image')} ({listing(names)}) {'is' if len(names) == 1 else 'are'} in no split, but"
            f" {plural(len(images) - len(names), 'other image')} {'is' if len(images) - len(names) == 1 else 'are'}",
            remedy="Put its annotation into a folder or a file named for train, val or test, or convert it separately",
        )
    _check_used_once(images)
    keep_split = len(splits) > 1
    targets = [_Target(image.split if keep_split else None, _clean(PurePosixPath(image.name).name)) for image in images]
    if not _are_distinct(targets):
        targets = [
            _Target(target.split, "__".join(_clean(part) for part in PurePosixPath(image.name).parts))
            for image, target in zip(images, targets, strict=True)
        ]
    if not _are_distinct(targets):
        stems = [to_nfc(target.stem).lower() for target in targets]
        twice = next(image.name for image, stem in zip(images, stems, strict=True) if stems.count(stem) > 1)
        raise DataError(f"two images would be named {twice}", where=folder, remedy="Rename one of them")
    return targets


def _check_used_once(images: tuple[LabelledImage, ...]) -> None:
    seen: set[Path] = set()
    faults = Faults()
    for image in images:
        if isinstance(image.image, Path):
            path = image.image.resolve()
            with faults:
                if path in seen:
                    raise DataError(
                        "is annotated twice", where=image.image, remedy="Remove one of the two entries that name it"
                    )
            seen.add(path)
    faults.check()


def _are_distinct(targets: list[_Target]) -> bool:
    """Whether all names differ, also on a disk that ignores upper and lower case and how letters are composed."""
    return len({(target.split, to_nfc(target.stem).lower()) for target in targets}) == len(targets)


def _clean(part: str) -> str:
    return part.strip("/\\").lstrip(".") or "_"


def _copy(image: LabelledImage, path: Path) -> None:
    if not isinstance(image.image, Path):
        content = image.image()
        write_with(path, lambda stream: stream.write(content))
        return
    with open_whole(path) as stream:
        for block in _read_blocks(image.image):
            stream.write(block)


def _read_blocks(path: Path) -> Iterator[bytes]:
    """The content of a file, one block after the other. Raises DataError where it cannot be read, also midway."""
    try:
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK):
                yield block
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror or error})", where=path, remedy="Check the file") from error
