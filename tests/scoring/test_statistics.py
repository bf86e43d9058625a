"""Intervals and tests of differences: the formulas against brute force, what they do not depend on, and the claims."""

from __future__ import annotations

import itertools
import time
from typing import Any

import numpy as np
import pandas as pd
import pytest
from count_tables import draw_counts
from scipy.stats import t as student

from segarena.records.statistics import Difference, Statistics
from segarena.reporting.differences import pair_result
from segarena.scoring.count_table import arrange
from segarena.scoring.intervals import architecture_p, architecture_width, network_p, network_width
from segarena.scoring.linearization import (
    Ratios,
    difference_variances,
    fold_variance,
    model_variances,
    parts_of_difference,
)
from segarena.scoring.statistics import analyse

THREE = {"unet": 1.4, "fcn": 1.0, "pspnet": 0.6}


def ratios(table: pd.DataFrame, *, f1: bool = False) -> dict[str, Ratios]:
    counts = arrange(table)
    if f1:
        return {name: Ratios(2 * counts.tp[name], counts.tp[name] + counts.union[name]) for name in counts.tp}
    return {name: Ratios(counts.tp[name], counts.union[name]) for name in counts.tp}


def keep(model: Ratios, units: np.ndarray) -> Ratios:
    return Ratios(model.top[:, units], model.bottom[:, units])


def difference(a: Ratios, b: Ratios) -> np.ndarray:
    return a.scores.mean(axis=0) - b.scores.mean(axis=0)


@pytest.mark.parametrize("seeds", [1, 3, {"unet": 2, "fcn": 4}])
@pytest.mark.parametrize("f1", [False, True])
def test_the_parts_of_the_units_sum_to_the_difference(seeds: Any, f1: bool) -> None:
    a, b = ratios(draw_counts(seeds=seeds, classes=4), f1=f1).values()
    assert parts_of_difference(a, b).sum(axis=0) == pytest.approx(difference(a, b), abs=1e-12)


def test_the_difference_is_that_of_the_scores_from_summed_counts() -> None:
    table = draw_counts(models=THREE, seeds=2)
    sums = table.groupby(["model", "seed", "class"])[["tp", "fp", "fn"]].sum()
    iou = (sums["tp"] / sums.sum(axis=1)).groupby("model").mean()
    f1 = (2 * sums["tp"] / (2 * sums["tp"] + sums["fp"] + sums["fn"])).groupby("model").mean()
    found = analyse(table)
    for pairs, scores in ((found.pairs, iou), (found.f1, f1)):
        for pair in pairs:
            assert pair.difference == pytest.approx(scores[pair.first] - scores[pair.second])
    assert {entry.model: entry.miou for entry in found.models} == pytest.approx(iou.to_dict())


@pytest.mark.parametrize("seeds", [1, 2])
def test_variance_of_the_images_is_that_of_jackknife_and_bootstrap(seeds: int) -> None:
    n = 400
    a, b = ratios(draw_counts(images=n, seeds=seeds, training=0.0)).values()
    found = difference_variances(a, b, None).images
    left_out = [difference(keep(a, kept), keep(b, kept)) for kept in (np.delete(np.arange(n), i) for i in range(n))]
    jackknife = (n - 1) / n * ((np.array(left_out) - np.mean(left_out, axis=0)) ** 2).sum(axis=0)
    assert found == pytest.approx(jackknife, rel=0.05)
    rng = np.random.default_rng(1)
    drawn = [rng.integers(n, size=n) for _ in range(1500)]
    bootstrap = np.var([difference(keep(a, units), keep(b, units)) for units in drawn], axis=0)
    assert found == pytest.approx(bootstrap, rel=0.15)


def test_the_variance_of_one_model_is_that_of_the_jackknife() -> None:
    n = 400
    model, _ = ratios(draw_counts(images=n)).values()
    found = model_variances(model, [model], None).images
    left_out = [keep(model, np.delete(np.arange(n), i)).scores.mean(axis=0) for i in range(n)]
    jackknife = (n - 1) / n * ((np.array(left_out) - np.mean(left_out, axis=0)) ** 2).sum(axis=0)
    assert found == pytest.approx(jackknife, rel=0.05)


