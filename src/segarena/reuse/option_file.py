"""Options from a file: YAML or JSON with a key for each option, or what an earlier run has saved.

# camvid.yaml
data: ../camvid          # paths are relative to this file
models: [unet, deeplabv3]
batch-size: 8
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import yaml

from segarena.config import CheckOptions, CompareOptions, DataOptions, TrainOptions
from segarena.config.checks import flag
from segarena.config.names import choose_from
from segarena.errors import ConfigError
from segarena.formats import plural
from segarena.records.comparison import ComparisonRecord
from segarena.records.config import Config
from segarena.records.options import OptionsRecord
from segarena.reuse.convert import MismatchError, convert
from segarena.reuse.paths import place_path
from segarena.reuse.recorded import MAY_DIFFER, record_of_run
from segarena.texts import decode_text, parse_yaml, yaml_problem

_MOST_BYTES = 1 << 20
_TYPED_ONLY = frozenset({"config", "resume", "like"})
_REMEDY = "Name a file with a line for each option, such as `epochs: 30`, or the options.json or config.json of a run"


def read_option_file(kind: type[DataOptions], path: Path) -> dict[str, Any]:
    """Read the options of a command from a file. Those of the other commands, such as `seeds` for `train`, are ignored.

    Args:
        kind: The options of the command.
        path: The file, or the folder of a comparison or run: then what it was started with.

    Returns:
        Values by the options' names. Those that are open in the file are left out.

    Raises:
        ConfigError: The file cannot be read, has a key that is no option, or a value that its option cannot have.
        RunError: It is of another version of segarena.
    """
    if path.is_dir():
        saved = [path / name for name in (OptionsRecord.file, Config.file) if (path / name).exists()]
        if not saved:
            raise ConfigError("is a folder without saved options", where=path, remedy=_REMEDY)
        path = saved[0]
    content = read_mapping(path)
    own = {item.name for item in fields(kind)} - _TYPED_ONLY - ({"out"} if kind is CheckOptions else set())
    if "schema" in content:
        saved_values = {name: value for name, value in _saved(content, path).items() if name in own}
        return {name: convert_value(kind, name, value, path) for name, value in saved_values.items()}
    known = {item.name for other in (CompareOptions, TrainOptions, CheckOptions) for item in fields(other)}
    values: dict[str, Any] = {}
    for key, value in content.items():
        name = key.strip().removeprefix("--").lower().replace("-", "_")
        if name not in known - _TYPED_ONLY:
            raise _unknown(key, name, own, path)
        if name in values:
            raise ConfigError(f"has {name} twice", where=path, remedy="Keep one of them")
        if name in own:
            values[name] = convert_value(kind, name, value, path)
    values = {name: value for name, value in values.items() if value is not None}
    return {name: place_path(name, value, path, values.get("data")) for name, value in values.items()}


def read_mapping(path: Path, remedy: str = _REMEDY) -> Mapping[str, Any]:
    """Read a file of YAML or JSON. YAML has strings for all scalars, so that `1e-3` and `no` are as written.

    Args:
        path: The file.
        remedy: What to do where it cannot be read.

    Raises:
        ConfigError: It cannot be read, or is no mapping with texts as keys.
    """
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= _MOST_BYTES else b""
    except FileNotFoundError:
        raise ConfigError("does not exist", where=path, remedy=remedy) from None
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror or error})", where=path, remedy=remedy) from error
    if size > _MOST_BYTES:
        raise ConfigError(f"has {plural(size, 'byte')}, too many for options", where=path, remedy=remedy)
    try:
        text = decode_text(content)
        parsed = json.loads(text) if text.lstrip().startswith("{") and path.suffix == ".json" else parse_yaml(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        problem = "it is nested too deeply" if isinstance(error, RecursionError) else yaml_problem(error)
        raise ConfigError(f"is neither YAML nor JSON ({problem})", where=path, remedy=remedy) from error
    if not isinstance(parsed, dict) or not all(isinstance(key, str) for key in parsed):
        raise ConfigError("has no keys with values", where=path, remedy=remedy)
    return parsed


def _saved(content: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The options of a file that segarena wrote, with what was chosen for those that were left open."""
    is_run = {"protocol", "architecture"} <= content.keys()
    if {"options", "choices"} <= content.keys():
        record = OptionsRecord.from_json(content, path)
    elif is_run:
        record = record_of_run(Config.from_json(content, path))
    else:
        beside = path.with_name(OptionsRecord.file)
        found = beside.exists() and path.name == ComparisonRecord.file
        raise ConfigError(
            "was written by segarena, and has no options that can be read",
            where=path,
            remedy=f"Name {beside}" if found else _REMEDY,
        )
    chosen = {choice.name: choice.value for choice in record.choices if choice.name not in MAY_DIFFER}
    started = {name: value for name, value in record.options.items() if name != "budget"}  # its epochs are chosen
    if started.get("tune"):  # a run has what its trials chose; a command has them before it
        (started if is_run else chosen).pop("tune" if is_run else "learning_rate", None)
    return started | chosen


def _unknown(key: str, name: str, own: set[str], path: Path) -> ConfigError:
    if name in _TYPED_ONLY:
        return ConfigError(f"has {key}, which is not read from a file", where=path, remedy=f"Type it: {flag(name)}")
    return ConfigError(f"has the key {key}, which is no option", where=path, remedy=choose_from(sorted(own), like=name))


def convert_value(kind: type[DataOptions], name: str, value: Any, where: object) -> Any:
    """Convert a value of a file to the type of its option.

    Args:
        kind: The options of the command.
        name: The option.
        value: The value, as the file has it.
        where: The place in the file, for the error.

    Raises:
        ConfigError: The option cannot have such a value.
    """
    try:
        return convert(value, get_type_hints(kind)[name])
    except MismatchError as error:
        raise ConfigError(f"has {error.found} as {name}", where=where, remedy=f"Give {error.wanted}") from None
