"""Output on any terminal: plain characters in place of those that its encoding does not have.

A pipe on Windows has the encoding of the code page, e.g. cp1252, and `LANG=C` may mean ASCII. Python then raises
UnicodeEncodeError at the first character that is missing.
"""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

#: Name of the error handler, as `sys.stdout.reconfigure(errors=...)` takes it.
PLAIN = "segarena.plain"

#: Characters of messages, tables, bars and help texts, and what is written where a terminal does not have them.
_PLAIN_CHARACTERS = {
    **dict.fromkeys("─━╌╍┄┅═╸╺╴╶–‐‑‒−", "-"),
    **dict.fromkeys("│┃║╎╏", "|"),
    **dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼┏┓┗┛┣┫┳┻╋╔╗╚╝╠╣╦╩╬╷╵╻╹", "+"),
    **dict.fromkeys("█▇▆▅▄▃▂▁▉▊▋▌▍▎▏▓▒░■▪", "#"),
    **dict.fromkeys("•·●◦", "*"),
    **dict.fromkeys("‘’‚′", "'"),
    **dict.fromkeys("“”„″«»", '"'),
    **dict.fromkeys("\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}", " "),
    "—": "--",
    "…": "...",
    "×": "x",
    "±": "+/-",
    "≤": "<=",
    "≥": ">=",
    "≈": "~",
    "→": "->",
    "←": "<-",
    "↔": "<->",
    "⇒": "=>",
    "°": " deg",
    "µ": "u",
    "²": "2",
    "✓": "yes",
    "✔": "yes",
    "✗": "no",
    "✘": "no",
}


def make_printable(stream: Any) -> Any:
    r"""Return the stream, which from now on writes any text: what its encoding does not have is replaced.

    Lines, boxes, bars and typographic signs become plain characters. Any other character, e.g. of a file name, becomes
    an escape, so that names which differ still differ: `ü` is `\xfc`. Bytes of a file name that are not valid UTF-8
    are `\xff`, in every encoding.

    Args:
        stream: A text stream. One that cannot be changed, e.g. `io.StringIO`, or None is returned as it is.
    """
    if getattr(stream, "errors", PLAIN) == PLAIN:
        return stream
    with suppress(AttributeError, OSError, TypeError, ValueError):  # closed, detached, or of another kind
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=PLAIN)
        else:
            stream.errors = PLAIN
    return stream


def make_all_printable() -> None:
    """Apply `make_printable` to standard output and standard error."""
    for stream in (sys.stdout, sys.stderr):
        make_printable(stream)


def _replace(error: UnicodeError) -> tuple[str, int]:
    """The error handler: text for the characters that cannot be encoded, and where to go on."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_plain(error.object[error.start : error.end])), error.end


def _plain(text: str) -> Iterator[str]:
    for character in text:
        code = ord(character)
        if character in _PLAIN_CHARACTERS:
            yield _PLAIN_CHARACTERS[character]
        elif 0xDC80 <= code <= 0xDCFF:  # a byte of a file name, see PEP 383
            yield f"\\x{code - 0xDC00:02x}"
        else:
            yield f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


codecs.register_error(PLAIN, _replace)
