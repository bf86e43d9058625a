"""What the tests of an experiment use: a protocol, and a reporter that keeps what it receives."""

from __future__ import annotations

from typing import Any

from segarena.config import DataFacts, Protocol, TrainOptions
from segarena.experiment.progress import Reporter
from segarena.experiment.resolve import resolve

FACTS = DataFacts(num_train=160, height=96, width=128, built_in=False)


class RecordingReporter(Reporter):
    """Keeps each message."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str, *, title: str = "") -> None:
        self.lines.append(f"{title}: {text}" if title else text)

    def warn(self, text: str, *, title: str = "warning") -> None:
        self.lines.append(f"{title}: {text}")


def protocol(**changes: Any) -> Protocol:
    """What `train --model unet --device cpu` resolves to, with some settings changed."""
    resolved, _ = resolve(TrainOptions(model="unet", device="cpu", precision="fp32"), FACTS)
    return Protocol(**{**vars(resolved), **changes})
