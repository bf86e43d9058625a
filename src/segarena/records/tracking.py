"""The file of what trackers have logged of a run, so that nothing is logged twice after a resume."""

from __future__ import annotations

from dataclasses import dataclass, field

from segarena.records.record import Count, Record


@dataclass(frozen=True, kw_only=True)
class TrackedBy:
    """What one tracker has logged of a run."""

    id: str
    """What the tracker calls the run."""
    epochs: Count = 0
    """Last epoch that was logged; 0 before."""
    is_ended: bool = False
    """Whether the final scores were logged."""


@dataclass(frozen=True, kw_only=True)
class Tracking(Record, file="tracking.json", schema=1):
    """What trackers have logged of a run."""

    trackers: dict[str, TrackedBy] = field(default_factory=dict)
    """By the name of the tracker: tensorboard, mlflow or wandb."""
