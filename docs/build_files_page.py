"""Write the tables of docs/files.md anew, from the classes that write and read the files: `make docs`.

The text around them is written by hand; what is between a line `<!-- generated: FILE -->` and the next `<!-- end -->`
is not. A key's type and unit are the field's type, its meaning is the docstring below the field.
"""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
from dataclasses import is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from sections import insert

from segarena.files import write_text
from segarena.records.bench import BenchRecord
from segarena.records.comparison import ComparisonRecord
from segarena.records.config import Config
from segarena.records.data_curve import DataCurve
from segarena.records.error_analysis import ErrorAnalysis
from segarena.records.expected import Expected
from segarena.records.metrics import Metrics
from segarena.records.options import OptionsRecord
from segarena.records.plan import PlanRecord
from segarena.records.prediction import PredictionRecord
from segarena.records.record import Record, Unit, field_names
from segarena.records.run import Costs, Data, Environment
from segarena.records.slices import Slices, SuspiciousRow
from segarena.records.suite import SuiteOptionsRecord, SuiteRecord, SuiteRow
from segarena.records.tables import AreaRow, ClassRow, EpochRow, FoldRow, FrameAreaRow, ImageRow, ModelRow
from segarena.records.tracking import Tracking
from segarena.records.tuning import TrialRecord

PAGE = Path(__file__).parent / "files.md"

RECORDS: tuple[type[Record], ...] = (
    *(ComparisonRecord, OptionsRecord, Config, Data, Environment, Metrics, Expected, Costs, Tracking, TrialRecord),
    *(DataCurve, ErrorAnalysis, Slices, PredictionRecord, PlanRecord, BenchRecord),
    *(SuiteRecord, SuiteOptionsRecord),
)
TABLES: dict[str, type] = {
    "models.csv": ModelRow,
    "classes.csv": ClassRow,
    "images.csv": ImageRow,
    "folds.csv": FoldRow,
    "history.csv": EpochRow,
    "areas.csv": AreaRow,
    "suspicious.csv": SuspiciousRow,
    "NAME_areas.csv": FrameAreaRow,
    "suite.csv": SuiteRow,
}
_TYPES = {int: "whole number", float: "number", str: "text", bool: "true or false", Any: "any value"}


def main() -> None:
    write_text(PAGE, insert(PAGE.read_text(), sections()))


def sections() -> dict[str, str]:
    """The generated parts of the page, by the file that they describe."""
    return {kind.file: describe_record(kind) for kind in RECORDS} | {
        name: table("column", list_keys(row, column=True)) for name, row in TABLES.items()
    }


def describe_record(kind: type[Record]) -> str:
    schema = ("schema", "whole number", "", f"Version of the file's format: {kind.schema}.")
    return table("key", [schema, *list_keys(kind)])


def table(first: str, rows: list[tuple[str, str, str, str]]) -> str:
    lines = [f"| {first} | type | unit | meaning |", "|---|---|---|---|"]
    return "\n".join([*lines, *(f"| `{key}` | {type_} | {unit} | {text} |" for key, type_, unit, text in rows), ""])


def list_keys(kind: type, prefix: str = "", *, column: bool = False) -> list[tuple[str, str, str, str]]:
    """Key, type, unit and meaning of each field; the keys of an object inside follow it, as `outer.inner`."""
    hints, texts = get_type_hints(kind, include_extras=True), docstrings(kind)
    rows = []
    for name in field_names(kind):
        key, text, type_ = prefix + name.rstrip("_"), texts[name], describe(hints[name])
        if column:
            text, type_ = text.replace("null", "empty"), type_.replace("null", "empty")
        rows.append((key, type_, unit_of(hints[name]), text.replace("|", "\\|")))
        for inner, separator in nested(hints[name]):
            rows += list_keys(inner, f"{key}{separator}")
    return rows


def docstrings(kind: type) -> dict[str, str]:
    """The docstring below each field of a dataclass and of its bases, in one line."""
    texts: dict[str, str] = {}
    for base in reversed(kind.__mro__[:-1]):
        if not is_dataclass(base):
            continue
        [definition] = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        assert isinstance(definition, ast.ClassDef)
        for field, text in zip(definition.body, definition.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                assert isinstance(text, ast.Expr), f"{base.__name__}.{field.target.id} has no docstring"
                texts[field.target.id] = " ".join(ast.literal_eval(text.value).split())
    return texts


def describe(hint: Any, ending: str = "") -> str:
    """A type in words; `ending` is "s" for several of it."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return describe(arguments[0], ending)
    if origin in (Union, UnionType):
        return (" and " if ending else " or ").join(
            "null" + ending if kind is NoneType else describe(kind, ending) for kind in arguments
        )
    if origin is Literal:
        return " or ".join(f'"{value}"' for value in arguments)
    if origin is tuple:
        number = "" if arguments[-1] is ... else f"{len(arguments)} "
        return f"list{ending} of {number}{describe(arguments[0], 's')}"
    if origin is dict:
        return f"object{ending} of {describe(arguments[1], 's')}"
    return f"object{ending}" if is_dataclass(hint) else _TYPES[hint] + ending


def unit_of(hint: Any) -> str:
    """The unit and range of the numbers in a type, wherever in it they are."""
    if isinstance(hint, Unit):
        if math.isinf(hint.high):
            return hint.name
        return f"{hint.name}, {hint.low:g} to {hint.high:g}"
    units = [unit for part in get_args(hint) if (unit := unit_of(part))]
    if get_origin(hint) is Annotated:
        units = [unit_of(part) for part in hint.__metadata__ if isinstance(part, Unit)]
    return units[0] if units else ""


def nested(hint: Any) -> list[tuple[type, str]]:
    """The records inside a type, each with what is between the outer key and its own keys."""
    if is_dataclass(hint) and isinstance(hint, type):
        return [(hint, ".")]
    step = {tuple: "[]", dict: ".NAME"}.get(get_origin(hint), "")
    return [(kind, step + rest) for part in get_args(hint) for kind, rest in nested(part)]


if __name__ == "__main__":
    main()
