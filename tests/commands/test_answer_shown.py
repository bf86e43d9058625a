"""The end of `compare` on the terminal: the answer first in bold, a winner to use only where there is one, load."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from sample_records import ANSWER, ENVIRONMENT, ranked_model, sample_comparison
from segarena.commands import compare
from segarena.records.comparison import Answer, Claim
from segarena.reporting.use import Use


def shown(answer: Answer, capsys: pytest.CaptureFixture[str], cpu_seconds: float = 900.0) -> list[str]:
    """The lines below the table."""
    ranking = tuple(ranked_model(name, train_seconds=512.0, train_cpu_seconds=cpu_seconds) for name in ("unet", "fcn"))
    record = sample_comparison(ranking=ranking, answer=answer, environment=replace(ENVIRONMENT, threads=2))
    compare._show(record, Path("runs/mine"), Path("runs/mine/report.html"))
    lines = capsys.readouterr().out.splitlines()
    [baseline] = [number for number, line in enumerate(lines) if line.startswith("always")]
    return [line for line in lines[baseline + 1 :] if line.strip()]


@pytest.mark.parametrize("claim", get_args(Claim))
def test_a_model_is_offered_only_where_the_answer_names_one(claim: Claim, capsys: pytest.CaptureFixture[str]) -> None:
    best = "unet" if claim in ("best_architecture", "best_network", "single_model") else None
    answer = replace(ANSWER, claim=claim, best=best, advice="" if best else "Train longer.")
    lines = shown(answer, capsys)
    assert lines[0] == ANSWER.headline
    assert any("segarena predict" in line for line in lines) is (best is not None)
    assert ("Train longer." in lines) is (best is None)


@pytest.mark.parametrize(("best", "is_advised"), [("unet", False), ("fcn", True), (None, False)])
def test_a_run_on_all_images_is_advised_where_it_is_of_the_best(
    best: str | None, is_advised: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    use = Use(
        model="fcn",
        images="12 images",
        train="",
        predict="segarena predict runs/mine IMAGES",
        export="",
        serve="",
        trained="fcn-all",
    )
    monkeypatch.setattr(compare, "describe_use", lambda *_, **__: use)
    claim: Claim = "undecided" if best is None else "best_network"
    [line] = [line for line in shown(replace(ANSWER, claim=claim, best=best), capsys) if "segarena predict" in line]
    assert line.startswith("Use FCN:") is is_advised
    assert "FCN" in line


def test_headline_details_and_advice_are_lines_in_this_order(capsys: pytest.CaptureFixture[str]) -> None:
    answer = replace(ANSWER, headline="One [b].", details=("Two.", "Three."), advice="Four.", best=None)
    assert shown(answer, capsys)[:3] == ["One [b].", "Two. Three.", "Four."]


def test_load_is_stated_below_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert "processor time" in shown(ANSWER, capsys, cpu_seconds=100.0)[0]
    assert "processor time" not in " ".join(shown(ANSWER, capsys))
