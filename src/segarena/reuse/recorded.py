"""The options that a folder was started with: how they are recorded, found and compared with those of now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path, PurePath
from typing import Any

from segarena.config import Choice, CompareOptions, Protocol, ProtocolOptions, command_name
from segarena.config.devices import device_type
from segarena.errors import RunError
from segarena.formats import command
from segarena.records.comparison import ComparisonRecord
from segarena.records.config import Config, DataSettings
from segarena.records.options import OptionsRecord, resume_command
from segarena.records.run import Data
from segarena.reuse.paths import NAMES, is_file, why_absent

#: Options that may differ when a run is resumed. The same data can be in another folder: the fingerprint of its files,
#: their decoding and their split shows whether it is the same. The others change the speed of a run, and no score (but
#: for the rounding of another number of threads).
MAY_DIFFER = frozenset(
    "data images masks root splits workers threads jobs executor slurm cache_gib track_with keep_states".split()
)
#: Arguments of `build_model`: a run records only those that its network uses.
NETWORK = frozenset({"encoder", "weights", "output_stride"})
#: What options had in versions that did not record them, where a rule chooses another value by now.
_EARLIER_DEFAULTS = {"scale_jitter": 2.0}
#: Options that are recorded: all that a training or its scores depend on, and those of the machine.
RECORDED = frozenset(
    {item.name for kind in (Protocol, DataSettings) for item in fields(kind)}
    | NETWORK
    | {
        "folds",
        "budget",
        "models",
        "seeds",
        "jobs",
        "executor",
        "slurm",
        "model",
        "seed",
        "track_with",
        "data_fractions",
        "keep_states",
    }
)


def describe_options(
    options: ProtocolOptions, data: DataSettings, choices: Sequence[Choice], fingerprints: Sequence[str]
) -> OptionsRecord:
    """Return the record for options.json.

    Args:
        options: The options as typed.
        data: Where the data is, with absolute paths.
        choices: The options that were left open.
        fingerprints: That of the data; with folds one for each.
    """
    values = {name: value for name, value in vars(options).items() if name in RECORDED} | vars(data)
    if isinstance(options, CompareOptions):
        values["models"] = options.model_names
    return OptionsRecord(
        command=command_name(type(options)),
        options={
            name: str(value) if isinstance(value, Path) else anchor(name, value)
            for name, value in values.items()
            if value not in (None, "auto")
        },
        choices=tuple(choices),
        fingerprint=tuple(fingerprints),
    )


def find_recorded(kind: type[ProtocolOptions], folder: Path) -> OptionsRecord | None:
    """Return the options that a folder was started with; None where it has none.

    Args:
        kind: The options of the command that resumes it.
        folder: A comparison folder or a run folder.

    Raises:
        RunError: The folder belongs to another command, or a file in it cannot be read.
    """
    if (folder / OptionsRecord.file).exists():
        record = OptionsRecord.read(folder)
    elif (folder / Config.file).exists():
        record = _from_run(folder)
    else:
        return None
    if record.command != command_name(kind):
        what = {"compare": "is a comparison", "train": "is a run of one model"}[record.command]
        raise RunError(what, where=folder, remedy=f"Resume it with: {resume_command(folder)}")
    known = {*record.options, *(choice.name for choice in record.choices)}
    earlier = {name: value for name, value in _EARLIER_DEFAULTS.items() if name not in known}
    return replace(record, options={**record.options, **earlier})


def recorded_choices(folder: Path | None) -> dict[str, Choice]:
    """Return the choices of a folder that is resumed, by name: they are not made again, but for the machine's.

    Args:
        folder: The folder; None where nothing is resumed.
    """
    if folder is None:
        return {}
    if (folder / OptionsRecord.file).exists():
        choices = OptionsRecord.read(folder).choices
    elif (folder / Config.file).exists():
        choices = Config.read(folder).choices
    else:
        return {}
    return {choice.name: choice for choice in choices if choice.name not in MAY_DIFFER}


def check_same_data(folder: Path, fingerprints: Sequence[str]) -> None:
    """Raise RunError if a folder was started on other data.

    Args:
        folder: A comparison folder or a run folder; it may be empty.
        fingerprints: That of the data of now; with folds one for each.
    """
    if not (folder / OptionsRecord.file).exists():
        return
    before = OptionsRecord.read(folder).fingerprint
    if before and before != tuple(fingerprints):
        raise RunError(
            "was started on other data: a file, how it is decoded or the split has changed since",
            where=folder,
            remedy="Put the data back as it was, or name a new folder with --out",
        )


def anchor(name: str, value: Any) -> Any:
    """Return the value of an option; an absolute path where it is a file beside other meanings.

    Args:
        name: The option: of `weights` and `group_by` the value can be a name or a file.
        value: Its value.
    """
    if name not in ("weights", "group_by") or not isinstance(value, str) or value in NAMES[name]:
        return value
    return str(Path(value).absolute()) if is_file(Path(value)) else value


def comparable(name: str, value: Any) -> Any:
    """Return the value of an option as two runs are compared: as `anchor` does, and of a device only its kind.

    Args:
        name: The option.
        value: Its value.
    """
    is_device = name == "device" and isinstance(value, str) and value != "auto"
    return device_type(value) if is_device else anchor(name, value)


def is_same(name: str, recorded: Any, now: Any) -> bool:
    """Return whether an option has the value that a run records.

    The file of `weights` is recorded as it was typed, without the folder that a relative path was typed in. So a path
    that ends like a relative one, without its leading `..`, is the same.

    Args:
        name: The option.
        recorded: Its value in the run.
        now: Its value now.

    >>> is_same("weights", "../weights/resnet18.pth", "/data/weights/resnet18.pth")
    True
    >>> is_same("weights", "../weights/resnet18.pth", "/data/other/resnet18.pth")
    False
    """
    if comparable(name, recorded) == comparable(name, now):
        return True
    if name != "weights" or not isinstance(recorded, str) or not isinstance(now, str):
        return False
    end = [part for part in PurePath(recorded).parts if part not in {".", ".."}]
    if PurePath(recorded).is_absolute() or not PurePath(recorded).suffix:
        return False
    return list(PurePath(now).parts[-len(end) :]) == end


def inputs_of_folds(folder: Path) -> DataSettings | None:
    """Return where the data of cross-validation is, and its groups: the folds have splits of their own.

    It is read from the options of the command, or from the comparison that finished runs were copied into.

    Args:
        folder: The folder of a model and a seed, with its folds.

    Returns:
        The place; None where neither is there.

    Raises:
        RunError: A file cannot be read.
    """
    for place in (folder, *folder.absolute().parents[:3]):  # data-fractions/0.5/MODEL-seedK is the deepest
        if (place / OptionsRecord.file).exists():
            options = OptionsRecord.read(place).options
            given: dict[str, Any] = {item.name: options.get(item.name) for item in fields(DataSettings)}
            return DataSettings(**{**given, "all_images": False})  # null is not recorded
        if (place / ComparisonRecord.file).exists():
            return ComparisonRecord.read(place).inputs
    return None


def record_of_run(config: Config) -> OptionsRecord:
    """Return the options of a run as options.json has them; without a fingerprint, which config.json does not have.

    Args:
        config: Its config.json.
    """
    chosen = {choice.name for choice in config.choices}
    values = {**vars(config.data), **config.protocol.settings(), "model": config.model, "seed": config.seed}
    closed = chosen | {"cache_gib"}  # as much as this machine has
    options = {name: value for name, value in values.items() if name not in closed and value is not None}
    return OptionsRecord(command="train", options=options, choices=config.choices, fingerprint=())


def check_data_is_there(record: OptionsRecord, data: Path | None, folder: Path) -> None:
    """Raise RunError if the data of a folder was moved, or is closed, and no other place is named.

    Args:
        record: The options that the folder was started with.
        data: The data of now.
        folder: The folder that is resumed.
    """
    if data is None or not data.is_absolute() or str(data) != record.options.get("data"):
        return
    if why := why_absent(data):
        again = command("segarena", record.command, "NEW_FOLDER", "--resume", folder)
        raise RunError(
            f"was started on data in {data}, which {why}",
            where=folder,
            remedy=f"If the data is elsewhere, name its folder: {again}",
        )


def _from_run(folder: Path) -> OptionsRecord:
    """The options of a run: of those that a comparison trained, config.json is all there is."""
    record = record_of_run(Config.read(folder))
    if "splits" in record.options and why_absent(Path(record.options["splits"])):
        record.options["splits"] = str(folder.absolute())  # the run of a fold, in a folder that was moved
    return replace(record, fingerprint=(Data.read(folder).fingerprint,)) if (folder / Data.file).exists() else record
