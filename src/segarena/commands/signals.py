"""Signals that ask a command to end: SIGINT of Ctrl-C, SIGTERM of a scheduler or `kill`, SIGHUP of a lost terminal."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from segarena.errors import Terminated

Handler = Callable[[int, FrameType | None], None]

#: The signals by which the system ends a process; Windows has no SIGHUP.
SYSTEM = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextmanager
def handled(numbers: Iterable[int], handler: Handler) -> Iterator[None]:
    """Call a handler for signals in the block.

    A signal that someone else handles or ignores, as `nohup` does with SIGHUP, is left to them; Ctrl-C is not. In
    another thread than the main one nothing is done: Python delivers signals to the main thread.

    Args:
        numbers: The signals.
        handler: Called with the number of the signal.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in numbers:
            if number == signal.SIGINT or _is_ours(signal.getsignal(number)):
                before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


@contextmanager
def terminating() -> Iterator[None]:
    """Let signals raise KeyboardInterrupt in the block: files that are being written are removed.

    Raises:
        Terminated: SIGTERM or SIGHUP was received.
        KeyboardInterrupt: SIGINT was received.
    """
    with ending() as end:
        interrupt = [signal.SIGINT] if signal.getsignal(signal.SIGINT) is signal.default_int_handler else []
        with handled((*SYSTEM, *interrupt), lambda number, frame: end(number)):
            yield


@contextmanager
def ending() -> Iterator[Callable[[int], NoReturn]]:
    """Give the function with which a handler of signals ends the block.

    The block is ended as the signal asks also where a library makes another error of what a handler raises, as NumPy
    does while it compares records.
    """
    received: list[int] = []

    def end(number: int) -> NoReturn:
        received.append(number)
        raise _stop(number)

    try:
        yield end
    except Exception as error:
        if not received:
            raise
        raise _stop(received[0]) from error


def _stop(number: int) -> KeyboardInterrupt:
    return KeyboardInterrupt() if number == signal.SIGINT else Terminated(number)


def _is_ours(handler: object) -> bool:
    """Whether a signal has the system's reaction, or one of this package."""
    return handler is signal.SIG_DFL or getattr(handler, "__module__", "").startswith("segarena.")
