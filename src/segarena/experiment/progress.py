"""How an experiment reports what it does: to a `Reporter`, which a verb implements with bars and lines."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # `check` needs no torch
    from segarena.training.engine import Step


class TrainingListener:
    """Receives the progress of one training. This one ignores it."""

    def on_step(self, step: Step) -> None:
        """Called about once a second within an epoch."""

    def on_epoch(self, row: dict[str, Any], is_best: bool) -> None:
        """Called after each epoch.

        Args:
            row: The epoch's row of history.csv.
            is_best: Whether its validation mIoU is the best so far.
        """


class Reporter:
    """Receives the messages and the progress of an experiment. This one ignores them; verbs override it."""

    def say(self, text: str, *, title: str = "") -> None:
        """Called with a message for the user: one line, or several separated by line breaks.

        Args:
            text: The message, without markup.
            title: What the message is about, to be shown before it.
        """

    def progress(self, what: str) -> AbstractContextManager[Callable[[int, int], None]]:
        """Give a context with the function that is called with the number of items done and their total.

        Args:
            what: The work, e.g. "reading images and masks".
        """
        return nullcontext(lambda done, total: None)

    def training(self, title: str, epochs: int) -> AbstractContextManager[TrainingListener]:
        """Give a context with the listener of one training.

        Args:
            title: The training, e.g. "unet, seed 0".
            epochs: The number of epochs if it is not stopped early.
        """
        return nullcontext(TrainingListener())


#: Used where no reporter is given.
SILENT = Reporter()
