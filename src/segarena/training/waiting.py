"""How long a network waits for its next batch: the share of a training that loading images costs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

import torch

from segarena.config.devices import device_type

Batch = TypeVar("Batch")


class WaitingTime:
    """The time in which the device had no batch to compute with.

    On an NVIDIA GPU it is measured there, from the end of a step to the beginning of the next one: while the GPU still
    computes, nobody waits, even if Python does. That part of a batch's crops is included that the GPU itself computes.
    Elsewhere it is the time that the loader takes to return a batch.

    Args:
        device: The device of the network.
    """

    def __init__(self, device: str) -> None:
        self._on_gpu = device_type(device) == "cuda"
        self._device = device
        self._seconds = 0.0
        self._marks: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []

    def over(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Yield the batches, and measure the time until each is there."""
        iterator = iter(batches)
        while True:
            before = self._mark()
            try:
                batch = next(iterator)
            except StopIteration:
                return
            after = self._mark()
            if isinstance(before, float) and isinstance(after, float):
                self._seconds += after - before
            elif isinstance(before, torch.cuda.Event) and isinstance(after, torch.cuda.Event):
                self._marks.append((before, after))
            yield batch

    def take(self) -> float:
        """Return the seconds since the last call. A GPU is waited for until it has computed all that was begun."""
        if self._marks:
            self._marks[-1][1].synchronize()
            self._seconds += sum(before.elapsed_time(after) for before, after in self._marks) / 1000
            self._marks.clear()
        seconds, self._seconds = self._seconds, 0.0
        return seconds

    def _mark(self) -> float | torch.cuda.Event:
        if not self._on_gpu:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(self._device))
        return event
