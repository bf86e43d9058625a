"""One thread that computes labels: images of one size that wait are labelled together.

PyTorch computes one image on all of its threads. A second thread that computes at the same time would only share them.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from segarena.serving.models import ServedModel


@dataclass(frozen=True)
class Labelled:
    """The labels of an image, and what they took."""

    mask: NDArray[np.uint8]
    """Class indices, (H, W)."""
    waited: float
    """Seconds until the computation began."""
    seconds: float
    """Seconds of the computation, of all images that were labelled together."""
    batch: int
    """How many these were."""


class FutureLabels(Future[Labelled]):
    """The labels of an image that waits, or is being labelled."""

    def __init__(self) -> None:
        super().__init__()
        self._since, self._began = time.perf_counter(), math.inf

    def begin(self) -> bool:
        """Begin the computation. Return whether it is still wanted."""
        self._began = time.perf_counter()
        return self.set_running_or_notify_cancel()

    @property
    def waited(self) -> float:
        """Seconds until the computation began, or until now where it has not."""
        return min(self._began, time.perf_counter()) - self._since

    @property
    def computed(self) -> float:
        """Seconds since the computation began; 0 where it has not."""
        return max(0.0, time.perf_counter() - self._began)


@dataclass
class _Job:
    model: ServedModel
    image: NDArray[np.uint8]
    future: FutureLabels = field(default_factory=FutureLabels)

    def fits(self, other: _Job) -> bool:
        return self.model is other.model and self.image.shape == other.image.shape


class Labeller:
    """Labels images one batch after the other, in a thread of its own.

    Args:
        max_batch: The most images of a batch.
        computing: Returns the context in which the thread computes, e.g. with a number of threads.
    """

    def __init__(self, max_batch: int, computing: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        self._max_batch, self._computing = max_batch, computing
        self._waiting: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="labeller", daemon=True)
        self._thread.start()

    def submit(self, model: ServedModel, image: NDArray[np.uint8]) -> FutureLabels:
        """Let an image be labelled. The future can be cancelled until its computation begins.

        Args:
            model: The network.
            image: RGB, uint8 (H, W, 3), or what else `ServedModel.read` gave.

        Raises:
            RuntimeError: The labeller is closed.
        """
        job = _Job(model, image)
        with self._changed:
            if self._closed:
                raise RuntimeError("the labeller is closed")
            self._waiting.append(job)
            self._changed.notify()
        return job.future

    @property
    def waiting(self) -> int:
        """How many images wait."""
        return len(self._waiting)

    def close(self) -> None:
        """Cancel what waits, and end the thread after what it computes."""
        with self._changed:
            self._closed = True
            for job in self._waiting:
                job.future.cancel()
            self._waiting.clear()
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        with self._computing():
            while batch := self._next():
                self._label(batch)
                del batch  # what was labelled is free while the thread waits

    def _next(self) -> list[_Job]:
        """The longest waiting image, and those that can be labelled with it; empty at the end."""
        with self._changed:
            while True:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if not self._waiting:
                    return []
                batch: list[_Job] = []
                rest: deque[_Job] = deque()
                for job in self._waiting:
                    fits = not batch or (len(batch) < self._max_batch and job.fits(batch[0]))
                    if not fits:
                        rest.append(job)
                    elif job.future.begin():
                        batch.append(job)
                self._waiting = rest
                if batch:
                    return batch

    def _label(self, batch: list[_Job]) -> None:
        start, waited = time.perf_counter(), [job.future.waited for job in batch]
        try:
            masks = batch[0].model.label([job.image for job in batch])
        except BaseException as error:
            if len(batch) > 1:  # one image, or too many at once: each by itself
                for job in batch:
                    self._label([job])
                return
            batch[0].future.set_exception(error)
            return
        seconds = time.perf_counter() - start
        for job, mask, before in zip(batch, masks, waited, strict=True):
            job.future.set_result(Labelled(mask, before, seconds, len(batch)))
