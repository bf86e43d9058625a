"""A table of any length as CSV or Parquet, written part by part."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, get_args, get_type_hints

from segarena.config.results import TableKind
from segarena.errors import ConfigError
from segarena.extras import install_command
from segarena.files import open_whole
from segarena.records.tables import columns, to_columns

_PART = 50_000  # rows of a part: a few MiB


def check_table(kind: TableKind) -> None:
    """Raise ConfigError where tables of this kind cannot be written."""
    if kind == "parquet" and find_spec("pyarrow") is None:
        raise ConfigError(
            "Parquet needs pyarrow, which is not installed",
            where="--tables",
            remedy=f"Install it: {install_command('parquet')}; or leave the option out, for CSV",
        )


def write_table(path: Path, kind: type, rows: Iterable[Any]) -> None:
    """Write a table, whole or not at all; its ending, .csv or .parquet, is its form.

    Args:
        path: The file.
        kind: The dataclass of its rows.
        rows: The rows.

    Raises:
        RunError: The file cannot be written.
    """
    rows = iter(rows)
    with open_table(path, kind) as add:
        while part := list(islice(rows, _PART)):
            add(part)


@contextmanager
def open_table(path: Path, kind: type) -> Iterator[Callable[[Sequence[Any]], None]]:
    """Give the function that adds rows to a table, which appears, complete, when the block ends without an error.

    Args:
        path: The file; its ending, .csv or .parquet, is its form.
        kind: The dataclass of its rows.

    Raises:
        RunError: The file cannot be written.
    """
    with open_whole(path) as stream:
        if path.suffix == ".csv":
            text = io.TextIOWrapper(stream, encoding="utf-8", errors="backslashreplace", newline="")
            writer = csv.DictWriter(text, columns(kind), lineterminator="\n")
            writer.writeheader()
            yield lambda rows: writer.writerows(map(to_columns, rows))
            text.detach()
            return
        import pyarrow
        from pyarrow import parquet

        types = {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64()}
        hints = {name.rstrip("_"): hint for name, hint in get_type_hints(kind).items()}
        schema = pyarrow.schema([(name, types[_plain(hints[name])]) for name in columns(kind)])
        waiting: list[dict[str, Any]] = []

        def write(table: parquet.ParquetWriter) -> None:
            table.write_table(pyarrow.Table.from_pylist(waiting, schema=schema))
            waiting.clear()

        def add(rows: Sequence[Any]) -> None:
            waiting.extend({name: _text(value) for name, value in to_columns(row).items()} for row in rows)
            if len(waiting) >= _PART:
                write(table)

        with parquet.ParquetWriter(stream, schema) as table:
            yield add
            if waiting:
                write(table)


def _text(value: Any) -> Any:
    """A text that Parquet can have: bytes of a file name that are not valid UTF-8 are written as in CSV."""
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def _plain(hint: Any) -> Any:
    """The type without None."""
    return next((part for part in get_args(hint) if part is not type(None)), hint)
