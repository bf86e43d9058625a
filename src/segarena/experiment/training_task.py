"""One training as the task of an executor: what it does where it runs, and what it sends to the command."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segarena.config.own_models import Builder, own_models
from segarena.errors import RunError
from segarena.experiment.executors.task import Channel
from segarena.experiment.plan import Training
from segarena.experiment.progress import Reporter, TrainingListener, TrainingStart
from segarena.experiment.run import train_run
from segarena.experiment.time_left import TrainingTimeLeft
from segarena.files import keeping
from segarena.loading.processes import dividing_shared_memory
from segarena.locks import hold
from segarena.runs import Run
from segarena.training.machine import computing_with

if TYPE_CHECKING:
    from segarena.training.state import Step

#: Seconds in which an earlier process of a training ends.
_PATIENCE = 30.0


@dataclass(frozen=True)
class TrainingTask:
    """A training that is to be done.

    Args:
        training: The training.
        start: The training, for people.
        at_a_time: How many run at a time, and share the memory of a machine.
        builder: The builder of its module, of a Python program, by its name; none for segarena's own models.
        is_alone: Whether it runs in the process of the command, with no other one beside it.
    """

    training: Training
    start: TrainingStart
    at_a_time: int = 1
    builder: Mapping[str | None, Builder] = field(default_factory=dict)
    is_alone: bool = True

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return self.start.title

    @property
    def run(self) -> Run:
        """Its model, seed and fold, and the share of the training images."""
        return self.training.run

    def __call__(self, channel: Channel) -> None:
        """Train, in whichever process."""
        folder = self.training.folder
        # A process that outlives the command, until it has saved, keeps others out of its folder.
        with (
            keeping(folder),
            nullcontext() if self.is_alone else _held(folder),
            dividing_shared_memory(self.at_a_time),
            own_models(self.builder),
            computing_with(self.training.protocol.threads),
        ):
            train_run(self.training, self.start, channel.should_stop, _Sender(channel), is_alone=self.is_alone)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Lock the folder; an earlier process of the training, on a machine that seemed lost, may take a while to end."""
    with ExitStack() as stack:
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                stack.enter_context(hold(folder))
                break
            except RunError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)
        yield


class _Sender(Reporter):
    """Sends what a training reports through a channel, as the name of a method and its arguments."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def say(self, text: str, *, title: str = "") -> None:
        self._channel.send(("say", text, title))

    def detail(self, text: str) -> None:
        self._channel.send(("detail", text))

    def warn(self, text: str, *, title: str = "warning") -> None:
        self._channel.send(("warn", text, title))

    @contextmanager
    def training(self, start: TrainingStart) -> Iterator[TrainingListener]:
        self._channel.send(("begin",))
        yield _SendingListener(self._channel)
        self._channel.send(("finish",))


class _SendingListener(TrainingListener):
    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def on_step(self, step: Step, seconds_left: float | None) -> None:
        self._channel.send(("on_step", step))

    def on_classes(self, ious: Mapping[str, float]) -> None:
        self._channel.send(("on_classes", dict(ious)))

    def on_epoch(self, row: dict[str, Any], is_best: bool, seconds_left: float | None) -> None:
        self._channel.send(("on_epoch", row, is_best))

    def on_preview(self, labels: Sequence[NDArray[np.uint8]]) -> None:
        self._channel.send(("on_preview", labels))

    def on_restart(self, why: str, learning_rate: float) -> None:
        self._channel.send(("on_restart", why, learning_rate))

    def on_skip(self, epoch: int, step: int, skipped: int) -> None:
        self._channel.send(("on_skip", epoch, step, skipped))

    def on_split(self, images: int, epoch: int, step: int) -> None:
        self._channel.send(("on_split", images, epoch, step))

    def on_early_stop(self, epochs: int, best_epoch: int, best_miou: float | None) -> None:
        self._channel.send(("on_early_stop", epochs, best_epoch, best_miou))


class Receiver:
    """Passes on what one training sends, to a reporter and to the estimate of the time that is left.

    Args:
        start: The training.
        left: The estimate.
        reporter: Receives the progress.
    """

    def __init__(self, start: TrainingStart, left: TrainingTimeLeft, reporter: Reporter) -> None:
        self._start, self._left, self._reporter = start, left, reporter
        self._open = ExitStack()
        self._listener = TrainingListener()

    def receive(self, event: Any) -> None:
        """Pass on an event of `TrainingTask`."""
        name, *content = event
        reporter, listener = self._reporter, self._listener
        if name == "begin":
            self._listener = self._open.enter_context(reporter.training(self._start))
        elif name == "finish":
            self.close()
        elif name in ("say", "warn"):
            getattr(reporter, name)(content[0], title=content[1])
        elif name == "detail":
            reporter.detail(*content)
        elif name == "on_step":
            listener.on_step(content[0], self._left.after_step(content[0]))
        elif name == "on_epoch":
            listener.on_epoch(content[0], content[1], self._left.after_epoch(content[0]))
        else:
            if name == "on_restart":
                self._left.after_restart()
            getattr(listener, name)(*content)

    def close(self, error: BaseException | None = None) -> None:
        """End what was begun; an error is that of the training."""
        opened, self._open, self._listener = self._open, ExitStack(), TrainingListener()
        opened.__exit__(type(error) if error else None, error, error.__traceback__ if error else None)
