"""The option --device: how a device is named, and of which kind it is."""

from __future__ import annotations

import re
from typing import Literal

from segarena.errors import ConfigError

#: What --device takes, as the help text shows it.
DEVICES = "{auto,cpu,cuda,cuda:N,mps}"
_EXAMPLES = "auto, cpu, cuda, cuda:1 (the second GPU) or mps (Apple's GPU)"


def check_device(value: object) -> str:
    """Return a device as it is written in files; ConfigError if it is none.

    >>> check_device("CUDA:01"), check_device("mps")
    ('cuda:1', 'mps')
    """
    name = str(value).strip().lower()
    if found := re.fullmatch(r"cuda:(\d+)", name):
        return f"cuda:{int(found[1])}"
    if name not in ("auto", "cpu", "cuda", "mps"):
        raise ConfigError(f"unknown device {value!r}", where="--device", remedy=f"Choose from {_EXAMPLES}")
    return name


def device_type(device: str) -> Literal["cpu", "cuda", "mps"]:
    """Return the kind of a device, as torch names it.

    >>> device_type("cuda:1")
    'cuda'
    """
    kind = device.partition(":")[0]
    return "cuda" if kind == "cuda" else "mps" if kind == "mps" else "cpu"


def device_index(device: str) -> int | None:
    """Return the number of a GPU from 0; None where none is named.

    >>> device_index("cuda:1"), device_index("cuda")
    (1, None)
    """
    number = device.partition(":")[2]
    return int(number) if number else None
