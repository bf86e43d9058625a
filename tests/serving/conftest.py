"""Servers that the tests of a module share; without the extra `serve` they are skipped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from serving_support import Client, Threshold, serving


@pytest.fixture(scope="session", autouse=True)
def _extra() -> None:
    """Nothing here can run without it."""
    for name in ("fastapi", "uvicorn", "python_multipart", "prometheus_client"):
        pytest.importorskip(name, reason=f"{name} is not installed: it comes with the extra serve")


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """A server of two networks with small limits."""
    with serving(Threshold(), Threshold(), max_bytes=200_000, max_pixels=500_000) as client:
        yield client
