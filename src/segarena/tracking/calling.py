"""Call several callbacks, so that one that fails ends neither a training nor the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from segarena.errors import OptionTypeError
from segarena.tracking.callback import Callback

_OWN: ContextVar[tuple[Callback, ...]] = ContextVar("callbacks", default=())


class Callbacks:
    """Calls each callback; one that raises an error is reported once and left out from then on.

    Args:
        callbacks: The callbacks.
        warn: Takes the warning.
    """

    def __init__(self, callbacks: Sequence[Callback], warn: Callable[[str], None]) -> None:
        self.active, self._warn = list(callbacks), warn

    def call(self, method: str, *arguments: Any, only: Callback | None = None) -> None:
        """Call a method of each callback, or of one."""
        for callback in [one for one in self.active if only in (None, one)]:
            try:
                getattr(callback, method)(*arguments)
            except Exception as error:  # whatever a user's class or another library raises
                self.active.remove(callback)
                name = getattr(callback, "title", type(callback).__name__)
                self._warn(
                    f"{name} failed in {method} and is not called any more; the training goes on"
                    f" ({type(error).__name__}: {error})"
                )


@contextmanager
def own_callbacks(callbacks: Any) -> Iterator[None]:
    """Register the callbacks of a call of the Python API while the block runs.

    Args:
        callbacks: What was given as `callbacks`.

    Raises:
        OptionTypeError: It is not a list of callbacks.
    """
    items = [callbacks] if isinstance(callbacks, Callback) else callbacks
    wrong = items if not isinstance(items, (list, tuple)) else next((i for i in items if not _is_callback(i)), None)
    if wrong is not None:
        raise OptionTypeError(
            f"{wrong!r} is of type {type(wrong).__name__}",
            where="callbacks",
            remedy="Give a list of instances of subclasses of segarena.Callback",
        )
    token = _OWN.set(tuple(items))
    try:
        yield
    finally:
        _OWN.reset(token)


def find_own_callbacks() -> tuple[Callback, ...]:
    """Return the callbacks of the call."""
    return _OWN.get()


def _is_callback(item: object) -> bool:
    return isinstance(item, Callback)
