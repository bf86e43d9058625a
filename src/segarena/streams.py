"""Output on any terminal and into any pipe.

A pipe on Windows has the encoding of the code page, e.g. cp1252, and `LANG=C` may mean ASCII. Python then raises
UnicodeEncodeError at the first character that is missing: plain characters are written in their place.

A reader may close its end (`segarena check data | head -1`), a disk may be full, a terminal may be gone, a stream may
be closed from the start. Python then raises in the middle of the work, and again when it ends.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

#: Name of the error handler, as `sys.stdout.reconfigure(errors=...)` takes it.
PLAIN = "segarena.plain"

#: Control characters but the end of a line and the tab, which messages have.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")

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


def visible(text: str) -> str:
    r"""Return a text that a terminal shows and does not obey: control characters, e.g. of a file name, as escapes.

    >>> visible("\x1b[2Jmask.png\n")
    '\\x1b[2Jmask.png\n'
    """
    return _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


class _Guard:
    """A stream whose first error is kept in `failure`; from then on nothing is written."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.failure: OSError | None = None

    def write(self, text: str) -> int:
        self._try(self._stream.write, text)
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._try(self._stream.flush)

    def _try(self, action: Callable[..., object], *arguments: object) -> None:
        if self.failure is None:
            try:
                action(*arguments)
            except OSError as error:
                self.failure = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


_guards: dict[int, _Guard] = {}


def guard(stream: Any) -> Any:
    """Return a stream that writes any text to this one, see `make_printable`, and raises no OSError.

    Its attribute `failure` has the first OSError, None where there was none. From then on nothing is written.

    Args:
        stream: A text stream.
    """
    found = _guards.get(id(stream))
    if found is None or found._stream is not stream:
        _guards.clear()  # of streams that are no longer in use
        found = _guards[id(stream)] = _Guard(make_printable(stream))
    return found


def open_standard_streams() -> None:
    """Make standard output and standard error writable, also where they are closed: then what is written is lost.

    A file that is opened later would otherwise take the place of a closed stream, and receive what libraries print.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest descriptor that is free
    sys.stdout = make_printable(sys.stdout or io.StringIO())
    sys.stderr = make_printable(sys.stderr or io.StringIO())


def close_standard_streams() -> OSError | None:
    """Write what is left to standard output and standard error. Returns the error of standard output, if there is one.

    A stream that cannot be written is connected to nothing: Python flushes both again when it ends, and would print
    the error then.
    """
    failure = None
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            failure = failure or (error if stream is sys.stdout else None)
            with suppress(OSError, ValueError):  # ValueError: the stream has no descriptor, or is closed
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return failure


def is_closed_pipe(error: OSError) -> bool:
    """Whether the reader of a pipe has closed it."""
    return error.errno == errno.EPIPE or (os.name == "nt" and error.errno == errno.EINVAL)


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
