"""Files of annotations as JSON, XML or CSV, and the faults of many of them as one error."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from xml.etree import ElementTree

from segarena.annotations.annotations import Malformed
from segarena.errors import DataError, OutOfMemoryError
from segarena.formats import byte_size
from segarena.free_memory import free_memory
from segarena.image_files.faults import join_faults

_EXPORT_AGAIN = "Export the annotations again"
#: Characters of one field of a CSV file: run lengths and outlines are longer than the csv module allows.
_LONGEST = 1 << 28

#: The memory of the content of a JSON file and of the shapes in it, as a multiple of its size: 6 to 8 were measured.
_JSON_MEMORY = 8

_T = TypeVar("_T")


def read_json(path: Path) -> Any:
    """Return the content of a JSON file.

    Raises DataError if it cannot be read or is not JSON, OutOfMemoryError if its content would not fit into memory.
    """
    try:
        check_memory(path)
        return json.loads(path.read_bytes())  # UTF-8, -16 or -32, with or without a byte order mark
    except OSError as error:
        raise _unreadable(path, error) from error
    except UnicodeDecodeError as error:
        raise DataError(f"is not in UTF-8 ({error})", where=path, remedy="Save it as UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"is not valid JSON ({error})", where=path, remedy=_EXPORT_AGAIN) from error


def check_memory(path: Path) -> None:
    """Raise OutOfMemoryError if the content of a JSON file would not fit into the free memory."""
    needed, free = path.stat().st_size * _JSON_MEMORY, free_memory()
    if free is not None and needed > free:
        raise OutOfMemoryError(
            f"its content needs about {byte_size(needed)} of memory, of which {byte_size(free)} are free",
            where=path,
            remedy="End other programs that use the memory, or split the file, e.g. by image",
        )


def read_xml(path: Path) -> ElementTree.Element:
    """Return the root of an XML file. Raises DataError if it cannot be read, is not XML or has a DOCTYPE.

    A DOCTYPE can define entities that expand to gigabytes or that include other files; no annotation needs one.
    """
    parser = ElementTree.XMLParser(target=_NoDoctype())
    try:
        return ElementTree.parse(path, parser).getroot()
    except OSError as error:
        raise _unreadable(path, error) from error
    except Malformed as error:
        raise DataError(str(error), where=path, remedy=error.remedy) from error
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise DataError(f"is not valid XML ({error})", where=path, remedy=_EXPORT_AGAIN) from error


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
            io.StringIO(text, newline=None), fieldnames=columns, delimiter=delimiter, restval="", skipinitialspace=True
        )
        return [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise DataError(f"is not valid CSV ({error})", where=path, remedy=_EXPORT_AGAIN) from error
    finally:
        csv.field_size_limit(before)


class Faults:
    """Faults that are collected, so that the user sees how many there are.

    >>> faults = Faults()
    >>> for number in range(3):
    ...     with faults:
    ...         raise DataError("is empty", where=Path(f"{number}.json"), remedy="Export it again")
    >>> faults.check()
    Traceback (most recent call last):
    segarena.errors.DataError: 0.json: is empty; 3 files have this fault (0.json, 1.json, 2.json). Export it again.
    """

    def __init__(self) -> None:
        self._found: list[DataError] = []

    def __enter__(self) -> None:
        """Begin with one file or entry."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        """Keep a DataError, and go on after the block."""
        if not isinstance(error, DataError):
            return False
        self._found.append(error)
        while error is not None:
            error.__traceback__ = None  # it holds the content of the file in memory
            error = error.__cause__ or error.__context__
        return True

    def check(self) -> None:
        """Raise DataError if anything was wrong; its `parts` are all faults."""
        if self._found:
            raise join_faults(self._found)


def read_all(paths: Iterable[Path], read: Callable[[Path], _T]) -> dict[Path, _T]:
    """Return what `read` returns for each file. Raises DataError for all files that cannot be read."""
    faults = Faults()
    contents = {}
    for path in paths:
        with faults:
            contents[path] = read(path)
    faults.check()
    return contents


class _NoDoctype(ElementTree.TreeBuilder):
    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """Called at a DOCTYPE. Raises Malformed."""
        raise Malformed(
            "has a DOCTYPE, which is unsafe to read", remedy="Remove the DOCTYPE, or export the annotations again"
        )


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(f"cannot be read ({error})", where=path, remedy="Check the file and its permissions")
