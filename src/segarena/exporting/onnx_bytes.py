"""Read the metadata of an ONNX file, and the files that it refers to, without a library and before anything runs it.

An ONNX file is a protocol buffer: fields of a number, a wire type and a value, and messages inside of messages
(onnx.proto of ONNX 1.16; "Encoding" in the documentation of protocol buffers). Only the fields on the way to tensors
and metadata are followed, so that weights are skipped and not copied.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from segarena.errors import RunError

_REMEDY = "Export it again: segarena export RUN"
#: Numbers of fields that may contain tensors, by message.
_INSIDE = {
    "model": {7: "graph", 25: "function", 20: "training"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_METADATA, _EXTERNAL = 14, 13
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
#: Graphs within graphs at most: deeper files are refused, as they are made to exhaust the stack.
_DEEPEST = 64


def read_metadata(content: bytes, where: Path) -> dict[str, str]:
    """Read the metadata of an ONNX file.

    Args:
        content: The file's bytes.
        where: The file, for messages.

    Returns:
        Texts by name.

    Raises:
        RunError: It is not an ONNX file.
    """
    entries = [value for number, value in _fields(memoryview(content), where) if number == _METADATA]
    return dict(_entry(entry, where) for entry in entries)


def check_external_data(content: bytes, where: Path) -> None:
    """Check that all tensors are in the file, or in files of its folder.

    Args:
        content: The file's bytes.
        where: The file.

    Raises:
        RunError: It is not an ONNX file, or it refers to a file elsewhere, which a library would open.
    """
    folder = where.resolve().parent
    for tensor in _tensors(memoryview(content), "model", where, 0):
        for number, value in _fields(tensor, where):
            if number != _EXTERNAL:
                continue
            name, place = _entry(value, where)
            if "\0" in place:
                raise _damaged(where)
            if name == "location" and not (folder / place).resolve().is_relative_to(folder):
                raise RunError(
                    f"has weights in {place}, outside its folder, which is not opened", where=where, remedy=_REMEDY
                )


def _tensors(message: memoryview, kind: str, where: Path, depth: int) -> Iterator[memoryview]:
    if depth > _DEEPEST:
        raise _damaged(where)
    inside = _INSIDE[kind]
    for number, value in _fields(message, where):
        if number not in inside:
            continue
        if inside[number] == "tensor":
            yield value
        else:
            yield from _tensors(value, inside[number], where, depth + 1)


def _entry(message: memoryview, where: Path) -> tuple[str, str]:
    """A name and its text."""
    found = {number: bytes(value) for number, value in _fields(message, where)}
    try:
        return found.get(1, b"").decode(), found.get(2, b"").decode()
    except UnicodeDecodeError as error:
        raise _damaged(where) from error


def _fields(message: memoryview, where: Path) -> Iterator[tuple[int, memoryview]]:
    """The fields of a message that have a length, by number; all others are skipped."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place, where)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            _, place = _varint(message, place, where)
            continue
        if wire not in (_FIXED64, _BYTES, _FIXED32) or number == 0:
            raise _damaged(where)
        length, place = _varint(message, place, where) if wire == _BYTES else (8 if wire == _FIXED64 else 4, place)
        if place + length > len(message):
            raise _damaged(where)
        if wire == _BYTES:
            yield number, message[place : place + length]
        place += length


def _varint(message: memoryview, place: int, where: Path) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            break
        byte = message[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise _damaged(where)


def _damaged(where: Path) -> RunError:
    return RunError("is not an ONNX file, or it is damaged", where=where, remedy=_REMEDY)
