"""Tasks of the tests of the executors: small, importable, and without PyTorch."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, field
from typing import Any

from segarena.errors import DataError, Interrupted
from segarena.experiment.executors.task import Channel


@dataclass(frozen=True)
class Job:
    """What it does is named by `what`."""

    name: str
    what: str = "finish"

    def __call__(self, channel: Channel) -> None:
        channel.send(("began", os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES")))
        if self.what == "fail":
            raise DataError("is empty", where=self.name, remedy="Fill it")
        if self.what == "bug":
            raise ZeroDivisionError("of the test")
        if self.what == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.what == "stopped":
            os.kill(os.getpid(), signal.SIGTERM)
        end = time.monotonic() + (60 if self.what in ("wait", "stopped") else 0.05)
        while time.monotonic() < end:
            if channel.should_stop():
                channel.send("saved")
                raise Interrupted(f"{self.name} stopped")
            time.sleep(0.01)
        channel.send(("done", self.name))


@dataclass
class Recorder:
    """Keeps what it receives; an error of a task is raised if `raises`."""

    raises: bool = True
    events: list[tuple[str, Any]] = field(default_factory=list)
    ends: dict[str, Exception | None] = field(default_factory=dict)
    again: list[tuple[str, str]] = field(default_factory=list)

    def on_event(self, task: Job, event: object) -> None:
        self.events.append((task.name, event))

    def on_again(self, task: Job, why: str) -> None:
        self.again.append((task.name, why))

    def on_end(self, task: Job, error: Exception | None) -> None:
        self.ends[task.name] = error
        if error is not None and self.raises:
            raise error

    def of(self, name: str) -> list[Any]:
        return [event for task, event in self.events if task == name]
