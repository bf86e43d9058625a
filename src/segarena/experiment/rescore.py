"""Score a trained run again: on a part of its own split, or on other labelled data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path

from segarena.config import EvaluateOptions
from segarena.data.dataset import DecodedImages, EvaluationSet, evaluation_loader
from segarena.data.files.brightness import warn_if_unlike
from segarena.data.folder import FolderSource
from segarena.data.source import Source
from segarena.errors import ConfigError, DataError
from segarena.experiment.image_counts import write_image_counts
from segarena.experiment.inputs import open_source, reopen_source
from segarena.experiment.progress import Reporter
from segarena.formats import command
from segarena.records.metrics import Metrics
from segarena.records.run import Data
from segarena.runs import open_folder
from segarena.scoring.scores import score, to_metrics
from segarena.training.evaluation import evaluate
from segarena.training.predictor import Predictor, load


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
    """Score a run and write metrics.json and images.csv.

    Args:
        options: The run, the data and the part of the split.
        reporter: Receives the progress.

    Raises:
        RunError: The folder has no finished run, or the folder to write cannot be used.
        DataError: The data cannot be read, has other classes, or is not what the run recorded.
        ConfigError: No image is in the part of the split.
    """
    predictor = load(options.run, device=options.device)
    if predictor.unfinished:
        reporter.warn(predictor.unfinished)
    source = _open(options, predictor, reporter)
    split, indices = _select(options, predictor, source)
    if not indices:
        raise ConfigError(
            f"the data has no {split} images", where="--split", remedy="Choose another split, or --split all"
        )
    folder = open_folder(options.out, f"evaluate-{source.name}-{split}", root=predictor.run)
    metrics = _score(predictor, source, indices, split, folder, reporter)
    return Rescored(predictor.config.model, source.name, metrics, folder)


def _open(options: EvaluateOptions, predictor: Predictor, reporter: Reporter) -> Source:
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
        )
        if isinstance(source, FolderSource):
            reporter.say(f"  encoding: {source.describe()['encoding']}")
    if isinstance(source, FolderSource):
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


def _select(options: EvaluateOptions, predictor: Predictor, source: Source) -> tuple[str, list[int]]:
    """The part of the split and the indices of its images; of the run's own data, files must be as recorded."""
    recorded = Data.read(predictor.run)
    if source.classes.names != predictor.classes.names:
        raise DataError(
            f"has the classes {', '.join(source.classes.names)}; the run was trained on"
            f" {', '.join(predictor.classes.names)}",
            where=options.data or recorded.origin,
            remedy="Declare the same classes in the same order in its classes.yaml",
        )
    if options.data is not None:
        split = options.split or "all"
        return split, [i for i, sample in enumerate(source.samples) if split in ("all", sample.split)]
    used = predictor.config.data
    folders = [(f"--{name}", getattr(used, name)) for name in ("images", "masks", "root") if getattr(used, name)]
    words = chain([predictor.run, used.data or "DATA"], *folders)
    again = f"score the data as it is now: {command('segarena', 'evaluate', *words)}"
    if source.classes.digest != predictor.classes.digest:
        raise DataError(
            "the values of the classes in the masks, void or the background are not what the run recorded",
            where=recorded.origin,
            remedy=f"Put classes.yaml back, or {again}",
        )
    parts = asdict(recorded.split)
    split = options.split or ("test" if recorded.split.test else "val")
    by_name = {sample.name: index for index, sample in enumerate(source.samples)}
    names = list(chain(*parts.values())) if split == "all" else parts[split]
    for name in names:
        if name not in by_name or source.digest(by_name[name]) != recorded.sha256[name]:
            raise DataError(
                f"{name} is not the file that the run recorded",
                where=recorded.origin,
                remedy=f"Put it back, or {again}",
            )
    return split, [by_name[name] for name in names]


def _score(
    predictor: Predictor, source: Source, indices: list[int], split: str, folder: Path, reporter: Reporter
) -> Metrics:
    dataset = EvaluationSet(DecodedImages(source, indices, limit_bytes=0), indices, predictor.size)
    loader = evaluation_loader(dataset, batch_size=predictor.config.protocol.batch_size, workers=0)
    done = 0
    with reporter.progress("scoring") as on_progress:

        def count(images: int) -> None:
            nonlocal done
            done += images
            on_progress(done, len(indices))

        confusions = evaluate(
            predictor.model,
            loader,
            source.classes.num_classes,
            device=predictor.device,
            precision=predictor.precision,
            on_progress=count,
        )
    background = source.classes.background
    scores = score(confusions, background=predictor.classes.background if background is None else background)
    metrics = replace(to_metrics(scores, source.classes.names, split=split), data=source.describe()["origin"])
    metrics.write(folder)
    names = [source.samples[i].name for i in indices]
    write_image_counts(folder / "images.csv", names, source.classes.names, confusions)
    return metrics
