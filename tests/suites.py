"""Finished comparisons as a suite sees them, and suites of them, without any training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sample_records import ANSWER, PROTOCOL, ranked_model, sample_comparison
from segarena.experiment.suite_result import Finished, write_suite
from segarena.records.comparison import ComparisonRecord
from segarena.records.statistics import Difference, Interval, ScoreInterval, Statistics
from segarena.records.suite import SuiteEntry, SuiteRecord

#: Four data sets: U-Net is first on two of them, and each score is another one.
SCORES: dict[str, dict[str, float]] = {
    "roads": {"unet": 0.864, "pspnet": 0.859, "deeplabv3": 0.848, "fcn": 0.828},
    "cells": {"unet": 0.790, "deeplabv3": 0.741, "pspnet": 0.735, "fcn": 0.722},
    "street": {"pspnet": 0.612, "deeplabv3": 0.604, "unet": 0.597, "fcn": 0.543},
    "fields": {"deeplabv3": 0.531, "unet": 0.528, "pspnet": 0.519, "fcn": 0.525},
}
_SECONDS = {"fcn": 100.0, "unet": 200.0, "pspnet": 400.0, "deeplabv3": 300.0}


def comparison(
    name: str, scores: Mapping[str, float], *, seeds: int = 3, clear: float = 0.03, **changes: Any
) -> ComparisonRecord:
    """A comparison with these scores; a lead of `clear` or more is one of the architectures, with one seed of networks.

    Its verdict names the first model where its lead is clear.
    """
    order = sorted(scores, key=lambda model: -scores[model])
    costs = {"latency_low_ms": None, "latency_high_ms": None, "train_cpu_seconds": None}
    ranking = tuple(ranked_model(model, seeds=range(seeds), miou=scores[model]) for model in order)
    ranking = tuple(
        replace(entry, train_seconds=_SECONDS.get(entry.model, 500.0), latency_ms=10 * len(entry.model), **costs)
        for entry in ranking
    )
    pairs = []
    for place, first in enumerate(order):
        for second in order[place + 1 :]:
            difference = scores[first] - scores[second]
            p = 0.001 if difference >= clear else 0.4
            interval = Interval(low=difference - clear, high=difference + clear, p=p, p_holm=p)
            pairs.append(
                Difference(
                    first=first,
                    second=second,
                    difference=difference,
                    networks=interval,
                    architectures=interval if seeds > 1 else None,
                    practically_equal=False,
                    noise_survived=None,
                )
            )
    is_clear = len(order) > 1 and scores[order[0]] - scores[order[1]] >= clear
    claim: Any = ("best_architecture" if seeds > 1 else "best_network") if is_clear else "undecided"
    best = order[0] if is_clear else None
    statistics = Statistics(
        unit="image",
        units=40,
        alpha=0.05,
        claim=claim,
        candidates=(order[0],),
        models=tuple(
            ScoreInterval(model=m, miou=scores[m], low=scores[m] - 0.02, high=scores[m] + 0.02, by_seed=())
            for m in order
        ),
        pairs=tuple(pairs),
        f1=(),
        classes=(),
        plan=None,
        rare_classes=(),
        false_classes=(),
    )
    data = replace(sample_comparison().data, name=name, fingerprint=name * 8)
    answer = replace(ANSWER, claim=claim, best=best, headline=f"On {name}.")
    content: dict[str, Any] = {
        "name": name,
        "ranking": ranking,
        "statistics": statistics,
        "seeds": seeds,
        "data": data,
        "answer": answer,
        "protocol": replace(PROTOCOL, device="cuda"),
    }
    return sample_comparison(**content | changes)


def finished(
    folder: Path,
    scores: Mapping[str, Mapping[str, float]] = SCORES,
    *,
    domains: Mapping[str, str] | None = None,
    **changes: Any,
) -> list[Finished]:
    """Comparisons, each written into `folder`/NAME."""
    found = []
    for name, values in scores.items():
        record = comparison(name, values, **changes)
        (folder / name).mkdir(parents=True, exist_ok=True)
        record.write(folder / name)
        entry = SuiteEntry(name=name, domain=(domains or {}).get(name), comparison=str(folder / name), options={})
        found.append(Finished(entry, folder / name, record))
    return found


def suite(folder: Path, scores: Mapping[str, Mapping[str, float]] = SCORES, **changes: Any) -> SuiteRecord:
    """A suite of finished comparisons beside it, in `folder`/suite."""
    (folder / "suite").mkdir(parents=True, exist_ok=True)
    return write_suite(folder / "suite", finished(folder, scores, **changes), (), "segarena suite suite.yaml")
