"""The settings of a new training from an earlier comparison or run: `segarena train --like FOLDER`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from statistics import fmean, median_low, mode
from typing import Any, NamedTuple

from segarena.config import Choice, ProtocolOptions, TrainOptions
from segarena.config.names import choose_from, find_choice
from segarena.config.training import HOLDING_OUT
from segarena.errors import ConfigError, RunError
from segarena.formats import command, join_words
from segarena.records.comparison import ComparisonRecord, RankedModel
from segarena.records.config import Config, DataSettings
from segarena.records.expected import Expected
from segarena.records.metrics import Metrics
from segarena.records.options import OptionsRecord
from segarena.records.run import Data
from segarena.reuse.paths import why_absent
from segarena.reuse.recorded import MAY_DIFFER, inputs_of_folds, record_of_run, recorded_choices
from segarena.runs import Run, all_images_folder, trainings

#: Choices for the machine, and those for several models: they are made again.
_NOT_TAKEN = frozenset({"device", "precision", "model_epochs"}) | MAY_DIFFER
#: Options that the new training has of its own.
_OWN = frozenset({"seed", "all_images", "tune"})
_PATHS = ("data", "images", "masks", "root", "splits")


@dataclass(frozen=True)
class Like:
    """What a new training takes from earlier ones.

    Args:
        expected: The earlier trainings and their score.
        options: The options that were typed then, by name, and where the data is.
        choices: The options that were left open then, by name, with what was chosen.
        data: The data of the first of the trainings.
    """

    expected: Expected
    options: Mapping[str, Any]
    choices: Mapping[str, Choice]
    data: Data


def read_like(folder: Path, model: str | None, *, all_images: bool) -> Like:
    """Read the settings of a model of an earlier comparison, or of an earlier run.

    With `all_images` the number of epochs is the mean of the best epochs of all its seeds and folds, rounded up: each
    image is seen as often as in the trainings that were scored. More images take more steps in that time.

    Args:
        folder: A finished comparison, or a finished run of `segarena train`.
        model: Its architecture. None: the one with the highest mIoU.
        all_images: Whether the new training is on all images.

    Raises:
        RunError: The folder is neither, or a file in it cannot be read.
        ConfigError: The comparison does not have the model, or no model that is better than the majority baseline.
    """
    earlier = _comparison(folder, model) if (folder / ComparisonRecord.file).exists() else _run(folder, model)
    config = Config.read(earlier.runs[0])
    options = {
        **record_of_run(config).options,
        **vars(earlier.inputs),
        "folds": earlier.expected.folds,
        "model": earlier.expected.model,
    }
    own = config.protocol.settings()  # those of the model, where the models of a comparison differ
    choices = {
        choice.name: replace(choice, value=own.get(choice.name, choice.value))
        for choice in config.choices
        if choice.name not in _NOT_TAKEN
    }
    choices |= _tuned(earlier.runs)
    if "class_weights" in choices:  # an option like another one, so that a typed "none" replaces it
        options["class_weights"] = choices.pop("class_weights").value
    left_out = _OWN
    if all_images:
        left_out = left_out | {*HOLDING_OUT, "split", "epochs", "data_fraction"}
        choices["epochs"] = _epochs(earlier.expected)
        if (folder / ComparisonRecord.file).exists():
            options["out"] = all_images_folder(folder, earlier.expected.model)
    names = {item.name for item in fields(TrainOptions)} - left_out
    options = {
        name: Path(value) if name in _PATHS else value
        for name, value in options.items()
        if value is not None and name in names
    }
    return Like(earlier.expected, options, choices, Data.read(earlier.runs[0]))


def check_like_data(options: ProtocolOptions, like: Like) -> None:
    """Raise RunError if the data of the earlier trainings was moved, or is closed, and no other place is named.

    Args:
        options: The options of the new training.
        like: What it takes from the earlier ones.
    """
    data = options.data
    if data is None or data != like.options.get("data") or not data.is_absolute():
        return
    why = why_absent(data)
    if not why:
        return
    words = ["--like", like.expected.like, "--model", like.expected.model]
    words += ["--all-images"] if options.holds_out_none else []
    raise RunError(
        f"was trained on data in {data}, which {why}",
        where=Path(like.expected.like),
        remedy=f"If the data is elsewhere, name its folder: {command('segarena', 'train', 'NEW_FOLDER', *words)}",
    )


def earlier_choices(options: ProtocolOptions) -> dict[str, Choice]:
    """Return the choices of the folder that is resumed, or of the earlier trainings whose settings are used, by name.

    Args:
        options: The options of the training.
    """
    recorded = recorded_choices(options.resume)
    if recorded or not isinstance(options, TrainOptions) or options.like is None:
        return recorded
    choices = dict(read_like(options.like, options.model, all_images=options.all_images).choices)
    if options.batch_size == "auto":  # typed: it is chosen again
        choices = {name: one for name, one in choices.items() if name not in ("batch_size", "micro_batch")}
    return choices


class _Earlier(NamedTuple):
    expected: Expected
    runs: list[Path]
    inputs: DataSettings


def _comparison(folder: Path, model: str | None) -> _Earlier:
    record = ComparisonRecord.read(folder)
    if record.varied:
        first = record.ranking[0]
        run = folder / Run(first.model, first.seeds[0]).path
        raise ConfigError(
            f"{folder} compares runs that differ in {join_words(list(record.varied))}",
            where="--like",
            remedy=f"Name one of its runs, e.g. {command('--like', run)}",
        )
    entry, why = _choose(record, model, folder)
    runs = [run for seed in entry.seeds for run in trainings(folder / Run(entry.model, seed).path)]
    interval = None if record.statistics is None else record.statistics.for_readers().interval(entry.model)
    low, high = interval or (None, None)
    expected = _describe(
        folder,
        runs,
        model=entry.model,
        why=why,
        seeds=entry.seeds,
        folds=record.folds,
        scored_split=record.scored_split,
        miou=entry.miou,
        low=low,
        high=high,
    )
    return _Earlier(expected, runs, record.inputs)


def _choose(record: ComparisonRecord, model: str | None, folder: Path) -> tuple[RankedModel, str]:
    """The model, and why it is this one."""
    names = [entry.model for entry in record.ranking]
    answer, first = record.answer, record.ranking[0]
    can_advise = answer.claim not in ("no_better_than_baseline", "no_score")
    advised = first.model if answer.best is None else answer.best
    found = advised if model is None else find_choice(model, names)
    if found is None:
        raise ConfigError(f"{folder} has no {model}", where="--model", remedy=choose_from(names, like=model or ""))
    if model is None and not can_advise:
        raise ConfigError(
            f"no model of {folder} can be advised: {answer.headline.rstrip('.')}",
            where="--model",
            remedy=f"Train longer, or name a model all the same: --model {first.model}",
        )
    entry = record.ranking[names.index(found)]
    if found != advised or not can_advise:
        return entry, "named with --model"
    if answer.best is not None:
        return entry, "the best model of the verdict"
    others = join_words([name for name in answer.candidates if name != first.model], "or")
    doubt = f"; {others} may be as good" if others else ""
    return entry, f"the highest mIoU{doubt}, --model NAME trains another one"


def _run(folder: Path, model: str | None) -> _Earlier:
    runs = list(trainings(folder))
    if not (folder / Metrics.file).exists() or not all((run / Config.file).exists() for run in runs):
        raise RunError(
            f"has no {ComparisonRecord.file} and no {Metrics.file}, so it is neither a comparison nor a finished run",
            where=folder,
            remedy="Name a folder that `segarena compare` or `segarena train` has finished",
        )
    metrics, config = Metrics.read(folder), Config.read(runs[0])
    if metrics.split not in ("test", "val"):
        raise RunError(
            "was trained on all images, so its best epoch is not known",
            where=folder,
            remedy="Name the comparison, or a run with validation images",
        )
    if model is not None and find_choice(model, [config.model]) is None:
        raise ConfigError(f"{folder} is a run of {config.model}", where="--model", remedy="Leave it out")
    expected = _describe(
        folder,
        runs,
        model=config.model,
        why="the model of the run",
        seeds=(config.seed,),
        folds=metrics.folds,
        scored_split=metrics.split,
        miou=metrics.miou,
    )
    return _Earlier(expected, runs, config.data if metrics.folds is None else _inputs_of_folds(folder))


def _inputs_of_folds(folder: Path) -> DataSettings:
    found = inputs_of_folds(folder)
    if found is None:
        raise RunError(
            f"has no {OptionsRecord.file}, so how its data was divided into folds is not known",
            where=folder,
            remedy="Name the folder that `segarena train` or `segarena compare` wrote",
        )
    return found


def _describe(folder: Path, runs: Sequence[Path], **known: Any) -> Expected:
    counts = [Data.read(run).counts["train"] for run in runs]
    return Expected(
        like=str(folder.absolute()),
        best_epochs=tuple(Metrics.read(run).best_epoch or 1 for run in runs),
        train_images=round(fmean(counts)),
        **known,
    )


def _tuned(runs: Sequence[Path]) -> dict[str, Choice]:
    """The learning rate and the class weights that trials chose; with folds the median and the most frequent one."""
    found = [tuning for run in runs if (tuning := Config.read(run).tuning) is not None]
    if len({tuning.fold for tuning in found}) < 2:  # one training has them among its choices
        return {}
    number = len({tuning.fold for tuning in found})
    rate = median_low(tuning.best.learning_rate for tuning in found)
    weights = mode(tuning.best.class_weights for tuning in found)
    return {
        "learning_rate": Choice("learning_rate", rate, f"the median of what trials chose in {number} folds"),
        "class_weights": Choice("class_weights", weights, f"what trials chose most often in {number} folds"),
    }


def _epochs(expected: Expected) -> Choice:
    epochs = expected.best_epochs
    each = f": {join_words([f'{epoch:g}' for epoch in epochs])}" if len(epochs) > 1 else ""
    which = f"mean best epoch of {len(epochs)} trainings" if each else "best epoch"
    return Choice("epochs", math.ceil(fmean(epochs)), f"the {which} of {expected.model} in {expected.like}{each}")
