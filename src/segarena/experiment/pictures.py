"""Keep what a comparison's page shows of each scored image: the image, its true labels and those of each network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from segarena.data.source import indices_by_name
from segarena.errors import RunError
from segarena.experiment.networks import can_build
from segarena.experiment.prepared import Prepared, PreparedSplit
from segarena.experiment.progress import Reporter
from segarena.reporting.label_maps import (
    PICTURES,
    PREDICTIONS,
    Pictures,
    PictureWriter,
    encode_labels,
    encode_photo,
    kept_names,
    writing_pictures,
)
from segarena.runs import Run
from segarena.training.predictor import load


@contextmanager
def keeping_labels(split: PreparedSplit, folder: Path) -> Iterator[Callable[[Tensor], None] | None]:
    """Keep the labels that a network predicts for the scored images, in predictions.zip.

    Args:
        split: The data of the training.
        folder: The run folder, or the fold's folder in it.

    Yields:
        A function that takes the labels of one image or several, uint8 (N, H, W), in the order of the scored images;
        None where no image is scored.

    Raises:
        RunError: The file cannot be written.
    """
    names, kept = iter(split.scored_names), set(kept_names(split.scored_names))
    palette = split.source.classes.palette()
    with writing_pictures(folder / PREDICTIONS) if kept else nullcontext() as writer:
        if writer is None:
            yield None
            return

        def keep(labels: Tensor) -> None:
            for one in labels:
                if (name := next(names)) in kept:
                    writer.add(f"{name}.png", encode_labels(one.cpu().numpy(), palette))

        yield keep


def keep_pictures(prepared: Prepared, runs: Sequence[Run], folder: Path, reporter: Reporter) -> None:
    """Write pictures.zip, and predictions.zip where a run lacks it, as those of earlier versions do.

    The labels are those of the first seed of each model and, with folds, of the fold that tested the image.

    Args:
        prepared: The data and the protocol of the runs.
        runs: The model and seed of each run.
        folder: The comparison folder, with the runs in it.
        reporter: Receives the progress.

    Raises:
        RunError: A file cannot be written.
    """
    first = {run.model: run for run in sorted(runs, key=lambda run: -run.seed)}
    missing = [
        (split, place)
        for run in first.values()
        for split in prepared.splits
        if not (place := folder / run._replace(fold=split.fold).path).joinpath(PREDICTIONS).exists()
        and can_build(place)
    ]
    names = [name for split in prepared.splits for name in split.scored_names]
    if not _has(folder / PICTURES, kept_names(names)):
        with reporter.progress("keeping the scored images") as on_progress:
            _keep_images(prepared, names, folder / PICTURES, on_progress)
    for split, place in missing:
        with reporter.progress(f"labels of {place.relative_to(folder)}") as on_progress:
            _label_again(split, place, prepared.protocol.device, on_progress)


def _has(path: Path, names: Sequence[str]) -> bool:
    """Whether a file has the pictures of these images; no where it is damaged."""
    try:
        return path.exists() and Pictures([path]).names == list(names)
    except RunError:
        return False


def _keep_images(prepared: Prepared, names: Sequence[str], path: Path, on_progress: Callable[[int, int], None]) -> None:
    source, palette = prepared.source, prepared.source.classes.palette()
    kept, index_of = kept_names(names), indices_by_name(source.samples)
    with writing_pictures(path) as writer:
        for done, name in enumerate(kept, start=1):
            image, truth = source.read(index_of[name])
            _add(writer, name, source.shown(image), truth, palette)
            on_progress(done, len(kept))


def _add(
    writer: PictureWriter, name: str, image: NDArray[np.uint8], truth: NDArray[np.uint8], palette: Sequence[int]
) -> None:
    writer.add(f"{name}.jpg", encode_photo(image))
    writer.add(f"{name}.png", encode_labels(truth, palette))


def _label_again(split: PreparedSplit, folder: Path, device: str, on_progress: Callable[[int, int], None]) -> None:
    """Write predictions.zip of a finished training."""
    source, palette = split.source, split.source.classes.palette()
    predictor, index_of = load(folder, device=device), indices_by_name(source.samples)
    kept = kept_names(split.scored_names)
    with writing_pictures(folder / PREDICTIONS) as writer:
        for done, name in enumerate(kept, start=1):
            image, _ = source.read(index_of[name])
            writer.add(f"{name}.png", encode_labels(predictor.predict(image), palette))
            on_progress(done, len(kept))
