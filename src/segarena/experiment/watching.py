"""Who else follows the trainings of a command, beside the reporter that shows them: a page, callbacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segarena.experiment.progress import Reporter, TrainingListener, TrainingStart

if TYPE_CHECKING:
    from segarena.training.state import Step


class Watcher:
    """Receives what happens to the trainings, in the process of the command. This one ignores it."""

    def on_plan(self, starts: Sequence[TrainingStart]) -> None:
        """Called once before the first training, with all trainings in their order."""

    def on_begin(self, start: TrainingStart) -> None:
        """Called when a training begins or goes on."""

    def on_step(self, start: TrainingStart, step: Step, seconds_left: float | None) -> None:
        """Called about once a second within an epoch."""

    def on_epoch(
        self,
        start: TrainingStart,
        row: Mapping[str, Any],
        ious: Mapping[str, float],
        is_best: bool,
        seconds_left: float | None,
    ) -> None:
        """Called after each epoch with its row of history.csv and the validation IoU of each class."""

    def on_preview(self, start: TrainingStart, labels: Sequence[NDArray[np.uint8]]) -> None:
        """Called after the best epoch so far; see `TrainingListener.on_preview`."""

    def on_restart(self, start: TrainingStart, why: str) -> None:
        """Called when a training has been restarted from its initial weights."""

    def on_end(self, start: TrainingStart, error: str | None) -> None:
        """Called when a training is over: its scores are written, or it failed."""


class WatchedReporter(Reporter):
    """Passes everything on to a reporter, and what concerns trainings to watchers too.

    Args:
        reporter: The reporter.
        watchers: The watchers.
    """

    def __init__(self, reporter: Reporter, watchers: Sequence[Watcher]) -> None:
        self._reporter, self._watchers = reporter, tuple(watchers)

    def say(self, text: str, *, title: str = "") -> None:
        self._reporter.say(text, title=title)

    def detail(self, text: str) -> None:
        self._reporter.detail(text)

    def warn(self, text: str, *, title: str = "warning") -> None:
        self._reporter.warn(text, title=title)

    def begin(self) -> None:
        self._reporter.begin()

    def progress(self, what: str) -> AbstractContextManager[Callable[[int, int], None]]:
        return self._reporter.progress(what)

    def side_by_side(self, number: int) -> AbstractContextManager[None]:
        return self._reporter.side_by_side(number)

    def plan(self, starts: Sequence[TrainingStart]) -> None:
        self._reporter.plan(starts)
        for watcher in self._watchers:
            watcher.on_plan(starts)

    def end(self, start: TrainingStart, error: str | None) -> None:
        self._reporter.end(start, error)
        for watcher in self._watchers:
            watcher.on_end(start, error)

    @contextmanager
    def training(self, start: TrainingStart) -> Iterator[TrainingListener]:
        with self._reporter.training(start) as listener:
            for watcher in self._watchers:
                watcher.on_begin(start)
            yield _WatchedListener(start, listener, self._watchers)


class _WatchedListener(TrainingListener):
    def __init__(self, start: TrainingStart, listener: TrainingListener, watchers: Sequence[Watcher]) -> None:
        self._start, self._listener, self._watchers = start, listener, watchers
        self._ious: Mapping[str, float] = {}

    def on_step(self, step: Step, seconds_left: float | None) -> None:
        self._listener.on_step(step, seconds_left)
        for watcher in self._watchers:
            watcher.on_step(self._start, step, seconds_left)

    def on_classes(self, ious: Mapping[str, float]) -> None:
        self._listener.on_classes(ious)
        self._ious = ious

    def on_epoch(self, row: dict[str, Any], is_best: bool, seconds_left: float | None) -> None:
        self._listener.on_epoch(row, is_best, seconds_left)
        for watcher in self._watchers:
            watcher.on_epoch(self._start, row, self._ious, is_best, seconds_left)
        self._ious = {}

    def on_preview(self, labels: Sequence[NDArray[np.uint8]]) -> None:
        for watcher in self._watchers:
            watcher.on_preview(self._start, labels)

    def on_restart(self, why: str, learning_rate: float) -> None:
        self._listener.on_restart(why, learning_rate)
        for watcher in self._watchers:
            watcher.on_restart(self._start, why)

    def on_skip(self, epoch: int, step: int, skipped: int) -> None:
        self._listener.on_skip(epoch, step, skipped)

    def on_split(self, images: int, epoch: int, step: int) -> None:
        self._listener.on_split(images, epoch, step)

    def on_early_stop(self, epochs: int, best_epoch: int, best_miou: float | None) -> None:
        self._listener.on_early_stop(epochs, best_epoch, best_miou)
