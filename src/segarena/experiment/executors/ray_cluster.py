"""The Ray cluster on which trainings run: connecting to it, what its machines have, and whether they can train."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from segarena.errors import ConfigError, WorkerError
from segarena.experiment.executors import node_check
from segarena.experiment.executors.node_check import Place
from segarena.experiment.executors.remote import difference
from segarena.extras import require
from segarena.formats import plural

#: Where the address of the cluster is read from; without it, it is the one that runs on this machine.
ADDRESS = "RAY_ADDRESS"
#: Seconds in which every machine answers.
ANSWERS = 120.0
#: Seconds for which the first machine may not answer before it counts as lost. Ray itself waits for a minute, and then
#: ends the process of the command.
GONE = 10.0
_START = "Start one with `ray start --head --disable-usage-stats`, or set RAY_ADDRESS to the HOST:PORT of one"
#: Whether this process was connected here, and not by a Python program that calls segarena.
_is_ours = [False]


def connect() -> None:
    """Connect this process to the cluster, once. None is started, and nothing is reported to Ray's developers.

    Raises:
        ConfigError: Ray is not installed, no cluster is running, or it has another version of Ray or Python.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    require(["ray"], "ray", "--executor ray")
    import ray

    if ray.is_initialized():
        return
    address = os.environ.get(ADDRESS, "auto")
    if address == "local" or "://" in address:
        raise ConfigError(
            f"{address!r} is not the address of a cluster", where=ADDRESS, remedy="Give its HOST:PORT, as 10.0.0.1:6379"
        )
    is_main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    excepthook = sys.excepthook
    try:
        ray.init(address=address, log_to_driver=False, logging_level="error", namespace="segarena")
    except (ConnectionError, ValueError) as error:
        raise ConfigError(f"no Ray cluster answers ({_line(error)})", where="--executor ray", remedy=_START) from None
    except RuntimeError as error:
        if "ersion mismatch" not in str(error):
            raise
        raise ConfigError(
            f"the Ray cluster has other versions than {sys.executable} ({_line(error)})",
            where="--executor ray",
            remedy="Install the same versions of Python and Ray on every machine",
        ) from None
    finally:
        sys.excepthook = excepthook  # Ray's own asks the first machine, and waits for it if it is lost
        if is_main:  # Ray sets handlers of its own
            for number, handler in before.items():
                signal.signal(number, handler)
    _is_ours[0] = True


def disconnect() -> None:
    """Leave the cluster, unless it is the Python program's connection."""
    if _is_ours[0]:
        import ray

        _is_ours[0] = False
        ray.shutdown()


def check_head() -> None:
    """Check that the first machine of the cluster answers. Raises WorkerError after `GONE` seconds."""
    import ray

    address = ray.get_runtime_context().gcs_address
    host, _, port = address.rpartition(":")
    end = time.monotonic() + GONE
    while True:
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=GONE / 2):
                return
        except OSError as error:
            if time.monotonic() > end:
                gone = f"the first machine of the Ray cluster, {address}, has not answered for {GONE:.0f} s ({error})"
                raise lost(gone) from None
            time.sleep(GONE / 20)


def lost(what: str) -> WorkerError:
    """Return the error for a cluster that is lost.

    Args:
        what: How, as a phrase.
    """
    saved = "The trainings were saved at most a minute before. Start the cluster again, and resume"
    return WorkerError(what, where="--executor ray", remedy=saved)


def needs(device: str, threads: int) -> dict[str, float]:
    """Return the resources of a training, as Ray names them.

    >>> needs("cpu", 2), needs("cuda", 2)
    ({'CPU': 2.0}, {'CPU': 1.0, 'GPU': 1.0})
    """
    return {"CPU": 1.0, "GPU": 1.0} if device.startswith("cuda") else {"CPU": float(threads)}


def count_places(need: Mapping[str, float]) -> int:
    """Return how many trainings the machines of the cluster have room for, if nothing else runs on it."""
    return sum(_room(node, need) for node in _nodes())


def check_places(need: Mapping[str, float]) -> None:
    """Check that a training fits on one of the machines. Raises ConfigError."""
    if count_places(need):
        return
    cores = max((int(node["Resources"].get("CPU", 0)) for node in _nodes()), default=0)
    if "GPU" in need:
        what, remedy = "has a GPU", "Start Ray on a machine with a GPU, or use --device cpu"
    else:
        what = f"has {plural(int(need['CPU']), 'core')} for the threads of a training; the largest one has {cores}"
        remedy = f"Use --threads {max(1, cores)}"
    raise ConfigError(f"no machine of the Ray cluster {what}", where="--executor ray", remedy=remedy)


def check_machines(place: Place, need: Mapping[str, float]) -> None:
    """Check that each machine that trainings fit on has the same versions and files.

    Args:
        place: What they are compared with.
        need: What a training needs.

    Raises:
        ConfigError: One does not.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ray.cloudpickle.register_pickle_by_value(node_check)  # segarena may be missing there
    try:
        check = ray.remote(node_check.check)
        answers = {
            node["NodeManagerAddress"]: check.options(
                num_cpus=0,
                max_retries=0,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
            ).remote(place)
            for node in _nodes()
            if _room(node, need)
        }
    finally:
        ray.cloudpickle.unregister_pickle_by_value(node_check)
    for machine, answer in answers.items():
        try:
            found = ray.get(answer, timeout=ANSWERS)
        except ray.exceptions.GetTimeoutError:
            raise ConfigError(
                f"has not answered for {ANSWERS:.0f} s", where=f"machine {machine}", remedy="See `ray status`"
            ) from None
        except ray.exceptions.RayError:
            continue  # it was lost meanwhile
        if found is not None:
            raise difference(found, machine)


def _nodes() -> list[dict[str, Any]]:
    import ray

    return [node for node in ray.nodes() if node["Alive"]]


def _room(node: Mapping[str, Any], need: Mapping[str, float]) -> int:
    return min(int(node["Resources"].get(name, 0.0) // amount) for name, amount in need.items())


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300].rstrip(".")
