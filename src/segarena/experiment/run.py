"""One training: from prepared data to all the files of a run folder.

Also: The folds of one model and seed put together: as if one model had tested all images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segarena.classes import ClassTable
from segarena.config import TrainOptions, to_command, to_dict
from segarena.data.dataset import EvaluationSet, TrainingLoader, TrainingSet, evaluation_loader
from segarena.data.source import Source, Split
from segarena.data.transforms import Augmentation
from segarena.errors import RunError
from segarena.experiment.image_counts import read_image_counts, write_image_counts
from segarena.experiment.networks import build
from segarena.experiment.prepare import Prepared
from segarena.experiment.progress import Reporter
from segarena.files import read_json, write_json, write_text
from segarena.models import SegmentationModel
from segarena.records.metrics import Metrics
from segarena.records.run import Costs, Data
from segarena.runs import fold_folder
from segarena.scoring.pooling import pool
from segarena.scoring.scores import score, to_metrics
from segarena.training.checkpoint import BEST, load_weights
from segarena.training.costs import PeakMemory, count_flops, count_parameters, measure_latency
from segarena.training.engine import Recipe, Trainer, TrainingState
from segarena.training.evaluation import evaluate, padded_size
from segarena.training.losses import SegmentationLoss, weigh_classes
from segarena.training.machine import describe_environment

#: Goes up when the same options begin to train or score otherwise: what an older version has begun is not gone on with.
PROTOCOL = 3
#: Options that may change when a training goes on. One folder has many paths: the data's fingerprint, of its files,
#: their meaning and their split, tells whether it is the same. The others change how fast a run is, and no score.
_NO_MATTER = frozenset(
    ("data", "images", "masks", "root", "download", "splits", "workers", "cache_gib", "command", "chosen_here")
)


def is_finished(folder: Path) -> bool:
    """Whether the run has been trained and tested to the end; costs.json is its last file."""
    return (folder / "costs.json").exists()


def check_same_training(prepared: Prepared[Any], options: TrainOptions, folder: Path) -> None:
    """Raise RunError where `folder` holds a training, finished or not, with other options or on other data.

    To go on with it, or to rank it beside others, would mix two protocols.
    """
    if not (folder / "config.json").exists() or not (folder / "data.json").exists():
        return
    before = read_json(folder / "config.json")
    for key, value in _describe(prepared, options).items():
        if key not in _NO_MATTER and before.get(key) != value:
            raise RunError(
                f"was started with {key.replace('_', ' ')} {before.get(key)}, not {value}",
                where=folder,
                remedy="Repeat its options with --resume, or name a new folder with --out",
            )
    data = Data.read(folder)
    classes = ClassTable.from_dict(data.class_table, where=folder / Data.file)
    if classes.digest != prepared.source.classes.digest:
        raise RunError(
            "was started with other classes: a name, a value in the masks or what is void has changed since",
            where=folder,
            remedy="Put classes.yaml back as it was, or name a new folder with --out",
        )
    if data.fingerprint != prepared.fingerprint:
        raise RunError(
            "was started on other data: a file, what is read from the files or the split has changed since",
            where=folder,
            remedy="Put the data back as it was, or name a new folder with --out",
        )


def train_run(
    prepared: Prepared[Any],
    options: TrainOptions,
    folder: Path,
    title: str,
    should_stop: Callable[[], bool],
    reporter: Reporter,
) -> None:
    """Train one model on prepared data into `folder`, going on from what the folder holds.

    `options` has nothing left open. Raises RunError where the folder belongs to another training, Interrupted
    after saving.
    """
    check_same_training(prepared, options, folder)
    memory = PeakMemory(options.device)
    model = build(options, options.model, prepared.source.classes.num_classes, options.seed)
    prepared.describe_data().write(folder)
    describe_environment().write(folder)
    built = {"architecture": model.settings, "start": model.initial_weights}
    write_json(folder / "config.json", {**_describe(prepared, options), **built})
    assert options.epochs is not None
    assert options.batch_size is not None
    state = _fit(prepared, options, model, folder, title, should_stop, memory, reporter)
    load_weights(model, folder / BEST)
    split = prepared.splits.scored
    confusions = evaluate_split(prepared, options, model, split)
    scores = score(confusions, background=prepared.source.classes.background)
    metrics = replace(
        to_metrics(scores, prepared.source.classes.names, split=split),
        best_epoch=state.best_epoch,
        epochs=len(state.history),
        val_miou=state.best_miou if state.best_miou >= 0 else None,  # below 0: undefined in each epoch
    )
    metrics.write(folder)
    names = [prepared.source.samples[i].name for i in prepared.splits.indices(split)]
    write_image_counts(folder / "images.csv", names, prepared.source.classes.names, confusions)
    _write_costs(prepared, options, model, state, folder)


def evaluate_split(
    prepared: Prepared[Any], options: TrainOptions, model: SegmentationModel, split: Split
) -> NDArray[np.int64]:
    """Confusion matrices (N, C, C) of the split's images, whole and at their own size."""
    assert options.size is not None
    assert options.batch_size is not None
    dataset = EvaluationSet(prepared.images, prepared.splits.indices(split), options.size)
    loader = evaluation_loader(dataset, batch_size=options.batch_size, workers=options.workers or 0)
    return evaluate(
        model,
        loader,
        prepared.source.classes.num_classes,
        device=options.device,
        precision=options.precision,
    )


