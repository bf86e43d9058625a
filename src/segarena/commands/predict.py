"""`segarena predict`: masks for images and videos, at their own size, overlays, and further forms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segarena.classes import ClassTable
from segarena.commands.interrupts import catch_interrupt
from segarena.commands.predicted_videos import check_videos, has_video_reader, label_videos, name_of_mask
from segarena.commands.predicting import AnyPredictor, count_at_a_time, label_all, open_predictor
from segarena.commands.progress import show_progress
from segarena.commands.terminal import console, shown
from segarena.config import PredictOptions
from segarena.data.layout.new_images import NewImage, NewImages, find_new_images, is_video
from segarena.errors import DataError
from segarena.exporting.onnx_predictor import OnnxPredictor
from segarena.formats import command, join_words, listing, plural, share_of, small_percent
from segarena.image_files.bit_depth import highest_values
from segarena.image_files.brightness import warn_if_other_units, warn_if_unlike
from segarena.image_files.faults import group_by_cause, join_faults
from segarena.image_files.georeference import INSTALL, has_rasterio, is_georeferenced
from segarena.image_files.large_images import pixels_allowed
from segarena.outputs.choose import choose_collectors, choose_writers
from segarena.outputs.folder import (
    find_record,
    finish,
    make_record,
    open_predictions,
    remove_begun,
    resume_words,
    to_label,
)
from segarena.outputs.labelling import Labelling, Outcome
from segarena.outputs.manifest import Journal
from segarena.outputs.names import NAMES, write_names
from segarena.outputs.shards import shard_of
from segarena.outputs.table import check_table
from segarena.outputs.video_labelling import VideoLabelling
from segarena.outputs.writer import Collector
from segarena.records.run import Data
from segarena.reporting.style import label_of
from segarena.threads import thread_pool
from segarena.training.machine import computing_with, usual_threads


@shown
def run(options: PredictOptions) -> Path:
    """Label every image at its own size.

    Args:
        options: The options as typed.

    Returns:
        The folder with NAME.png (class indices, with a palette) and NAME_overlay.jpg (the image, tinted, with a legend)
        for each image, NAME.tif with the projection for a GeoTIFF, areas.csv, and what else the options ask for; of a
        video NAME_overlay.mp4, its masks and NAME_areas.csv. Those of subfolders are in subfolders of the same names.

    Raises:
        DataError: An image cannot be read; the others have been labelled.
        RunError: The run or the output folder cannot be used.
        Interrupted: It was stopped; what was labelled is written.
    """
    check_table(options.tables)
    predictor, weights = open_predictor(options)
    found = find_new_images(options.images, reads_videos=has_video_reader())
    before = find_record(options)
    check_videos(found.videos, options, has_own_channels=predictor.channels is not None)
    _show_model(predictor, options)
    bits = _choose_bits(predictor, found, options.max_megapixels) if before is None else before.image_bits
    _warn_without_rasterio(found)
    record = make_record(options, predictor.config.model, weights, predictor.classes, bits)
    folder = open_predictions(options, record, predictor.run if predictor.run.is_dir() else predictor.run.parent)
    collectors = choose_collectors(options, predictor.classes, f"{record.model}-{record.weights_sha256[:8]}")
    collectors = collectors if found.images else []
    own = [each for each in (*found.images, *found.videos) if _is_own(each, options)]
    left = to_label(own, folder, is_resumed=options.resume is not None)
    windows = _Windows(predictor, options)
    outcome = _label(left, predictor, bits, folder, collectors, windows, options)
    if outcome.faults and not outcome.labelled and options.resume is None:
        remove_begun(folder)
        raise _refuse(outcome.faults, 0)
    mine = set(own)
    others = [each for each in (*found.images, *found.videos) if each not in mine]
    missing = finish(folder, found.images, collectors, found.videos, others)
    if not missing:
        write_names(found, folder, lambda image: name_of_mask(image, options))
    _show_result(predictor, folder, own, len(own) - len(left), outcome)
    windows.summarise(outcome.labelled)
    _show_names(found, options)
    if missing:
        later = listing([collector.file for collector in collectors])
        console.print(
            f"  {plural(missing, 'image')} of other shards to come; the last one writes {later}", markup=False
        )
    _warn(predictor, outcome)
    if outcome.faults:
        raise _refuse(outcome.faults, len(own) - len(outcome.faults))
    return folder


def _label(
    left: Sequence[NewImage],
    predictor: AnyPredictor,
    bits: int,
    folder: Path,
    collectors: Sequence[Collector],
    windows: _Windows,
    options: PredictOptions,
) -> Outcome:
    """Label what has no results yet: the images, then the videos. Raises Interrupted, RunError."""
    images = [each for each in left if not is_video(each.path)]
    with (
        show_progress("predicting") as on_progress,
        computing_with(usual_threads()),
        pixels_allowed(options.max_megapixels),
        Journal(folder, f"{options.shard or 0}-of-{options.shards or 1}") as journal,
        catch_interrupt(resume=command(*resume_words(options, folder))) as is_stopped,
    ):
        labelling = Labelling(predictor, folder, journal, bits, choose_writers(options, predictor.classes), collectors)
        outcome = labelling.run(
            images,
            on_progress=on_progress,
            on_image=windows.explain,
            on_labelled=lambda image, mask: _show_image(image, mask, predictor.classes),
            is_stopped=is_stopped,
        )
        videos = VideoLabelling(
            lambda frames: label_all(predictor, frames),
            lambda height, width: count_at_a_time(predictor, height, width),
            folder,
            journal,
            predictor.classes,
            options,
        )
        label_videos([each for each in left if is_video(each.path)], videos, outcome, windows.explain, is_stopped)
    return outcome


def _is_own(image: NewImage, options: PredictOptions) -> bool:
    """Whether this process labels an image: with --shards, one of its own shard."""
    return options.shards is None or shard_of(image.location, options.shards) == options.shard


def _show_model(predictor: AnyPredictor, options: PredictOptions) -> None:
    if isinstance(predictor, OnnxPredictor):
        return
    if predictor.unfinished:
        console.warn(predictor.unfinished)
    elif predictor.run.parent == options.run and predictor.config.data.all_images:
        images = plural(predictor.train_images, "image")
        console.print(
            f"{predictor.run.name} is used: {label_of(predictor.config.model)}, trained on all {images}", markup=False
        )


class _Windows:
    """Prints which images are labelled in windows."""

    def __init__(self, predictor: AnyPredictor, options: PredictOptions) -> None:
        self._predictor, self._options, self._images = predictor, options, 0

    def explain(self, image: NewImage, size: tuple[int, int]) -> None:
        """Print how an image of this height and width is labelled: the first such image, with --verbose each."""
        how = self._predictor.scaling.explain(*size)
        if how:
            show = console.detail if self._images else console.print
            show(f"  {image.path}: {how}", markup=False)
            self._images += 1

    def summarise(self, labelled: int) -> None:
        """Print how many images were labelled in windows; where none was, why, and that --window had no effect."""
        if self._images:
            console.print(f"  labelled in windows: {self._images:,} of {plural(labelled, 'image')}", markup=False)
        elif self._predictor.sides is None and self._predictor.scale == "auto":
            console.print("  each image is labelled as a whole: the run has no record of its training images' size")
        if labelled and not self._images and self._options.unused:
            console.warn(self._options.unused)


def _show_image(image: NewImage, mask: NDArray[np.uint8], classes: ClassTable) -> None:
    console.detail(f"  {image.path}: {image.name}.png, {_shares(mask, classes)}")


def _show_result(predictor: AnyPredictor, folder: Path, own: Sequence[NewImage], before: int, outcome: Outcome) -> None:
    done = len(own) - len(outcome.faults)
    videos = sum(is_video(each.path) for each in own)
    counted = [plural(len(own) - videos, "image")] * (videos < len(own)) + [plural(videos, "video")] * bool(videos)
    labels = f"{done:,} of " * bool(outcome.faults) + join_words(counted or ["0 images"])
    earlier = f", {before:,} of them before" if before else ""
    console.result(
        f"{labels} labelled by {label_of(predictor.config.model)} ({predictor.run}){earlier}: {folder}", markup=False
    )
    names = ", ".join(f"{index} {name}" for index, name in enumerate(predictor.classes.names))
    masks = "NAME.png" if videos < len(own) else "a mask"
    console.print(f"  a pixel's value in {masks}: {names}", markup=False)


def _warn(predictor: AnyPredictor, outcome: Outcome) -> None:
    """Print a warning where the images trained the model, or are unlike those that did."""
    has_data = (predictor.run / Data.file).exists()  # an exported model has no record of its images
    training_images = _training_images(Data.read(predictor.run)) if has_data else set()
    trained_on = sum(each in training_images for each in outcome.hashes)
    if trained_on:
        console.warn(
            f"{share_of(trained_on, outcome.labelled, 'image')} trained the model: "
            "masks of new images are usually less accurate.",
            title="note",
        )
    unlike = _compare_levels(predictor, outcome.levels)
    if unlike:
        console.warn(unlike)


def _choose_bits(predictor: AnyPredictor, found: NewImages, megapixels: int | None) -> int:
    """The bits by which images of 16 bits are read as RGB; with channels of their own they are not scaled."""
    if predictor.channels is not None:
        return predictor.image_bits
    with pixels_allowed(megapixels):
        bits, warning = predictor.choose_bits(highest_values(image.path for image in found.images))
    if warning:
        console.warn(warning)
    return bits


def _compare_levels(predictor: AnyPredictor, levels: Sequence[Any]) -> str:
    """A sentence if the images are far brighter, darker or in other units than those of the training; else ""."""
    if predictor.channels is None:
        return warn_if_unlike(levels, predictor.train_brightness)
    own = predictor.normalization if isinstance(predictor, OnnxPredictor) else predictor.model.normalization
    assert own is not None
    return warn_if_other_units(levels, own, predictor.channels.numbers)


def _warn_without_rasterio(found: NewImages) -> None:
    """Print what would write the masks of GeoTIFFs as such, where it is not installed."""
    if has_rasterio():
        return
    with thread_pool() as threads:
        some = any(threads.map(is_georeferenced, [image.path for image in found.images]))
    if some:
        console.warn(f"masks of GeoTIFFs are written as PNG, without their projection: for GeoTIFFs, {INSTALL}")


def _training_images(data: Data) -> set[str]:
    """The hashes of the images that trained the model; empty where an earlier version recorded none."""
    return {data.image_sha256[name] for name in data.split.train if name in data.image_sha256}


def _show_names(found: NewImages, options: PredictOptions) -> None:
    """Print what was left out, and which result is of which image where several have one name."""
    for note in found.left_out:
        console.warn(f"left out: {note}")
    renamed = [image for image in (*found.images, *found.videos) if image.is_renamed]
    if renamed:
        names = listing([f"{image.path} is {name_of_mask(image, options)}" for image in renamed])
        console.print(f"  images of equal or long names: {names}; all are in {NAMES}", markup=False)


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
