"""Work that a signal stops after its present step: Ctrl-C, or the SIGTERM or SIGHUP of the system."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from segarena.commands.notebook import in_notebook
from segarena.commands.signals import SYSTEM, ending, handled
from segarena.commands.terminal import console, resume_with
from segarena.errors import Interrupted


@contextmanager
def catch_interrupt(*, resume: str) -> Iterator[Callable[[], bool]]:
    """Give the function that returns whether the work is to stop: by Ctrl-C, or by SIGTERM or SIGHUP of the system.

    A second signal stops it at once, without saving.

    Args:
        resume: The command line that resumes the work.

    Raises:
        Interrupted: The work was stopped and saved; the message has `resume`.
    """
    resume_with(resume)
    with _noting_signals(_announce) as received:
        try:
            yield lambda: bool(received)
        except Interrupted as stop:
            raise _resumable(f"{stop}", resume, received) from stop
        if received:
            raise _resumable("stopped after the last step", resume, received)


@contextmanager
def noting_interrupt() -> Iterator[Callable[[], bool]]:
    """Give the function that returns whether the work is to stop, as `catch_interrupt` does; nothing is printed.

    For a process that helps another one, which prints.
    """
    with _noting_signals(lambda number: None) as received:
        yield lambda: bool(received)


@contextmanager
def _noting_signals(on_first: Callable[[int], None]) -> Iterator[list[int]]:
    """Give the list of the signals that were received: one at most, as a second one stops the work at once."""
    received: list[int] = []
    with ending() as end:

        def note(number: int, frame: FrameType | None) -> None:
            if received:
                end(number)
            received.append(number)
            on_first(number)

        with handled((signal.SIGINT, *SYSTEM), note):
            yield received


def _announce(number: int) -> None:
    again = "interrupt the cell" if in_notebook() else "press Ctrl-C"
    reason = "" if number == signal.SIGINT else f" ({signal.Signals(number).name} was received)"
    console.result(f"\nStopping after this step and saving{reason}; {again} again to stop at once, without saving.")


def _resumable(what: str, resume: str, received: Sequence[int]) -> Interrupted:
    stop = Interrupted(f"{what}. Resume with: {resume}")
    stop.signal = received[0] if received else signal.SIGINT
    return stop
