"""The option of every command that computes with a network: where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from segarena.config import defaults
from segarena.config.checks import default
from segarena.config.devices import DEVICES
from segarena.config.output import OutputOptions


@dataclass(frozen=True, kw_only=True)
class DeviceOptions(OutputOptions):
    """Where a command computes with a network."""

    device: Annotated[str, default(defaults.device, shown=DEVICES)] = "auto"
    """Where to compute: auto, cpu, cuda, cuda:N (the GPU of number N, from 0) or mps (Apple's GPU)."""
