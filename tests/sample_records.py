"""Complete records with plain values: a test names only what it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from segarena.config import Protocol
from segarena.records.comparison import (
    Answer,
    ComparedClass,
    ComparedData,
    ComparisonRecord,
    MajorityBaseline,
    RankedModel,
)
from segarena.records.config import DataSettings
from segarena.records.metrics import Metrics
from segarena.records.record import field_names
from segarena.records.run import Costs, Environment
from segarena.records.tables import ModelRow
from segarena.records.values import MeanScores
from segarena.scoring.ranking import rank
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
    latency_low_ms=21.0,
    latency_high_ms=21.6,
    train_seconds=512.0,
    train_cpu_seconds=980.0,
    images_per_second=98.0,
    peak_memory_mib=None,
)
PROTOCOL = Protocol(
    track="encoder",
    network={"encoder": "resnet18", "weights": "imagenet"},
    size=360,
    crop=(352, 480),
    input_size=(90, 120),
    epochs=30,
    patience=10,
    batch_size=8,
    optimizer="adamw",
    schedule="onecycle",
    learning_rate=0.001,
    decoder_factor=3.0,
    weight_decay=0.01,
    clip_norm=5.0,
    loss="ce",
    class_weights="none",
    crop_foreground=0.0,
    device="cpu",
    precision="fp32",
    workers=0,
    threads=2,
    cache_gib=4.0,
)
ANSWER = Answer(
    claim="best_network",
    best="unet",
    candidates=("unet",),
    lead=0.041,
    baseline_lead=0.45,
    headline="U-Net is the best of the four.",
    details=("Each model was trained once.",),
)
INPUTS = DataSettings(
    data="/data/street",
    images=None,
    masks=None,
    root=None,
    splits=None,
    split=0.8,
    test_fraction=0.0,
    group_by=None,
)


def sample_metrics(classes: Sequence[str] = ("background", "cell")) -> Metrics:
    """Scores of 0.5 and 0.5 for the first two classes."""
    confusion = np.zeros((1, len(classes), len(classes)), dtype=np.int64)
    confusion[0, :2, :2] = [[2, 1], [1, 2]]
    return to_metrics(score(confusion), classes, split="test")


def model_row(model: str, seed: int = 0, miou: float | None = 0.5, **more: Any) -> ModelRow:
    """A row of models.csv; all other scores are 0.5."""
    about = {"encoder": "resnet18", "output_stride": 8, "eval_output_stride": 8, "start": "ImageNet weights"}
    scores = {**dict.fromkeys(field_names(MeanScores), 0.5), "miou": miou, "best_epoch": 3, "epochs": 4}
    return ModelRow(**{"model": model, "seed": seed, **about, **scores, **asdict(COSTS), **more})


def ranked_model(model: str, *, seeds: Sequence[int] = (0,), miou: float | None = 0.5, **more: Any) -> RankedModel:
    """An entry of the ranking whose seeds all have the same scores."""
    [entry] = rank([model_row(model, seed, miou) for seed in seeds])
    return replace(entry, **more)


def sample_comparison(**changes: Any) -> ComparisonRecord:
    """A comparison of one model on two classes; `changes` replace fields."""
    baseline = MajorityBaseline(class_name="background", miou=0.05, pixel_accuracy=0.31)
    colors = {"background": (221, 221, 221), "cell": (68, 119, 170)}
    content: dict[str, Any] = {
        "name": "street scenes",
        "created": "2026-11-22T10:15:00+00:00",
        "track": "encoder",
        "verdict": ANSWER.text,
        "answer": ANSWER,
        "ranking": (ranked_model("unet"),),
        "trivial_miou": baseline.miou,
        "majority_baseline": baseline,
        "scored_split": "test",
        "protocol": PROTOCOL,
        "inputs": INPUTS,
        "seeds": 1,
        "folds": None,
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
