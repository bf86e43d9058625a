"""What an exported model states about its scores: the interval that its comparison has for this run, or none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sample_records import ranked_model, sample_comparison
from segarena.exporting.facts import collect_facts
from segarena.records.metrics import Metrics
from segarena.records.statistics import ScoreInterval, Statistics

STATISTICS = Statistics(
    unit="image",
    units=40,
    alpha=0.05,
    claim="single_model",
    candidates=("unet",),
    models=(ScoreInterval(model="unet", miou=0.5, low=0.4, high=0.6, by_seed=(0.5,)),),
    pairs=(),
    f1=(),
    classes=(),
    plan=None,
    rare_classes=(),
    false_classes=(),
)


@pytest.mark.parametrize(("seeds", "interval"), [((0,), (0.4, 0.6)), ((0, 1), (None, None))])
def test_the_interval_is_that_of_the_only_run_of_a_model(
    seeds: tuple[int, ...], interval: tuple[float | None, float | None], trained: Path, tmp_path: Path
) -> None:
    run = tmp_path / "unet-seed0"
    shutil.copytree(trained, run)
    ranking = (ranked_model("unet", seeds=seeds),)
    sample_comparison(ranking=ranking, statistics=STATISTICS, seeds=len(seeds)).write(tmp_path)
    facts = collect_facts(run, "fp32")
    assert (facts.scores.miou_low, facts.scores.miou_high) == interval
    assert facts.scores.miou == Metrics.read(run).miou
    assert facts.run["data"]["data"] is None
    assert facts.run["command"] == ""


def test_a_run_without_a_comparison_has_no_interval(trained: Path) -> None:
    facts = collect_facts(trained, "int8")
    assert (facts.scores.miou_low, facts.precision) == (None, "int8")
    assert str(trained.parent) not in str(facts)
