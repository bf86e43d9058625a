"""One training: from prepared data to all the files of a run folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from segarena.data.source import Split
from segarena.errors import Interrupted
from segarena.experiment.build import build_network, evaluation_batches, make_loader, make_loss
from segarena.experiment.costs import measure_costs
from segarena.experiment.error_files import write_errors
from segarena.experiment.evaluation_plan import describe_windows
from segarena.experiment.held_out_baseline import majority_miou
from segarena.experiment.image_counts import write_image_counts
from segarena.experiment.joint import describe_other_processes, naming_lost, ranks_of
from segarena.experiment.pictures import keeping_labels
from segarena.experiment.plan import Training
from segarena.experiment.preview import PreviewLabels
from segarena.experiment.progress import Reporter, TrainingListener, TrainingStart
from segarena.experiment.recognition import uses_by_name
from segarena.experiment.shortage import naming_evaluation, naming_step
from segarena.experiment.waiting import advise_on_waiting
from segarena.loading.dataset import EvaluationItem, TrainingBatches
from segarena.models import SegmentationModel
from segarena.records.expected import no_score_note
from segarena.records.run import Environment
from segarena.scoring.scores import score, to_metrics
from segarena.training.checkpoint import BEST, load_weights
from segarena.training.counting import Observer, evaluate
from segarena.training.devices import place
from segarena.training.distributed.ranks import ALONE, Ranks
from segarena.training.engine import Trainer
from segarena.training.error_analysis import ErrorCollector
from segarena.training.evaluation import evaluation_pixels
from segarena.training.listener import Recovery, TrainerListener
from segarena.training.machine import describe_environment
from segarena.training.memory import PeakMemory
from segarena.training.state import Step, TrainingState


def train_run(
    training: Training,
    start: TrainingStart,
    should_stop: Callable[[], bool],
    reporter: Reporter,
    *,
    is_alone: bool = True,
) -> None:
    """Train a network, choose its epoch, score it and write the run folder. A training that was stopped is resumed.

    Where all images train, the last epoch is used and there is no score.

    Args:
        training: What is trained on what, and the folder.
        start: The training, for people.
        should_stop: Called after each step; True stops the training.
        reporter: Receives the progress.
        is_alone: Whether no other training runs beside this one. Otherwise costs.json is left to `write_costs`: times
            that are measured beside other work are those of both.

    Raises:
        RunError: A file cannot be read or written.
        Interrupted: `should_stop` returned True; the state is saved.
    """
    split, folder = training.split, training.folder
    ranks = ranks_of(training)
    # What these keep on a GPU is the same for all models, and not counted as memory of this one.
    loader, validation = make_loader(training, ranks), evaluation_batches(training, "val", ranks)
    memory = PeakMemory(training.protocol.device)
    model = build_network(training)
    data = split.describe_data()
    data.write(folder)
    if in_windows := describe_windows(training):
        reporter.say(in_windows, title=start.title)
    if changed := describe_other_processes(training, ranks):
        reporter.say(changed, title=start.title)
    _record_environment(training, ranks)
    replace(training.describe(model), processes=ranks.number).write(folder)
    state = fit(training, model, loader, validation, memory, start, should_stop, reporter, ranks)
    model = model if ranks.number == 1 else place(build_network(training), training.protocol.device)
    if advice := advise_on_waiting(training, state.history):
        reporter.warn(advice, title=start.title)
    load_weights(model, folder / BEST)
    _write_scores(training, model, uses_by_name(data), state, should_stop)
    if is_alone:
        measure_costs(training, model, state).write(folder)


def _write_scores(
    training: Training,
    model: SegmentationModel,
    use_of: Mapping[str, str],
    state: TrainingState,
    should_stop: Callable[[], bool],
) -> None:
    """Score the images with the weights of the best epoch; write metrics.json, images.csv and where the errors are."""
    split, folder = training.split, training.folder
    scored, classes, names = split.splits.scored, split.source.classes, split.scored_names
    with (
        ErrorCollector(training.num_classes, training.protocol.device) as errors,
        keeping_labels(split, folder) as keep,
    ):
        confusions = evaluate_split(training, model, scored, None, should_stop, errors, keep)
    uses = [use_of[name] for name in names]
    metrics = replace(
        to_metrics(
            score(confusions, background=classes.background),
            classes.names,
            split=scored if split.splits.holds_out else "none",
        ),
        train_images=uses.count("train"),
        val_images=uses.count("val"),
        best_epoch=state.best_epoch,
        epochs=len(state.history),
        restart=state.restart,
        skipped_steps=state.skipped,
        micro_batch=state.micro_batch,
        val_miou=state.best_miou if state.best_miou >= 0 else None,  # below 0: undefined in each epoch
        note=None if split.splits.holds_out else no_score_note(folder),
    )
    metrics.write(folder)
    write_image_counts(folder / "images.csv", names, uses, classes.names, confusions, split.groups)
    write_errors(folder, names, classes.names, errors)


def _record_environment(training: Training, ranks: Ranks) -> None:
    """Write environment.json; the machines of the parts before a training was resumed stay in it."""
    now = replace(describe_environment(training.protocol.device), processes=ranks.number)
    folder = training.folder
    (now.after(Environment.read(folder)) if (folder / Environment.file).exists() else now).write(folder)


def evaluate_split(
    training: Training,
    model: SegmentationModel,
    part: Split,
    batches: Iterable[list[EvaluationItem]] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    observe: Observer | None = None,
    on_labels: Callable[[Tensor], None] | None = None,
    ranks: Ranks = ALONE,
) -> NDArray[np.int64]:
    """Score a part of the split: each image whole and at its own size.

    Args:
        training: The data and the protocol.
        model: The network.
        part: train, val or test.
        batches: What `evaluation_batches` returned for the part; None to make them.
        should_stop: Called after each batch; True stops the evaluation.
        observe: Called with each image, its labels and its confidence.
        on_labels: Called with the labels that are scored, see `evaluate`.
        ranks: The processes among which the batches are divided. The counts of all are returned in each.

    Returns:
        A confusion matrix for each image, (N, C, C): rows are the truth, columns the prediction.

    Raises:
        Interrupted: `should_stop` returned True.
    """
    protocol = training.protocol

    def on_progress(images: int) -> None:
        if should_stop():
            raise Interrupted(f"stopped while the {'validation' if part == 'val' else part} images were scored")

    nothing = np.zeros((0, training.num_classes, training.num_classes), dtype=np.int64)
    if not (images := len(training.split.splits.indices(part))):
        return nothing

    def count() -> NDArray[np.int64]:
        if not ranks.indices(range(images), protocol.batch_size):
            return nothing
        return evaluate(
            model,
            evaluation_batches(training, part, ranks) if batches is None else batches,
            training.num_classes,
            device=protocol.device,
            precision=protocol.precision,
            most_pixels=evaluation_pixels(protocol),
            on_progress=on_progress,
            observe=observe,
            on_labels=on_labels,
        )

    with naming_evaluation(training, protocol.batch_size):
        return ranks.gather(ranks.attempt(count), images, protocol.batch_size)


def fit(
    training: Training,
    model: SegmentationModel,
    loader: TrainingBatches,
    validation: Iterable[list[EvaluationItem]],
    memory: PeakMemory,
    start: TrainingStart,
    should_stop: Callable[[], bool],
    reporter: Reporter,
    ranks: Ranks = ALONE,
) -> TrainingState:
    """Train a network and choose its epoch, with what `train_run` has made. Errors as of `Trainer.fit`."""
    split = training.split
    preview = PreviewLabels(len(split.splits.val) if ranks.number == 1 else 0)
    with reporter.training(start) as listener:

        def validate(network: SegmentationModel) -> dict[str, float]:
            on_labels = preview.begin()
            scores = score(evaluate_split(training, network, "val", validation, should_stop, None, on_labels, ranks))
            listener.on_classes(dict(zip(split.source.classes.names, scores.per_class.iou.tolist(), strict=True)))
            return {"val_miou": scores.miou, "val_pixel_accuracy": scores.pixel_accuracy}

        trainer = Trainer(
            model,
            loader,
            make_loss(training, ranks),
            validate if split.splits.holds_out else None,
            training.protocol,
            training.seed,
            training.folder,
            listener=_Relay(listener, preview),
            recovery=Recovery(lambda: build_network(training), lambda: majority_miou(split)),
            should_stop=should_stop,
            read_peak_memory=memory.read,
            ranks=ranks,
        )
        with naming_step(training, lambda: trainer.micro_batches.largest), naming_lost():
            return trainer.fit()


class _Relay(TrainerListener):
    """Passes what a trainer reports on to the listener of the command, which may be in another process.

    Args:
        listener: The listener.
        preview: The labels of the validation images in the present epoch.
    """

    def __init__(self, listener: TrainingListener, preview: PreviewLabels) -> None:
        self._listener, self._preview = listener, preview

    def on_step(self, step: Step) -> None:
        self._listener.on_step(step, None)

    def on_epoch(self, row: dict[str, Any], is_best: bool) -> None:
        self._listener.on_epoch(row, is_best, None)
        if is_best:
            self._listener.on_preview(self._preview.labels)

    def on_early_stop(self, state: TrainingState) -> None:
        best = state.best_miou if state.best_miou >= 0 else None
        self._listener.on_early_stop(state.epoch - 1 - state.best_epoch, state.best_epoch, best)

    def on_restart(self, state: TrainingState, learning_rate: float) -> None:
        self._listener.on_restart(str(state.restart), learning_rate)

    def on_skip(self, state: TrainingState) -> None:
        self._listener.on_skip(state.epoch, state.step, state.skipped)

    def on_split(self, state: TrainingState) -> None:
        self._listener.on_split(state.micro_batch or 0, state.epoch, state.step + 1)
