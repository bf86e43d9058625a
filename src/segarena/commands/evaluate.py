"""`segarena evaluate`: score a trained run on a split of its data, or on other labelled data."""

from __future__ import annotations

from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from segarena.commands.terminal import TerminalReporter, console, show_progress
from segarena.config import EvaluateOptions
from segarena.data.dataset import DecodedImages, EvaluationSet, evaluation_loader
from segarena.data.folder import FolderSource
from segarena.data.source import Source
from segarena.errors import ConfigError, DataError
from segarena.experiment.image_counts import write_image_counts
from segarena.experiment.inputs import open_source
from segarena.formats import percent, plural
from segarena.records.metrics import Metrics
from segarena.records.run import Data
from segarena.runs import open_folder
from segarena.scoring.scores import score, to_metrics
from segarena.training.evaluation import evaluate
from segarena.training.predictor import Predictor, load


def run(options: EvaluateOptions) -> dict[str, Any]:
    """Score, print, write metrics.json and images.csv. Returns the content of metrics.json.

    Raises RunError where the folder is no finished run, DataError where the data does not fit the run.
    """
    predictor = load(options.run, device=options.device)
    recorded = Data.read(predictor.run)
    source = _open(options, predictor)
    _check_classes(source, predictor, options.data or predictor.config["data"])
    if options.data is None:
        if source.classes.digest != predictor.classes.digest:
            raise DataError(
                "the values of the classes in the masks, or what is void, are not what the run recorded",
                where=recorded.origin,
                remedy=f"Put classes.yaml back, or score the data as it is now: segarena evaluate {predictor.run} DATA",
            )
        split = options.split or ("test" if recorded.split.test else "val")
        indices = _recorded(source, recorded, split, predictor)
    else:
        split = options.split or "all"
        indices = [i for i, sample in enumerate(source.samples) if split in ("all", sample.split)]
    if not indices:
        raise ConfigError(
            f"the data has no {split} images", where="--split", remedy="Choose another split, or --split all"
        )
    folder = open_folder(options.out, f"evaluate-{source.name}-{split}", root=predictor.run)
    metrics = _score(predictor, source, indices, folder, split)
    _say(metrics, predictor, f"{source.name}, {split}")
    return metrics.to_json()


def _open(options: EvaluateOptions, predictor: Predictor) -> Source:
    """The other data that is named, read as the training's was; or the training's own, found as it was found then."""
    if options.data is not None:
        source = open_source(
            options.data, images=options.images, masks=options.masks, root=options.root, reporter=TerminalReporter()
        )
    else:
        places = {name: predictor.config.get(name) for name in ("data", "images", "masks", "root")}
        data, images, masks, root = (None if place is None else Path(place) for place in places.values())
        source = open_source(data, images=images, masks=masks, root=root, reporter=TerminalReporter())
    if isinstance(source, FolderSource):
        source.bits = predictor.image_bits  # the same brightness is the same number, however dark the others are
    return source


def _score(predictor: Predictor, source: Source, indices: list[int], folder: Path, split: str) -> Metrics:
    images = DecodedImages(source, indices, limit_bytes=0)
    loader = evaluation_loader(
        EvaluationSet(images, indices, predictor.size), batch_size=predictor.config["batch_size"], workers=0
    )
    done = 0
    with show_progress("scoring") as on_progress:

        def count(images_done: int) -> None:
            nonlocal done
            done += images_done
            on_progress(done, len(indices))

        confusions = evaluate(
            predictor.model,
            loader,
            source.classes.num_classes,
            device=predictor.device,
            precision=predictor.precision,
            on_progress=count,
        )
    scores = score(confusions, background=source.classes.background)
    metrics = replace(to_metrics(scores, source.classes.names, split=split), data=source.describe()["origin"])
    metrics.write(folder)
    names = [source.samples[i].name for i in indices]
    write_image_counts(folder / "images.csv", names, source.classes.names, confusions)
    console.print(f"Scores: {folder / 'metrics.json'}", markup=False)
    return metrics


def _check_classes(source: Source, predictor: Predictor, data: object) -> None:
    if source.classes.names != predictor.classes.names:
        raise DataError(
            f"has the classes {', '.join(source.classes.names)}; the run was trained on"
            f" {', '.join(predictor.classes.names)}",
            where=data,
            remedy="Declare the same classes in the same order in its classes.yaml",
        )


def _recorded(source: Source, recorded: Data, split: str, predictor: Predictor) -> list[int]:
    """The indices of the training's own split; every file must still be what it was."""
    parts = asdict(recorded.split)
    names = list(chain(*parts.values())) if split == "all" else list(parts[split])
    by_name = {sample.name: index for index, sample in enumerate(source.samples)}
    for name in names:
        if name not in by_name or source.digest(by_name[name]) != recorded.sha256[name]:
            raise DataError(
                f"{name} is not the file that the run recorded",
                where=recorded.origin,
                remedy=f"Put it back, or score the data as it is now: segarena evaluate {predictor.run} DATA",
            )
    return [by_name[name] for name in names]


def _say(metrics: Metrics, predictor: Predictor, what: str) -> None:
    console.print(
        f"[bold]{predictor.config['model']}[/bold] on {escape(what)} ({plural(metrics.images, 'image')}): "
        f"mIoU {percent(metrics.miou)}, F1 {percent(metrics.mean_f1)}, "
        f"precision {percent(metrics.mean_precision)}, recall {percent(metrics.mean_recall)}, "
        f"accuracy {percent(metrics.pixel_accuracy)}"
    )
    table = Table(box=None, pad_edge=False)
    table.add_column("class")
    for title in ("IoU", "F1", "precision", "recall"):
        table.add_column(title, justify="right")
    for name, scores in metrics.per_class.items():
        values = (scores.iou, scores.f1, scores.precision, scores.recall)
        table.add_row(escape(name), *("absent" if value is None else percent(value) for value in values))
    console.print(table)
