"""What is to be trained: the trainings of a model and a seed, and whether their folders may be resumed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segarena.classes import ClassTable
from segarena.config import Choice, DataOptions, Protocol, TrainOptions, command_line
from segarena.config.training import is_own
from segarena.errors import RunError
from segarena.experiment.error_files import CONFIDENT_ERRORS
from segarena.experiment.inputs import describe_inputs
from segarena.experiment.networks import build, drop_unused_options
from segarena.experiment.prepared import Prepared, PreparedSplit
from segarena.experiment.recognition import describe_other_scenes
from segarena.formats import listing
from segarena.models import SegmentationModel
from segarena.records.config import Config, DataSettings
from segarena.records.metrics import Metrics
from segarena.records.run import Costs, Data
from segarena.records.tuning import Tuning
from segarena.reporting.style import label_of
from segarena.reuse.recorded import MAY_DIFFER, is_same
from segarena.runs import Run, fold_folder
from segarena.training.checkpoint import LAST

#: Goes up when the same settings train or score differently: runs of an older version are not resumed.
PROTOCOL_VERSION = 3
_OTHER_OPTIONS = "Repeat its options with --resume, or name a new folder with --out"
_OTHER_VERSION = "Install the version that started it, or name a new folder with --out"
_SPLIT_CHANGED = "the split, or how the files are decoded, has changed since"
_OTHER_DATA = "Put the data back as it was, or name a new folder with --out"


@dataclass(frozen=True)
class Training:
    """One training: of which network, on which images, into which folder.

    Args:
        model: Name of the architecture.
        seed: Seed of the initial weights, the order of the images and the augmentation.
        data: Where the data is and how it was split.
        protocol: How the network is built, trained and scored.
        choices: The settings of the protocol that were left open.
        split: The data, split and decoded.
        folder: The run folder, or the fold's folder in it.
        tuning: The trials that chose settings of the protocol; None without.
    """

    model: str
    seed: int
    data: DataSettings
    protocol: Protocol
    choices: tuple[Choice, ...]
    split: PreparedSplit
    folder: Path
    tuning: Tuning | None = None

    @property
    def num_classes(self) -> int:
        """Number of classes of the data."""
        return self.split.source.classes.num_classes

    @property
    def run(self) -> Run:
        """Its model, seed and fold, and the share of the training images."""
        fraction = self.protocol.data_fraction
        return Run(self.model, self.seed, self.split.fold, None if fraction == 1 else fraction)

    @property
    def is_finished(self) -> bool:
        """Whether it was trained and tested to the end; costs.json is its last file."""
        return (self.folder / Costs.file).exists()

    @property
    def is_scored(self) -> bool:
        """Whether it is finished but for its costs, which are measured when no other training runs."""
        files = (Metrics.file, CONFIDENT_ERRORS, LAST)  # the first and the last of its scores; its state has the time
        return not self.is_finished and all((self.folder / name).exists() for name in files)

    def describe(self, network: SegmentationModel) -> Config:
        """Return the record for config.json.

        Args:
            network: The network, before it is trained.
        """
        return Config(
            command=_command(self),
            protocol_version=PROTOCOL_VERSION,
            model=self.model,
            seed=self.seed,
            data=self.data,
            protocol=self.protocol,
            choices=self.choices,
            architecture=network.settings,
            start=network.initial_weights,
            tuning=self.tuning,
        )


def plan_trainings(prepared: Prepared, run: Run, folder: Path) -> list[Training]:
    """Return the trainings of a model and a seed: one, or one for each fold.

    Args:
        prepared: The data and the protocol.
        run: The model and the seed.
        folder: The run folder.
    """
    data = describe_inputs(prepared.options, prepared.source)
    protocol = drop_unused_options(prepared.protocol, run.model)
    choices = tuple(choice for choice in prepared.choices if choice.name != "seeds")  # it is no setting of a training
    trainings = []
    if run.fraction is not None:
        protocol = replace(protocol, data_fraction=run.fraction)
    for split in prepared.splits if run.fraction is None else prepared.fractions[run.fraction]:
        own = fold_folder(folder, split.fold)
        if split.fold is not None:  # a run like any other, whose split is saved in its own folder
            data = replace(data, splits=str(own.absolute()), group_by=None, split=DataOptions.split)
        training = Training(run.model, run.seed, data, protocol, choices, split, own)
        tuning = prepared.tuned.get((run.model, split.fold))
        trainings.append(training if tuning is None else _with_tuned(training, tuning))
    return trainings


def _with_tuned(training: Training, tuning: Tuning) -> Training:
    """The training with the settings that trials chose."""
    best = tuning.best
    tuned = [Choice("learning_rate", best.learning_rate, tuning.why)]
    if best.class_weights != tuning.default.class_weights:
        tuned.append(Choice("class_weights", best.class_weights, tuning.why))
    names = [choice.name for choice in tuned]
    return replace(
        training,
        protocol=replace(training.protocol, learning_rate=best.learning_rate, class_weights=best.class_weights),
        choices=(*(one for one in training.choices if one.name not in names), *tuned),
        tuning=tuning,
    )


def check_resumable(trainings: Sequence[Training], folder: Path) -> None:
    """Check that the run in a folder, finished or not, is of the same protocol and data.

    Args:
        trainings: What `plan_trainings` returned for the folder.
        folder: The run folder; it may be empty.

    Raises:
        RunError: The run is another one: resumed, or ranked beside others, it would mix two protocols.
    """
    has_folds, is_run = fold_folder(folder, 1).is_dir(), (folder / Config.file).exists()
    if has_folds if trainings[0].split.fold is None else is_run:
        raise RunError(f"was started with{'' if has_folds else 'out'} --folds", where=folder, remedy=_OTHER_OPTIONS)
    for training in trainings:
        _check_same_training(training)


def _check_same_training(training: Training) -> None:
    folder, source = training.folder, training.split.source
    if not (folder / Config.file).exists() or not (folder / Data.file).exists():
        return
    config, data = Config.read(folder), Data.read(folder)
    before, now = _settings(config), _settings(training)
    for name in dict.fromkeys([*now, *before]):
        old, new = before.get(name), now.get(name)
        if name not in MAY_DIFFER and not is_same(name, old, new):
            if name != "protocol_version":
                _check_same_files(training, data)  # the setting may follow from them
            remedy = _OTHER_VERSION if name == "protocol_version" else _OTHER_OPTIONS
            raise RunError(_difference(name.replace("_", " "), old, new), where=folder, remedy=remedy)
    if is_own(training.model):
        _check_same_module(training, config)
    if ClassTable.from_dict(data.class_table, where=folder / Data.file).digest != source.classes.digest:
        raise RunError(
            "was started with other classes: a name, a value in the masks, void or the background has changed since",
            where=folder,
            remedy="Put classes.yaml back as it was, or name a new folder with --out",
        )
    _check_same_files(training, data)
    if data.fingerprint != training.split.fingerprint:
        raise RunError(f"was started on other data: {_SPLIT_CHANGED}", where=folder, remedy=_OTHER_DATA)


def _check_same_files(training: Training, data: Data) -> None:
    """Raise RunError if an image or a mask of the split has changed, is new or is not there any more."""
    scenes = describe_other_scenes(data, training.split.source)
    if scenes is not None:
        raise RunError(f"was started on {scenes}", where=training.folder, remedy=_OTHER_VERSION)
    changed = describe_change(data.sha256, training.split)
    if changed and data.fingerprint != training.split.fingerprint:
        raise RunError(f"was started on other data: {changed}", where=training.folder, remedy=_OTHER_DATA)


def _check_same_module(training: Training, config: Config) -> None:
    """Raise RunError if a user's module has other layers than the one that was started."""
    now = build(training.protocol, training.model, training.num_classes, training.seed).settings
    if config.architecture.get("tensors") != now["tensors"]:
        raise RunError(
            f"was started with another module: the tensors of {label_of(training.model)} have "
            "other names, shapes or types now",
            where=training.folder,
            remedy=f"Give the function that it was started with ({config.architecture.get('built_by')}), "
            "or name a new folder with --out",
        )


