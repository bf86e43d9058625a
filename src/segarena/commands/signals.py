"""Signals that ask a command to end: SIGINT of Ctrl-C, SIGTERM of a scheduler or `kill`, SIGHUP of a lost terminal."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from segarena.errors import Terminated

Handler = Callable[[int, FrameType | None], None]

#: The signals by which the system ends a process; Windows has no SIGHUP.
SYSTEM = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))

#: Seconds after which a signal is sent again.
_SOON = 0.01


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
    does while it compares records, and where Python drops it, as it does in the callbacks of weak references.
    """
    received: list[int] = []

    def end(number: int) -> NoReturn:
        received.append(number)
        raise _stop(number)

    try:
        with _sending_again(received) as dropped:
            yield end
        if dropped:
            raise _stop(received[0])
    except Exception as error:
        if not received:
            raise
        raise _stop(received[0]) from error


@contextmanager
def _sending_again(received: list[int]) -> Iterator[list[threading.Timer]]:
    """Send a signal once more, a moment later, where what its handler raised was dropped.

    Args:
        received: The signals whose handler has raised.

    Yields:
        A timer for each time that this happened.
    """
    timers: list[threading.Timer] = []
    if threading.current_thread() is not threading.main_thread():
        yield timers
        return
    before = sys.unraisablehook

    def again(dropped: sys.UnraisableHookArgs) -> None:
        if not received or not issubclass(dropped.exc_type, KeyboardInterrupt):
            before(dropped)
            return
        timers.append(threading.Timer(_SOON, _send, received[:1]))
        timers[-1].daemon = True
        timers[-1].start()

    sys.unraisablehook = again
    try:
        yield timers
    finally:
        for timer in timers:
            timer.cancel()
        sys.unraisablehook = before


def _send(number: int) -> None:
    """Send a signal to the main thread; on Windows it is noted, and handled when a call that waits has returned."""
    if sys.platform == "win32":
        _thread.interrupt_main(number)
    else:
        signal.pthread_kill(threading.main_thread().ident or 0, number)


def _stop(number: int) -> KeyboardInterrupt:
    return KeyboardInterrupt() if number == signal.SIGINT else Terminated(number)


def _is_ours(handler: object) -> bool:
    """Whether a signal has the system's reaction, or one of this package."""
    return handler is signal.SIG_DFL or (getattr(handler, "__module__", "") or "").startswith("segarena.")