def _fit(
    prepared: Prepared[Any],
    options: TrainOptions,
    model: SegmentationModel,
    folder: Path,
    title: str,
    should_stop: Callable[[], bool],
    memory: PeakMemory,
    reporter: Reporter,
) -> TrainingState:
    assert options.size is not None
    assert options.epochs is not None
    assert options.batch_size is not None
    recipe = Recipe(**{item.name: getattr(options, item.name) for item in fields(Recipe)})
    augmentation = Augmentation(options.size, prepared.crop, options.seed, foreground=options.crop_foreground)
    dataset = TrainingSet(prepared.images, prepared.splits.train, augmentation)
    loader = TrainingLoader(
        dataset,
        batch_size=options.batch_size,
        seed=options.seed,
        workers=options.workers or 0,
        pin_memory=options.device == "cuda",
    )
    weights = weigh_classes(prepared.mask_pixels, options.class_weights)
    loss = SegmentationLoss(options.loss, None if weights is None else weights.to(options.device))

    def validate(network: SegmentationModel) -> dict[str, float]:
        scores = score(evaluate_split(prepared, options, network, "val"))
        return {"val_miou": scores.miou, "val_pixel_accuracy": scores.pixel_accuracy}

    with reporter.training(title, options.epochs) as listener:
        trainer = Trainer(
            model,
            loader,
            loss,
            validate,
            recipe,
            folder,
            on_step=listener.on_step,
            on_epoch=listener.on_epoch,
            should_stop=should_stop,
            read_peak_memory=memory.read,
        )
        return trainer.fit()


def _describe(prepared: Prepared[Any], options: TrainOptions) -> dict[str, Any]:
    """The content of config.json: every option with nothing left open, and what followed from them."""
    return {
        **to_dict(options),
        "protocol": PROTOCOL,
        "crop": list(prepared.crop),
        "input_size": list(prepared.input_size),
        "chosen_here": list(prepared.notes),
        "command": to_command(options),
    }


def _write_costs(
    prepared: Prepared[Any], options: TrainOptions, model: SegmentationModel, state: TrainingState, folder: Path
) -> None:
    size = prepared.input_size
    latency = measure_latency({"model": model}, size, device=options.device, precision=options.precision)
    history = pd.DataFrame(state.history)
    costs = Costs(
        params=count_parameters(model),
        flops=count_flops(model, padded_size(model, size)),
        latency_ms=latency["model"],
        train_seconds=float(history["seconds"].sum()),
        images_per_second=float(history["images_per_second"].median()),
        peak_memory_mib=state.peak_memory_mib,
    )
    costs.write(folder)


def pool_folds(folder: Path, number: int, source: Source) -> None:
    """Write metrics.json, images.csv and costs.json of a model and seed from the finished runs of its folds.

    Scores come from the pixel counts of all folds. Seconds are those of all folds, memory is that of the hungriest, the
    epochs are means; the network is the same in each. images.csv says which fold tested an image.
    """
    runs = [fold_folder(folder, fold) for fold in range(1, number + 1)]
    metrics, costs = [Metrics.read(run) for run in runs], [Costs.read(run) for run in runs]
    scores = to_metrics(pool(metrics, background=source.classes.background), source.classes.names, split="test")
    pooled = replace(
        scores,
        folds=number,
        best_epoch=sum(part.best_epoch or 0 for part in metrics) / number,
        epochs=sum(part.epochs or 0 for part in metrics) / number,
    )
    pooled.write(folder)
    _stack_images(folder, runs)
    memory = [part.peak_memory_mib for part in costs if part.peak_memory_mib is not None]
    together = replace(
        costs[0],
        latency_ms=min(part.latency_ms for part in costs),
        train_seconds=sum(part.train_seconds for part in costs),
        images_per_second=float(pd.Series([part.images_per_second for part in costs]).median()),
        peak_memory_mib=max(memory, default=None),
    )
    together.write(folder)


def _stack_images(folder: Path, runs: Sequence[Path]) -> None:
    parts = []
    for fold, run in enumerate(runs, start=1):
        table = read_image_counts(run / "images.csv")
        table.insert(0, "fold", fold)
        parts.append(table)
    write_text(folder / "images.csv", pd.concat(parts, ignore_index=True).to_csv(index=False, lineterminator="\n"))
