"""Score a trained run again: on a part of its own split, or on other labelled data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segarena.checks.pairs import check_predicted_masks
from segarena.config import EvaluateOptions
from segarena.data.folder import FolderSource
from segarena.data.source import Source, indices_by_name
from segarena.errors import DataError, SegarenaError
from segarena.experiment.error_files import write_error_analysis
from segarena.experiment.found_runs import group_rule
from segarena.experiment.image_counts import read_image_counts, write_image_counts
from segarena.experiment.inputs import open_source, reopen_source
from segarena.experiment.progress import Reporter
from segarena.experiment.recognition import Recognised, describe_other_scenes, parts_by_name, recognise
from segarena.experiment.scored import Scored, select
from segarena.experiment.units import Units, find_units
from segarena.exporting.onnx_predictor import OnnxPredictor
from segarena.formats import command, plural
from segarena.image_files.brightness import channel_means, warn_if_other_units, warn_if_unlike
from segarena.loading.dataset import EvaluationSet, evaluation_loader
from segarena.loading.decoded import DecodedImages
from segarena.records.error_analysis import ErrorAnalysis
from segarena.records.metrics import Metrics
from segarena.records.run import Data
from segarena.runs import open_folder, remove_if_empty
from segarena.scoring.scores import score, to_metrics
from segarena.scoring.statistics import analyse
from segarena.training.counting import evaluate
from segarena.training.error_analysis import ErrorCollector
from segarena.training.evaluation import evaluation_pixels
from segarena.training.machine import computing_with, usual_threads
from segarena.training.predictor import Predictor, load

#: Images of other channels that are compared with those of the training at most.
_COMPARED = 50
IMAGES = "images.csv"
_AS_IT_IS = "score the data as it is now"


@dataclass(frozen=True)
class Rescored:
    """The scores of a run.

    Args:
        model: Name of the architecture.
        data: Name of the data.
        metrics: The scores; they name the part of the split.
        folder: The folder with metrics.json and images.csv.
    """

    model: str
    data: str
    metrics: Metrics
    folder: Path


def rescore(options: EvaluateOptions, reporter: Reporter) -> Rescored:
    """Score a run and write metrics.json, images.csv and error_analysis.json.

    Args:
        options: The run, the data and the part of the split.
        reporter: Receives the progress, and which images are those of the training.

    Raises:
        RunError: The folder has no finished run, or the folder to write cannot be used.
        DataError: The data cannot be read, has other classes, or is not what the run recorded.
        ConfigError: No image is in the part of the split, or all images trained the model.
    """
    predictor = load(options.run, device=options.device, all_images=False)
    predictor = predictor.with_views(scale=options.scale, window=options.window_size, tta=options.tta)
    if predictor.unfinished:
        reporter.warn(predictor.unfinished)
    recorded = Data.read(predictor.run)
    if options.data is None:
        _check_still_there(options, predictor, recorded)
    source = open_scored(options, predictor, reporter)
    found = _recognise(options, predictor, recorded, source, reporter)
    again = _repeat(options, predictor)
    is_other = options.data is not None
    scored = select(options.split, found, source.samples, with_new=is_other, again=again)
    if not is_other:
        _check_scenes(options, recorded, source)
        _check_unchanged(recorded, source, scored, again)
    else:
        reporter.say(f"  {found.describe()}")
    if found.found:
        reporter.say(f"  scored: {scored.describe()}")
    folder = open_folder(options.out, f"evaluate-{source.name}-{scored.split}", root=predictor.run)
    with nothing_left(folder):
        metrics = replace(_score(predictor, source, scored, folder, reporter, options), views=options.typed)
        metrics.write(folder)
    return Rescored(predictor.config.model, source.name, metrics, folder)


@contextmanager
def nothing_left(folder: Path) -> Iterator[None]:
    """Remove the files of an evaluation, and its folder, where the block fails.

    Args:
        folder: A folder that was made for it.
    """
    try:
        yield
    except BaseException:
        for name in (IMAGES, ErrorAnalysis.file, Metrics.file):
            (folder / name).unlink(missing_ok=True)
        remove_if_empty(folder)
        raise


def _repeat(options: EvaluateOptions, predictor: Predictor) -> str:
    """The command that scores the run's own data, or that which was named, as it is now."""
    given = predictor.config.data if options.data is None else options
    named = ((f"--{name}", getattr(given, name)) for name in ("images", "masks", "root"))
    places = [word for name, value in named if value is not None for word in (name, value)]
    return command("segarena", "evaluate", options.run, given.data or "DATA", *places)


