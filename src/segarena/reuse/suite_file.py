"""The data sets of a suite from a file, or from folders.

# suite.yaml
models: [fcn, unet]          # options of all data sets, as those of `segarena compare`
seeds: 3
data-sets:
  roads:
    data: ../epfl-roads      # paths are relative to this file
    size: 256
  cells: {data: ../cells, domain: medical, group-by: prefix}
  scenes: {}                 # the built-in scenes
  camvid: {comparison: runs/camvid}   # finished, used as it is
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from segarena.config import PUBLISHED_NAMES, CompareOptions, make_options
from segarena.config.checks import flag
from segarena.config.names import find_alike
from segarena.errors import ConfigError
from segarena.formats import command
from segarena.records.comparison import ComparisonRecord
from segarena.records.config import Config
from segarena.records.options import OptionsRecord, resume_command
from segarena.records.suite import SuiteEntry, SuiteOptionsRecord, SuiteRecord
from segarena.reuse.option_file import convert_value, read_mapping
from segarena.reuse.paths import is_file, place_path

#: The key of the data sets, and what an entry has beside options.
DATA_SETS, COMPARISON, DOMAIN = "data_sets", "comparison", "domain"
#: Options of `compare` that a suite sets itself, or that make no sense for a data set.
_NOT_HERE = frozenset({"runs", "vary", "out", "resume", "config", "dry_run", "json", "quiet", "verbose"})
#: Options of one data set alone.
_OF_ONE = frozenset({"data", "images", "masks", "root", "splits"})
#: Names that the folder of a suite has for itself.
_TAKEN = frozenset({"figures", "paper", SuiteRecord.file, SuiteOptionsRecord.file, "report.html", "suite.csv"})
_REMEDY = "Write `data-sets:`, then a line for each data set, such as `roads: {data: ../roads}`; see docs/suites.md"


def read_sources(sources: Sequence[Path]) -> tuple[SuiteEntry, ...]:
    """Read the data sets of a suite.

    Args:
        sources: A file, or folders.

    Raises:
        ConfigError: The file cannot be read, a key or a value is wrong, two data sets have one name, or a folder is not
            there.
    """
    files = [path for path in sources if not path.is_dir()]
    if files and len(sources) > 1:
        what = "is a file" if files[0].exists() else "does not exist"
        raise ConfigError(what, where=files[0], remedy="Name one YAML file, or only folders")
    entries = _from_file(files[0]) if files else tuple(_from_folder(path) for path in sources)
    _check_names([entry.name for entry in entries], files[0] if files else None)
    return entries


def options_of(entry: SuiteEntry, where: object = None, **more: Any) -> CompareOptions:
    """Return the options of a data set's comparison.

    Args:
        entry: The data set.
        where: The file, for the error.
        **more: Further options, such as `out`.

    Raises:
        ConfigError: An option has a value that cannot work; it names the data set.
    """
    try:
        return make_options(CompareOptions, **entry.options, **more)
    except ConfigError as error:
        raise _in_entry(error, entry, where) from None


def _from_file(path: Path) -> tuple[SuiteEntry, ...]:
    content = {_key(key): value for key, value in read_mapping(path, _REMEDY).items()}
    sets = content.pop(DATA_SETS, None)
    if not isinstance(sets, dict) or not sets or not all(isinstance(key, str) for key in sets):
        raise ConfigError("has no `data-sets` with a name and options for each", where=path, remedy=_REMEDY)
    own = sorted({item.name for item in fields(CompareOptions)} - _NOT_HERE)
    for name in content:
        if name in _OF_ONE or name in (COMPARISON, DOMAIN):
            raise ConfigError(
                f"has {name} for all data sets", where=path, remedy=f"Write {name} below the data set that it is of"
            )
        if name not in own:
            raise _unknown(name, [flag(one)[2:] for one in own if one not in _OF_ONE], path)
    common = _convert(content, path, path, None)
    return tuple(_entry(str(name), value, common, path, own) for name, value in sets.items())


def _entry(name: str, value: Any, common: Mapping[str, Any], path: Path, own: Sequence[str]) -> SuiteEntry:
    where = f"{path}: {name}"
    if isinstance(value, str) and value.strip():  # short for its folder
        place = path.parent / Path(value.strip()).expanduser()
        value = {COMPARISON if is_file(place / ComparisonRecord.file) else "data": value.strip()}
    if value is None or value == "":
        value = {}
    if not isinstance(value, dict):
        raise ConfigError("has no options", where=where, remedy=_REMEDY)
    given = {_key(key): item for key, item in value.items()}
    comparison, domain = given.pop(COMPARISON, None), given.pop(DOMAIN, None)
    for key in given:
        if key not in own:
            raise _unknown(key, [COMPARISON, DOMAIN, *(flag(one)[2:] for one in own)], where)
    domain = None if domain is None else " ".join(str(domain).split()) or None
    if comparison is not None:
        if given:
            raise ConfigError(
                f"has {COMPARISON} and {next(iter(given))}",
                where=where,
                remedy="A finished comparison is used as it is: leave out one of the two",
            )
        folder = place_path("data", Path(str(comparison)), path.absolute(), None)
        _check_finished(folder, where)
        return SuiteEntry(name=name, domain=domain, comparison=str(folder.absolute()), options={})
    options = {**common, **_convert(given, path, where, given.get("data"))}
    _check_data(options.get("data"), where)
    entry = SuiteEntry(name=name, domain=domain, options=_as_kept(options))
    options_of(entry, path)
    return entry


def _from_folder(folder: Path) -> SuiteEntry:
    name = folder.absolute().name
    if (folder / ComparisonRecord.file).is_file():
        return SuiteEntry(name=name, comparison=str(folder.absolute()), options={})
    if (folder / SuiteRecord.file).is_file():
        raise ConfigError(
            "is a suite, not a data set", where=folder, remedy="Name its data sets, or resume it with --resume"
        )
    _check_started(folder, folder)
    return SuiteEntry(name=name, options={"data": str(folder.absolute())})


def _convert(values: Mapping[str, Any], path: Path, where: object, data: Any) -> dict[str, Any]:
    """The values of options with their types; paths are absolute, for a suite that is resumed from another folder.

    `images` and `masks` stay as they are where they are folders of the data.
    """
    found = {name: convert_value(CompareOptions, name, value, where) for name, value in values.items()}
    below = None if data is None else Path(str(data))
    file = path.absolute()
    return {name: place_path(name, value, file, below) for name, value in found.items() if value is not None}


def _as_kept(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as they are kept: paths are texts, tuples are lists."""
    texts = {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in texts.items()}


