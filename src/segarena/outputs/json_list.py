"""A long JSON list, written item by item."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import IO, Any


def write_list(stream: IO[bytes], items: Iterable[Any]) -> None:
    """Write a JSON list with a line for each item.

    Args:
        stream: Where to.
        items: What `json.dumps` takes. Lone surrogates, which stand for bytes of a file name that is not valid UTF-8,
            are written as JSON escapes.
    """
    stream.write(b"[")
    for place, item in enumerate(items):
        line = json.dumps(item, ensure_ascii=False, separators=(",", ":"))
        stream.write(("," * bool(place) + "\n" + line).encode(errors="backslashreplace"))
    stream.write(b"\n]")