def open_scored(options: EvaluateOptions, predictor: Predictor | OnnxPredictor, reporter: Reporter) -> Source:
    """Open the data to score, as the training images were read: those of the training, or other data that is named.

    Args:
        options: The data.
        predictor: The model.
        reporter: Receives how the data was read, and warnings.

    Raises:
        DataError: It cannot be read, or has other channels.
    """
    if options.data is None:
        source = reopen_source(predictor.config.data, reporter)
    else:
        source = open_source(
            options.data,
            images=options.images,
            masks=options.masks,
            root=options.root,
            reporter=reporter,
            run_classes=predictor.classes,
            channels=None if predictor.channels is None else predictor.channels.chosen,
        )
        if isinstance(source, FolderSource):
            reporter.say(f"  encoding: {source.describe()['encoding']}")
            for problem in check_predicted_masks(source):
                reporter.warn(f"{problem.message}. {problem.remedy}")
    if isinstance(source, FolderSource) and predictor.channels is not None:
        source.format = predictor.channels.of_same_kind(source.format, source.root)
        if options.data is not None and (unlike := _compare_units(predictor, source)):
            reporter.warn(unlike)
    elif isinstance(source, FolderSource):
        source.bits = predictor.image_bits  # the same brightness is the same number, whatever the other images are
        if options.data is not None:
            highest = [image.facts.highest for image in source.images if image.facts is not None]
            source.bits, warning = predictor.choose_bits(value for value in highest if value is not None)
            if warning:
                reporter.warn(warning)
            unlike = warn_if_unlike(source.brightness(range(len(source.samples))), predictor.train_brightness)
            if unlike:
                reporter.warn(unlike)
    return source


