"""Each task as an element of a SLURM job array, and a job after it that reports; the command does not wait for them."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from segarena.errors import ConfigError, Queued, RunError
from segarena.experiment.executors.node_check import Place
from segarena.experiment.executors.remote import pack, remove_probe, run_packed
from segarena.experiment.executors.task import Executor, Observer, Task_contra
from segarena.extras import require
from segarena.formats import command, join_words

#: The folder, in that of the results, with the logs of the jobs.
LOGS = "slurm"
#: Minutes of a job where --slurm has no `time` and nothing was predicted; and the least.
USUAL_MINUTES, LEAST_MINUTES = 240, 30
#: Jobs of an array, where the configuration cannot be asked: its default.
USUAL_ARRAY = 1001
#: How often a job that reaches its time limit is queued again; it resumes.
TIMEOUTS = 20
_TIME = re.compile(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?")


class Slurm(Executor):
    """Queues the tasks and ends with `Queued`.

    Args:
        folder: The folder of the results.
        place: What the machines are compared with.
        need: The resources of a task: {"CPU": number}, or with "GPU".
        settings: Options of sbatch, each as NAME=VALUE.
        most: How many tasks run at a time; None for no limit.
        minutes: The time limit of a job where `settings` has none; None for the usual one.
        cluster: "slurm"; submitit also has "local", processes of this machine, and "debug", in this process.
    """

    def __init__(
        self,
        folder: Path,
        place: Place,
        need: Mapping[str, float],
        settings: Sequence[str] = (),
        most: int | None = None,
        minutes: float | None = None,
        cluster: str = "slurm",
    ) -> None:
        self._folder, self._place, self._need, self._most, self._cluster = folder, place, need, most, cluster
        self._settings = read_settings(settings)
        predicted = USUAL_MINUTES if minutes is None else max(LEAST_MINUTES, round(minutes))
        self._minutes = to_minutes(self._settings.pop("time", str(predicted)))

    def run(
        self, tasks: Iterable[Task_contra], observer: Observer[Task_contra], should_stop: Callable[[], bool]
    ) -> None:
        """Queue all tasks and the report, and raise Queued. Where one is refused, none is left in the queue."""
        queued = None
        try:
            queued = self._queue_all(tasks)
        finally:
            if queued is None:  # otherwise the jobs look for it
                remove_probe(self._place)
        if queued is not None:
            raise queued

    def _queue_all(self, tasks: Iterable[Task_contra]) -> Queued | None:
        """Queue all tasks and the report; None where there is no task."""
        check_is_over(self._folder)
        parcels = [Parcel(task.name, pack(task), self._place) for task in tasks]
        if not parcels:
            return None
        largest, arrays = find_largest_array(), list[str]()
        try:
            for start in range(0, len(parcels), largest):
                # The limit of --jobs is that of an array, so that the next one has to wait for it.
                before = arrays[-1:] if self._most else []
                arrays.append(self._queue("segarena", parcels[start : start + largest], before))
            # Not afterok: a training that failed is named in the report, and the others are ranked.
            last = self._queue("segarena-report", [Report(str(self._folder), self._place)], arrays)
        except ConfigError:
            if arrays:
                with suppress(OSError):
                    subprocess.run(["scancel", *arrays], capture_output=True, check=False)
            raise
        return Queued(self._folder, " ".join(arrays), len(parcels), last)

    def _queue(self, name: str, calls: Sequence[Any], before: Sequence[str]) -> str:
        """Queue calls, as an array if there are several, after the jobs `before`; return the number of the job."""
        import submitit

        cluster = self._cluster
        limits = {"slurm_max_num_timeout": TIMEOUTS} if cluster == "slurm" else {}
        executor = submitit.AutoExecutor(folder=self._folder / LOGS, cluster=cluster, **limits)
        executor.update_parameters(name=name, timeout_min=self._minutes, **self._parameters(before))
        try:
            with executor.batch():
                jobs = [executor.submit(call) for call in calls]
            return str(jobs[0].job_id).partition("_")[0]
        except (subprocess.CalledProcessError, submitit.core.utils.FailedJobError) as error:
            detail = getattr(error, "stderr", "") or str(error)
            text = detail.decode(errors="replace") if isinstance(detail, bytes) else str(detail)
            raise ConfigError(
                f"sbatch refused the job ({' '.join(text.split())[:300].rstrip('.')})",
                where="--executor slurm",
                remedy="Change --slurm, e.g. --slurm partition=NAME account=NAME time=4:00:00",
            ) from None

    def _parameters(self, before: Sequence[str]) -> dict[str, Any]:
        if self._cluster != "slurm":
            return {}
        resources: dict[str, Any] = {"cpus_per_task": int(self._need["CPU"]), "tasks_per_node": 1, "nodes": 1}
        if "GPU" in self._need:
            resources["gpus_per_node"] = 1
        more = {"dependency": f"afterany:{':'.join(before)}"} if before else {}
        return resources | {
            "slurm_stderr_to_stdout": True,
            "slurm_array_parallelism": self._most or 1000,
            "slurm_additional_parameters": {**self._settings, **more},
        }


@dataclass
class Parcel:
    """A task as the function of a job.

    Args:
        name: The task.
        content: What `pack` returned.
        place: What the machine is compared with.
    """

    name: str
    content: bytes
    place: Place

    def __call__(self) -> None:
        """Do the task; SIGTERM, of `scancel` or of a machine that is needed for others, saves it and stops."""
        channel = _Printed()
        before = signal.signal(signal.SIGTERM, channel.stop)
        try:
            run_packed(self.content, self.place, channel)
        finally:
            signal.signal(signal.SIGTERM, before)

    def checkpoint(self, *arguments: Any) -> Any:
        """Return what is queued again where the time limit is reached: the same, which resumes."""
        import submitit

        return submitit.helpers.DelayedSubmission(self, *arguments)


@dataclass
class Report:
    """The comparison of what was trained, as the function of a job. It trains first what is missing.

    Args:
        folder: The folder of the results.
        place: What the machines of the trainings are compared with.
    """

    folder: str
    place: Place

    @property
    def words(self) -> list[str]:
        """The command line."""
        options = ["--resume", self.folder, "--executor", "local", "--jobs", "1"]
        return [sys.executable, "-m", "segarena", "compare", *options]

    def __call__(self) -> None:
        """Run it. Raises RunError where it fails."""
        status = subprocess.run(self.words, cwd=self.place.folder, check=False).returncode
        remove_probe(self.place)
        if status not in (0, 3):  # 3: a model failed, and the others are ranked
            again = command("segarena", *self.words[3:])
            raise RunError(
                f"the comparison ended with status {status}", where=self.folder, remedy=f"Repeat it: {again}"
            )

    def checkpoint(self) -> Any:
        """Return what is queued again where the time limit is reached."""
        import submitit

        return submitit.helpers.DelayedSubmission(self)


class _Printed:
    """The channel of a task in a job: what it sends is a line of the job's log."""

    def __init__(self) -> None:
        self._stops = False

    def send(self, event: object) -> None:
        """Write what a person reads."""
        name, *content = event if isinstance(event, tuple) else (event,)
        if name != "on_step":
            sys.stdout.write(f"{' '.join(map(str, (name, *content)))}\n")
            sys.stdout.flush()

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Note that the task is to stop."""
        self._stops = True

    def should_stop(self) -> bool:
        """Whether it is."""
        return self._stops


def check_slurm(settings: Sequence[str]) -> None:
    """Check that jobs can be queued from this machine. Raises ConfigError."""
    to_minutes(read_settings(settings).get("time", "1"))
    require(["submitit"], "slurm", "--executor slurm")
    if shutil.which("sbatch") is None:
        raise ConfigError(
            "SLURM is not on this machine: there is no command sbatch",
            where="--executor slurm",
            remedy="Run it on a login node of the cluster, or use --jobs on this machine",
        )


def find_largest_array() -> int:
    """Return how many jobs an array may have: MaxArraySize of SLURM's configuration, or its default.

    Its indices are below MaxArraySize; 0 allows no arrays (slurm.conf).
    """
    try:
        words = ["scontrol", "show", "config"]
        answer = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        return USUAL_ARRAY
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", answer, re.MULTILINE)
    return max(1, int(found[1])) if found else USUAL_ARRAY


def check_is_over(folder: Path) -> None:
    """Check that no job of an earlier call is in the queue: it would train the same at the same time.

    Args:
        folder: The folder of the results.

    Raises:
        RunError: One is. Where the queue cannot be asked, nothing is raised.
    """
    earlier = {path.name.partition("_")[0] for path in (folder / LOGS).glob("*_submitted.pkl")}
    if not earlier:
        return
    try:
        words = ["squeue", "--me", "-h", "-o", "%F"]
        answer = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return
    if left := sorted(earlier & set(answer.stdout.split())):
        raise RunError(
            f"of an earlier call, these jobs are still in the queue: {join_words(left)}",
            where=folder,
            remedy=f"Wait until they are over (squeue --me), or cancel them: {command('scancel', *left)}",
        )


def read_settings(settings: Sequence[str]) -> dict[str, Any]:
    """Return options of sbatch by name; one without a value is True.

    Raises:
        ConfigError: One is not NAME or NAME=VALUE, or is chosen by segarena.

    >>> read_settings(["partition=gpu", "--exclusive"])
    {'partition': 'gpu', 'exclusive': True}
    """
    found: dict[str, Any] = {}
    for word in settings:
        name, has_value, value = word.removeprefix("--").partition("=")
        if not re.fullmatch(r"[a-z][a-z-]*", name) or any(sign in value for sign in "\n\r\0"):
            raise ConfigError(
                f"{word!r} is no option of sbatch", where="--slurm", remedy="Give NAME=VALUE, as partition=gpu"
            )
        if name in ("array", "dependency", "output", "error", "signal", "nodes", "ntasks", "chdir", "wrap"):
            raise ConfigError(f"{name} is chosen by segarena", where="--slurm", remedy="Leave it out")
        found[name] = value if has_value else True
    return found


def to_minutes(text: object) -> int:
    """Return a time limit of SLURM in minutes: M, M:S, H:M:S, D-H, D-H:M or D-H:M:S.

    Raises:
        ConfigError: It is not one of these.

    >>> to_minutes("90"), to_minutes("4:00:00"), to_minutes("1-12"), to_minutes("2:30")
    (90, 240, 2160, 3)
    """
    match = _TIME.fullmatch(str(text))
    if match is None:
        raise ConfigError(f"{text!r} is no time", where="--slurm time", remedy="Give minutes, or HOURS:MINUTES:SECONDS")
    days, first, second, third = (None if part is None else int(part) for part in match.groups())
    if days is not None:
        seconds = days * 86400 + (first or 0) * 3600 + (second or 0) * 60 + (third or 0)
    elif third is not None:
        seconds = (first or 0) * 3600 + (second or 0) * 60 + third
    else:
        seconds = (first or 0) * 60 + (second or 0)
    if seconds == 0:  # to SLURM: without a limit
        raise ConfigError("a job needs a time limit", where="--slurm time", remedy="Give one, as time=4:00:00")
    return -(-seconds // 60)
