"""Each task on a machine of a Ray cluster. One whose process or machine is lost is started again on another one."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from segarena.errors import Interrupted, WorkerError
from segarena.experiment.executors import ray_cluster
from segarena.experiment.executors.child import located, sendable
from segarena.experiment.executors.node_check import Place
from segarena.experiment.executors.pool import AGAIN, EVENT, FINISHED, Pool, Running
from segarena.experiment.executors.remote import pack, remove_probe, run_packed
from segarena.experiment.executors.task import Observer, ProcessDied, Task_contra

#: Seconds between two looks where nothing is sent, and between two questions of a task whether it is to stop.
_LOOK = 0.2
#: Seconds between two looks at the machines of the cluster.
_COUNT = 5.0
#: How often in a row a task may be lost within this number of seconds of its start.
LOSSES, SOON = 3, 600.0


class Ray(Pool):
    """Runs as many tasks at a time as the cluster has room for.

    Args:
        place: What the machines are compared with.
        need: What a task needs, see `ray_cluster.needs`.
        most: How many at a time at most; None for no limit.
    """

    def __init__(self, place: Place, need: Mapping[str, float], most: int | None = None) -> None:
        self._place, self._need, self._most = place, need, most
        self._mailbox: Any = None
        self._looked, self._places, self._is_lost = -_COUNT, 0, False

    @property
    def places(self) -> int:
        """As many as fit on the machines that were there at the last look."""
        return self._places if self._most is None else min(self._most, self._places)

    def run(
        self, tasks: Iterable[Task_contra], observer: Observer[Task_contra], should_stop: Callable[[], bool]
    ) -> None:
        """Run the tasks; see `Executor.run`."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        try:
            ray_cluster.connect()
            ray_cluster.check_places(self._need)
            ray_cluster.check_machines(self._place, self._need)
            self._look_at_machines()
            here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
            self._mailbox = ray.remote(Mailbox).options(num_cpus=0, scheduling_strategy=here).remote()
            super().run(tasks, observer, should_stop)
        finally:
            remove_probe(self._place)
            if self._mailbox is not None and not self._is_lost:
                ray.kill(self._mailbox)
            ray_cluster.disconnect()

    def start(self, task: Task_contra, beside: Sequence[Running[Task_contra]]) -> Running[Task_contra]:
        """Send a task to the cluster."""
        import ray

        # A process of its own for each task, as memory is not all given back; and what is lost is counted here.
        work = ray.remote(max_calls=1, max_retries=0)(_work).options(
            num_cpus=self._need["CPU"], num_gpus=self._need.get("GPU", 0), name=task.name
        )
        submit = partial(work.remote, self._mailbox, place=self._place, content=pack(task))
        return _RayTask(task, submit, self._mailbox, self._has_room)

    def wait(self, running: Sequence[Running[Task_contra]]) -> None:
        """Wait for the end of one of the tasks, and fetch what all of them have sent."""
        import ray

        if time.monotonic() - self._looked >= _COUNT:
            self._look_at_machines()
        open_ones = {one.reference: one for one in running if isinstance(one, _RayTask) and not one.has_ended}
        if not open_ones:
            time.sleep(_LOOK)
            return
        try:
            ray.wait(list(open_ones), timeout=_LOOK)
            ended, _ = ray.wait(list(open_ones), num_returns=len(open_ones), timeout=0)
            letters = ray.get(self._mailbox.take.remote())  # after it: what a task sent before its end is there
        except ray.exceptions.RayError as error:  # Ray on this machine has ended
            self._is_lost = True
            raise ray_cluster.lost(f"the Ray cluster does not answer any more ({type(error).__name__})") from error
        by_key = {one.key: one for one in open_ones.values()}
        for key, event in letters:
            if key in by_key:  # not of an attempt that was given up
                by_key[key].letters.append(event)
        for reference in ended:
            open_ones[reference].is_over = True

    def _look_at_machines(self) -> None:
        """Count the places. Raises WorkerError where the first machine is lost."""
        try:
            ray_cluster.check_head()
        except WorkerError:
            self._is_lost = True
            raise
        self._looked, self._places = time.monotonic(), ray_cluster.count_places(self._need)

    def _has_room(self) -> bool:
        """Whether a task fits on one of the machines, now."""
        self._look_at_machines()
        return self._places > 0


