"""Processes that load the items of a data set."""

from __future__ import annotations

import multiprocessing.util
import os
import signal
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from torch.utils.data import DataLoader, Dataset

from segarena.errors import ConfigError, SegarenaError, WorkerError
from segarena.free_disk import free_disk
from segarena.units import GIB

#: Where Linux has shared memory, through which processes pass batches.
SHARED_MEMORY = Path("/dev/shm")
#: The share of it that may be used, and the batches of a process at a time: two in advance, and one in the making.
USABLE, BATCHES = 0.8, 3
#: Seconds between two looks at whether the processes are alive, while a batch is awaited.
LOOK_EVERY = 5.0
#: Looks without a batch after which a process counts as hung. They are counted, as a computer may sleep in between.
PATIENCE = 24
#: Looks after which a process counts as hung that has neither computed nor read anything since.
QUIET = 6
#: Seconds of processor time between two looks that are work. A process that waits for orders wakes up for less.
_BUSY = 0.05


class Loader:
    """A DataLoader that raises a `SegarenaError` of a worker unchanged, and a WorkerError where a worker is lost.

    DataLoader itself can only recreate errors of one argument and raises a RuntimeError for others, so that a damaged
    file would look like a bug. Here a worker returns the error in place of the batch.

    A worker that was killed is noticed where its batch is awaited: DataLoader's own signal handler would raise in the
    middle of a training step, whose weights could not be saved then.

    Args:
        dataset: The items, of any type; it may raise a SegarenaError.
        collate: Makes a batch of a list of items.
        workers: Processes that load items; 0 for this one.
        options: Further arguments of `DataLoader`.
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
                "timeout": LOOK_EVERY,
            }
        self._new_loader: Callable[[], DataLoader[Any]] = partial(
            DataLoader, _ErrorsAsItems(dataset), collate_fn=partial(_collate, collate), **options, **processes
        )
        self.loader = self._new_loader()
        if workers:
            _open_in(os.getpid()).add(self)

    def __iter__(self) -> Iterator[Any]:
        try:
            with _handler_of_dead_children():
                batches = iter(self.loader)
            while (batch := _next(batches)) is not None:
                if isinstance(batch, SegarenaError):
                    raise batch
                yield batch
        except Exception:
            # Left to the cycle collector, as part of a traceback, the old loader would have lost the queues to its
            # workers, and would wait 5 s for each.
            self.close()
            raise

    def close(self) -> None:
        """End the worker processes. What iterates over the loader later has new ones."""
        batches = getattr(self.loader, "_iterator", None)
        if batches is not None:
            batches._shutdown_workers()
            for process in batches._workers:  # one that hangs is still there
                process.kill()
                process.join(LOOK_EVERY)  # one that waits for a drive ends when it answers
            self.loader = self._new_loader()


@cache
def _open_in(process: int) -> weakref.WeakSet[Loader]:
    """Loaders of this process that have workers. When it ends, those that are left, e.g. in a traceback, are closed.

    Python sends SIGTERM to the workers then, which ignore the first one, and waits for them without end. This comes
    before, also in a process that multiprocessing has started, where functions of `atexit` are not called.
    """
    loaders: weakref.WeakSet[Loader] = weakref.WeakSet()

    def close_all() -> None:
        for loader in list(loaders):
            loader.close()

    multiprocessing.util.Finalize(None, close_all, exitpriority=100)
    return loaders


def _next(batches: Iterator[Any]) -> Any:
    """The next batch; None after the last one. Raises WorkerError where a process is lost."""
    processes = getattr(batches, "_workers", ())
    before, quiet = None, 0
    for _ in range(PATIENCE):
        try:
            return next(batches, None)
        except RuntimeError as error:
            if "timed out" in str(error):  # the iterator is as before
                now = [_work_of(process.pid) for process in processes]
                quiet = 1 if before is None or _have_worked(before, now) else quiet + 1
                before = now
                if quiet >= QUIET:
                    break
                continue
            if "DataLoader worker" not in str(error) or "exited unexpectedly" not in str(error):
                raise
            raise WorkerError(
                "a process that loads images was ended from outside, perhaps because there was too little memory",
                where="--workers",
                remedy="Resume, or start again with fewer --workers; 0 uses none",
            ) from error
    for process in processes:  # one that is stopped does not end by SIGTERM
        process.kill()
    seconds, what = (QUIET, "read or computed anything") if quiet >= QUIET else (PATIENCE, "answered")
    raise WorkerError(
        f"no process that loads images has {what} for {seconds * LOOK_EVERY:.0f} s",
        where="--workers",
        remedy="Check the disk or network drive that the images are on and resume, or start again with --workers 0",
    )


class _Work(NamedTuple):
    """What grows while a process works."""

    seconds: float
    """Processor time."""
    read: int
    """Bytes that it read, and pages that were read for it."""


def _work_of(process: int) -> _Work | None:
    """What a process has done since it was started; None where the system does not report it."""
    try:  # Linux: man 5 proc_pid_stat, proc_pid_io
        folder = Path(f"/proc/{process}")
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        read = (folder / "io").read_text().split()[1]
        return _Work((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), int(read) + int(fields[9]))
    except (OSError, ValueError, IndexError):
        return None


def _have_worked(before: Sequence[_Work | None], now: Sequence[_Work | None]) -> bool:
    """Whether one of several processes has worked between two looks; True where that is unknown."""
    return any(
        old is None or new is None or new.seconds - old.seconds >= _BUSY or new.read > old.read
        for old, new in zip(before, now, strict=True)
    )


@contextmanager
def _handler_of_dead_children() -> Iterator[None]:
    """Keep the handler of SIGCHLD, in place of which DataLoader sets one of its own; Windows has no such signal."""
    number = getattr(signal, "SIGCHLD", None)
    is_main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(number) if number is not None and is_main else None
    try:
        yield
    finally:
        if number is not None and before is not None and signal.getsignal(number) is not before:
            signal.signal(number, before)


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


#: Trainings of a command that run at a time, among which the shared memory is divided.
_trainings = [1]


@contextmanager
def dividing_shared_memory(trainings: int) -> Iterator[None]:
    """In the block, `affordable_workers` counts with a part of the shared memory: other trainings use the rest.

    Args:
        trainings: How many run at a time.
    """
    _trainings.append(trainings)
    try:
        yield
    finally:
        _trainings.pop()


def check_shared_memory(size: int, shared: Path = SHARED_MEMORY) -> None:
    """Check that the decoded images of trainings side by side fit into the shared memory.

    Args:
        size: Their bytes.
        shared: Where Linux has shared memory. Elsewhere there is no such limit.

    Raises:
        ConfigError: They do not.
    """
    free = free_disk(shared)
    if free is not None and size > free:
        raise ConfigError(
            f"the trainings share {size / GIB:.2f} GiB of decoded images, and {shared} has {free / GIB:.2f} GiB free",
            where="--jobs",
            remedy="Give a container more, as with `docker run --shm-size`; or leave out --jobs, or use --cache-gib 0",
        )


def affordable_workers(workers: int, batch_bytes: int, shared: Path = SHARED_MEMORY) -> int:
    """Limit the processes to those whose batches fit into the shared memory; in a container it may be 64 MB.

    Each loader of a training counts with all of it: they take turns, and one whose epoch has ended has no batch left.

    Args:
        workers: Processes that are wanted.
        batch_bytes: The size of a batch; each process has up to `BATCHES` of them.
        shared: Where Linux has shared memory. Elsewhere there is no such limit.

    Returns:
        The number of processes; 0, with which nothing is shared, if not even one can be used.
    """
    free = free_disk(shared)
    if free is None:
        return workers
    return min(workers, int(USABLE * free / _trainings[-1] / (BATCHES * max(1, batch_bytes))))
