"""How many threads compute, and how they wait for each other."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from segarena.threads import SPIN_COUNT

_SHOW = "import os, segarena; print(os.environ.get('GOMP_SPINCOUNT'))"


@pytest.mark.parametrize(
    ("first", "given", "expected"),
    [
        ("", {}, str(SPIN_COUNT)),
        ("", {"GOMP_SPINCOUNT": "7"}, "7"),
        ("", {"OMP_WAIT_POLICY": "active"}, "None"),
        ("import sys; sys.modules['torch'] = sys; ", {}, "None"),
    ],
    ids=["left open", "spin count given", "policy given", "torch imported before"],
)
def test_threads_that_wait_sleep_soon(first: str, given: dict[str, str], expected: str) -> None:
    environment = {
        name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
    }
    done = subprocess.run(
        [sys.executable, "-c", first + _SHOW], env=environment | given, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == expected