def test_the_interaction_is_that_of_networks_that_err_on_different_images() -> None:
    """Networks that differ from their mean by known amounts in each image."""
    rng = np.random.default_rng(0)
    seeds, n, size = 400, 50, 1e6
    truth = np.full((seeds, n, 1), size)
    effect = rng.normal(0, 0.05, (seeds, n, 1))
    model = Ratios(size * (0.7 + effect + 0.1 * rng.normal(size=(1, n, 1))), truth)
    assert model.interaction[0] == pytest.approx(0.05**2 / n / seeds, rel=0.05)


def test_seeds_that_are_copies_add_nothing() -> None:
    one = draw_counts()
    copies = pd.concat([one, one.assign(seed=1), one.assign(seed=2)])
    [alone], [found] = analyse(one).pairs, analyse(copies).pairs
    assert alone.networks is not None
    assert found.networks is not None
    assert found.architectures is not None
    assert found.difference == pytest.approx(alone.difference)
    assert (found.networks.low, found.networks.p) == pytest.approx((alone.networks.low, alone.networks.p))
    assert (found.architectures.low, found.architectures.p) == pytest.approx((alone.networks.low, alone.networks.p))


def test_the_variance_over_folds_is_that_of_their_sums() -> None:
    parts = np.array([[1.0], [2.0], [4.0], [3.0]])
    # sums 3 and 7 around 5
    assert fold_variance(parts, np.array([0, 0, 1, 1])) == pytest.approx([2 * ((3 - 5) ** 2 + (7 - 5) ** 2)])


def as_values(pairs: tuple[Difference, ...]) -> dict[tuple[str, str], tuple[float, ...]]:
    values = {}
    for pair in pairs:
        both = (pair.networks, pair.architectures)
        values[pair.first, pair.second] = (
            pair.difference,
            *itertools.chain(*((one.low, one.high, one.p, one.p_holm) for one in both if one is not None)),
        )
    return values


def values(found: Statistics) -> dict[str, tuple[float, ...]]:
    tables = {"miou": found.pairs, "f1": found.f1, **{entry.class_name: entry.pairs for entry in found.classes}}
    return {f"{name} {a} {b}": row for name, pairs in tables.items() for (a, b), row in as_values(pairs).items()}


@pytest.mark.parametrize("seeds", [1, {"unet": 2, "fcn": 3, "pspnet": 3}])
def test_order_of_models_seeds_images_and_classes_does_not_matter(seeds: Any) -> None:
    table = draw_counts(models=THREE, seeds=seeds)
    expected, found = analyse(table), analyse(table.sample(frac=1, random_state=3))
    assert (found.claim, found.candidates) == (expected.claim, expected.candidates)
    found_values, expected_values = values(found), values(expected)
    assert found_values.keys() == expected_values.keys()
    for key, row in expected_values.items():
        assert found_values[key] == pytest.approx(row, abs=1e-9), key


@pytest.mark.parametrize("seeds", [1, 2, 3])
@pytest.mark.parametrize("folds", [None, 4])
def test_p_is_the_level_at_which_the_interval_ends_at_0(seeds: int, folds: int | None) -> None:
    table = draw_counts(models={"unet": 1.3, "fcn": 1.0}, seeds=seeds)
    counts = arrange(table.assign(fold=table["image"].str[5:].astype(int) % folds) if folds else table)
    a, b = (Ratios(counts.tp[name], counts.union[name]) for name in ("unet", "fcn"))
    variances, d = difference_variances(a, b, counts.folds), difference(a, b)
    for width, p in ((network_width, network_p), (architecture_width, architecture_p)):
        for target, level in enumerate(p(d, variances)):
            assert width(variances, level)[target] == pytest.approx(abs(d[target]), rel=1e-6)
    for alpha in (0.001, 0.05, 0.5):
        assert (architecture_width(variances, alpha) >= network_width(variances, alpha)).all()


def test_the_interval_of_networks_is_that_of_students_t() -> None:
    table = draw_counts()
    [pair] = analyse(table).pairs
    a, b = (ratios(table)[name] for name in (pair.first, pair.second))
    half = student.ppf(0.975, 19) * np.sqrt(difference_variances(a, b, None).images[0])
    assert pair.networks is not None
    assert (pair.networks.low, pair.networks.high) == pytest.approx((pair.difference - half, pair.difference + half))


