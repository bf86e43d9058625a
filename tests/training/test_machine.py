"""The description of the machine is correct, and a missing device is an error."""

import json
import os
import shutil
import subprocess
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

import segarena
from segarena.errors import ConfigError
from segarena.records.run import Environment
from segarena.training import machine
from support import refuses


@pytest.mark.parametrize("there", [True, False])
def test_auto_is_the_gpu_where_there_is_one(monkeypatch, there):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert machine.choose_device("auto") == ("cuda" if there else "cpu")
    assert machine.choose_device("cpu") == "cpu"


def test_a_missing_gpu_is_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert machine.choose_device("cuda") == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with refuses(ConfigError, where="--device cuda") as caught:
        machine.choose_device("cuda")
    assert "--device cpu" in caught.value.remedy


def test_a_gpu_by_its_number(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"GPU of number {index}")
    assert machine.choose_device("cuda:1") == "cuda:1"
    with refuses(ConfigError, where="--device cuda:2", value="cuda:1 (GPU of number 1)") as caught:
        machine.choose_device("cuda:2")
    assert "--device cuda:0" in caught.value.remedy


@pytest.mark.parametrize("there", [True, False])
def test_the_gpu_of_apple_is_used_only_where_it_is_named(monkeypatch, there):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: there)
    assert machine.choose_device("auto") == "cpu"
    if there:
        assert machine.choose_device("mps") == "mps"
    else:
        with refuses(ConfigError, where="--device mps"):
            machine.choose_device("mps")


@pytest.mark.parametrize(
    ("flags", "expected"), [("avx2 avx512f", False), ("avx512f avx512_bf16", True), ("amx_bf16 amx_tile", True)]
)
def test_bf16_is_used_on_a_processor_that_has_it(monkeypatch, flags, expected):
    monkeypatch.setattr(Path, "read_text", lambda *_: f"flags\t: fpu {flags}\n")
    assert machine.computes_bf16("cpu") is expected


def test_an_unknown_processor_computes_in_float32(monkeypatch):
    def fail(*_):
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", fail)
    assert machine.computes_bf16("cpu") is False
    assert isinstance(machine.describe_environment().cpu, str)


def test_the_environment_has_the_versions_and_is_json():
    content = asdict(machine.describe_environment())
    assert json.loads(json.dumps(content)) == {**content, "earlier": []}
    assert content["segarena"] == segarena.__version__
    assert content["torch"] == torch.__version__
    assert content["threads"] == torch.get_num_threads()
    assert content["cores"] == machine.count_cores()
    assert (content["gpu"] is None) is not torch.cuda.is_available()
    assert content["device"] == machine.choose_device("auto")


def test_the_environment_is_of_the_device_that_computes(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"GPU of {device}")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0) if device == "cuda:1" else (7, 5))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    there, here = (machine.describe_environment(device) for device in ("cuda:1", "cpu"))
    assert (there.device, there.gpu, there.tf32, there.cuda) == ("cuda:1", "GPU of cuda:1", True, torch.version.cuda)
    assert (here.device, here.gpu, here.tf32, here.cuda, here.cudnn) == ("cpu", None, None, None, None)
    assert machine.describe_environment().tf32 is False


def test_the_machines_of_a_resumed_run_stay_in_its_environment(tmp_path):
    first = machine.describe_environment("cpu")
    assert first.after(first) == first
    second = replace(first, cpu="Another", threads=7).after(first)
    third = replace(first, torch="9.9").after(second)
    assert third.after(third) == third
    third.write(tmp_path)
    read = Environment.read(tmp_path)
    assert [(part.cpu, part.threads) for part in read.earlier] == [(first.cpu, first.threads), ("Another", 7)]
    assert (read.torch, read.cpu) == ("9.9", first.cpu)


def test_cores_are_those_this_process_may_use():
    assert 1 <= machine.count_cores() <= os.cpu_count()


def commit_in(folder, tracked):
    """Make a repository with a commit in `folder`, which holds `tracked`. Returns its abbreviated hash."""

    def git(*words):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "--quiet")
    git("add", str(tracked))
    git("commit", "--quiet", "-m", "first")
    return git("rev-parse", "--short=12", "HEAD")


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_commit_is_segarenas_own(tmp_path, monkeypatch):
    mine, installed = tmp_path / "my_analysis.py", tmp_path / ".venv" / "machine.py"
    installed.parent.mkdir()
    for path in (mine, installed):
        path.touch()
    commit = commit_in(tmp_path, mine)
    monkeypatch.setattr(machine, "__file__", str(mine))
    assert machine.describe_environment().commit == commit
    monkeypatch.setattr(machine, "__file__", str(installed))
    assert machine.describe_environment().commit is None


def test_without_git_there_is_no_commit(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert machine.describe_environment().commit is None
