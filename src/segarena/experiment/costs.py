"""What a trained network costs: measured once its training is over, with nothing beside it."""

from __future__ import annotations

import pandas as pd

from segarena.errors import RunError
from segarena.experiment.build import build_network
from segarena.experiment.plan import Training
from segarena.models import SegmentationModel
from segarena.records.run import Costs
from segarena.training.checkpoint import BEST, LAST, load_state, load_weights
from segarena.training.costs import count_flops, count_parameters, measure_latency, measure_throughput
from segarena.training.devices import place
from segarena.training.evaluation import padded_size
from segarena.training.machine import computing_with
from segarena.training.saving import refusing_damage
from segarena.training.state import TrainingState


def measure_costs(training: Training, model: SegmentationModel, state: TrainingState) -> Costs:
    """Measure latency, throughput, parameters and FLOPs, and add what the training took.

    Args:
        training: The training.
        model: Its network, on its device.
        state: The progress of the training at its end.
    """
    protocol = training.protocol
    size = protocol.input_size
    latency = measure_latency({"model": model}, size, device=protocol.device, precision=protocol.precision)["model"]
    history = pd.DataFrame(state.history)
    return Costs(
        params=count_parameters(model),
        flops=count_flops(model, padded_size(model, size)),
        latency_ms=latency.median,
        latency_low_ms=latency.low,
        latency_high_ms=latency.high,
        labelled_per_second=measure_throughput(model, size, device=protocol.device, precision=protocol.precision),
        train_seconds=float(history["seconds"].sum()) + state.lost_seconds,
        train_cpu_seconds=state.cpu_seconds,
        images_per_second=float(history["images_per_second"].median()),
        peak_memory_mib=state.peak_memory_mib,
    )


def write_costs(training: Training) -> None:
    """Measure what a network costs whose training is over but for this, and write costs.json: the run is finished.

    Args:
        training: A training whose `metrics.json` is written.

    Raises:
        RunError: A file cannot be read or written.
    """
    protocol, folder = training.protocol, training.folder
    content = load_state(folder / LAST)
    if content is None:
        raise RunError("is missing", where=folder / LAST, remedy="Train again in a new folder")
    with refusing_damage(folder / LAST):
        state = TrainingState.restored(content["progress"], protocol.epochs, steps=0)
        if not state.history or any(not {"seconds", "images_per_second"} <= row.keys() for row in state.history):
            raise ValueError("its history has no times")
    with computing_with(protocol.threads):
        model = place(build_network(training), protocol.device)
        load_weights(model, folder / BEST)
        measure_costs(training, model, state).write(folder)