def test_equal_models_have_no_difference() -> None:
    one = draw_counts(models={"unet": 1.0}, seeds=2)
    found = analyse(pd.concat([one, one.assign(model="fcn")]))
    [pair] = found.pairs
    assert (found.claim, pair.difference) == ("undecided", 0.0)
    assert pair.networks is not None
    assert pair.architectures is not None
    assert (pair.networks.p, pair.architectures.p) == (1.0, 1.0)


def test_models_are_practically_equal_if_the_interval_is_within_the_limit() -> None:
    table = draw_counts(training=0.0, images=200)
    [pair] = analyse(table).pairs
    assert pair.networks is not None
    farthest = max(-pair.networks.low, pair.networks.high)
    assert [analyse(table, equal_within=farthest * f).pairs[0].practically_equal for f in (0.99, 1.01)] == [False, True]


def test_a_single_class_and_a_single_image_are_no_errors() -> None:
    assert analyse(draw_counts(classes=1)).pairs[0].networks is not None
    found = analyse(draw_counts(images=1, seeds=2))
    assert (found.claim, found.pairs[0].networks, found.pairs[0].architectures) == ("too_few_units", None, None)
    assert found.models[0].low is None


def test_one_seed_of_one_model_gives_no_claim_on_architectures() -> None:
    found = analyse(draw_counts(models={"unet": 4.0, "fcn": 0.0}, seeds={"unet": 3, "fcn": 1}))
    assert found.pairs[0].architectures is None
    assert found.claim == "best_network"


@pytest.mark.parametrize(
    ("options", "claim"),
    [
        ({"models": {"unet": 3.0, "fcn": 0.0}, "seeds": 1}, "best_network"),
        ({"models": {"unet": 3.0, "fcn": 0.0}, "seeds": 3}, "best_architecture"),
        ({"models": {"unet": 3.0, "fcn": 0.0}, "seeds": 1, "folds": 5}, "best_architecture"),
        ({"models": {"unet": 1.3, "fcn": 1.0}, "seeds": 2, "training": 1.0, "seed": 3}, "best_network"),
        ({"models": {"unet": 1.0, "fcn": 1.0}, "training": 0.0}, "undecided"),
        ({"models": {"unet": 3.0, "fcn": 0.0}, "images": 4}, "too_few_units"),
        ({"models": {"unet": 3.0}}, "single_model"),
    ],
)
def test_what_is_claimed(options: dict[str, Any], claim: str) -> None:
    assert analyse(draw_counts(**options)).claim == claim


def test_the_first_is_best_only_if_it_beats_every_other_model() -> None:
    found = analyse(draw_counts(models={"unet": 2.0, "fcn": 2.0, "pspnet": 0.0}, training=0.0))
    assert found.claim == "undecided"
    assert set(found.candidates) == {"unet", "fcn"}
    for pair in found.pairs:
        assert pair.networks is not None
        assert pair.networks.p_holm >= pair.networks.p


def test_noise_survived_is_what_two_single_trainings_may_vary_by() -> None:
    """At that standard deviation the interval with known training noise ends at 0."""
    table = draw_counts(models={"unet": 3.0, "fcn": 0.0})
    [pair] = analyse(table).pairs
    a, b = (ratios(table)[name] for name in (pair.first, pair.second))
    images = network_width(difference_variances(a, b, None), 0.05)[0]
    assert pair.noise_survived is not None
    assert np.hypot(images, 1.959964 * np.sqrt(2) * pair.noise_survived) == pytest.approx(pair.difference, rel=1e-5)
    assert analyse(draw_counts(models={"unet": 3.0, "fcn": 0.0}, seeds=2)).pairs[0].noise_survived is None


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_interval_of_a_class_is_that_of_this_class_alone(seeds: int) -> None:
    table = draw_counts(models=THREE, seeds=seeds)
    found = analyse(table)
    for entry in found.classes:
        alone = {score.model: score for score in analyse(table[table["class"] == entry.class_name]).models}
        assert [score.model for score in entry.models] == [score.model for score in found.models]
        for score in entry.models:
            one = alone[score.model]
            assert (score.iou, score.low, score.high) == pytest.approx((one.miou, one.low, one.high))


@pytest.mark.slow
def test_a_large_comparison_takes_less_than_two_seconds_of_processor_time() -> None:
    """8 models, 5 seeds, 500 images, 20 classes; 0.5 s where it was measured."""
    table = draw_counts(models={f"model{i}": 1.0 for i in range(8)}, seeds=5, images=500, classes=20)
    start = time.process_time()
    assert len(analyse(table).pairs) == 28
    assert time.process_time() - start < 2


