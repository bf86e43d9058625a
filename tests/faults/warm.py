"""Commands of segarena that begin without the seconds in which Python imports PyTorch.

    with warm.Server() as server:
        command = server.start("train", data, "--out", out)
        command.send_signal(signal.SIGTERM)
        status, output, _ = command.finish()

The server is a process that has imported what commands need, and computed nothing. It forks one for each command: with
a memory, files, a lock and signals of its own, from `program` to its exit. What differs from a command of a shell is
that it is killed in no import, that the encoders are the small ones of the tests, and that the latency is measured in
one round. `killer.start` starts a command as a shell does.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn, Self

TESTS = Path(__file__).parents[1]
#: What the commands import when they are called.
IMPORTED = (
    *("segarena.commands.train", "segarena.commands.compare", "segarena.commands.report", "segarena.commands.paths"),
    *("segarena.kernels.loss_loops", "segarena.reporting.page", "matplotlib.pyplot", "seaborn"),
)


class Server:
    """The process that forks the commands; it ends with the block."""

    def __enter__(self) -> Self:
        places = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": places},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def start(self, *words: object, log: Path, saves_each_step: bool = False) -> Command:
        """Start a command.

        Args:
            words: Its words, without the name of the program.
            log: The file of what it prints.
            saves_each_step: Whether a training saves its state after each step, and not once a minute.
        """
        request = {"words": list(map(str, words)), "log": str(log), "saves_each_step": saves_each_step}
        return Command(self, int(self.ask(request)), log)

    def ask(self, request: object) -> str:
        """Send a request, and return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


class Command:
    """A command that was started."""

    def __init__(self, server: Server, pid: int, log: Path) -> None:
        self._server, self.pid, self._log = server, pid, log

    def send_signal(self, number: int) -> None:
        """Send a signal; one that has ended ignores it."""
        os.kill(self.pid, number)  # it is not waited for before `finish`: the number is not that of another process

    def work(self, seconds: float) -> None:
        """Wait until it has taken some seconds of a processor, or has ended.

        Where the system does not tell, and that is everywhere but on Linux, until the clock has taken them.
        """
        stat = Path(f"/proc/{self.pid}/stat")
        if not stat.exists():
            time.sleep(seconds)
            return
        ticks = seconds * os.sysconf("SC_CLK_TCK")
        while True:
            state, *numbers = stat.read_text(encoding="utf-8").rpartition(") ")[2].split()
            if state == "Z" or sum(map(int, numbers[10:12])) >= ticks:
                return
            time.sleep(0.002)

    def finish(self) -> tuple[int, str, float]:
        """Wait for the end.

        Returns:
            The exit status, that of a signal being its negative; what was printed; the seconds of a processor.
        """
        status, seconds = self._server.ask({"wait": self.pid}).split()
        return int(status), self._log.read_text(encoding="utf-8", errors="replace"), float(seconds)


def _serve() -> dict[str, Any]:
    """Answer requests until the last; returns in the processes of commands, with what each is to do."""
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            _, status, usage = os.wait4(request["wait"], 0)
            answer = f"{os.waitstatus_to_exitcode(status)} {usage.ru_utime + usage.ru_stime}"
        else:
            pid = os.fork()
            if pid == 0:
                return dict(request)
            answer = f"{pid}"
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
    os._exit(0)


def _run(request: dict[str, Any]) -> NoReturn:
    """Be the command, as if it had been started by a shell."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with Path(request["log"]).open("wb", buffering=0) as log, Path(os.devnull).open("rb") as nothing:
        for stream, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(stream.fileno(), target)
    if request["saves_each_step"]:
        from segarena.training.saving import SavedState

        SavedState.is_due = True  # type: ignore[assignment,method-assign]
    sys.argv = ["segarena", *request["words"]]
    sys.exit(importlib.import_module("segarena.cli").program())


if __name__ == "__main__":
    for module in IMPORTED:
        importlib.import_module(module)
    from segarena.training.costs import measure_latency
    from support import small_encoders

    assert measure_latency.__kwdefaults__ is not None
    measure_latency.__kwdefaults__["rounds"] = 1
    gc.collect()
    gc.freeze()
    with small_encoders():
        _run(_serve())
