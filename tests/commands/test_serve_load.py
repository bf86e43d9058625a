"""Twice the load that a server accepts, for 20 seconds: the full time is in benchmarks/serve_load.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import load_script


@pytest.mark.slow
def test_twice_the_load_is_refused_politely_and_memory_stays(trained: Path) -> None:
    for name in ("fastapi", "uvicorn", "python_multipart", "prometheus_client"):
        pytest.importorskip(name, reason=f"{name} is not installed: it comes with the extra serve")
    script = load_script(Path(__file__).parents[2] / "benchmarks" / "serve_load.py")
    load = script.measure(trained, seconds=20, requests=4)
    assert load.unexpected == []
    assert {"200", "429"} <= set(load.statuses)
    assert load.exit_status == 0
    assert not load.memory_mib or load.growth < 0.1  # of so short a time; 0.05 in five minutes
