"""Complete records with plain values: a test names only what it is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from segarena.records.comparison import ComparedClass, ComparedData, ComparisonRecord, MajorityBaseline, RankedModel
from segarena.records.run import Costs, Environment, Metrics
from segarena.scoring.scores import score, to_metrics

ENVIRONMENT = Environment(
    segarena="0.1.0",
    python="3.11.7",
    torch="2.15.0",
    torchvision="0.29.0",
    platform="Linux x86_64",
    cpu="a small processor",
    cores=2,
    threads=2,
    gpu=None,
    commit=None,
)
COSTS = Costs(
    params=14_328_209,
    flops=23_500_000_000,
    latency_ms=21.3,
    train_seconds=512.0,
    images_per_second=98.0,
    peak_memory_mib=None,
)


def sample_metrics(classes: Sequence[str] = ("background", "cell")) -> Metrics:
    """Scores of 0.5 and 0.5 for the first two classes."""
    confusion = np.zeros((1, len(classes), len(classes)), dtype=np.int64)
    confusion[0, :2, :2] = [[2, 1], [1, 2]]
    return to_metrics(score(confusion), classes, split="test")


def ranked_model(model: str, *, seeds: Sequence[int] = (0,), miou: float | None = 0.5, **more: Any) -> RankedModel:
    """An entry of the ranking whose seeds all have the same scores."""
    means = dict.fromkeys(("mean_f1", "mean_precision", "mean_recall", "pixel_accuracy"), 0.5)
    bounds = {"lowest_miou": miou, "highest_miou": miou}
    return RankedModel(**{"model": model, "seeds": tuple(seeds), "miou": miou, **bounds, **means, **more})


def sample_comparison(**changes: Any) -> ComparisonRecord:
    """A comparison of one model on two classes; `changes` replace fields."""
    baseline = MajorityBaseline(class_name="background", miou=0.05, pixel_accuracy=0.31)
    colors = {"background": (221, 221, 221), "cell": (68, 119, 170)}
    content: dict[str, Any] = {
        "name": "street scenes",
        "created": "2026-11-22T10:15:00+00:00",
        "track": "encoder",
        "verdict": "U-Net is the best of the four.",
        "ranking": (ranked_model("unet"),),
        "trivial_miou": baseline.miou,
        "majority_baseline": baseline,
        "scored_split": "test",
        "protocol": {},
        "notes": (),
        "data": ComparedData(
            name="street scenes",
            origin="street",
            fingerprint="9f2c" * 16,
            classes=tuple(
                ComparedClass(index=i, name=name, color=color) for i, (name, color) in enumerate(colors.items())
            ),
            counts={"train": 367, "val": 101, "test": 233},
        ),
        "command": "segarena compare street --epochs 30",
        "environment": ENVIRONMENT,
        "gallery": (),
    }
    return ComparisonRecord(**content | changes)
