"""The base of every JSON file that segarena writes: written from a dataclass, checked against it when read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from inspect import get_annotations
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, Self, Union, get_args, get_origin, get_type_hints

from segarena.errors import RunError
from segarena.files import read_json, write_json
from segarena.formats import plural

_REPEAT = "Repeat the run or the comparison in a new folder"
#: What a value of each type is called in a message.
_NAMES = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "an object with keys",
}


@dataclass(frozen=True)
class Unit:
    """The unit of a number in a file, and the range that it must be in.

    Args:
        name: The unit as people write it, e.g. "ms"; empty for a count of what the key names.
        low: The smallest value allowed.
        high: The largest value allowed.
    """

    name: str
    low: float = -math.inf
    high: float = math.inf


# Types of fields: the unit is listed in docs/files.md, the range is checked when a file is read.
Fraction = Annotated[float, Unit("fraction", 0, 1)]
Count = Annotated[int, Unit("", 0)]
Pixels = Annotated[int, Unit("pixels", 0)]
Channel = Annotated[int, Unit("colour value", 0, 255)]
Seconds = Annotated[float, Unit("s", 0)]
Milliseconds = Annotated[float, Unit("ms", 0)]
Mebibytes = Annotated[float, Unit("MiB", 0)]
PerSecond = Annotated[float, Unit("1/s", 0)]
Epochs = Annotated[float, Unit("epochs", 0)]


class Record:
    """The base of a frozen dataclass whose fields are the keys of a JSON file.

    A subclass gives the file's name and the version of its format: `class Costs(Record, file="costs.json", schema=1)`.
    `schema` is a key of the file. It goes up when a key is renamed, removed or changes its meaning. A key that is only
    added has a default value, which is used for files that were written without it.
    """

    file: ClassVar[str]
    schema: ClassVar[int]

    def __init_subclass__(cls, *, file: str, schema: int) -> None:
        """Set the file's name and the version of its format."""
        super().__init_subclass__()
        cls.file, cls.schema = file, schema

    def to_json(self) -> dict[str, Any]:
        """Return the file's content: `schema` first, then a key for each field."""
        return {"schema": self.schema, **_plain(self)}

    @classmethod
    def from_json(cls, content: Any, where: object) -> Self:
        """Check a file's content and make the record of it. Keys that the record does not have are ignored.

        Args:
            content: What the file holds, as `json.loads` returns it.
            where: The file, for the error.

        Raises:
            RunError: The content has another schema, lacks a key, or has a value of a wrong type or out of range.
        """
        if not isinstance(content, dict):
            raise RunError(f"is {_describe(content)}, not an object with keys", where=where, remedy=_REPEAT)
        _check_schema(content.get("schema"), cls.schema, where)
        try:
            record: Self = _load(cls, content, "")
        except _MismatchError as error:
            raise RunError(str(error), where=where, remedy=_REPEAT) from None
        return record

    def write(self, folder: Path) -> None:
        """Write the file into `folder`. Raises RunError where it cannot be written."""
        write_json(folder / self.file, self.to_json())

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the file in `folder`. Raises RunError where it is missing, damaged or of another schema."""
        path = folder / cls.file
        return cls.from_json(read_json(path), path)


class _MismatchError(Exception):
    """A value is not of the type or in the range of its field; the message names the key and the value."""


def _check_schema(found: object, current: int, where: object) -> None:
    if found == current:
        return
    if isinstance(found, int) and found > current:
        raise RunError(
            f"has schema {found}, and this version of segarena reads schema {current}",
            where=where,
            remedy="Update segarena",
        )
    older = "no schema" if found is None else f"schema {found}"
    raise RunError(
        f"has {older}, and this version of segarena reads schema {current}",
        where=where,
        remedy="Use the version of segarena that wrote it, or repeat the run or the comparison in a new folder",
    )


@cache
def field_names(kind: type) -> tuple[str, ...]:
    """Return the names of a dataclass's fields: its own first, then those of its bases from left to right.

    This is the order of the keys in a file and of the columns in a table.
    """
    known = {item.name for item in fields(kind)}
    return tuple(name for base in kind.__mro__ for name in get_annotations(base) if name in known)


def _plain(value: Any) -> Any:
    """Return the value as JSON has it: objects for dataclasses, lists for tuples."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(getattr(value, name)) for name in field_names(type(value))}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _load(hint: Any, value: Any, key: str) -> Any:
    """Return `value` in the type of the hint. Raises _MismatchError with `key`, the path of the value in the file."""
    if is_dataclass(hint):
        return _load_fields(hint, _expect(dict, value, key), key)
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin is Annotated:
        unit = arguments[1]
        return (
            _load_number(arguments[0], unit, value, key) if isinstance(unit, Unit) else _load(arguments[0], value, key)
        )
    if origin in (Union, UnionType):
        return _load_union(arguments, value, key)
    if origin is Literal:
        if value not in arguments:
            raise _MismatchError(f"has {value!r} as `{key}`, not one of {', '.join(map(str, arguments))}")
        return value
    if origin is tuple:
        items = _expect(list, value, key)
        if arguments[-1] is not ... and len(items) != len(arguments):
            raise _MismatchError(f"has {plural(len(items), 'value')} in `{key}`, not {len(arguments)}")
        kinds = [arguments[0]] * len(items) if arguments[-1] is ... else arguments
        return tuple(_load(kind, item, f"{key}[{i}]") for i, (kind, item) in enumerate(zip(kinds, items, strict=True)))
    if origin is dict:
        return {name: _load(arguments[1], item, f"{key}.{name}") for name, item in _expect(dict, value, key).items()}
    return _expect(hint, value, key)


def _load_fields(kind: Any, content: Mapping[str, Any], path: str) -> Any:
    values = {}
    for item in fields(kind):
        key = f"{path}.{item.name}" if path else item.name
        if item.name in content:
            values[item.name] = _load(_hints(kind)[item.name], content[item.name], key)
        elif item.default is MISSING and item.default_factory is MISSING:
            raise _MismatchError(f"has no key `{key}`")
    return kind(**values)


def _load_number(kind: type, unit: Unit, value: Any, key: str) -> Any:
    number = _expect(kind, value, key)
    if number < unit.low:
        raise _MismatchError(f"has {number} as `{key}`, which cannot be below {unit.low:g}")
    if number > unit.high:
        raise _MismatchError(f"has {number} as `{key}`, which cannot be above {unit.high:g}")
    return number


def _load_union(kinds: tuple[Any, ...], value: Any, key: str) -> Any:
    """Return the value as the first of the types that it fits; the error is that of the last one."""
    if value is None and NoneType in kinds:
        return None
    others = [kind for kind in kinds if kind is not NoneType]
    for kind in others[:-1]:
        try:
            return _load(kind, value, key)
        except _MismatchError:
            continue
    return _load(others[-1], value, key)


def _expect(kind: Any, value: Any, key: str) -> Any:
    """Return the value if it has the type; an int is a float too, a bool is neither."""
    allowed = (int, float) if kind is float else kind
    if not isinstance(value, allowed) or (isinstance(value, bool) and kind is not bool):
        raise _MismatchError(f"has {_describe(value)} as `{key}`, not {_NAMES[kind]}")
    return value


def _describe(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, (list, dict)):
        return _NAMES[type(value)]
    return repr(value)
