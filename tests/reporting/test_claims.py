"""The box of claims: what is shown, what is not measured, and what is counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from segarena.records.statistics import Difference, Interval, Plan
from segarena.reporting.claims import Question, claims
from segarena.reporting.comparison import Comparison, read_comparison

CLEAR = Interval(low=0.012, high=0.05, p=0.01, p_holm=0.03)
UNCLEAR = Interval(low=-0.01, high=0.07, p=0.2, p_holm=0.6)
PLAN = Plan(difference=0.02, images_low=150, images_high=300, seeds=None)


@pytest.fixture
def comparison(street: Path) -> Comparison:
    return read_comparison(street)


def ask(
    comparison: Comparison,
    networks: list[Interval],
    architectures: list[Interval | None],
    *,
    claim: str = "undecided",
    answer: str = "undecided",
    leads: tuple[float, float] = (0.031, 0.031),
    **changes: Any,
) -> dict[str, Question]:
    """The claims of U-Net against DeepLabv3 and PSPNet, by the first words of their questions."""
    statistics, record = comparison.record.statistics, comparison.record
    assert statistics is not None
    pairs = tuple(
        Difference(
            first="unet",
            second=second,
            difference=lead,
            networks=network,
            architectures=architecture,
            practically_equal=False,
            noise_survived=None,
        )
        for second, network, architecture, lead in zip(
            ("deeplabv3", "pspnet"), networks, architectures, leads, strict=True
        )
    )
    changed = replace(
        statistics, **{"pairs": pairs, "models": statistics.models[:3], "units": 40, "claim": claim, **changes}
    )
    record = replace(record, statistics=changed, answer=replace(record.answer, claim=answer))
    return {" ".join(c.question.split()[:4]): c for c in claims(replace(comparison, record=record))}


NETWORKS, ARCHITECTURES = "Would the first of", "Would the first architecture"


def test_one_seed_shows_networks_and_measures_no_architecture(comparison: Comparison) -> None:
    found = ask(comparison, [CLEAR, CLEAR], [None, None], claim="best_network", plan=PLAN)
    assert found[NETWORKS].answer == "Shown."
    assert "3.1 points, 95% interval 1.2 to 5.0" in found[NETWORKS].reason
    assert found[ARCHITECTURES].answer == "Not measured."
    assert "--seeds 3" in found["What would settle it?"].reason


def test_a_claim_holds_only_against_every_rival(comparison: Comparison) -> None:
    found = ask(comparison, [CLEAR, UNCLEAR], [UNCLEAR, UNCLEAR], plan=PLAN)
    assert found[NETWORKS].answer == found[ARCHITECTURES].answer == "Not shown."
    assert "PSPNet" in found[NETWORKS].reason
    assert "DeepLabv3" not in found[NETWORKS].reason
    assert "DeepLabv3 (3.1 points" in found[ARCHITECTURES].reason
    assert "PSPNet (3.1 points" in found[ARCHITECTURES].reason
    assert "150 to 300 scored images" in found["What would settle it?"].reason
    found = ask(comparison, [CLEAR, CLEAR], [CLEAR, CLEAR], claim="best_architecture", plan=None)
    assert found[NETWORKS].answer == found[ARCHITECTURES].answer == "Shown."
    assert "What would settle it?" not in found


def test_the_smallest_lead_is_named_beside_the_least_certain_one(comparison: Comparison) -> None:
    wide = Interval(low=0.001, high=0.6, p=0.04, p_holm=0.04)
    found = ask(comparison, [wide, CLEAR], [CLEAR, CLEAR], leads=(0.362, 0.202), claim="best_architecture")
    reason = found[NETWORKS].reason
    assert "Closest: PSPNet (20.2 points, 95% interval 1.2 to 5.0)." in reason
    assert "Least certain: DeepLabv3 (36.2 points, 95% interval 0.1 to 60.0)" in reason
    assert "Least certain" not in found[ARCHITECTURES].reason


def test_all_models_that_are_not_clearly_different_have_their_differences(comparison: Comparison) -> None:
    reason = ask(comparison, [UNCLEAR, UNCLEAR], [None, None], leads=(0.05, 0.03))[NETWORKS].reason
    assert "DeepLabv3 (5.0 points, 95% interval −1.0 to 7.0) or PSPNet (3.0 points" in reason


def test_only_the_models_that_were_trained_once_are_named(comparison: Comparison) -> None:
    ranking = tuple(
        replace(entry, seeds=(0,) if entry.model == "pspnet" else (0, 1, 2)) for entry in comparison.ranking
    )
    several = replace(comparison, record=replace(comparison.record, ranking=ranking))
    found = ask(several, [CLEAR, CLEAR], [CLEAR, None])
    assert found[ARCHITECTURES].reason.startswith("PSPNet was trained once")


@pytest.mark.parametrize("options", [{"claim": "too_few_units"}, {"answer": "no_better_than_baseline"}])
def test_no_claim_holds_with_too_few_images_or_without_a_useful_model(
    comparison: Comparison, options: dict[str, Any]
) -> None:
    found = ask(comparison, [CLEAR, CLEAR], [CLEAR, CLEAR], **options)
    assert list(found) == ["Which claims hold?", "What is counted?"]
    assert found["Which claims hold?"].answer == "None."


def test_groups_and_folds_are_counted(comparison: Comparison, crossed: Path) -> None:
    images = comparison.record.data.counts["test"]
    found = ask(comparison, [CLEAR, CLEAR], [None, None], unit="group", units=12)
    assert found["What is counted?"].answer == f"12 groups, not {images} images."
    counted = claims(read_comparison(crossed))[2]
    assert counted.answer == "5 images."
    assert "in each of 5 folds" in counted.reason


def test_a_comparison_of_one_model_or_an_older_version_has_no_box(comparison: Comparison) -> None:
    assert claims(replace(comparison, record=replace(comparison.record, statistics=None))) == []
