"""Tables in CSV files with fields of any length: run lengths and outlines are longer than the csv module allows."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from segarena.errors import DataError

_LONGEST = 1 << 28  # characters of one field


def read_rows(
    path: Path, text: str, *, delimiter: str = ",", columns: Sequence[str] | None = None
) -> list[tuple[int, dict[str, str]]]:
    """Return the number of each line and its fields by the names of their columns; "" for one that is missing.

    Args:
        path: The file, for the message.
        text: Its content.
        delimiter: What separates the fields.
        columns: The names of the columns; those in the first line if there are none.

    Raises:
        DataError: The text is no CSV.
    """
    before = csv.field_size_limit(_LONGEST)  # of the whole process
    try:
        reader = csv.DictReader(
            io.StringIO(text), fieldnames=columns, delimiter=delimiter, restval="", skipinitialspace=True
        )
        return [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise DataError(f"is not valid CSV ({error})", where=path, remedy="Export the annotations again") from error
    finally:
        csv.field_size_limit(before)
