"""The process of one task, from its first line to its end."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import traceback
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any

from segarena.experiment.executors.pool import EVENT, FINISHED
from segarena.experiment.executors.task import Task

#: The only message from the process that started this one.
STOP = "stop"
#: The signals that a process of a task does not see before it is ready to.
SIGNALS = frozenset(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class RemoteTraceback(Exception):  # noqa: N818 - it stands for the traceback only
    """Where an error was raised in another process, as text."""


def work(connection: Connection[Any, Any], task: Task) -> None:
    """Do the task, send how it ended, and end the process.

    Ctrl-C reaches all processes of a command, and is left to the one that started this one. SIGTERM and SIGHUP stop
    the task, and so does the end of the process that started it.

    Args:
        connection: The connection to it.
        task: The task.
    """
    channel = _Pipe(connection)
    _handle_signals(channel)
    error: tuple[Exception, str] | None = None
    try:
        task(channel)
    except Exception as caught:
        error = sendable(caught)
    channel.end(error)
    for process in multiprocessing.active_children():  # those that load images
        process.terminate()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(0)  # without collecting all objects, which takes a second where PyTorch is imported


class _Pipe:
    """The channel of a task in a process of its own."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        self._connection = connection
        self._stops = False

    def send(self, event: object) -> None:
        """Send an event; where nobody listens any more the task is to stop."""
        self._send((EVENT, event))

    def end(self, error: tuple[Exception, str] | None) -> None:
        """Send how the task ended: with an error and its traceback, or None."""
        self._send((FINISHED, error))

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Note that a signal asked the task to stop."""
        self._stops = True

    def should_stop(self) -> bool:
        """Whether the task is to stop."""
        if not self._stops:
            try:
                self._stops = self._connection.poll()  # the message is STOP
            except OSError:
                self._stops = True
        return self._stops

    def _send(self, message: tuple[str, object]) -> None:
        try:
            self._connection.send(message)
        except OSError:
            self._stops = True


def _handle_signals(channel: _Pipe) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:  # `nohup` ignores SIGHUP
            signal.signal(number, channel.stop)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def sendable(error: Exception) -> tuple[Exception, str]:
    """Return an error, or one with the same text where it cannot be pickled, and its traceback as text."""
    text = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # whatever its own methods raise
        return RuntimeError(f"{type(error).__name__}: {error}"), text
    return error, text


def located(error: Exception, place: str) -> Exception:
    """Return the error of another process, with its traceback there, as text, as its cause."""
    error.__cause__ = RemoteTraceback(f"in the process of the task:\n{place}")
    return error
