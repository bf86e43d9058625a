"""What segarena promises where something fails, and the tests that try to break each promise."""

from __future__ import annotations

from typing import NamedTuple

#: The command of the tests that are not marked.
FAST = "make test"
#: The command of those that try a fault many times.
MANY = "make test-faults"


class Promise(NamedTuple):
    """A row of docs/reliability.md.

    Attributes:
        promise: What holds.
        tried: How a test tries to break it.
        tests: Its tests, as FILE::NAME below tests/.
        limits: Where it does not hold.
        measured: Numbers of one run, and what was run.
    """

    promise: str
    tried: str
    tests: tuple[str, ...]
    limits: str = ""
    measured: str = ""
