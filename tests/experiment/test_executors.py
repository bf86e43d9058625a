"""Executors: the same events and ends in turn and side by side; a stop, an error and a killed process in each."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from executor_tasks import Job, Recorder

from segarena.errors import DataError, Interrupted
from segarena.experiment.executors.choose import gpu_environments
from segarena.experiment.executors.processes import Processes
from segarena.experiment.executors.serial import Serial
from segarena.experiment.executors.task import Executor, ProcessDied

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
EXECUTORS = pytest.mark.parametrize("executor", [Serial(), Processes(2)], ids=["serial", "processes"])


@EXECUTORS
def test_every_task_is_done_and_what_it_sends_arrives_in_its_order(executor: Executor) -> None:
    recorder, names = Recorder(), ["a", "b", "c"]
    executor.run([Job(name) for name in names], recorder, bool)
    assert recorder.ends == dict.fromkeys(names)
    for name in names:
        began, done = recorder.of(name)
        assert (began[0], done) == ("began", ("done", name))
    processes = {recorder.of(name)[0][1] for name in names}
    assert processes == {os.getpid()} if isinstance(executor, Serial) else len(processes - {os.getpid()}) == 3


@EXECUTORS
def test_an_error_is_raised_as_it_was_and_ends_what_follows(executor: Executor) -> None:
    recorder = Recorder()
    with pytest.raises(DataError) as caught:
        executor.run([Job("bad", "fail"), Job("long", "wait"), Job("later")], recorder, bool)
    assert (caught.value.what, caught.value.where) == ("is empty", "bad")
    assert "later" not in recorder.ends
    if not isinstance(executor, Serial):
        assert isinstance(recorder.ends["long"], Interrupted)
        assert recorder.of("long")[-1] == "saved"


def test_an_error_that_is_taken_note_of_ends_nothing_else() -> None:
    """A bug in the other process has its traceback; a process that is killed or stopped alone is told apart."""
    recorder = Recorder(raises=False)
    jobs = [Job("bug", "bug"), Job("killed", "die"), Job("stopped", "stopped"), Job("good")]
    Processes(3).run(jobs, recorder, bool)
    assert isinstance(recorder.ends["bug"], ZeroDivisionError)
    assert "executor_tasks.py" in str(recorder.ends["bug"].__cause__)
    statuses = {name: end.status for name, end in recorder.ends.items() if isinstance(end, ProcessDied)}
    assert statuses == {"killed": -signal.SIGKILL, "stopped": -signal.SIGTERM}
    assert recorder.of("stopped")[-1] == "saved"
    assert recorder.ends["good"] is None


def test_a_stop_reaches_all_that_run_and_starts_no_further_one() -> None:
    recorder = Recorder()
    with pytest.raises(Interrupted) as caught:
        Processes(2).run([Job("a", "wait"), Job("b", "wait"), Job("c")], recorder, lambda: len(recorder.events) >= 2)
    assert all(f"{name} stopped" in str(caught.value) for name in "ab")
    assert sorted(recorder.ends) == ["a", "b"]
    assert [recorder.of(name)[-1] for name in "ab"] == ["saved", "saved"]


def test_a_second_signal_ends_all_processes_at_once() -> None:
    recorder = Recorder()

    def interrupt() -> bool:
        if len(recorder.events) >= 1:
            raise KeyboardInterrupt
        return False

    with pytest.raises(KeyboardInterrupt):
        Processes(1).run([Job("a", "wait")], recorder, interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(recorder.of("a")[0][1], 0)


def test_tasks_save_and_stop_where_their_command_is_killed(tmp_path: Path) -> None:
    """From a script without a guard of its main module, which is not imported again."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, os\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from executor_tasks import Job, Recorder\n"
        "from segarena.experiment.executors.processes import Processes\n"
        "class Shown(Recorder):\n"
        "    def on_event(self, task, event):\n"
        "        print(event[1], flush=True)\n"
        "Processes(1).run([Job('a', 'wait')], Shown(), bool)\n"
    )
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as command:
        assert command.stdout is not None
        process = int(command.stdout.readline())
        command.kill()
    end = time.monotonic() + 20
    while Path(f"/proc/{process}").exists() and time.monotonic() < end:
        if Path(f"/proc/{process}/stat").read_text().split()[2] == "Z":
            break
        time.sleep(0.05)
    else:
        assert not Path(f"/proc/{process}").exists()


def test_each_of_several_gpus_has_a_training_of_its_own() -> None:
    """The variable stands in for GPUs."""
    recorder = Recorder()
    Processes(2, gpu_environments("cuda", 2, ["3", "5"])).run([Job("a", "finish"), Job("b")], recorder, bool)
    assert {recorder.of(name)[0][2] for name in "ab"} == {"3", "5"}
    assert os.environ.get("CUDA_VISIBLE_DEVICES") not in ("3", "5")
    assert gpu_environments("cuda:1", 1, ["0", "1"]) == gpu_environments("cpu", 2, []) == []


def test_a_task_that_cannot_be_started_lets_those_that_run_save() -> None:
    def tasks() -> Iterator[Job]:
        yield Job("long", "wait")
        while not recorder.events:  # the executor asks again once it has looked at what runs
            yield Job("short")
        raise DataError("is empty", where="next", remedy="Fill it")

    recorder = Recorder(raises=False)
    with pytest.raises(DataError) as caught:
        Processes(2).run(tasks(), recorder, bool)
    assert caught.value.where == "next"
    assert recorder.of("long")[-1] == "saved"


def test_a_process_that_dies_while_all_stop_is_no_failure_of_its_own() -> None:
    """A command that was stopped does not go on with what is left."""
    recorder = Recorder(raises=False)
    Processes(1).run([Job("a", "die")], recorder, lambda: bool(recorder.events))
    assert isinstance(recorder.ends["a"], Interrupted)


def test_the_first_process_begins_with_signals_kept_back() -> None:
    """The tracker of resources, which the first one starts, lets SIGINT and SIGTERM through after it."""
    program = """
import signal
from multiprocessing import context, resource_tracker
from executor_tasks import Job
from segarena.experiment.executors.processes import _Child

class Process:
    def __init__(self, **_): pass
    def start(self):
        resource_tracker.getfd()  # as the start of a process does
        print(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])))

context.SpawnContext.Process = Process
_Child(Job("a"), 0, {})
"""
    command = [sys.executable, "-c", program]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert all(name in shown for name in ("SIGINT", "SIGTERM", "SIGHUP"))


def test_what_a_task_sends_after_an_error_of_the_observer_still_arrives() -> None:
    """An observer that fails once, as a full disk does, ends the others, and no end is lost."""

    class Once(Recorder):
        def on_event(self, task: Job, event: object) -> None:
            super().on_event(task, event)
            if event == "saved" and len(self.of(task.name)) == 2 and task.name == "a":
                raise OSError("of the test")

    recorder = Once(raises=False)
    with pytest.raises(OSError, match="of the test"):
        Processes(2).run([Job("a", "stopped"), Job("b", "wait")], recorder, bool)
    assert isinstance(recorder.ends["a"], ProcessDied | Interrupted)
    assert isinstance(recorder.ends["b"], Interrupted)