def describe_change(before: Mapping[str, str], split: PreparedSplit) -> str:
    """Return which files differ from the recorded ones; empty where none does.

    Args:
        before: The recorded SHA-256 of each image with its mask, by name.
        split: The present data.
    """
    now = dict(zip((sample.name for sample in split.source.samples), split.digests, strict=True))
    kinds = {
        "changed": [name for name in now if name in before and before[name] != now[name]],
        "not there": [name for name in before if name not in now],
        "new": [name for name in now if name not in before],
    }
    parts = [f"{listing(names)} {'is' if len(names) == 1 else 'are'} {kind}" for kind, names in kinds.items() if names]
    return "; ".join(parts)


def record_place(training: Training) -> None:
    """Record where the data of a finished run is now, if it has been moved since the training."""
    config = Config.read(training.folder)
    if config.data == training.data:
        return
    moved = replace(config, data=training.data)
    replace(moved, command=_command(moved)).write(training.folder)


def _command(training: Training | Config) -> str:
    """The command line that repeats a training, with the settings that trials chose in place of the trials.

    The memory for decoded images is that of the machine, and changes no result.
    """
    return command_line(TrainOptions, {**_settings(training), "tune": 0, "cache_gib": None})


def _difference(name: str, old: object, new: object) -> str:
    if old is None:
        return f"was started without {name}, not with {new}"
    return f"was started with {name} {old}, not {f'{new}' if new is not None else 'without'}"


def _settings(training: Training | Config) -> dict[str, Any]:
    """Every setting of a training by the name of its option; what does not concern it is absent or None."""
    version = training.protocol_version if isinstance(training, Config) else PROTOCOL_VERSION
    return {
        **vars(training.data),
        **training.protocol.settings(),
        "model": training.model,
        "seed": training.seed,
        "protocol_version": version,
    }