def _check_data(data: Path | None, where: object) -> None:
    if data is None or str(data) in PUBLISHED_NAMES or data.is_dir():
        return
    what = "is a file, not a folder" if data.exists() else "does not exist"
    raise ConfigError(f"the data {data} {what}", where=where, remedy="Check the path: it is relative to the file")


def _check_finished(folder: Path, where: object) -> None:
    if (folder / ComparisonRecord.file).is_file():
        return
    if not folder.is_dir():
        raise ConfigError(
            f"the comparison {folder} does not exist", where=where, remedy="Name a folder that `segarena compare` wrote"
        )
    _check_started(folder, where)
    raise ConfigError(
        f"{folder} is not a comparison, it has no {ComparisonRecord.file}",
        where=where,
        remedy="Name a folder that `segarena compare` wrote; a folder of images and masks is named with `data`",
    )


def _check_started(folder: Path, where: object) -> None:
    """Refuse a comparison that is not finished, and a run."""
    line = resume_command(folder)
    has_options = (folder / OptionsRecord.file).exists()
    if (folder / Config.file).exists() or (has_options and OptionsRecord.read(folder).command == "train"):
        runs = command("segarena", "compare", folder, "RUN_B")
        raise ConfigError(
            f"{folder} is a run of one network" if where != folder else "is a run of one network",
            where=where,
            remedy=f"Name comparisons. Finished runs are compared with: {runs}",
        )
    if line is not None:
        raise ConfigError(
            f"{folder} is a comparison that is not finished" if where != folder else "is not finished",
            where=where,
            remedy=f"Finish it: {line}",
        )


def _check_names(names: Sequence[str], path: Path | None) -> None:
    """Each data set that is trained has a folder of its name: also where upper and lower case are the same."""
    seen: set[str] = set()
    for name in names:
        if not re.fullmatch(r"[\w][\w.-]*", name) or name.lower() in _TAKEN or name.endswith("."):
            raise ConfigError(
                f"{name!r} cannot be the name of a data set",
                where=path or "SOURCES",
                remedy="Use letters, digits, - and _, as it is the name of a folder"
                + ("" if path else ". A YAML file can give it another name, see docs/suites.md"),
            )
        if name.lower() in seen:
            remedy = "Give each data set a name of its own"
            if path is None:
                remedy = "Write a YAML file in which each has a name of its own, see docs/suites.md"
            raise ConfigError(f"two data sets are called {name}", where=path or "SOURCES", remedy=remedy)
        seen.add(name.lower())


def _in_entry(error: ConfigError, entry: SuiteEntry, where: object) -> ConfigError:
    place = f"{where}: {entry.name}" if where is not None else entry.name
    name = next((name for name in entry.options if flag(name) == error.where), None)
    place = f"{place}: {name.replace('_', '-')}" if name else place
    what = error.what if name or error.where is None else f"{error.where} {error.what}"
    return ConfigError(what, where=place, remedy=error.remedy)


def _unknown(name: str, known: Sequence[str], where: object) -> ConfigError:
    if name in _NOT_HERE:
        line = command("segarena", "suite", "--help")
        return ConfigError(
            f"has {name}, which is not an option of a data set", where=where, remedy=f"Leave it out; see `{line}`"
        )
    meant = [f"Did you mean {found}? " for found in find_alike(name, known)[:1]]
    line = command("segarena", "compare", "--help")
    return ConfigError(
        f"has the key {name.replace('_', '-')}, which is no option",
        where=where,
        remedy=f"{''.join(meant)}`{line}` lists the options",
    )


def _key(key: object) -> str:
    return str(key).strip().removeprefix("--").lower().replace("-", "_")
