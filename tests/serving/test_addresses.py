"""Addresses that cannot be listened on: the remedy names one that can be."""

from __future__ import annotations

import errno
import socket
from typing import Any

import pytest

from segarena.errors import ConfigError
from segarena.serving.server import open_socket
from support import refuses


class Taken(socket.socket):
    """A socket whose address cannot be had."""

    number = errno.EADDRINUSE

    def bind(self, address: Any) -> None:
        raise OSError(self.number, "no")


@pytest.mark.parametrize(("port", "other"), [(8000, "8001"), (65535, "65534")])
def test_another_port_that_exists_is_advised(port: int, other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", Taken)
    with refuses(ConfigError, where="--port") as caught:
        open_socket("127.0.0.1", port)
    assert f"--port {other}" in caught.value.remedy


def test_an_address_of_another_computer_is_no_fault_of_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", type("Elsewhere", (Taken,), {"number": errno.EADDRNOTAVAIL}))
    with refuses(ConfigError, where="--host", value="192.0.2.1"):
        open_socket("192.0.2.1", 8000)
