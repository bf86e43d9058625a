"""Annotation files to plain values, and what is wrong with them said with the file and the entry."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from segarena.data.converters.rasterize import Malformed, Outline
from segarena.errors import DataError

_FARTHEST = 1e7  # pixels


@contextmanager
def entry(path: Path, name: str) -> Iterator[None]:
    """Turn what is Malformed within into a DataError that names the file and the entry."""
    try:
        yield
    except Malformed as error:
        raise DataError(
            f"{name}: {error}", where=path, remedy="Mend or remove the entry, or export the annotations again"
        ) from error


def read_json(path: Path) -> Any:
    """What a JSON file holds. Raises DataError where it cannot be read or is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"is not valid JSON ({error})", where=path, remedy="Export the annotations again") from error


def read_xml(path: Path) -> ElementTree.Element:
    """The root of an XML file. Raises DataError where it cannot be read, is not XML or has a DOCTYPE.

    A DOCTYPE can define entities that expand to gigabytes or name other files; no annotation needs one.
    """
    parser = ElementTree.XMLParser(target=_NoDoctype())
    try:
        return ElementTree.parse(path, parser).getroot()
    except OSError as error:
        raise _unreadable(path, error) from error
    except Malformed as error:
        raise DataError(str(error), where=path, remedy="Remove the DOCTYPE, or export the annotations again") from error
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise DataError(f"is not valid XML ({error})", where=path, remedy="Export the annotations again") from error


class _NoDoctype(ElementTree.TreeBuilder):
    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise Malformed("has a DOCTYPE, which is not read because it can expand without end")


def member(content: object, key: str, *kinds: type) -> Any:
    """`content[key]`, of one of the `kinds`. Raises Malformed where it is missing or something else."""
    if not isinstance(content, dict) or key not in content:
        raise Malformed(f"has no {key!r}")
    value = content[key]
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise Malformed(f"{key!r} is {shorten(value)}")
    return value


def number(value: object) -> float:
    """A coordinate in pixels, also from its text. Raises Malformed where it is none, or far from any image."""
    try:
        result = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else float("nan")
    except (ValueError, OverflowError):
        result = float("nan")
    if not isfinite(result) or abs(result) > _FARTHEST:
        raise Malformed(f"{shorten(value)} is not a coordinate in pixels")
    return result


def outline(coordinates: Sequence[object]) -> Outline:
    """x0, y0, x1, y1, ... -> (N, 2). Raises Malformed for an odd count or what is no number."""
    if len(coordinates) % 2:
        raise Malformed(f"the polygon has {len(coordinates)} coordinates, an odd number")
    return np.array([number(value) for value in coordinates]).reshape(-1, 2)


def shorten(value: object) -> str:
    """A value as a message shows it, at most 60 letters long."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(f"cannot be read ({error})", where=path, remedy="Check the file and its permissions")
