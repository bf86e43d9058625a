"""A folder that is resumed: the options that it was started with, and what is typed beside them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from segarena.config import TRACK_MODELS, ProtocolOptions, command_name, make_options
from segarena.config.checks import flag
from segarena.config.own_models import find_builder
from segarena.config.training import is_own
from segarena.errors import ConfigError, RunError
from segarena.formats import command, plain
from segarena.records.comparison import ComparisonRecord
from segarena.records.config import Config
from segarena.records.options import OptionsRecord
from segarena.reuse.recorded import MAY_DIFFER, NETWORK, RECORDED, check_data_is_there, comparable, find_recorded


def read_started(
    kind: type[ProtocolOptions], folder: Path, out: Path | None
) -> tuple[dict[str, Any], OptionsRecord | None]:
    """Read the options that a folder was started with.

    Args:
        kind: The options of the command.
        folder: The folder to resume. Where `out` is the same, it is started if there is nothing in it.
        out: The folder to write.

    Returns:
        Values by the options' names, and the record; none and None where it is started now.

    Raises:
        ConfigError: `out` is another folder.
        RunError: There is nothing to resume in the folder, or it has files of the user's.
    """
    if out is not None and out.absolute() != folder.absolute():
        raise ConfigError(
            f"{out} is not the folder that is resumed, {folder}",
            where="--out",
            remedy="Leave out --out: results are written to the folder of --resume",
        )
    record = find_recorded(kind, folder)
    if record is not None:
        _check_builders(kind, record, folder)
        names = {item.name for item in fields(kind)}
        values = {name: value for name, value in record.options.items() if name in names}
        return vars(make_options(kind, **values)), record
    if out is None:
        raise _nothing_to_resume(kind, folder)
    _check_is_own(folder)
    return {}, None


def agree(
    options: ProtocolOptions, started: Mapping[str, Any], record: OptionsRecord | None, folder: Path
) -> ProtocolOptions:
    """Return the options that the folder was started with, models and seeds that are typed in addition added to them.

    Args:
        options: What was typed over what the folder was started with.
        started: What `read_started` returned.
        record: Likewise.
        folder: The folder.

    Raises:
        ConfigError: There is nothing to resume, and no data is named to start with.
        RunError: An option is not what the folder was started with, or the data is not where it was.
    """
    if record is None:
        if options.data is None:
            raise ConfigError(
                f"no data is named, and {folder} has nothing to resume",
                where="DATA",
                remedy=f"Name the data: {_start(type(options), folder)}; or leave out --resume for built-in scenes",
            )
        return options
    check_data_is_there(record, options.data, folder)
    chosen = {choice.name: choice.value for choice in record.choices}
    agreed: dict[str, Any] = {}
    for name, before in started.items():
        now = getattr(options, name)
        if name == "models":
            models = tuple(dict.fromkeys([*(before or ()), *(now or ())]))
            agreed[name] = None if models == TRACK_MODELS[options.track] else models
        elif name == "data_fractions":
            agreed[name] = tuple(sorted({*(before or ()), *(now or ())}))
        elif name == "seeds":
            agreed[name] = before if now is None else max(now, before or chosen.get(name, 1))
        elif name in MAY_DIFFER or name not in RECORDED:
            continue
        elif now in (None, "auto") or _is_same(name, now, before) or _is_same(name, now, chosen.get(name)):
            # another GPU of the machine may go on
            moves = name == "device" and now not in ("auto", before, chosen.get(name))
            agreed[name] = now if moves else before
        elif not (name in NETWORK and before is None and name not in chosen):  # no network has used it yet
            raise _disagree(name, chosen.get(name, before), now, folder)
    return replace(options, out=folder, **agreed)


def find_clash(error: ConfigError, started: Mapping[str, Any], given: Collection[str], folder: Path) -> RunError | None:
    """Return the error for an option that is given beside one of the folder, if the two exclude each other.

    Args:
        error: What is wrong with all options together.
        started: Those that the folder was started with.
        given: The names of those that are given now.
        folder: The folder.
    """
    words = re.findall(r"--[a-z-]+", f"{error.where} {error.what} {error.remedy}")
    named = [name for name, value in started.items() if flag(name) in words]
    now = next((name for name in named if name in given), None)
    before = next((name for name in named if name not in given and started[name] not in (None, "auto", 0)), None)
    if now is None or before is None:
        return None
    with_value = flag(before) if started[before] is True else f"{flag(before)} {plain(started[before])}"
    return RunError(f"was started with {with_value} and without {flag(now)}", where=folder, remedy=_leave_out(now))


def _check_is_own(folder: Path) -> None:
    """Raise RunError if a folder without recorded options has files, and none that a command writes before these."""
    names = {path.name for path in folder.glob("[!.]*")}
    runs = ("fold1", "*-seed*", "*-seed*/fold1")  # of an earlier version
    is_own = names & {"log.txt", "tuning", "tracking"} or any(any(folder.glob(f"{run}/{Config.file}")) for run in runs)
    if names and not is_own:
        raise RunError(
            f"has no {OptionsRecord.file} but other files, such as {min(names)}, which could be replaced",
            where=folder,
            remedy="Name a new or an empty folder with --out",
        )


def _check_builders(kind: type[ProtocolOptions], record: OptionsRecord, folder: Path) -> None:
    """Raise RunError if a module of a Python program was trained whose function was not given."""
    recorded = record.options.get("models", [record.options.get("model")])
    missing = [name for name in recorded if name is not None and is_own(name) and find_builder(name) is None]
    if missing:
        pairs = [f"({name!r}, build)" for name in missing]
        given = f"model={pairs[0]}" if command_name(kind) == "train" else f"models=[{', '.join(pairs)}]"
        raise RunError(
            f"has the model {missing[0]}, a module of a Python program, whose code is not in the folder",
            where=folder,
            remedy="Resume it in Python, with the function that builds it: "
            f"segarena.{command_name(kind)}(resume={str(folder)!r}, {given})",
        )


def _is_same(name: str, one: object, other: object) -> bool:
    return bool(comparable(name, one) == comparable(name, other))


def _disagree(name: str, before: object, now: object, folder: Path | None) -> RunError:
    started = f"with {flag(name)} {plain(before)}" if before is not None else f"without {flag(name)}"
    return RunError(
        f"was started {started}, not {plain(now)}",
        where=folder,
        remedy=_leave_out(name),
    )


def _leave_out(name: str) -> str:
    return f"Leave out {flag(name)}, or start again in a new folder: name it with --out, without --resume"


def _nothing_to_resume(kind: type[ProtocolOptions], folder: Path) -> RunError:
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
    elif (folder / ComparisonRecord.file).exists() and (record := ComparisonRecord.read(folder)).compared_runs:
        return RunError(
            "compares finished runs, and trains none",
            where=folder,
            remedy=f"Train further runs, and compare again in a new folder: {record.command}",
        )
    elif any(folder.glob("*-seed*/config.json")):
        return RunError(
            f"has no {OptionsRecord.file}: an earlier version of segarena started it",
            where=folder,
            remedy=f"Repeat its options: {_start(kind, folder)} --resume",
        )
    else:
        what = f"has no {OptionsRecord.file}, so there is nothing to resume"
    name = command_name(kind)
    return RunError(
        what, where=folder, remedy=f"Name the folder that `segarena {name}` wrote, or start: {_start(kind, folder)}"
    )


def _start(kind: type[ProtocolOptions], folder: Path) -> str:
    return command("segarena", command_name(kind), "DATA", "--out", folder)
