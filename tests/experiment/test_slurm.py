"""SLURM: what is queued, as sbatch gets it; the trainings and the report in processes of submitit on this machine."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from executor_tasks import Job, Recorder

import segarena
from segarena.errors import ConfigError, Interrupted, Queued, RunError
from segarena.experiment.executors.remote import describe_place, pack
from segarena.experiment.executors.slurm import (
    LOGS,
    Parcel,
    Report,
    Slurm,
    check_slurm,
    find_largest_array,
    read_settings,
)
from segarena.extras import install_command
from support import QUICK, refuses

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="SLURM is not on Windows"),
    pytest.mark.filterwarnings("ignore"),  # submitit's own
]


@pytest.fixture
def sbatch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A command sbatch that keeps the scripts it gets, and numbers them from 41."""
    pytest.importorskip("submitit", reason="the extra slurm is not installed")
    scripts, programs = tmp_path / "scripts", tmp_path / "programs"
    scripts.mkdir()
    programs.mkdir()
    program = programs / "sbatch"
    program.write_text(
        f'#!/bin/sh\nn=$((41 + $(ls {scripts} | wc -l)))\ncp "$1" {scripts}/$n\necho "Submitted batch job $n"\n'
    )
    program.chmod(0o755)
    (programs / "srun").symlink_to(program)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return scripts


def options(script: Path) -> dict[str, str]:
    words = [line.removeprefix("#SBATCH --") for line in script.read_text().splitlines() if line.startswith("#SBATCH")]
    return {name: "".join(shlex.split(value)) for name, _, value in (word.partition("=") for word in words)}


