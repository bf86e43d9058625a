"""`segarena predict`: masks for images, at the images' own size, and overlays with a legend."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from segarena.classes import ClassTable
from segarena.commands.progress import show_progress
from segarena.commands.terminal import console, shown
from segarena.config import PredictOptions
from segarena.data.contents import hash_pixels
from segarena.data.files.bit_depth import highest_values
from segarena.data.files.brightness import brightness, channel_means, warn_if_other_units, warn_if_unlike
from segarena.data.files.faults import group_by_cause, join_faults
from segarena.data.files.georeference import INSTALL, has_rasterio, is_georeferenced
from segarena.data.files.large_images import pixels_allowed
from segarena.data.layout.new_images import NewImages, find_new_images
from segarena.errors import DataError
from segarena.files import write_text
from segarena.formats import listing, plural, small_percent
from segarena.outputs.choose import choose_writers
from segarena.outputs.result import Result
from segarena.records.run import Data
from segarena.runs import find_run, open_folder, remove_if_empty
from segarena.training.machine import computing_with, usual_threads
from segarena.training.predictor import Predictor, load

#: The table of images and their masks, where the names alone do not show it.
NAMES = "names.csv"


@shown
def run(options: PredictOptions) -> Path:
    """Label every image at its own size.

    Args:
        options: The options as typed.

    Returns:
        The folder with NAME.png (class indices, with a palette) and NAME_overlay.jpg (the image, tinted, with a legend)
        for each image, and NAME.tif with the projection for a GeoTIFF. Images of subfolders have theirs in subfolders
        of the same names.

    Raises:
        DataError: An image cannot be read; the others have been labelled.
        RunError: The run or the output folder cannot be used.
    """
    run_folder = find_run(options.run, all_images=True)
    found = find_new_images(options.images)
    predictor = load(run_folder, device=options.device).with_views(
        scale=options.scale, window=options.window_size, tta=options.tta
    )
    if predictor.unfinished:
        console.warn(predictor.unfinished)
    elif run_folder.parent == options.run and predictor.config.data.all_images:
        images = plural(predictor.train_images, "image")
        console.print(f"{run_folder.name} is used: {predictor.config.model}, trained on all {images}", markup=False)
    bits = _choose_bits(predictor, found)
    _warn_without_rasterio(found)
    folder = open_folder(options.out, "predictions", root=predictor.run)
    writers = choose_writers(options, predictor.classes)
    faults, levels, trained_on, in_windows = [], [], 0, 0
    training_images = _training_images(Data.read(predictor.run))
    with (
        show_progress("predicting") as on_progress,
        computing_with(usual_threads()),
        pixels_allowed(options.max_megapixels),
    ):
        for number, (path, name, _) in enumerate(found.images):
            on_progress(number, len(found.images))
            try:
                large = predictor.open_large(path)
                image = predictor.read_file(path, bits) if large is None else large.picture()
            except DataError as error:
                faults.append((path, error))
                continue
            levels.append(brightness(image) if predictor.channels is None else channel_means(image))
            trained_on += hash_pixels(image) in training_images
            in_windows += _explain_windows(predictor, large.size if large else image.shape[:2], path, not in_windows)
            mask = predictor.predict(image) if large is None else predictor.label_large(large)
            del large  # it takes more memory than all that is written
            result = Result(name, path, predictor.shown(image), mask)
            for writer in writers:
                writer.write(result, folder)
            console.detail(f"  {path}: {name}.png, {_shares(mask, predictor.classes)}")
    labelled = len(found.images) - len(faults)
    if not labelled:
        remove_if_empty(folder)
        raise _refuse(faults, labelled)
    labels = f"{labelled:,} of " * bool(faults) + plural(len(found.images), "image")
    console.result(f"{labels} labelled by {predictor.config.model} ({predictor.run}): {folder}", markup=False)
    console.print(f"  a pixel's value in NAME.png: {_legend(predictor.classes)}", markup=False)
    _show_windows(predictor, in_windows, labelled)
    _show_names(found, folder)
    if trained_on:
        console.warn(
            f"{trained_on} of the {plural(labelled, 'image')} trained the model: "
            "masks of new images are usually less accurate.",
            title="note",
        )
    unlike = _compare_levels(predictor, levels)
    if unlike:
        console.warn(unlike)
    if faults:
        raise _refuse(faults, labelled)
    return folder


def _choose_bits(predictor: Predictor, found: NewImages) -> int:
    """The bits by which images of 16 bits are read as RGB; with channels of their own they are not scaled."""
    if predictor.channels is not None:
        return predictor.image_bits
    bits, warning = predictor.choose_bits(highest_values(image.path for image in found.images))
    if warning:
        console.warn(warning)
    return bits


def _compare_levels(predictor: Predictor, levels: Sequence[Any]) -> str:
    """A sentence if the images are far brighter, darker or in other units than those of the training; else ""."""
    if predictor.channels is None:
        return warn_if_unlike(levels, predictor.train_brightness)
    assert predictor.model.normalization is not None
    return warn_if_other_units(levels, predictor.model.normalization, predictor.channels.numbers)


def _warn_without_rasterio(found: NewImages) -> None:
    """Print what would write the masks of GeoTIFFs as such, where it is not installed."""
    if not has_rasterio() and any(is_georeferenced(image.path) for image in found.images):
        console.warn(f"masks of GeoTIFFs are written as PNG, without their projection: for GeoTIFFs, {INSTALL}")


def _training_images(data: Data) -> set[str]:
    """The hashes of the images that trained the model; empty where an earlier version recorded none."""
    return {data.image_sha256[name] for name in data.split.train if name in data.image_sha256}


def _explain_windows(predictor: Predictor, size: tuple[int, int], path: Path, is_first: bool) -> bool:
    """Print how an image is labelled, if that is in windows: the first such image, with --verbose each. Return if."""
    how = predictor.scaling.explain(*size)
    if how:
        (console.print if is_first else console.detail)(f"  {path}: {how}", markup=False)
    return bool(how)


def _show_windows(predictor: Predictor, in_windows: int, labelled: int) -> None:
    """Print how many images were labelled in windows, or that none was because the run records no sizes."""
    if in_windows:
        console.print(f"  labelled in windows: {in_windows:,} of {plural(labelled, 'image')}", markup=False)
    elif predictor.sides is None and predictor.scale == "auto":
        console.print("  each image is labelled as a whole: the run has no record of its training images' size")


def _show_names(found: NewImages, folder: Path) -> None:
    """Print what was left out, and which result is of which image where several have one name."""
    for note in found.left_out:
        console.warn(f"left out: {note}")
    renamed = [image for image in found.images if image.is_renamed]
    if renamed:
        table = pd.DataFrame({"image": [str(image.path) for image in found.images]})
        table["mask"] = [f"{image.name}.png" for image in found.images]
        write_text(folder / NAMES, table.to_csv(index=False, lineterminator="\n"))
        shown = listing([f"{image.path} is {image.name}.png" for image in renamed])
        console.print(f"  images of the same name: {shown}; all are in {NAMES}", markup=False)


def _refuse(faults: Sequence[tuple[Path, DataError]], labelled: int) -> DataError:
    """One error for all images that cannot be read; where they have several causes, a warning for each of these."""
    groups = group_by_cause(fault for _, fault in faults)
    if len(groups) > 1:
        for group in groups:
            console.warn(str(join_faults(group)))
    error = join_faults([fault for _, fault in faults])
    rest = ". The others are labelled" if labelled else ". No image was labelled"
    return DataError(error.what, where=error.where, remedy=f"{error.remedy}{rest}", parts=error.parts)


def _shares(mask: NDArray[np.uint8], classes: ClassTable) -> str:
    """The share of each class that occurs, the largest first."""
    pixels = np.array(Image.fromarray(mask).histogram()[: len(classes.names)])  # without an integer for each pixel
    shares = [f"{classes.names[i]} {small_percent(int(pixels[i]) / mask.size)}" for i in np.argsort(-pixels)]
    return ", ".join(shares[: np.count_nonzero(pixels)])


def _legend(classes: ClassTable) -> str:
    return ", ".join(f"{index} {name}" for index, name in enumerate(classes.names))
