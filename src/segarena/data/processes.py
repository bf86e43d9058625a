"""Processes that load the items of a data set."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader, Dataset

from segarena.errors import SegarenaError

#: Where Linux has shared memory, through which processes pass batches.
SHARED_MEMORY = Path("/dev/shm")
#: The share of it that may be used, and the batches of a process at a time: two in advance, and one in the making.
USABLE, BATCHES = 0.8, 3


class Loader:
    """A DataLoader that raises a `SegarenaError` of a worker unchanged.

    DataLoader itself can only recreate errors of one argument and raises a RuntimeError for others, so that a damaged
    file would look like a bug. Here a worker returns the error in place of the batch.
    """

    def __init__(
        self, dataset: Dataset[Any], collate: Callable[[list[Any]], Any], workers: int, **options: Any
    ) -> None:
        processes: dict[str, Any] = {"num_workers": workers}
        if workers:
            # forked workers share the decoded images
            method = "fork" if sys.platform == "linux" else "spawn"
            processes |= {
                "persistent_workers": True,
                "multiprocessing_context": method,
                "worker_init_fn": _leave_interrupts_to_the_main_process,
            }
        self._new_loader: Callable[[], DataLoader[Any]] = partial(
            DataLoader, _ErrorsAsItems(dataset), collate_fn=partial(_collate, collate), **options, **processes
        )
        self.loader = self._new_loader()

    def __iter__(self) -> Iterator[Any]:
        try:
            for batch in self.loader:
                if isinstance(batch, SegarenaError):
                    raise batch
                yield batch
        except Exception:
            # The old loader ends its workers now. Left to the cycle collector, as part of a traceback, it would have
            # lost the queues to its workers, and would wait 5 s for each.
            self.loader = self._new_loader()
            raise


class _ErrorsAsItems(Dataset[Any]):
    def __init__(self, dataset: Dataset[Any]) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]  # both data sets have a length

    def __getitem__(self, key: Any) -> Any:
        try:
            return self.dataset[key]
        except SegarenaError as error:
            return error


def _collate(collate: Callable[[list[Any]], Any], items: list[Any]) -> Any:
    """The batch of these items, or the first error among them."""
    return next((item for item in items if isinstance(item, SegarenaError)), None) or collate(items)


def _leave_interrupts_to_the_main_process(worker: int) -> None:
    """Ignore Ctrl-C, and SIGTERM once: they are sent to all processes of a command, and the main one ends the others.

    A second SIGTERM, with which the main process ends one that does not answer, has its usual effect.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: signal.signal(number, signal.SIG_DFL))


def affordable_workers(workers: int, batch_bytes: int, shared: Path = SHARED_MEMORY) -> int:
    """Limit the processes to those whose batches fit into the shared memory; in a container it may be 64 MB.

    Args:
        workers: Processes that are wanted.
        batch_bytes: The size of a batch; each process has up to `BATCHES` of them.
        shared: Where Linux has shared memory. Elsewhere there is no such limit.

    Returns:
        The number of processes; 0, with which nothing is shared, if not even one can be used.
    """
    try:
        free = shutil.disk_usage(shared).free
    except OSError:
        return workers
    return min(workers, int(USABLE * free / (BATCHES * max(1, batch_bytes))))
