"""What `segarena bench` measures: time and memory of a network on a machine, and the limits of the machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from segarena.records.record import Count, Mebibytes, Milliseconds, PerSecond, Pixels, Record, Unit
from segarena.records.run import Machine

PerSecondOfBytes = Annotated[float, Unit("bytes/s", 0)]
Share = Annotated[float, Unit("ratio", 0)]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One kind of work, repeated."""

    images: Count
    """Images that are computed at a time."""
    median_ms: Milliseconds
    """Median time."""
    p95_ms: Milliseconds | None
    """Time that 95% of the repetitions took at most; null with fewer than 20."""
    p99_ms: Milliseconds | None
    """Likewise 99%; null with fewer than 100."""
    repetitions: Count
    """Repetitions that were counted."""
    images_per_second: PerSecond
    """Images in a second, by the median time."""
    peak_memory_mib: Mebibytes | None
    """Largest memory in use, weights included, without libraries; null where the system does not report it."""
    products_ms: Milliseconds | None
    """Time of its operations at `flops_per_second`: less is not possible in this number format. null where the
    operations are not known."""
    moved_ms: Milliseconds | None
    """Time in which the inputs and outputs of all layers are read and written at `copied_per_second`. Fused layers, and
    outputs that stay in a cache, take less. null likewise."""
    share_of_limit: Share | None
    """The longer of the two as a share of the median time. null likewise."""


@dataclass(frozen=True, kw_only=True)
class BenchRecord(Record, file="bench.json", schema=1):
    """Time and memory of a network, and the limits of the machine. Its name is that given with `--json`."""

    network: str
    """What was measured, as it was typed."""
    kind: Literal["architecture", "run", "onnx", "huggingface"]
    """What that is. The weights of an architecture are random, which changes no time."""
    model: str
    """Name of the architecture."""
    encoder: str | None
    """Name of the encoder; null without one."""
    num_classes: Count
    """Number of classes."""
    size: tuple[Pixels, Pixels]
    """Height and width of the images that the network gets."""
    precision: str
    """Number format of the forward pass: fp32, bf16, fp16; of an ONNX file fp32 or int8."""
    params: Count | None
    """Parameters of the network; null where they are not known."""
    flops: Count | None
    """Floating-point operations of one image; a multiply-add counts as two. null where they are not known."""
    machine: Machine
    """The software and the machine."""
    flops_per_second: PerSecond
    """Floating-point operations in a second, in products of large matrices: measured in the same call."""
    copied_per_second: PerSecondOfBytes
    """Bytes in a second, read and written, in copies of a large array: measured in the same call."""
    image: Measured
    """One image in memory to its labels in memory."""
    batch: Measured
    """A batch of images, likewise."""
    step: Measured | None
    """A training step of a batch that is in memory: loss, gradients, new weights. null for an exported model."""