class _RayTask(Running[Task_contra]):
    """A task, and its attempts on the cluster."""

    def __init__(
        self, task: Task_contra, submit: Callable[[str], Any], mailbox: Any, has_room: Callable[[], bool]
    ) -> None:
        super().__init__(task)
        self._submit, self._mailbox, self._has_room = submit, mailbox, has_room
        self.letters: deque[object] = deque()
        self._attempt = self._losses = 0
        self._send()

    def _send(self) -> None:
        self._attempt += 1
        self.key = f"{self.task.name} #{self._attempt}"
        self.is_over = self._has_begun = False
        self._started = time.monotonic()
        self.reference = self._submit(self.key)

    def receive(self) -> Iterator[tuple[str, object]]:
        """Yield what was fetched, and how the attempt ended; see `Running.receive`."""
        while self.letters:
            event = self.letters.popleft()
            if event == _BEGUN:
                self._has_begun, self._started = True, time.monotonic()
                if self.is_asked:
                    self.ask_to_stop()
            else:
                yield EVENT, event
        if self.is_over:
            kind, content = self._outcome()
            yield kind, content

    def _outcome(self) -> tuple[str, object]:
        import ray

        try:
            error = ray.get(self.reference)
        except ray.exceptions.TaskCancelledError:
            return FINISHED, Interrupted("it had not begun")
        except ray.exceptions.RayTaskError as raised:  # before the task itself began
            return FINISHED, raised
        except ray.exceptions.RayError as lost:
            why = _describe(lost)
        else:
            return FINISHED, None if error is None else located(*error)
        if not self._has_room():
            why += "; it waits for a machine that has room for it, as none has now"
        self._losses = self._losses + 1 if time.monotonic() - self._started < SOON else 1
        if self.is_asked or self._losses > LOSSES:
            return FINISHED, ProcessDied(0, what=f"{why}, {self._losses} times in a row" if self._losses > 1 else why)
        self._send()
        return AGAIN, why

    def ask_to_stop(self) -> None:
        """Send the message; a task that waits for its place is taken back."""
        import ray

        if self._has_begun:
            self._mailbox.stop.remote(self.key)
        else:
            with suppress(ray.exceptions.RayError):
                ray.cancel(self.reference)

    @property
    def is_gone(self) -> bool:
        """Ray ends its process."""
        return True

    def kill(self) -> None:
        """End it at once."""
        import ray

        with suppress(ray.exceptions.RayError, ValueError):
            ray.cancel(self.reference, force=True)


class Mailbox:
    """What the tasks send, until it is fetched; and which of them are to stop. An actor on the command's machine."""

    def __init__(self) -> None:
        self._letters: list[tuple[str, object]] = []
        self._stopping: set[str] = set()

    def put(self, key: str, event: object) -> None:
        """Add what an attempt of a task sends."""
        self._letters.append((key, event))

    def take(self) -> list[tuple[str, object]]:
        """Return what was added since the last call."""
        letters, self._letters = self._letters, []
        return letters

    def stop(self, key: str) -> None:
        """Ask an attempt of a task to stop."""
        self._stopping.add(key)

    def should_stop(self, key: str) -> bool:
        """Return whether an attempt of a task is to stop."""
        return key in self._stopping


#: The first thing that an attempt sends.
_BEGUN = "__begun__"


class _Letters:
    """The channel of a task on the cluster."""

    def __init__(self, mailbox: Any, key: str) -> None:
        self._mailbox, self._key = mailbox, key
        self._answer: Any = None
        self._stops, self._asked = False, 0.0

    def send(self, event: object) -> None:
        """Send an event."""
        self._mailbox.put.remote(self._key, event)

    def flush(self) -> None:
        """Wait until all that was sent is there."""
        import ray

        with suppress(ray.exceptions.RayError):  # the command has ended
            ray.get(self._mailbox.should_stop.remote(self._key))

    def should_stop(self) -> bool:
        """Whether the task is to stop, as of the last answer; also where nobody answers any more."""
        import ray

        if self._stops:
            return True
        if self._answer is None and time.monotonic() - self._asked >= _LOOK:
            self._answer, self._asked = self._mailbox.should_stop.remote(self._key), time.monotonic()
        if self._answer is not None and ray.wait([self._answer], timeout=0)[0]:
            try:
                self._stops = ray.get(self._answer)
            except ray.exceptions.RayError:
                self._stops = True
            self._answer = None
        return self._stops


def _work(mailbox: Any, key: str, *, place: Place, content: bytes) -> tuple[Exception, str] | None:
    """Do a task on a machine of the cluster. Returns None, or the error and its traceback."""
    channel = _Letters(mailbox, key)
    channel.send(_BEGUN)
    error = None
    try:
        run_packed(content, place, channel)
    except Exception as caught:
        error = sendable(caught)
    channel.flush()
    return error


def _describe(lost: Exception) -> str:
    """What was lost, as a phrase."""
    import ray

    if isinstance(lost, ray.exceptions.OutOfMemoryError):
        return "its process was ended by Ray, because the memory of its machine was used up"
    if isinstance(lost, ray.exceptions.WorkerCrashedError):
        return "its process has ended unexpectedly"
    return "its machine was lost" if "node" in type(lost).__name__.lower() else f"it was lost ({type(lost).__name__})"
