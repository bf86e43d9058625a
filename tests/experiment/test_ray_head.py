"""The first machine of a Ray cluster is lost: Ray itself waits a minute, and then ends the process of the command."""

from __future__ import annotations

import socket
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from segarena.commands.terminal import resume_with, shown
from segarena.config import CompareOptions
from segarena.errors import WorkerError
from segarena.experiment.executors import ray_cluster
from support import refuses


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """What listens at the address that Ray gives for the first machine."""
    listening = socket.create_server(("127.0.0.1", 0))
    address = f"127.0.0.1:{listening.getsockname()[1]}"
    ray: Any = SimpleNamespace(get_runtime_context=lambda: SimpleNamespace(gcs_address=address))
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setattr(ray_cluster, "GONE", 0.2)
    return listening


def test_a_first_machine_that_is_lost_is_named_soon(head: socket.socket) -> None:
    ray_cluster.check_head()
    address = f"127.0.0.1:{head.getsockname()[1]}"
    head.close()
    with refuses(WorkerError, where="--executor ray", value=address):
        ray_cluster.check_head()


def test_the_message_has_the_command_that_resumes(head: socket.socket) -> None:
    head.close()

    @shown
    def run(options: CompareOptions) -> None:
        resume_with("segarena compare --resume runs/x")
        ray_cluster.check_head()

    with pytest.raises(WorkerError) as caught:
        run(CompareOptions(quiet=True))
    assert caught.value.remedy.endswith("Resume with: segarena compare --resume runs/x")
