"""Close some options otherwise, once the models have been measured; what depends on them follows."""

from __future__ import annotations

from dataclasses import replace

from segarena.config import Choice
from segarena.experiment.prepared import FOLLOWS_RESOLUTION, RESOLUTION, Prepared
from segarena.experiment.resolution import Workload
from segarena.experiment.resolve import resolve


def with_choices(prepared: Prepared, *choices: Choice) -> Prepared:
    """Return the same with some options closed otherwise.

    The patience follows the epochs, and the learning rate the batch size, where they were left open.

    Args:
        prepared: The data and the protocol.
        choices: Options that were left open, with their new values.
    """
    new = {choice.name: choice for choice in choices}
    follow = {"patience": "epochs", "learning_rate": "batch_size"}
    kept = {one.name: one for one in prepared.choices if follow.get(one.name) not in new}
    protocol, made = resolve(prepared.options, prepared.facts, {**kept, **new}, prepared.survey)
    return replace(prepared, protocol=protocol, choices=made)


def with_resolution(prepared: Prepared, times: float) -> Prepared:
    """Return the same with the working size and the output stride that are affordable; what depends on them follows.

    Args:
        prepared: The data and the protocol.
        times: What training each model may cost, as a multiple of what it costs at the present size and stride.
    """
    protocol = prepared.protocol

    def limit(workload: Workload) -> float:
        stride = protocol.network.get("output_stride")
        known = isinstance(stride, int) and stride in workload.costs
        return times * workload.cost(protocol.size, int(stride or 0) if known else next(iter(workload.costs)))

    kept = {one.name: one for one in prepared.choices if one.name not in (*RESOLUTION, *FOLLOWS_RESOLUTION)}
    protocol, made = resolve(prepared.options, prepared.facts, kept, prepared.survey, limit)
    return replace(prepared, protocol=protocol, choices=made)
