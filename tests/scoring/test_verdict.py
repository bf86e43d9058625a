"""What is claimed in each situation: for which model, with which numbers, in how many sentences."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from situations import CLEAR, NEAR, SETTING, SITUATIONS, THREE, TITLES, Scores, decide, interval, ranked, statistics

from segarena.records.comparison import Answer
from segarena.records.statistics import Plan
from segarena.scoring.setting import Setting
from segarena.scoring.verdict import answer


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
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", text)]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a clear lead, one seed", [71.2, 40, 6.2]),
        ("a tie", [70, 40]),
        ("31.2% against 30.7%", [31.2, 30.7, 40]),
        ("one model", [70, 40, 12]),
        ("three seeds", [71, 40, 8.7, 3]),
        ("folds", [71.2, 40, 5, 6.2]),
        ("four groups", [71.2, 65, 40, 4]),
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


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a clear lead, one seed", [4.2, 8.2, 95]),
        ("an unclear lead, one seed", [-1, 3, 95]),
        ("practically equal", [-0.3, 0.5, 95]),
        ("two seeds, unclear when trained again", [8, 12, 95]),  # of the trained networks
        ("three seeds", [4.7, 12.7, 95]),
        ("the third one may be as good", [-2, 4, 95]),  # of the first two candidates
        ("folds", [3.2, 9.2, 95, 5]),
        ("four groups", [4, 40]),  # counted as 4 groups, not 40 images
        ("a lead over the baseline that may be chance", [-1, 17, 95]),
        ("seeds above the baseline by what may be chance", [-1, 17, 95, 19, 21]),
        ("one seed below the baseline", [12, 30]),
    ],
)
def test_the_first_detail_has_the_interval_of_the_claim(name: str, shown: list[float]) -> None:
    scores, setting, *_ = SITUATIONS[name]
    assert sorted(numbers(decide(scores, **setting).details[0])) == pytest.approx(sorted(shown))


@pytest.mark.parametrize(
    ("scores", "setting", "words"),
    [
        (CLEAR, {"split": "val"}, "too high"),
        (CLEAR | {"pspnet": [None]}, {}, "PSPNet has no score"),
        (CLEAR, {}, "each model was trained once"),
        (CLEAR, {"folds": 5, "retrained": 0.2}, "training on other parts of this data could change the order"),
        ({"unet": [0.7, 0.71], "fcn": [0.6]}, {}, "FCN was trained once"),
        ({"unet": [0.7], "fcn": [0.7], "pspnet": [0.6]}, {}, "PSPNet by 10.0 points"),
    ],
)
def test_the_doubt_is_among_the_details(scores: Scores, setting: dict[str, Any], words: str) -> None:
    assert words in " ".join(decide(scores, **setting).details)


@pytest.mark.parametrize(
    ("scores", "setting", "shown"),
    [
        (CLEAR, {"noise_survived": 0.0213}, [2.1]),
        (CLEAR, {"noise_survived": 0.0002}, [0.1]),
        (CLEAR, {"noise_survived": None}, []),
        (NEAR, {"noise_survived": 0.0213}, []),  # it is not clear which one is ahead
        (CLEAR, {"noise_survived": 0.0213, "units": 12}, [2.1]),  # its lead is clear, although the images are few
        (CLEAR, {"noise_survived": 0.0213, "split": "val"}, []),  # all scores are too high
        (CLEAR, {"units": 19, "unit": "group", "half": 0.04}, [19, 4]),
        (NEAR, {"units": 5}, [5, 2]),
        (NEAR, {"units": 20}, []),
        (THREE, {"retrained": 0.2, "units": 12}, [12, 2]),  # of the networks
        ({"unet": [0.7, 0.71], "fcn": [0.69, 0.7]}, {"retrained": 0.2, "units": 12}, [12, 20]),
    ],
)
def test_the_second_detail_is_what_limits_the_first(
    scores: Scores, setting: dict[str, Any], shown: list[float]
) -> None:
    details = decide(scores, **setting).details
    assert [found for text in details[1:] if (found := numbers(text))] == ([pytest.approx(shown)] if shown else [])


@pytest.mark.parametrize(
    ("scores", "setting", "named"),
    [
        ({"unet": [0.7, 0.71], "fcn": [0.6, 0.61]}, {"retrained": 0.2}, True),
        ({"unet": [0.7, 0.71], "fcn": [0.69, 0.7]}, {"retrained": 0.2}, True),
        ({"unet": [0.7, 0.71], "fcn": [0.6, 0.61]}, {"retrained": 0.03}, False),  # the architecture is shown to be best
        ({"unet": [0.7, 0.71, 0.7], "fcn": [0.6, 0.61, 0.6]}, {"retrained": 0.2}, False),
        ({"unet": [0.1, 0.12], "fcn": [0.1, 0.1]}, {"retrained": 0.2}, False),  # below the baseline
    ],
)
def test_two_seeds_are_named_where_the_architectures_stay_open(
    scores: Scores, setting: dict[str, Any], named: bool
) -> None:
    assert ("Two seeds" in " ".join(decide(scores, **setting).details)) is named


@pytest.mark.parametrize(("why", "word"), [("diverged", "NaN"), ("majority", "baseline")])
def test_a_restarted_training_is_named_beside_the_two_details(why: str, word: str) -> None:
    plain, found = decide(CLEAR), decide(CLEAR, restarted={"fcn": why, "other": "diverged"})
    assert found.details[:-1] == plain.details
    assert "fcn" in found.details[-1].casefold()
    assert word in found.details[-1]


def test_statistics_with_another_order_decide_nothing() -> None:
    """MIoU counts a class that is absent and predicted; the statistics do not."""
    other = statistics({"unet": [0.6], "fcn": [0.7]}, 0.02, None, 40, "image")
    found = decide(CLEAR, statistics=other)
    assert (found.claim, found.best, found.candidates) == ("undecided", None, ("unet", "fcn"))
    assert numbers(found.details[0]) == pytest.approx([95, -12, -8])


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
        ({}, {"--epochs", "--class-weights", "--loss"}),
        ({"loss": "ce+dice"}, {"--epochs", "--class-weights"}),
        ({"class_weights": "median"}, {"--epochs", "--loss"}),
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
        (NEAR, {}, "--seeds 3"),
        ({"unet": [0.7] * 3, "fcn": [0.7] * 3}, {}, None),
        (CLEAR, {"images": 3}, "--folds 5"),
        (CLEAR, {"images": 3, "folds": 3}, None),  # seeds would not help: all images are scored
        (CLEAR, {"units": 4, "unit": "group"}, "--folds 5"),
        ({"unet": [0.701], "fcn": [0.7]}, {"half": 0.004}, None),  # practically equal
        ({"unet": [0.7, 0.71], "fcn": [0.6, 0.61]}, {"retrained": 0.2}, "--seeds 3"),
        (NEAR, {"plan": Plan(difference=0.02, images_low=150, images_high=300, seeds=None)}, None),
    ],
)
def test_the_advice_between_equal_models(scores: Scores, setting: dict[str, Any], option: str | None) -> None:
    found = re.findall(r"--[a-z]+ \d", decide(scores, **setting).advice)
    assert found == ([] if option is None else [option])


@pytest.mark.parametrize(
    ("scores", "setting", "options"),
    [
        (NEAR, {}, ["--seed 1", "--seed 2"]),
        ({"unet": [0.7, 0.71, 0.72], "fcn": [0.6, 0.61, 0.62]}, {"retrained": 0.2}, []),
    ],
)
def test_seeds_of_finished_runs_are_trained_one_by_one(scores: Scores, setting: Any, options: list[str]) -> None:
    answer = decide(scores, of_finished_runs=True, **setting)
    assert re.findall(r"--seeds?(?: \d)?", answer.advice) == options
    assert "--seeds" in decide(scores, **setting).advice


@pytest.mark.parametrize(("unit", "option"), [("image", []), ("group", ["--group-by none"])])
def test_too_few_units_in_folds_need_more_data(unit: str, option: list[str]) -> None:
    advice = decide(CLEAR, images=40, units=4, unit=unit, folds=4).advice
    assert numbers(advice) == [5, 4]
    assert re.findall(r"--[a-z-]+ [a-z]+", advice) == option


@pytest.mark.parametrize(("half", "images"), [(0.0, 40), (0.5, 4)])
def test_an_interval_to_the_baseline_that_means_nothing_is_not_shown(half: float, images: int) -> None:
    """The model predicts what the baseline does, or few images were scored."""
    found = decide({"unet": [0.12], "fcn": [0.1]}, baseline_lead=interval(0.0, half), images=images)
    assert found.claim == "no_better_than_baseline"
    assert not [number for text in found.details for number in numbers(text)]


@pytest.mark.parametrize(
    ("low", "high", "seeds", "shown"),
    [
        (150, 300, None, [2, 150, 300]),
        (1500, None, 5, [2, 1500, 5]),
        (40, 40, None, [2]),  # as many as there are
        (40, 50, None, [2, 50]),
        (40, None, None, [2, 100_000]),
        (40, 50, 1, [2, 50]),  # no more seeds than there are
        (None, None, None, [2]),
        (None, None, 4, [2, 4]),
    ],
)
def test_the_advice_has_what_would_settle_it(
    low: int | None, high: int | None, seeds: int | None, shown: list[float]
) -> None:
    found = decide(NEAR, plan=Plan(difference=0.02, images_low=low, images_high=high, seeds=seeds))
    assert numbers(found.advice.replace(",", "")) == shown


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


def test_a_command_in_the_answer_has_no_path_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segarena.formats.called_program", lambda: ["/opt/venv/bin/segarena"])
    found = decide({"unet": [0.1], "fcn": [0.05]}, data="my data")
    assert "`segarena check 'my data'`" in found.advice
