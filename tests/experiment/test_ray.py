"""Trainings on a Ray cluster of two nodes on loopback: ends, stops, what is lost, and the bits of serial."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from executor_tasks import Job, Recorder

import segarena
from own_modules import Tiny
from segarena.errors import ConfigError, DataError, Interrupted
from segarena.experiment.executors import ray_cluster
from segarena.experiment.executors.node_check import find_versions
from segarena.experiment.executors.ray_tasks import LOSSES, Ray
from segarena.experiment.executors.remote import PROBE, describe_place
from segarena.experiment.executors.task import ProcessDied
from segarena.records.comparison import ComparisonRecord
from support import QUICK, refuses

pytestmark = [
    pytest.mark.slow,  # a node takes ten seconds to start
    pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX"),
    pytest.mark.filterwarnings("ignore"),  # Ray's own
]
NEED = {"CPU": 1.0}
TINY = {name: value for name, value in QUICK.items() if name not in ("encoder", "weights")}
OPTIONS = {**TINY, "models": [("tiny", Tiny), ("other", Tiny)], "learning_rate": 0.003, "seeds": 1, "threads": 1}


def patiently(start: Callable[[], Any]) -> Any:
    """Ray gives a node 30 s to start, which is too short on a busy machine."""
    for _ in range(4):
        try:
            return start()
        except Exception as error:
            if "timed out during startup" not in str(error):
                raise
    return start()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes of a core each. Ray itself replaces 127.0.0.1 by an address that others reach."""
    pytest.importorskip("ray", reason="the extra ray is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_worker_niceness", "0")  # not behind everything else on a busy machine
        tests = Path(__file__).parents[1]
        patch.setenv("PYTHONPATH", os.pathsep.join([str(tests), str(Path(__file__).parent), *sys.path]))
        from ray._private import services
        from ray.cluster_utils import Cluster

        patch.setattr(services, "resolve_ip_for_localhost", lambda host: host)
        small = {"num_cpus": 1, "object_store_memory": 80_000_000, "node_ip_address": "127.0.0.1"}
        nodes = patiently(lambda: Cluster(initialize_head=True, head_node_args={**small, "include_dashboard": False}))
        nodes.small = small
        patiently(lambda: nodes.add_node(**small))
        patch.setenv("RAY_ADDRESS", nodes.address)
        yield nodes
        ray_cluster.disconnect()
        nodes.shutdown()


@pytest.fixture
def executor(cluster: Any, tmp_path: Path) -> Ray:
    return Ray(describe_place(tmp_path, []), NEED)


def test_tasks_end_fail_and_stop_as_in_processes(executor: Ray) -> None:
    recorder, names, hook = Recorder(raises=False), ["a", "b", "c"], sys.excepthook
    executor.run([*map(Job, names), Job("bad", "fail"), Job("bug", "bug")], recorder, bool)
    for name in names:
        began, done = recorder.of(name)
        assert (began[0], done, recorder.ends[name]) == ("began", ("done", name), None)
    assert len({recorder.of(name)[0][1] for name in names} - {os.getpid()}) == 3  # a process for each
    bad, bug = recorder.ends["bad"], recorder.ends["bug"]
    assert isinstance(bad, DataError)
    assert bad.where == "bad"
    assert isinstance(bug, ZeroDivisionError)
    assert "executor_tasks.py" in str(bug.__cause__)
    assert sys.excepthook is hook


def test_a_stop_saves_what_runs_and_starts_no_further_one(executor: Ray) -> None:
    recorder = Recorder()
    with pytest.raises(Interrupted) as caught:
        executor.run([Job("a", "wait"), Job("b", "wait"), Job("c")], recorder, lambda: len(recorder.events) >= 2)
    assert all(f"{name} stopped" in str(caught.value) for name in "ab")
    assert sorted(recorder.ends) == ["a", "b"]
    assert [recorder.of(name)[-1] for name in "ab"] == ["saved", "saved"]


def test_a_task_that_is_lost_each_time_fails_and_the_others_go_on(executor: Ray) -> None:
    recorder = Recorder(raises=False)
    executor.run([Job("lost", "die"), Job("good")], recorder, bool)
    assert [name for name, _ in recorder.again] == ["lost"] * LOSSES
    assert isinstance(recorder.ends["lost"], ProcessDied)
    assert str(LOSSES + 1) in recorder.ends["lost"].what
    assert recorder.ends["good"] is None


def test_a_machine_without_the_files_or_with_other_versions_is_refused(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes: dict[str, dict[str, Any]] = {
        str(tmp_path): {"probe": (str(tmp_path / PROBE), "of another folder")},
        "and 0.1 is": {"versions": {**find_versions(), "torch": "0.1"}},
        "gone": {"folder": str(tmp_path / "gone")},
        "none.png": {"files": {str(tmp_path / "none.png"): ""}},
    }
    monkeypatch.setattr("segarena.experiment.executors.node_check.APPEARS", 0.0)
    for value, change in changes.items():
        recorder, other = Recorder(), replace(describe_place(tmp_path, []), **change)
        with pytest.raises(ConfigError) as caught:
            Ray(other, NEED).run([Job("a")], recorder, bool)
        assert value in str(caught.value)
        assert "127.0.0.1" in str(caught.value.where)
        assert not recorder.ends


def test_what_no_machine_has_is_refused(cluster: Any, tmp_path: Path) -> None:
    for need, value in (({"CPU": 64.0}, "64"), ({"CPU": 1.0, "GPU": 1.0}, "GPU")):
        with refuses(ConfigError, where="executor", value=value):
            Ray(describe_place(tmp_path, []), need).run([Job("a")], Recorder(), bool)


def same_bits(one: Path, other: Path) -> None:
    for run in ("tiny-seed0", "other-seed0"):
        for name in ("metrics.json", "best.safetensors", "images.csv", "config.json", "data.json"):
            assert (one / run / name).read_bytes() == (other / run / name).read_bytes(), (run, name)


def ending(log: Path, epoch: int, end: Callable[[], object]) -> threading.Thread:
    """A thread that ends something once an epoch is in a log."""

    def work() -> None:
        limit = time.monotonic() + 400
        while time.monotonic() < limit and not (log.exists() and f"epoch  {epoch}/" in log.read_text()):
            time.sleep(0.01)
        end()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def kill(title: str) -> None:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and f"ray::{title}" in (entry / "cmdline").read_text(errors="replace"):
            os.kill(int(entry.name), signal.SIGKILL)


def test_bits_are_those_of_serial_after_a_process_and_a_machine_are_lost(
    cluster: Any, squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {**OPTIONS, "epochs": 40, "patience": 40}
    serial = segarena.compare(squares, out=tmp_path / "serial", **options).folder
    lost = patiently(lambda: cluster.add_node(**cluster.small))
    out = tmp_path / "out"
    ends = [
        ending(out / "tiny-seed0" / "log.txt", 10, lambda: kill("tiny, seed 0")),
        ending(out / "other-seed0" / "log.txt", 20, lambda: cluster.remove_node(lost)),
    ]
    found = segarena.compare(squares, out=out, executor="ray", jobs=2, **options)
    for end in ends:
        end.join()
    same_bits(serial, out)
    assert {entry.model for entry in found.record.ranking} == {"tiny", "other"}
    assert not ComparisonRecord.read(out).failed
    shown = capsys.readouterr()
    assert "tiny, seed 0 again" in shown.out + shown.err
    assert not list(out.glob(f"{PROBE}*"))
