"""Measure a network: latency, throughput, a training step, their memory, and what the machine can do at most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import NamedTuple

from segarena.config import BenchOptions, defaults
from segarena.config.protocol import count_parts
from segarena.experiment.bench_network import BenchNetwork, open_network
from segarena.formats import plural
from segarena.models import SegmentationModel
from segarena.records.bench import BenchRecord, Measured
from segarena.records.run import Machine
from segarena.training.costs import noise_images, noise_masks
from segarena.training.losses import SegmentationLoss
from segarena.training.machine import computing_with, describe_environment, usual_threads
from segarena.training.memory import PeakMemory, naming_shortage
from segarena.training.optimization import build_optimizer, build_scaler
from segarena.training.rates import Rates, Work, faster, measure_rates, shortest
from segarena.training.steps import TrainingStep, make_step
from segarena.training.timing import percentiles, repeat

#: Share of --seconds for which each rate is measured, before the network and after it.
SHARE_OF_RATES = 0.2
#: The learning rate of the steps that are measured: they change the weights of a copy, which is not kept.
LEARNING_RATE = 1e-5

_MILLI = 1000
_SMALLER = "Use a smaller --batch-size or --size, or end other programs that use the memory"


class Part(NamedTuple):
    """A kind of work that is measured."""

    what: str
    """In words."""
    images: int
    """Images that are computed at a time."""
    make: Callable[[], Callable[[], object]]
    """Loads the network, and returns the work."""
    work: Work | None
    """Operations and bytes of the work; None where they are not known."""


def measure(options: BenchOptions, on_part: Callable[[str], None] = lambda what: None) -> BenchRecord:
    """Measure a network.

    Args:
        options: The options as typed.
        on_part: Called with what is measured next, in words.

    Raises:
        ConfigError: The network cannot be built, or the device cannot compute it.
        RunError: The run or the exported model cannot be used.
        OutOfMemoryError: The memory is too small for a batch or a training step.
    """
    found = open_network(options)
    parts = list_parts(found)
    rates = partial(measure_rates, found.device, found.precision, seconds=SHARE_OF_RATES * options.seconds)
    with computing_with(usual_threads()):
        on_part("products of matrices, and copies")
        before = rates()
        times = {}
        for name, part in parts.items():
            on_part(part.what)
            times[name] = _measure_part(part, options, found.device)
        limit = faster(before, rates())
        environment = asdict(describe_environment(found.device))
    measured = {name: describe(part, *times[name], limit) for name, part in parts.items()}
    del environment["earlier"]
    return BenchRecord(
        network=options.network,
        kind=found.kind,
        model=found.model,
        encoder=found.encoder,
        num_classes=found.num_classes,
        size=found.size,
        precision=found.precision,
        params=found.params,
        flops=found.flops,
        machine=Machine(**environment),
        flops_per_second=limit.flops,
        copied_per_second=limit.copied,
        image=measured["image"],
        batch=measured["batch"],
        step=measured.get("step"),
    )


def list_parts(found: BenchNetwork) -> dict[str, Part]:
    """List what is measured of a network: `image`, `batch` and, where it can be trained, `step`."""
    batch, work, step_of_one = found.batch_size, found.work, found.step_work

    def label(images: int) -> Callable[[], object]:
        return partial(found.make_label(), images)

    parts = {
        "image": Part("one image", 1, partial(label, 1), work),
        "batch": Part(plural(batch, "image"), batch, partial(label, batch), work and work.times(batch)),
    }
    if found.build is not None:
        build = found.build
        parts["step"] = Part(
            f"a training step of {plural(batch, 'image')}",
            batch,
            lambda: _make_step(build(), found),
            step_of_one and step_of_one.times(batch),
        )
    return parts


def describe(part: Part, times: list[float], peak_mib: float | None, limit: Rates) -> Measured:
    """Describe the times of some work beside the limit.

    Args:
        part: The work.
        times: Of each repetition, in seconds.
        peak_mib: The largest memory in use, in MiB; None where it is not known.
        limit: What the device can do at most.
    """
    found = percentiles(times)
    products, moved = (None, None) if part.work is None else shortest(part.work, limit)
    return Measured(
        images=part.images,
        median_ms=_MILLI * found.median,
        p95_ms=None if found.p95 is None else _MILLI * found.p95,
        p99_ms=None if found.p99 is None else _MILLI * found.p99,
        repetitions=found.calls,
        images_per_second=part.images / found.median,
        peak_memory_mib=peak_mib,
        products_ms=None if products is None else _MILLI * products,
        moved_ms=None if moved is None else _MILLI * moved,
        share_of_limit=None if products is None or moved is None else max(products, moved) / found.median,
    )


def _measure_part(part: Part, options: BenchOptions, device: str) -> tuple[list[float], float | None]:
    """The times of a part in seconds, and its peak memory in MiB."""
    with naming_shortage(part.what, where=options.network, device=device, remedy=lambda: _SMALLER):
        part.make()()  # loads libraries and compiles kernels, whose memory is not the network's
        memory = PeakMemory(device)
        times = repeat(part.make(), seconds=options.seconds, device=device)
        return times, memory.read()


def _make_step(model: SegmentationModel, found: BenchNetwork) -> Callable[[], object]:
    """A training step as `train` takes it, with a batch that is in memory: the run's settings, or the defaults."""
    protocol = found.protocol
    optimizer = "adamw" if protocol is None else protocol.optimizer
    clip, _ = defaults.clip_norm(optimizer, model.settings["track"])
    decay, clip = (1e-2, clip) if protocol is None else (protocol.weight_decay, protocol.clip_norm)
    micro = 0 if protocol is None else protocol.micro_batch
    if protocol is None:
        loss = SegmentationLoss(defaults.loss(model.settings["track"])[0])
    else:
        loss = SegmentationLoss(
            protocol.loss, label_smoothing=protocol.label_smoothing, hard_pixels=protocol.hard_pixels
        )
    step = make_step(
        TrainingStep(
            model.train(),
            loss,
            build_optimizer(model, optimizer, LEARNING_RATE, decay),
            build_scaler(found.device, found.precision),
            parts=count_parts(found.batch_size, micro),
            clip_norm=clip,
            device=found.device,
            precision=found.precision,
        )
    )
    images = noise_images(model, found.batch_size, found.train_size)
    mask = noise_masks(found.num_classes, found.batch_size, found.train_size)
    return partial(step, images, mask)