def _compare_units(predictor: Predictor | OnnxPredictor, source: FolderSource) -> str:
    """A sentence if the channels of most images are in other units than those of the training; else ""."""
    own = predictor.normalization if isinstance(predictor, OnnxPredictor) else predictor.model.normalization
    if predictor.channels is None or own is None:
        return ""
    step = -(-len(source.samples) // _COMPARED)
    means = [channel_means(source.read_image(sample.files[0])) for sample in source.samples[::step]]
    return warn_if_other_units(means, own, predictor.channels.numbers)


def _check_still_there(options: EvaluateOptions, predictor: Predictor, recorded: Data) -> None:
    """Raise DataError if the folder of the data has been moved or removed since the training, or is closed."""
    used = predictor.config.data
    is_published = used.root is not None
    place = used.root if is_published else used.data
    what = "are no longer there"
    try:
        if place is None or Path(place).is_file() or any(path.is_file() for path in Path(place).rglob("*")):
            return
    except OSError as error:
        what = f"cannot be read ({error.strerror or error})"
    words = (used.data, "--root", "NEW_FOLDER") if is_published else ("NEW_FOLDER",)
    raise DataError(
        f"the {sum(recorded.counts.values())} images of the training {what}",
        where=place,
        remedy="Name the folder that they are in now, and they are recognised by their content: "
        f"{command('segarena', 'evaluate', options.run, *words)}",
    )


def check_classes(source: Source, predictor: Predictor | OnnxPredictor, where: object) -> None:
    """Raise DataError, which names this place, if the data has other classes than the model."""
    if source.classes.names != predictor.classes.names:
        raise DataError(
            f"has the classes {', '.join(source.classes.names)}; the run was trained on"
            f" {', '.join(predictor.classes.names)}",
            where=where,
            remedy="Declare the same classes in the same order in its classes.yaml",
        )


def _recognise(
    options: EvaluateOptions, predictor: Predictor, recorded: Data, source: Source, reporter: Reporter
) -> Recognised:
    """Find the images of the run in the data; of the run's own data, files must be as recorded."""
    check_classes(source, predictor, options.data or recorded.origin)
    alike = source.classes.digest == predictor.classes.digest
    if options.data is not None:
        with reporter.progress("comparing with the images of the training") as on_progress:
            return recognise(source, recorded, decoded_alike=alike, on_progress=on_progress)
    if not alike:
        raise DataError(
            "the values of the classes in the masks, void or the background are not what the run recorded",
            where=recorded.origin,
            remedy=f"Put classes.yaml back, or {_AS_IT_IS}: {_repeat(options, predictor)}",
        )
    parts = parts_by_name(recorded)
    names = [sample.name if sample.name in parts else None for sample in source.samples]
    return Recognised(recorded, tuple(names), frozenset())


def _check_scenes(options: EvaluateOptions, recorded: Data, source: Source) -> None:
    """Raise DataError if the run was trained on built-in scenes that are drawn differently now."""
    scenes = describe_other_scenes(recorded, source)
    if scenes is None:
        return
    raise DataError(
        f"was trained on {scenes}",
        where=options.run,
        remedy=f"Score it on the new ones as on other data: {command('segarena', 'synth', 'scenes')}, then "
        f"{command('segarena', 'evaluate', options.run, 'scenes')}",
    )


def _check_unchanged(recorded: Data, source: Source, scored: Scored, again: str) -> None:
    """Raise DataError if a file of the part of the run's own split has changed since the training, or is gone."""
    by_name = indices_by_name(source.samples)
    wanted = {"unseen": ("test",), "all": ("train", "val", "test")}.get(scored.split, (scored.split,))
    for name, part in parts_by_name(recorded).items():
        if part in wanted and (name not in by_name or source.digest(by_name[name]) != recorded.sha256[name]):
            raise DataError(
                f"{name} is not the file that the run recorded",
                where=recorded.origin,
                remedy=f"Put it back, or {_AS_IT_IS}: {again}",
            )


def _score(
    predictor: Predictor, source: Source, scored: Scored, folder: Path, reporter: Reporter, options: EvaluateOptions
) -> Metrics:
    indices = scored.indices
    images = DecodedImages(source, indices, limit_bytes=0)
    dataset = EvaluationSet(images, indices, predictor.size, predictor.scaling)
    in_windows = [how for index in indices if (how := predictor.scaling.explain(*images.size(index)))]
    if in_windows:
        reporter.say(f"labelled in windows: {len(in_windows):,} of {plural(len(indices), 'image')}; {in_windows[0]}")
    elif options.unused:
        reporter.warn(options.unused)
    loader = evaluation_loader(dataset, batch_size=predictor.config.protocol.batch_size, workers=0)
    done = 0
    threads = min(predictor.config.protocol.threads or usual_threads(), usual_threads())
    with reporter.progress("scoring") as on_progress, computing_with(threads):

        def count(images: int) -> None:
            nonlocal done
            done += images
            on_progress(done, len(indices))

        naming = predictor.naming_shortage(f"scoring {plural(predictor.config.protocol.batch_size, 'image')} at a time")
        with naming, ErrorCollector(source.classes.num_classes, predictor.device) as errors:
            confusions = evaluate(
                predictor.model,
                loader,
                source.classes.num_classes,
                device=predictor.device,
                precision=predictor.precision,
                most_pixels=evaluation_pixels(predictor.config.protocol),
                on_progress=count,
                observe=errors,
            )
    return write_counts(confusions, predictor, source, scored, folder, errors)


def write_counts(
    confusions: NDArray[np.int64],
    predictor: Predictor | OnnxPredictor,
    source: Source,
    scored: Scored,
    folder: Path,
    errors: ErrorCollector,
) -> Metrics:
    """Write images.csv and where the errors are, and compute the scores.

    Args:
        confusions: Of each scored image, (N, C, C), rows = truth.
        predictor: The model.
        source: The data.
        scored: Which images were scored.
        folder: The folder of the files.
        errors: What was counted in the images, by their position among the scored ones.
    """
    background = source.classes.background
    scores = score(confusions, background=predictor.classes.background if background is None else background)
    metrics = replace(
        to_metrics(scores, source.classes.names, split=scored.split),
        data=source.describe()["origin"],
        train_images=scored.count("train") if scored.is_known else None,
        val_images=scored.count("val") if scored.is_known else None,
    )
    names = [source.samples[i].name for i in scored.indices]
    units = _find_units(predictor, source)
    groups = None if units is None else units.groups
    path = folder / IMAGES
    write_image_counts(path, names, scored.uses, source.classes.names, confusions, groups)
    write_error_analysis(folder, names, source.classes.names, errors)
    return _with_interval(metrics, read_image_counts(path), units)


def _find_units(predictor: Predictor | OnnxPredictor, source: Source) -> Units | None:
    """Which images count together: by the rule of the training if the data has such names, or as they show it."""
    try:
        return find_units(source, group_rule(predictor.config, predictor.run))
    except SegarenaError:  # a rule, or a file, for other names
        return find_units(source, None)


def _with_interval(metrics: Metrics, counts: pd.DataFrame, units: Units | None) -> Metrics:
    """The scores with the interval of mIoU; unchanged where no class has true pixels."""
    if not counts[["tp", "fn"]].to_numpy().any():
        return metrics
    found = analyse(counts.assign(model="model", seed=0))
    rule = None if units is None or found.unit == "image" else units.rule
    [interval] = found.models
    return replace(metrics, miou_low=interval.low, miou_high=interval.high, units=found.units, grouped_by=rule)
