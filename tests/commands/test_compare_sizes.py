"""Finished runs that differ in the size of their images: each has the costs and the ceiling of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import segarena
from own_modules import Tiny
from segarena.experiment import summary
from segarena.records.comparison import ComparisonRecord
from segarena.training.costs import measure_latency
from support import QUICK


@pytest.mark.long
def test_each_run_has_the_costs_and_the_ceiling_of_its_own_size(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = {name: value for name, value in QUICK.items() if name != "encoder"}
    for size in (32, 48):
        options = {**quick, "epochs": 1, "size": size, "quiet": True}
        segarena.train(squares, model=("tiny", Tiny), out=tmp_path / f"{size}", **options)
    measured: dict[str, tuple[int, int]] = {}

    def measure(models: dict[str, Any], size: tuple[int, int], **options: Any) -> Any:
        measured.update(dict.fromkeys(models, size))
        return measure_latency(models, size, **options)

    monkeypatch.setattr(summary, "measure_latency", measure)
    found = segarena.compare(
        runs=[tmp_path / "32", tmp_path / "48"], vary="size", models=("tiny", Tiny), out=tmp_path / "out", quiet=True
    )
    runs = [str(tmp_path / size) for size in ("32", "48")]
    repeat = ComparisonRecord.read(found.folder).command
    assert repeat == f"segarena.compare(runs={runs!r}, models=[('tiny', tiny)], vary=('size',))"
    assert measured == {"tiny@size=32": (32, 32), "tiny@size=48": (48, 48)}
    small, large = (found.ranking.set_index("model").loc[f"tiny@size={size}"] for size in (32, 48))
    assert small["ceiling"] < large["ceiling"] <= 1
    assert small["flops"] < large["flops"]
    assert "of the size that each model was trained for" in found.report.read_text(encoding="utf-8")
