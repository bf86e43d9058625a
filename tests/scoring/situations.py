"""Situations that a verdict can meet, as scores and statistics, each with what may be claimed."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

from sample_records import model_row
from segarena.records.comparison import Answer, RankedModel
from segarena.records.statistics import Difference, Interval, ScoreInterval, Statistics
from segarena.scoring.ranking import rank
from segarena.scoring.setting import Setting
from segarena.scoring.statistics import what_is_shown
from segarena.scoring.verdict import answer

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


def statistics(scores: Scores, half: float, retrained: float | None, units: int, unit: str) -> Statistics | None:
    """Differences with intervals of `half` on both sides, and `retrained` for repeated training."""
    means = {model: sum(mious) / len(mious) for model, mious in scores.items() if None not in mious}
    names = sorted(means, key=lambda name: -means[name])
    pairs = tuple(
        Difference(
            first=a,
            second=b,
            difference=means[a] - means[b],
            networks=interval(means[a] - means[b], half),
            architectures=None if retrained is None else interval(means[a] - means[b], retrained),
            practically_equal=means[a] - means[b] + (retrained or half) <= 0.01,
            noise_survived=None,
        )
        for a, b in itertools.combinations(names, 2)
    )
    if not names:
        return None
    claim, candidates = what_is_shown(names, pairs, units, 0.05)
    return Statistics(
        unit=unit,
        units=units,
        alpha=0.05,
        claim=claim,
        candidates=candidates,
        models=tuple(ScoreInterval(model=n, miou=means[n], low=None, high=None, by_seed=()) for n in names),
        pairs=pairs,
        f1=(),
        classes=(),
        plan=None,
        rare_classes=(),
        false_classes=(),
    )


def interval(difference: float, half: float) -> Interval:
    p = 0.01 if difference > half else 0.5
    return Interval(low=difference - half, high=difference + half, p=p, p_holm=p)


def decide(
    scores: Scores, folds: int | None = None, half: float = 0.02, retrained: float | None = None, **setting: Any
) -> Answer:
    """The answer where differences are clear from `half` on, and for architectures from `retrained` on."""
    setting = {**SETTING, **setting}
    units, unit = setting.pop("units", setting["images"]), setting.pop("unit", "image")
    changes = {key: setting.pop(key) for key in ("plan", "baseline_lead") if key in setting}
    survived = setting.pop("noise_survived", None)
    shown = statistics(scores, half, retrained, units, unit)
    if shown is not None and survived is not None:
        changes["pairs"] = tuple(replace(pair, noise_survived=survived) for pair in shown.pairs)
    shown = None if shown is None else replace(shown, **changes)
    return answer(ranked(scores, folds), Setting(**{"statistics": shown, **setting}))


CLEAR: Scores = {"unet": [0.712], "fcn": [0.65]}
NEAR: Scores = {"unet": [0.71], "fcn": [0.70]}
THREE: Scores = {"unet": [0.70, 0.72, 0.71], "fcn": [0.60, 0.66, 0.61]}

#: scores, what differs in the setting, claim, best, candidates
SITUATIONS: dict[str, tuple[Scores, dict[str, Any], str, str | None, tuple[str, ...]]] = {
    "one model": ({"unet": [0.7]}, {}, "single_model", "unet", ("unet",)),
    "one model, several seeds": ({"unet": [0.7, 0.6]}, {}, "single_model", "unet", ("unet",)),
    "all others without a score": ({"unet": [0.7], "fcn": [None]}, {}, "single_model", "unet", ("unet",)),
    "a clear lead, one seed": (CLEAR, {}, "best_network", "unet", ("unet",)),
    "a clear lead, a model without a score": (CLEAR | {"pspnet": [None]}, {}, "best_network", "unet", ("unet",)),
    "an unclear lead, one seed": (NEAR, {}, "undecided", None, ("unet", "fcn")),
    "a small lead on many images": (NEAR, {"half": 0.005}, "best_network", "unet", ("unet",)),
    "a tie": ({"unet": [0.7], "pspnet": [0.5], "fcn": [0.7]}, {}, "undecided", None, ("unet", "fcn")),
    "all level": ({"fcn": [0.7], "pspnet": [0.7], "unet": [0.7]}, {}, "undecided", None, ("fcn", "pspnet", "unet")),
    "practically equal": ({"unet": [0.701], "fcn": [0.7]}, {"half": 0.004}, "undecided", None, ("unet", "fcn")),
    "two seeds, unclear when trained again": (
        {"unet": [0.7, 0.71], "fcn": [0.6, 0.61]},
        {"retrained": 0.2},
        "best_network",
        "unet",
        ("unet",),
    ),
    "three seeds": (THREE, {"retrained": 0.04}, "best_architecture", "unet", ("unet",)),
    "three seeds, another with one": (THREE | {"pspnet": [0.6]}, {}, "best_network", "unet", ("unet",)),
    "three seeds, unclear": (THREE, {"half": 0.1, "retrained": 0.12}, "undecided", None, ("unet", "fcn")),
    "the third one may be as good": (
        {"unet": [0.75, 0.75], "pspnet": [0.7, 0.7], "fcn": [0.74, 0.74]},
        {"retrained": 0.03},
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
    "a lead over the baseline that may be chance": (
        {"unet": [0.2], "fcn": [0.1]},
        {"baseline_lead": interval(0.08, 0.09)},
        "no_better_than_baseline",
        None,
        (),
    ),
    "seeds above the baseline by what may be chance": (
        {"unet": [0.19, 0.21], "fcn": [0.1, 0.1]},
        {"baseline_lead": interval(0.08, 0.09), "retrained": 0.03},
        "no_better_than_baseline",
        None,
        (),
    ),
    "a lead over the baseline that is clear": (
        {"unet": [0.2], "fcn": [0.1]},
        {"baseline_lead": interval(0.08, 0.07)},
        "best_network",
        "unet",
        ("unet",),
    ),
    "four images, a lead over the baseline": (
        {"unet": [0.5], "fcn": [0.4]},
        {"baseline_lead": interval(0.38, 0.5), "images": 4},
        "undecided",
        None,
        ("unet", "fcn"),
    ),
    "one model near the baseline": ({"unet": [0.13]}, {}, "no_better_than_baseline", None, ()),
    "two points above the baseline": ({"unet": [0.14], "fcn": [0.01]}, {}, "best_network", "unet", ("unet",)),
    "no baseline": (CLEAR, {"baseline_miou": math.nan}, "best_network", "unet", ("unet",)),
    "four images": (CLEAR, {"images": 4}, "undecided", None, ("unet", "fcn")),
    "four groups": (CLEAR, {"units": 4, "unit": "group"}, "undecided", None, ("unet", "fcn")),
    "one model on four images, a lead over the baseline": (
        {"unet": [0.5]},
        {"baseline_lead": interval(0.38, 0.5), "images": 4},
        "single_model",
        "unet",
        ("unet",),
    ),
    "four images, below the baseline": (
        CLEAR,
        {"images": 4, "baseline_miou": 0.8},
        "no_better_than_baseline",
        None,
        (),
    ),
    "no statistics": (CLEAR, {"statistics": None}, "undecided", None, ("unet", "fcn")),
    "validation images": (CLEAR, {"split": "val"}, "best_network", "unet", ("unet",)),
    "folds": (CLEAR, {"folds": 5, "retrained": 0.03}, "best_architecture", "unet", ("unet",)),
    "folds, unclear for other parts": (CLEAR, {"folds": 5, "retrained": 0.2}, "best_network", "unet", ("unet",)),
    "a class that no model finds": (CLEAR, {"missed": ["boat"]}, "best_network", "unet", ("unet",)),
    "no score": ({"unet": [None], "fcn": [None]}, {}, "no_score", None, ()),
}
