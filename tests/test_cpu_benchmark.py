"""`make bench` on a CPU: what it computes from times, its table, and that the twins it times are equal."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks" / "cpu"))
cpu_table, turns = import_module("cpu_table"), import_module("turns")

TIMES = {"ours": [1.0, 2.0, 1.0], "documented": [4.0, 4.0, 3.0], "tuned": [1.0, 3.0, 3.0]}
ROW: dict[str, Any] = {
    "work": "training step",
    "model": "unet",
    "case": "resnet18, 8 x 256 x 256",
    "peer": "segmentation-models-pytorch",
    "gflops": [9.8, 11.0],
    "difference": None,
    "flops": 2.4e11,
}
RATES = {"precision": "bf16", "gflops": [400.0, 300.0, 410.0], "fp32_gflops": 180.0, "copied_gb": 13.0}


def test_ratios_are_of_the_same_turn() -> None:
    row = turns.compare(TIMES)
    assert row == {"ours_ms": 1000.0, "turns": 3, "documented": [3.0, 2.0, 4.0], "tuned": [1.5, 1.0, 3.0]}


def test_ways_take_turns_and_the_first_turn_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    now = iter(range(1000))
    monkeypatch.setattr(turns, "clock", lambda: float(next(now)))
    found = turns.take_turns({name: lambda name=name: done.append(name) for name in TIMES}, rounds=4)  # type: ignore[misc]
    assert done == ["ours", "documented", "tuned"] * 5
    assert found == {name: [1.0] * 4 for name in TIMES}


def test_long_works_have_three_turns_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]

    def work() -> None:
        clock[0] += 100.0

    monkeypatch.setattr(turns.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(turns, "clock", lambda: clock[0])
    assert turns.take_turns({"ours": work}, rounds=9, seconds=60.0) == {"ours": [100.0] * 3}


def test_a_row_has_ratios_aims_and_its_share_of_the_rate() -> None:
    row = ROW | turns.compare(TIMES)
    cells = dict(zip(cpu_table.HEADER, cpu_table.cells(row, RATES), strict=True))
    assert cells["as documented / ours"] == "3.00 (2.00 to 4.00)"
    assert (cells["aims"], cells["reached"]) == ("≥ 2.8, ≥ 1.2", "yes, yes")
    assert cells["share"] == "60%", "2.4e11 operations in a second, of 4e11"
    assert cpu_table.reached(row | {"tuned": [1.19, 1.0, 1.5]}) == "yes, no"


def test_of_memory_less_is_better() -> None:
    row = {
        "work": "peak memory of a step",
        "model": "deeplabv3",
        "case": "resnet18, 150 classes",
        "peer": "torchvision",
    }
    row |= {"classes": 150, "mib": {"ours": 470, "documented": 2350, "tuned": 940}, "documented": 0.2, "tuned": 0.5}  # type: ignore[dict-item]
    cells = dict(zip(cpu_table.HEADER, cpu_table.cells(row, RATES), strict=True))
    assert (cells["ours"], cells["aims"], cells["reached"]) == ("470 MiB", "≤ 0.3, ≤ 0.45", "yes, no")


def test_every_work_has_an_aim() -> None:
    for model, encoder in [("fcn", "resnet50"), ("pspnet", "resnet18"), ("unet", "resnet18")]:
        assert cpu_table.aims({"work": "training step", "model": model, "case": f"{encoder}, 2 x 64 x 64"})
    assert cpu_table.aims({"work": "logits to counts", "model": "noise", "case": ""}) == (4.0, 3.0)
    assert cpu_table.aims({"work": "latency, one image", "model": "fcn", "case": "resnet50, 512 x 512"}) == (2.3, 1.1)


@pytest.mark.long
@pytest.mark.usefixtures("their_own_encoders")
@pytest.mark.parametrize("name", ["fcn", "deeplabv3", "pspnet"])
def test_twins_have_the_same_operations_and_logits(name: str) -> None:
    twins = import_module("twins").make_twins(name, "resnet18", 5, side=64)
    assert twins.difference is not None
    assert twins.difference < 1e-4
    assert twins.gflops[0] == pytest.approx(twins.gflops[1], rel=0.02)