def test_groups_are_units() -> None:
    table = draw_counts(images=24, seeds=2)
    groups = {f"image{i}": f"patient{i // 3}" for i in range(24)}
    found = analyse(table, groups=groups)
    merged = table.assign(image=table["image"].map(groups)).groupby(["model", "seed", "image", "class"]).sum()
    assert (found.unit, found.units) == ("group", 8)
    assert values(found) == {key: pytest.approx(row) for key, row in values(analyse(merged.reset_index())).items()}


def test_rare_and_false_classes_are_named() -> None:
    table = draw_counts()
    table.loc[table["class"] == "class2", ["tp", "fn"]] = 0
    table.loc[(table["class"] == "class1") & ~table["image"].isin(["image1", "image2"]), ["tp", "fn"]] = 0
    found = analyse(table)
    assert (found.rare_classes, found.false_classes) == (("class1",), ("class2",))
    assert [entry.class_name for entry in found.classes] == ["class0", "class1"]


def test_the_lead_over_the_majority_baseline_is_that_of_its_scores() -> None:
    """Two folds whose training images have different most frequent classes."""
    table = draw_counts(models=THREE)
    answers = {f"image{i}": f"class{i % 2}" for i in range(20)}
    found = analyse(table, baseline=answers)
    one = table[(table["model"] == "unet")].assign(truth=table["tp"] + table["fn"])
    truth = one.pivot(index="image", columns="class", values="truth")
    ious = []
    for kind in truth:
        mine = truth.index.map(answers) == kind
        ious.append(truth[kind][mine].sum() / (truth[kind][~mine].sum() + truth[mine].to_numpy().sum()))
    best = max(entry.miou for entry in found.models)
    assert found.baseline_lead is not None
    middle = (found.baseline_lead.low + found.baseline_lead.high) / 2
    assert middle == pytest.approx(best - np.mean(ious))
    assert analyse(table).baseline_lead is None
    with pytest.raises(ValueError, match="'sky'"):
        analyse(table, baseline=answers | {next(iter(answers)): "sky"})


TABLE = draw_counts(models=THREE, images=6)


@pytest.mark.parametrize(
    ("table", "options", "words"),
    [
        (TABLE.drop(columns="fp"), {}, "'fp'"),
        (TABLE.iloc[:0], {}, "must have rows"),
        (TABLE.assign(tp=-1), {}, "0 up"),
        (TABLE.iloc[1:], {}, "one row for each"),
        (pd.concat([TABLE, TABLE.iloc[:1]]), {}, "one row for each"),
        (TABLE.assign(fn=TABLE["fn"] + (TABLE["model"] == "fcn")), {}, "true pixels of two models differ"),
        (TABLE.assign(tp=0, fn=0), {}, "no class has true pixels"),
        (TABLE, {"groups": {"image0": "a"}}, "'image1' has no group"),
        (TABLE, {"folds": {"image0": 1}}, "no fold"),
        (
            TABLE,
            {"groups": {f"image{i}": "a" for i in range(6)}, "folds": {f"image{i}": i for i in range(6)}},
            "more than",
        ),
    ],
)
def test_counts_that_cannot_be_compared_are_refused(table: pd.DataFrame, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        analyse(table, **options)


@pytest.mark.parametrize(("seeds", "lead", "draws"), [(1, 0.35, (13, 14, 16)), (2, 0.5, (15, 16, 51))])
def test_the_table_shows_the_first_model_ahead_where_that_is_claimed(
    seeds: int, lead: float, draws: tuple[int, ...]
) -> None:
    for draw in draws:
        models = {"unet": 1.0 + lead, "fcn": 1.0, "pspnet": 1.0, "deeplabv3": 1.0}
        found = analyse(draw_counts(models=models, seeds=seeds, seed=draw))
        rows = [pair for pair in found.pairs if pair.first == found.candidates[0]]
        assert found.claim == "best_network"
        assert max(pair.networks.p_holm for pair in rows if pair.networks) > found.alpha  # Holm alone leaves one open
        assert all(pair_result(pair, "U-Net", found).startswith("U-Net is higher") for pair in rows)
