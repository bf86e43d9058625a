"""What is claimed in each situation: for which model, with which numbers, in how many sentences."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import replace
from typing import Any

import pytest

from sample_records import model_row
from segarena.records.comparison import Answer, RankedModel
from segarena.scoring.ranking import rank
from segarena.scoring.verdict import answer
from segarena.scoring.wording import Setting

TITLES = {"unet": "U-Net", "fcn": "FCN", "pspnet": "PSPNet", "deeplabv3": "DeepLabv3"}
SETTING: dict[str, Any] = {
    "split": "test",
    "images": 40,
    "baseline_miou": 0.12,
    "baseline_class": "soil",
    "epochs": 30,
    "titles": TITLES,
}
Scores = dict[str, list[float | None]]


def ranked(scores: Scores, folds: int | None = None, **costs: list[float]) -> list[RankedModel]:
    """Models with their mIoU for each seed, and costs in the order of the models."""
    rows = [
        model_row(model, seed, miou, **{key: values[place] for key, values in costs.items()})
        for place, (model, mious) in enumerate(scores.items())
        for seed, miou in enumerate(mious)
    ]
    return [replace(entry, fold_mious=None if folds is None else (0.5,) * folds) for entry in rank(rows)]


def decide(scores: Scores, folds: int | None = None, **setting: Any) -> Answer:
    return answer(ranked(scores, folds), Setting(**{**SETTING, **setting}))


CLEAR: Scores = {"unet": [0.712], "fcn": [0.65]}
THREE: Scores = {"unet": [0.70, 0.72, 0.71], "fcn": [0.60, 0.66, 0.61]}

#: scores, what differs in the setting, claim, best, candidates
SITUATIONS: dict[str, tuple[Scores, dict[str, Any], str, str | None, tuple[str, ...]]] = {
    "one model": ({"unet": [0.7]}, {}, "single_model", "unet", ("unet",)),
    "one model, several seeds": ({"unet": [0.7, 0.6]}, {}, "single_model", "unet", ("unet",)),
    "all others without a score": ({"unet": [0.7], "fcn": [None]}, {}, "single_model", "unet", ("unet",)),
    "a clear lead, one seed": (CLEAR, {}, "best_network", "unet", ("unet",)),
    "a clear lead, a model without a score": (CLEAR | {"pspnet": [None]}, {}, "best_network", "unet", ("unet",)),
    "a small lead, one seed": ({"unet": [0.71], "fcn": [0.7]}, {}, "undecided", None, ("unet", "fcn")),
    "a lead of two points": ({"unet": [0.7], "fcn": [0.68]}, {}, "best_network", "unet", ("unet",)),
    "a tie": ({"unet": [0.7], "pspnet": [0.5], "fcn": [0.7]}, {}, "undecided", None, ("unet", "fcn")),
    "all level": ({"unet": [0.7], "fcn": [0.7], "pspnet": [0.7]}, {}, "undecided", None, ("unet", "fcn", "pspnet")),
    "two seeds apart": ({"unet": [0.7, 0.71], "fcn": [0.6, 0.61]}, {}, "best_network", "unet", ("unet",)),
    "three seeds apart": (THREE, {}, "best_architecture", "unet", ("unet",)),
    "three seeds apart, another with one": (THREE | {"pspnet": [0.6]}, {}, "best_network", "unet", ("unet",)),
    "overlapping seeds": ({"unet": [0.7, 0.8], "fcn": [0.6, 0.71]}, {}, "undecided", None, ("unet", "fcn")),
    "seeds that touch": ({"unet": [0.7, 0.8], "fcn": [0.6, 0.7]}, {}, "undecided", None, ("unet", "fcn")),
    "the third one overlaps": (
        {"unet": [0.7, 0.8], "pspnet": [0.69, 0.69], "fcn": [0.71, 0.6]},
        {},
        "undecided",
        None,
        ("unet", "fcn"),
    ),
    "seeds apart by less than two points": (
        {"unet": [0.71] * 3, "fcn": [0.7] * 3},
        {},
        "undecided",
        None,
        ("unet", "fcn"),
    ),
    "a seed without a score": ({"unet": [0.9, None], "fcn": [0.5, 0.5]}, {}, "single_model", "fcn", ("fcn",)),
    "below the baseline": ({"unet": [0.1], "fcn": [0.05]}, {}, "no_better_than_baseline", None, ()),
    "level with the baseline": ({"unet": [0.12] * 3, "fcn": [0.01] * 3}, {}, "no_better_than_baseline", None, ()),
    "31.2% against 30.7%": (
        {"pspnet": [0.312], "fcn": [0.2]},
        {"baseline_miou": 0.307},
        "no_better_than_baseline",
        None,
        (),
    ),
    "one seed below the baseline": ({"unet": [0.3, 0.12], "fcn": [0.1, 0.1]}, {}, "no_better_than_baseline", None, ()),
    "one model near the baseline": ({"unet": [0.13]}, {}, "no_better_than_baseline", None, ()),
    "two points above the baseline": ({"unet": [0.14], "fcn": [0.01]}, {}, "best_network", "unet", ("unet",)),
    "no baseline": (CLEAR, {"baseline_miou": math.nan}, "best_network", "unet", ("unet",)),
    "four images": (CLEAR, {"images": 4}, "undecided", None, ("unet", "fcn")),
    "four images, below the baseline": (
        CLEAR,
        {"images": 4, "baseline_miou": 0.8},
        "no_better_than_baseline",
        None,
        (),
    ),
    "five images": (CLEAR, {"images": 5}, "best_network", "unet", ("unet",)),
    "validation images": (CLEAR, {"split": "val"}, "best_network", "unet", ("unet",)),
    "folds": (CLEAR, {"folds": 5}, "best_network", "unet", ("unet",)),
    "a class that no model finds": (CLEAR, {"missed": ["boat"]}, "best_network", "unet", ("unet",)),
    "no score": ({"unet": [None], "fcn": [None]}, {}, "no_score", None, ()),
}


@pytest.mark.parametrize("name", SITUATIONS)
def test_what_is_claimed(name: str) -> None:
    scores, setting, claim, best, candidates = SITUATIONS[name]
    found = decide(scores, **setting)
    assert (found.claim, found.best, found.candidates) == (claim, best, candidates)


@pytest.mark.parametrize("name", SITUATIONS)
def test_every_situation_has_a_headline_and_at_most_two_details(name: str) -> None:
    scores, setting, claim, best, candidates = SITUATIONS[name]
    found = decide(scores, **setting)
    assert len(found.details) <= 2
    assert all(text.endswith((".", "`.")) and not text[0].islower() for text in (found.headline, *found.details))
    assert len(found.headline) < 160
    assert not [model for model in TITLES if re.search(rf"\b{model}\b", found.text)]
    assert "significan" not in found.text
    assert found.advice or claim not in ("undecided", "no_better_than_baseline")
    named = candidates or ((best,) if best else ())
    assert [TITLES[model] for model in named if TITLES[model] not in found.headline] == []


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a clear lead, one seed", [71.2, 40, 6.2]),
        ("a tie", [70, 40]),
        ("31.2% against 30.7%", [31.2, 30.7, 40]),
        ("one model", [70, 40, 12]),
        ("three seeds apart", [71, 40, 8.7, 3]),
        ("folds", [71.2, 40, 5, 6.2]),
    ],
)
def test_the_headline_has_the_numbers_that_it_is_about(name: str, shown: list[float]) -> None:
    scores, setting, *_ = SITUATIONS[name]
    assert numbers(decide(scores, **setting).headline.replace("DeepLabv3", "")) == pytest.approx(shown)


def test_leads_are_differences_of_miou() -> None:
    found = decide({"unet": [0.7], "fcn": [0.65], "pspnet": [0.2]})
    assert (found.lead, found.baseline_lead) == (pytest.approx(0.05), pytest.approx(0.58))
    assert (decide({"unet": [0.7]}).lead, decide(CLEAR, baseline_miou=None).baseline_lead) == (None, None)
    assert decide({"unet": [0.05], "fcn": [0.01]}).baseline_lead == pytest.approx(-0.07)


@pytest.mark.parametrize("seeds", [2, 3])
def test_few_seeds_come_with_the_chance_that_equal_models_separate(seeds: int) -> None:
    """The chance is counted: all ways to assign the scores, and those in which one model has the best ones."""
    ways = list(itertools.combinations(range(2 * seeds), seeds))
    separate = [way for way in ways if way in (tuple(range(seeds)), tuple(range(seeds, 2 * seeds)))]
    doubt = decide({"unet": [0.7] * seeds, "fcn": [0.6] * seeds}).details[0]
    assert numbers(doubt) == [seeds, 1, len(ways) // len(separate)]


@pytest.mark.parametrize(
    ("scores", "setting", "words"),
    [
        (CLEAR, {"split": "val"}, "too high"),
        (CLEAR | {"pspnet": [None]}, {}, "PSPNet has no score"),
        ({"unet": [0.7, 0.8], "fcn": [0.6, 0.71]}, {}, "60.0 to 71.0%"),
        ({"unet": [0.7, 0.71], "fcn": [0.6]}, {}, "FCN was trained once"),
        ({"unet": [0.7], "fcn": [0.7], "pspnet": [0.6]}, {}, "10.0 points"),
        ({"unet": [0.7001], "fcn": [0.7]}, {}, ""),
    ],
)
def test_the_doubt_is_among_the_details(scores: Scores, setting: dict[str, Any], words: str) -> None:
    assert words in " ".join(decide(scores, **setting).details)


@pytest.mark.parametrize(
    ("setting", "options"),
    [
        ({}, {"--epochs", "--patience", "--loss"}),
        ({"loss": "ce+dice"}, {"--epochs", "--patience"}),
        ({"data": "my fields"}, {"--epochs", "--patience", "--loss", "'my fields'"}),
    ],
)
def test_the_advice_below_the_baseline_is_what_was_not_tried(setting: dict[str, Any], options: set[str]) -> None:
    advice = decide({"unet": [0.1]}, **setting).advice
    assert set(re.findall(r"--[a-z]+|'[^']+'", advice)) == options


@pytest.mark.parametrize(
    ("setting", "options"),
    [
        ({}, {"--class-weights", "--loss"}),
        ({"loss": "ce+dice"}, {"--class-weights"}),
        ({"class_weights": "median"}, {"--loss"}),
        ({"loss": "ce+dice", "class_weights": "median"}, {"--epochs", "--size"}),
    ],
)
def test_the_advice_for_missed_classes_is_what_was_not_tried(setting: dict[str, Any], options: set[str]) -> None:
    advice = decide(CLEAR, missed=["house", "boat"], **setting).advice
    assert set(re.findall(r"--[a-z-]+", advice)) == options
    assert "'house', 'boat'" in advice


@pytest.mark.parametrize(
    ("scores", "setting", "option"),
    [
        ({"unet": [0.7], "fcn": [0.7]}, {}, "--seeds 3"),
        ({"unet": [0.7] * 3, "fcn": [0.7] * 3}, {}, None),
        (CLEAR, {"images": 3}, "--folds 5"),
        (CLEAR, {"images": 3, "folds": 3}, "--seeds 3"),
    ],
)
def test_the_advice_between_equal_models(scores: Scores, setting: dict[str, Any], option: str | None) -> None:
    found = re.findall(r"--[a-z]+ \d", decide(scores, **setting).advice)
    assert found == ([] if option is None else [option])


@pytest.mark.parametrize(("milliseconds", "faster"), [([20.0, 10.0], True), ([10.5, 10.0], False)])
def test_of_equal_models_the_faster_one_is_named(milliseconds: list[float], faster: bool) -> None:
    ranking = ranked({"unet": [0.7], "fcn": [0.7]}, latency_ms=milliseconds)
    assert ("FCN takes the least time" in answer(ranking, Setting(**SETTING)).advice) is faster


def test_an_unknown_split_and_an_empty_ranking_are_refused() -> None:
    with pytest.raises(ValueError, match="split must be"):
        decide(CLEAR, split="train")
    with pytest.raises(ValueError, match="ranking is empty"):
        decide({})


def with_ceilings(scores: Scores, ceilings: list[float | None], **setting: Any) -> Answer:
    strides = {"unet": 1, "fcn": 8, "pspnet": 16, "deeplabv3": 16}
    known = dict(zip(scores, ceilings, strict=True))
    ranking = [replace(e, ceiling=known[e.model], logit_stride=strides[e.model]) for e in ranked(scores)]
    return answer(ranking, Setting(**{**SETTING, **setting}))


@pytest.mark.parametrize(
    ("scores", "ceilings", "limited"),
    [
        ({"unet": [0.57], "pspnet": [0.37], "fcn": [0.3]}, [1.0, 0.369, 0.46], ("pspnet",)),
        ({"unet": [0.57], "fcn": [0.48], "pspnet": [0.349]}, [1.0, 0.46, 0.369], ("fcn", "pspnet")),
        ({"unet": [0.57], "pspnet": [0.348]}, [1.0, 0.369], ()),
        ({"unet": [0.98], "fcn": [0.96]}, [1.0, 0.97], ()),  # a high ceiling limits nothing
        ({"unet": [0.57], "fcn": [0.5]}, [None, None], ()),
    ],
)
def test_models_at_their_resolution_ceiling_are_named(scores, ceilings, limited) -> None:
    found = with_ceilings(scores, ceilings)
    assert found.at_ceiling == limited
    [sentence] = [text for text in found.details if "resolution" in text] or [""]
    assert [TITLES[model] in sentence for model in scores] == [model in limited for model in scores]
    assert {100 * known for model, known in zip(scores, ceilings, strict=True) if model in limited} == set(
        numbers(re.sub("DeepLabv3", "", sentence))
    )
    assert ("--size" in found.advice) == bool(limited)
    assert ("--output-stride 8" in found.advice) == ("pspnet" in limited)


def test_the_output_stride_of_the_paper_is_not_to_be_changed() -> None:
    found = with_ceilings({"unet": [0.57], "pspnet": [0.37]}, [1.0, 0.369], track="paper")
    assert "--output-stride" not in found.advice