def test_an_array_of_trainings_and_then_a_report_are_queued(sbatch: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    settings = ["partition=gpu", "time=4:00:00", "exclusive"]
    slurm = Slurm(out, describe_place(out, []), {"CPU": 1.0, "GPU": 1.0}, settings, most=2)
    recorder = Recorder()
    with pytest.raises(Queued) as caught:
        slurm.run([Job("a"), Job("b"), Job("c")], recorder, bool)
    queued = caught.value
    assert (queued.array, queued.number, queued.report, queued.folder) == ("41", 3, "42", out)
    assert f"segarena.Comparison({str(out)!r})" in str(queued)
    assert not recorder.ends  # nothing was done here
    array, report = options(sbatch / "41"), options(sbatch / "42")
    assert array["array"] == "0-2%2"
    assert report["dependency"] == "afterany:41"
    assert not {"dependency"} & array.keys()
    for job in (array, report):
        assert (job["partition"], job["time"], job["gpus-per-node"], job["cpus-per-task"]) == (
            "gpu",
            "240",
            "1",
            "1",
        )
        assert "exclusive" in job
        assert Path(job["output"]).is_relative_to(out / LOGS)


def test_jobs_on_a_cpu_ask_for_the_threads_of_a_training(sbatch: Path, tmp_path: Path) -> None:
    with pytest.raises(Queued):
        Slurm(tmp_path, describe_place(tmp_path, []), {"CPU": 4.0}, minutes=90).run([Job("a")], Recorder(), bool)
    array = options(sbatch / "41")
    assert (array["cpus-per-task"], array["time"]) == ("4", "90")
    assert "gpus-per-node" not in array


def test_nothing_is_queued_beside_what_an_earlier_call_has_queued(
    sbatch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two jobs would train the same; and the file that machines look for is not that of the earlier call."""
    squeue, queue = sbatch.parent / "programs" / "squeue", tmp_path / "queue"
    squeue.write_text(f"#!/bin/sh\ncat {queue}\n")
    squeue.chmod(0o755)
    first, second = describe_place(tmp_path, []), describe_place(tmp_path, [])
    with pytest.raises(Queued):
        Slurm(tmp_path, first, {"CPU": 1.0}).run([Job("a"), Job("b")], Recorder(), bool)
    queue.write_text("7\n42\n")  # 7 is another one of the user
    with refuses(RunError, where=tmp_path, value="42") as caught:
        Slurm(tmp_path, second, {"CPU": 1.0}).run([Job("a")], Recorder(), bool)
    assert "scancel 42" in caught.value.remedy
    assert not Path(second.probe[0]).exists()
    queue.write_text("7\n")
    third = describe_place(tmp_path, [])
    with pytest.raises(Queued):
        Slurm(tmp_path, third, {"CPU": 1.0}).run([Job("a")], Recorder(), bool)
    assert first.check() is None
    assert third.check() is None


def add_program(programs: Path, name: str, script: str) -> None:
    (programs / name).write_text(f"#!/bin/sh\n{script}\n")
    (programs / name).chmod(0o755)


@pytest.mark.parametrize("most", [None, 2])
def test_more_trainings_than_an_array_may_have_are_several_arrays(
    sbatch: Path, tmp_path: Path, most: int | None
) -> None:
    """At most `most` run at a time: the next array waits for the one before."""
    add_program(sbatch.parent / "programs", "scontrol", "echo 'MaxArraySize            = 3'")
    slurm = Slurm(tmp_path, describe_place(tmp_path, []), {"CPU": 1.0}, most=most)
    with pytest.raises(Queued) as caught:
        slurm.run([Job(name) for name in "abcdefg"], Recorder(), bool)
    assert (caught.value.array, caught.value.number, caught.value.report) == ("41 42 43", 7, "44")
    assert "job arrays 41 42 43" in str(caught.value)
    jobs = [options(sbatch / str(number)) for number in (41, 42, 43, 44)]
    assert [job.get("array", "").partition("%")[0] for job in jobs] == ["0-2", "0-2", "", ""]
    if most:
        assert jobs[0]["array"].endswith("%2")
    between = ["afterany:41", "afterany:42"] if most else [None, None]
    assert [job.get("dependency") for job in jobs] == [None, *between, "afterany:41:42:43"]
    add_program(sbatch.parent / "programs", "squeue", "echo 43")
    with refuses(RunError, where=tmp_path, value="43"):  # the last array is not over
        slurm.run([Job("a")], Recorder(), bool)


@pytest.mark.parametrize(("answer", "largest"), [("MaxArraySize = 0", 1), ("ClusterName = a", 1001), ("exit 1", 1001)])
def test_the_largest_array_is_asked_for(sbatch: Path, answer: str, largest: int) -> None:
    add_program(sbatch.parent / "programs", "scontrol", answer if answer == "exit 1" else f"echo '{answer}'")
    assert find_largest_array() == largest


def test_nothing_stays_in_the_queue_where_a_later_job_is_refused(sbatch: Path, tmp_path: Path) -> None:
    programs = sbatch.parent / "programs"
    add_program(programs, "scancel", f"echo $* > {tmp_path / 'cancelled'}")
    accept = (programs / "sbatch").read_text()
    (programs / "sbatch").write_text(f"{accept}[ $n -lt 42 ] || {{ echo 'too many jobs' >&2; exit 1; }}\n")
    with refuses(ConfigError, where="slurm", value="too many jobs"):
        Slurm(tmp_path, describe_place(tmp_path, []), {"CPU": 1.0}).run([Job("a"), Job("b")], Recorder(), bool)
    assert (tmp_path / "cancelled").read_text().split() == ["41"]


def test_what_sbatch_refuses_is_one_message(sbatch: Path, tmp_path: Path) -> None:
    (sbatch.parent / "programs" / "sbatch").write_text(
        "#!/bin/sh\necho 'sbatch: error: invalid partition' >&2\nexit 1\n"
    )
    place = describe_place(tmp_path, [])
    with refuses(ConfigError, where="slurm", value="invalid partition"):
        Slurm(tmp_path, place, {"CPU": 1.0}).run([Job("a")], Recorder(), bool)
    assert not Path(place.probe[0]).exists()


@pytest.mark.parametrize(
    ("word", "value"),
    [("array=0-3", "array"), ("-p gpu", "-p gpu"), ("a=b\nc", "option"), ("time=soon", "soon"), ("time=0", "limit")],
)
def test_settings_that_cannot_be_are_refused(word: str, value: str, tmp_path: Path) -> None:
    with refuses(ConfigError, where="slurm", value=value):
        Slurm(tmp_path, describe_place(tmp_path, []), {"CPU": 1.0}, [word])


def test_a_machine_without_sbatch_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("submitit", reason="the extra slurm is not installed")
    monkeypatch.setenv("PATH", "")
    with refuses(ConfigError, where="slurm", value="sbatch"):
        check_slurm(())


def test_without_the_extra_its_install_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(ConfigError) as caught:
        check_slurm(())
    assert install_command("slurm") in caught.value.remedy


@pytest.mark.parametrize("cluster", ["local", "debug"])
def test_submitit_runs_the_tasks_where_they_are_queued(
    cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitit = pytest.importorskip("submitit", reason="the extra slurm is not installed")
    place = describe_place(tmp_path, [])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), *sys.path]))
    executor = submitit.AutoExecutor(folder=tmp_path / LOGS, cluster=cluster)
    executor.update_parameters(timeout_min=2)
    with executor.batch():
        good, bad = (
            executor.submit(Parcel(name, pack(Job(name, what)), place))
            for name, what in (("good", "finish"), ("bad", "fail"))
        )
    assert good.result() is None
    if cluster == "local":
        assert "done good" in good.stdout()
        assert "is empty" in str(bad.exception())


def test_sigterm_saves_a_task_and_another_machine_is_refused(tmp_path: Path) -> None:
    place = describe_place(tmp_path, [])
    with pytest.raises(Interrupted, match="stopped"):
        Parcel("stopped", pack(Job("stopped", "stopped")), place)()
    assert signal.getsignal(signal.SIGTERM) is not None
    Path(place.probe[0]).write_text("of another folder")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("segarena.experiment.executors.node_check.APPEARS", 0.0)
        with refuses(ConfigError, where="machine", value=str(tmp_path)):
            Parcel("a", pack(Job("a")), place)()


def test_the_report_does_not_queue_anything_again(tmp_path: Path) -> None:
    words = Report(str(tmp_path), describe_place(tmp_path, [])).words
    assert words[words.index("--executor") + 1] == "local"
    assert words[words.index("--resume") + 1] == str(tmp_path)
    assert subprocess.run(words, capture_output=True, check=False).returncode == 2  # parsed; there is nothing to resume


def test_a_setting_without_a_value_is_a_flag() -> None:
    assert read_settings(["exclusive", "--account=a b"]) == {"exclusive": True, "account": "a b"}


#: What SLURM does with a script of an array or a single job, one after the other.
QUEUE = """
n=$((41 + $(ls {scripts} | wc -l)))
cp "$1" {scripts}/$n
last=$(sed -n 's/^#SBATCH --array=0-\\([0-9]*\\)%.*/\\1/p' "$1")
export SLURM_JOB_ID=$n SLURM_NTASKS=1 SLURM_JOB_NUM_NODES=1 SLURM_NODEID=0 SLURM_PROCID=0 SLURM_LOCALID=0
nohup flock {scripts}.lock sh -c '
touch {scripts}.begun
for task in $(seq 0 ${{0:-0}}); do
    [ -z "$0" ] || export SLURM_ARRAY_JOB_ID=$SLURM_JOB_ID SLURM_ARRAY_TASK_ID=$task
    bash {scripts}/$SLURM_JOB_ID
done' "$last" > {scripts}.log 2>&1 &
while [ ! -e {scripts}.begun ]; do sleep 0.1; done
echo "Submitted batch job $n"
"""


#: What follows its options.
SRUN = """#!/bin/bash
while [[ "$1" == -* ]]; do
    [[ "$1" != --output ]] || shift
    shift
done
exec "$@"
"""


@pytest.mark.slow
@pytest.mark.usefixtures("their_own_encoders")
def test_what_is_queued_trains_and_writes_the_page(sbatch: Path, squares: Path, tmp_path: Path) -> None:
    """The bits are those of this process; `--resume` of the last job queues nothing again."""
    options = {**QUICK, "models": ("fcn", "unet"), "seeds": 1, "threads": 1}
    serial = segarena.compare(squares, out=tmp_path / "serial", **options).folder
    programs = sbatch.parent / "programs"
    (programs / "sbatch").write_text(f"#!/bin/sh\n{QUEUE.format(scripts=sbatch)}")
    (programs / "srun").unlink()
    (programs / "srun").write_text(SRUN)
    (programs / "srun").chmod(0o755)
    out = tmp_path / "out"
    words = ["compare", str(squares), "--out", str(out), "--models", "fcn", "unet", "--seeds", "1", "--threads", "1"]
    words += [word for name, value in QUICK.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    started = subprocess.run(
        [sys.executable, "-m", "segarena", *words, "--executor", "slurm"], capture_output=True, text=True, check=True
    )
    assert "2 trainings queued as job array 41; job 42" in started.stdout
    end = time.monotonic() + 400
    while not (out / "comparison.json").exists() and time.monotonic() < end:
        time.sleep(0.2)
    assert (out / "report.html").exists(), Path(f"{sbatch}.log").read_text()
    for run in ("fcn-seed0", "unet-seed0"):
        for name in ("metrics.json", "best.safetensors", "images.csv"):
            assert (out / run / name).read_bytes() == (serial / run / name).read_bytes()
    assert sorted(path.name for path in sbatch.iterdir()) == ["41", "42"]
    assert "costs are measured at the end" in (out / "log.txt").read_text()
