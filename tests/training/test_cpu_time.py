"""Processor time counts this process and its workers, running or ended, and no waiting."""

import multiprocessing
import sys
import time
from multiprocessing.synchronize import Event

import pytest

from segarena.training.cpu_time import cpu_seconds

BUSY = 0.2
#: Of a worker: starting and ending it, in a process of many tests, can take 0.2 s too.
WORK = 0.8


def burn(seconds: float = BUSY) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        sum(range(1000))


def work_and_wait(done: Event, leave: Event) -> None:
    burn(WORK)
    done.set()
    leave.wait(60)


def test_work_is_counted_and_waiting_is_not() -> None:
    start = cpu_seconds()
    time.sleep(0.2)
    waited = cpu_seconds()
    burn()
    end = cpu_seconds()
    assert None not in (start, waited, end)
    assert waited - start < 0.1
    assert end - waited >= BUSY


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports the time of a running process")
def test_workers_are_counted_once_while_they_run_and_after_they_ended() -> None:
    context = multiprocessing.get_context("fork")
    done, leave = context.Event(), context.Event()
    start = cpu_seconds()
    worker = context.Process(target=work_and_wait, args=(done, leave), daemon=True)
    worker.start()
    assert done.wait(60)
    running = cpu_seconds()
    leave.set()
    worker.join(60)
    ended = cpu_seconds()
    assert None not in (start, running, ended)
    tick = 0.02  # the system counts in hundredths
    assert running - start >= WORK - tick
    assert WORK - tick <= ended - start < 2 * WORK
