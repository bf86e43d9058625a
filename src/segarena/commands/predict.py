"""`segarena predict`: masks and overlays for images, at the images' own size."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segarena.classes import ClassTable
from segarena.commands.terminal import console, show_progress
from segarena.config import PredictOptions
from segarena.data.files.faults import join_faults
from segarena.data.files.images import read_image
from segarena.data.layout.tree import image_files
from segarena.errors import DataError
from segarena.files import write_with
from segarena.formats import plural
from segarena.runs import find_run, open_folder
from segarena.training.predictor import load

#: Share of the class colour in an overlay.
OPACITY = 0.5


def run(options: PredictOptions) -> Path:
    """Label every image at its own size.

    Args:
        options: The options as typed.

    Returns:
        The folder with NAME.png (class indices, with a palette) and NAME_overlay.jpg for each image.

    Raises:
        DataError: An image cannot be read; the others have been labelled.
        RunError: The run or the output folder cannot be used.
    """
    run_folder = find_run(options.run)
    images = _find(options.images)
    predictor = load(run_folder, device=options.device)
    folder = open_folder(options.out, "predictions", root=predictor.run)
    faults = []
    with show_progress("predicting") as on_progress:
        for number, (path, name) in enumerate(images, start=1):
            on_progress(number - 1, len(images))
            try:
                image = read_image(path, predictor.image_bits)
            except DataError as error:
                faults.append((path, error))
                continue
            mask = predictor.predict(image)
            _save_mask(mask, predictor.classes, folder / f"{name}.png")
            _save_overlay(image, mask, predictor.classes, folder / f"{name}_overlay.jpg")
    labelled = len(images) - len(faults)
    console.print(
        f"{plural(labelled, 'image')} labelled by {predictor.config.model} ({predictor.run}): {folder}", markup=False
    )
    console.print(f"  a pixel's value in NAME.png: {_legend(predictor.classes)}", markup=False)
    if faults:
        raise _refuse(faults, labelled)
    return folder


def _refuse(faults: Sequence[tuple[Path, DataError]], labelled: int) -> DataError:
    """One error for all images that cannot be read."""
    error = join_faults([fault for _, fault in faults])
    rest = " The others are labelled" if labelled else ""
    return DataError(error.what, where=error.where, remedy=f"{error.remedy}.{rest}".rstrip("."), parts=error.parts)


def _find(paths: tuple[Path, ...]) -> list[tuple[Path, str]]:
    """Each image file and the name of its results: its stem, with a number if another result has that name."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            found = image_files(path)
            if not found:
                raise DataError("has no images", where=path, remedy="Name image files, or a folder of them")
            files += found
        elif path.is_file():
            files.append(path)
        else:
            raise DataError("is not there", where=path, remedy="Check the path")
    if not files:
        raise DataError("no image is named", remedy="Name image files, or folders of them")
    taken: set[str] = set()
    named = []
    for file in files:
        name = next(n for n in chain([file.stem], (f"{file.stem}-{k}" for k in count(2))) if n not in taken)
        taken |= {name, f"{name}_overlay"}
        named.append((file, name))
    return named


def _save_mask(mask: NDArray[np.uint8], classes: ClassTable, path: Path) -> None:
    picture = Image.fromarray(mask).convert("P")
    picture.putpalette(classes.palette())
    write_with(path, lambda stream: picture.save(stream, "PNG"))


def _save_overlay(image: NDArray[np.uint8], mask: NDArray[np.uint8], classes: ClassTable, path: Path) -> None:
    colors = np.array(classes.palette(), dtype=np.float32).reshape(-1, 3)[mask]
    mixed = (1 - OPACITY) * image + OPACITY * colors
    picture = Image.fromarray(mixed.round().astype(np.uint8))
    write_with(path, lambda stream: picture.save(stream, "JPEG", quality=92))


def _legend(classes: ClassTable) -> str:
    return ", ".join(f"{index} {name}" for index, name in enumerate(classes.names))
