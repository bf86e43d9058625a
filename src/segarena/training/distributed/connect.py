"""How the processes that `torchrun` started find each other, and what process 0 sends to the others."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, Self

import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from segarena.config.devices import device_type
from segarena.errors import Interrupted, SegarenaError, WorkerError, is_out_of_memory
from segarena.launched import Launch
from segarena.training.distributed.group import Group
from segarena.training.distributed.watch import DONE, Watch

#: Time in which the processes must have found each other.
MEETING = timedelta(seconds=60)
#: Time after which a sum that does not come counts as failed, e.g. where one process labels much larger images.
#: Processes that are lost are noticed long before, see `Watch`.
LONGEST = timedelta(minutes=30)
#: Seconds between two looks at whether process 0 has sent something.
LOOK = 0.1
#: Seconds in which the other processes end after process 0, or in which it sends something after a signal.
LEAVE = 5.0
#: Numbers the trainings of a program, which are the same in all processes.
_calls = count()
_RESUME = "Resume the run, or start torchrun with --max-restarts: it then begins again by itself, from the saved state"
#: What is in the text of an error of PyTorch that is about the connection.
_CONNECTION = ("gloo", "nccl", "connection", "socket", "store", "process group", "recv", "peer", "timed out", "timeout")


class Processes:
    """This process and the others of a training.

    Args:
        launch: The place of this process.
    """

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self._group: Group | None = None
        self._sent = 0

    def __enter__(self) -> Self:
        launch = self.launch
        try:
            store, _, _ = next(rendezvous("env://", launch.rank, launch.number, timeout=MEETING))
        except (RuntimeError, ValueError, OSError) as error:
            first = str(error).strip().partition("\n")[0]
            raise WorkerError(f"the processes do not find each other ({first})", remedy=_RESUME) from error
        # torchrun keeps the store: after a restart, and in a second call of a program, it has what was written before.
        call = f"segarena/{next(_calls)}"
        attempt = f"{call}/attempt{launch.restarts}"
        self._kept = PrefixStore(call, store.underlying_store if isinstance(store, PrefixStore) else store)
        self._store = PrefixStore(attempt, store)
        self._meeting = PrefixStore(f"{attempt}/group", store)
        self._watch = Watch(PrefixStore(attempt, store.clone()), launch.rank, launch.number)
        if launch.number > 1:
            self._watch.start()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        has_failed = error is not None and not isinstance(error, Interrupted)
        left = (str(error).partition("\n")[0] or type(error).__name__) if has_failed else DONE
        with suppress(RuntimeError):
            if self.launch.is_first:
                self._store.set("end", "")
            self._store.set(f"left/{self.launch.rank}", DONE if self.launch.is_first else left)
            if self.launch.is_first and not has_failed:
                self._await_others()
        self._watch.stop()
        if self._group is not None and not has_failed:
            dist.destroy_process_group()

    def _await_others(self) -> None:
        until = time.monotonic() + LEAVE
        keys = [f"left/{rank}" for rank in range(1, self.launch.number)]
        while keys and not self._store.check(keys) and time.monotonic() < until:
            time.sleep(LOOK)

    def keep_folder(self, folder: Path) -> None:
        """Keep which folder is written: for the other processes, and for a restart of all."""
        self._kept.set("folder", str(folder.absolute()))

    @property
    def folder(self) -> Path | None:
        """The folder that is written, or was before all processes were restarted; None where there was none yet."""
        return Path(self._kept.get("folder").decode()) if self._kept.check(["folder"]) else None

    def device(self, device: str) -> str:
        """Return the device of this process.

        Args:
            device: That of the protocol.
        """
        return (
            f"cuda:{self.launch.local_rank}" if device_type(device) == "cuda" and not self.launch.is_first else device
        )

    def group(self, device: str) -> Group:
        """Return the processes of a training; they are connected once.

        Args:
            device: The device of this process.
        """
        launch = self.launch
        if self._group is None:
            on_gpu = device_type(device) == "cuda"
            if on_gpu:
                torch.cuda.set_device(launch.local_rank)
            dist.init_process_group(
                "cpu:gloo,cuda:nccl" if on_gpu else "gloo",
                store=self._meeting,
                rank=launch.rank,
                world_size=launch.number,
                timeout=LONGEST,
            )
            self._group = Group(launch.rank, launch.number, device)
        return self._group

    def send(self, content: Any, device: str) -> Group:
        """Send something from process 0 to the others, and return the processes, on the device."""
        self._store.set(f"sent/{self._sent}", device)
        self._sent += 1
        group = self.group(device)
        with self.naming_lost():
            group.of_first(content)
        return group

    def received(self, should_stop: Callable[[], bool]) -> Iterator[tuple[Any, Group]]:
        """Yield what process 0 sends, and the processes, until it ends.

        Args:
            should_stop: Whether this process is to end; one that trains stops by itself.

        Raises:
            WorkerError: Process 0 is lost.
            Interrupted: `should_stop` returned True, and process 0 has something else to do.
        """
        parent, idle = os.getppid(), 0
        while True:
            key, idle = f"sent/{self._sent}", idle + should_stop()
            if self._store.check([key]):
                self._sent += 1
                group = self.group(self.device(self._store.get(key).decode()))
                with self.naming_lost():
                    content = group.of_first(None)
                yield content, group
                idle = 0
            elif self._store.check(["end"]):
                return
            elif idle * LOOK > LEAVE:
                raise Interrupted("stopped before the training")
            elif os.getppid() != parent:
                raise WorkerError("torchrun has ended", remedy=_RESUME)
            else:
                time.sleep(LOOK)

    @contextmanager
    def naming_lost(self) -> Iterator[None]:
        """In the block, an error of a connection becomes one that names the process that is lost."""
        try:
            yield
        except RuntimeError as error:
            text = str(error).lower()
            is_lost = any(word in text for word in _CONNECTION)
            if isinstance(error, SegarenaError) or is_out_of_memory(error) or not is_lost:
                raise
            raise WorkerError(f"{self._find_lost() or 'another process is lost'}", remedy=_RESUME) from error

    def _find_lost(self) -> str | None:
        """Which process is lost, where it is known within a moment."""
        for _ in range(20):
            with suppress(RuntimeError):
                if (lost := self._watch.find_lost()) is not None:
                    return lost
            time.sleep(LOOK)
        return None
