"""Scores from counts: the formulas, the conventions, and the pitfalls of the field by name."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torchmetrics.functional import classification as reference

from segarena.classes import IGNORE_INDEX
from segarena.scoring.counts import confusion_per_image
from segarena.scoring.scores import class_counts, majority_baseline_scores, score, to_metrics
from segarena.scoring.statistics import analyse

# IoU 0.9, IoU 0.6, and a class that neither the truth nor the prediction holds
WITH_ABSENT_CLASS = [[18, 2, 0], [0, 3, 0], [0, 0, 0]]
MEANS = ["miou", "mean_f1", "mean_precision", "mean_recall"]
SCORES = ["iou", "f1", "precision", "recall"]

confusions_of_some_images = st.integers(1, 5).flatmap(
    lambda classes: arrays(
        np.int64,
        st.integers(1, 4).map(lambda images: (images, classes, classes)),
        elements=st.one_of(st.just(0), st.integers(0, 1000)),
    )
)
few = settings(deadline=None, max_examples=80)


def counts(*confusions) -> np.ndarray:
    return np.array(confusions, dtype=np.int64)


def test_class_counts_of_one_matrix_and_of_many():
    tp, fp, fn = class_counts(counts([1, 2], [3, 4]))
    assert (tp.tolist(), fp.tolist(), fn.tolist()) == ([1, 4], [3, 2], [2, 3])
    many = class_counts(counts([[1, 2], [3, 4]], [[0, 0], [5, 0]]))
    assert [part.tolist() for part in many] == [[[1, 4], [0, 0]], [[3, 2], [5, 0]], [[2, 3], [0, 5]]]


def test_hand_computed_scores():
    scores = score(counts([[6, 2], [1, 3]]))
    assert scores.per_class.iou == pytest.approx([6 / 9, 3 / 6])
    assert scores.per_class.precision == pytest.approx([6 / 7, 3 / 5])
    assert scores.per_class.recall == pytest.approx([6 / 8, 3 / 4])
    assert scores.per_class.f1 == pytest.approx([12 / 15, 6 / 9])
    assert scores.miou == pytest.approx((6 / 9 + 3 / 6) / 2)
    assert scores.mean_f1 == pytest.approx((12 / 15 + 6 / 9) / 2)
    assert scores.pixel_accuracy == pytest.approx(9 / 12)
    assert scores.frequency_weighted_iou == pytest.approx((8 * 6 / 9 + 4 * 3 / 6) / 12)
    assert (scores.pixels, scores.images, scores.undefined_classes) == (12, 1, 0)


def test_absent_classes_are_undefined_left_out_of_the_mean_and_counted():
    scores = score(counts(WITH_ABSENT_CLASS))
    assert scores.miou == pytest.approx(0.75)  # 0.83 where 0 / 0 is 1, 0.50 where it is 0
    assert scores.undefined_classes == 1
    for name in SCORES:
        assert np.isnan(getattr(scores.per_class, name)).tolist() == [False, False, True]
    assert scores.frequency_weighted_iou == pytest.approx((20 * 0.9 + 3 * 0.6) / 23)


def test_a_present_class_never_predicted_scores_0_and_stays_in_each_mean():
    scores = score(counts([[90, 0], [10, 0]]))
    assert [getattr(scores.per_class, name)[1] for name in SCORES] == [0, 0, 0, 0]
    assert scores.miou == pytest.approx(0.45)
    assert scores.mean_f1 == pytest.approx(180 / 190 / 2)  # 0.947 where the class is dropped as NaN
    assert scores.mean_precision == pytest.approx(0.45)
    assert scores.undefined_classes == 0


def test_a_class_without_truth_is_undefined_also_where_it_is_predicted():
    scores = score(counts([[81, 9, 0], [0, 0, 0], [0, 0, 10]]), background=0)
    for name in SCORES:
        assert np.isnan(getattr(scores.per_class, name)).tolist() == [False, True, False]
    assert scores.miou == pytest.approx((0.9 + 1) / 2)  # 0.633 where the class counts as 0
    assert scores.mean_f1 == pytest.approx((162 / 171 + 1) / 2)
    assert scores.mean_precision == 1.0
    assert scores.mean_recall == pytest.approx((0.9 + 1) / 2)
    assert [getattr(scores, f"{name}_without_background") for name in MEANS] == [1.0] * 4
    assert scores.frequency_weighted_iou == pytest.approx((90 * 0.9 + 10 * 1) / 100)
    assert (scores.per_class.fp.tolist(), scores.per_class.fn.tolist()) == ([0, 9, 0], [9, 0, 0])
    assert (scores.undefined_classes, scores.false_classes) == (1, (1,))
    content = to_metrics(scores, "abc", split="test").to_json()
    assert content["false_classes"] == ["b"]
    assert content["per_class"]["b"] == dict.fromkeys(SCORES) | {"tp": 0, "fp": 9, "fn": 0}


def test_the_mean_over_images_counts_a_class_only_predicted_in_one():
    scores = score(counts([[8, 2], [0, 0]], [[0, 0], [0, 10]]))
    assert scores.mean_image_iou == pytest.approx((0.8 / 2 + 1) / 2)
    assert score(counts([[8, 2], [0, 0]])).mean_image_iou == pytest.approx(0.8 / 2)


@pytest.mark.parametrize("seed", range(5))
def test_models_are_scored_over_one_class_set_that_of_the_statistics(seed):
    """Models and the majority baseline on the same masks, some classes in none of them but predicted."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 60, (6, 4)) * (random.random(4) < 0.6)
    truth[0, 0] += 1
    models = {}
    for name in ("unet", "fcn"):
        shares = random.dirichlet(np.ones(4), (6, 4))
        models[name] = np.array(
            [[random.multinomial(n, p) for n, p in zip(*one, strict=True)] for one in zip(truth, shares, strict=True)]
        )
    tables = [
        pd.DataFrame(
            {"model": name, "seed": 0, "image": str(image), "class": list("abcd"), "tp": tp, "fp": fp, "fn": fn}
        )
        for name, confusions in models.items()
        for image, (tp, fp, fn) in enumerate(zip(*class_counts(confusions), strict=True))
    ]
    found = analyse(pd.concat(tables, ignore_index=True))
    scores = {name: score(confusions) for name, confusions in models.items()}
    assert {one.model: one.miou for one in found.models} == pytest.approx({n: s.miou for n, s in scores.items()})
    assert abs(scores["unet"].miou - scores["fcn"].miou) == pytest.approx(found.pairs[0].difference)
    f1 = abs(scores["unet"].mean_f1 - scores["fcn"].mean_f1)
    assert f1 == pytest.approx(found.f1[0].difference)
    assert set(found.false_classes) == {"abcd"[index] for one in scores.values() for index in one.false_classes}
    absent = (truth.sum(axis=0) == 0).tolist()
    for one in (*scores.values(), majority_baseline_scores(models["unet"], 3)):
        assert np.isnan(one.per_class.iou).tolist() == absent
        assert one.undefined_classes == sum(absent)


def test_averages_over_images_are_not_reported_as_miou():
    scores = score(counts([[1, 0], [0, 1]], [[2, 1], [1, 2]]))
    assert scores.miou == pytest.approx(0.60)
    assert scores.mean_image_iou == pytest.approx(0.75)


def test_batches_change_no_score():
    images = np.random.default_rng(0).integers(0, 50, (6, 3, 3))
    assert score(images).miou == score(images[:4].sum(axis=0)[None] + images[4:].sum(axis=0)[None]).miou
    assert score(images).miou == score(images[::-1]).miou


def test_ignoring_background_keeps_the_false_positives_on_background():
    scores = score(counts([[50, 50], [0, 10]]), background=0)
    assert scores.miou_without_background == pytest.approx(10 / 60)  # its recall, 1.0, where the labels are masked out
    assert scores.mean_precision_without_background == pytest.approx(10 / 60)
    assert scores.mean_recall_without_background == 1.0
    assert scores.mean_f1_without_background == pytest.approx(20 / 70)


def test_background_is_a_class_like_any_other_in_the_headline():
    images = counts([[50, 50], [0, 10]])
    assert score(images, background=0).miou == score(images).miou == pytest.approx((50 / 100 + 10 / 60) / 2)


def test_means_without_background_are_undefined_where_the_data_has_none():
    scores = score(counts([[5, 1], [2, 3]]))
    assert all(np.isnan(getattr(scores, f"{name}_without_background")) for name in MEANS)


def test_mean_image_iou_leaves_out_absent_classes_and_void_images():
    perfect_on_one_class = [[7, 0, 0], [0, 0, 0], [0, 0, 0]]
    all_void = np.zeros((3, 3), dtype=np.int64)
    scores = score(counts(perfect_on_one_class, all_void, WITH_ABSENT_CLASS))
    assert scores.mean_image_iou == pytest.approx((1.0 + 0.75) / 2)
    assert (scores.images, scores.void_images) == (3, 1)


@pytest.mark.parametrize("images", [0, 2])
def test_without_a_counted_pixel_every_score_is_undefined(images):
    scores = score(np.zeros((images, 3, 3), dtype=np.int64), background=0)
    fractions = [value for value in vars(scores).values() if isinstance(value, float)]
    assert len(fractions) == 11
    assert np.isnan(fractions).all()
    assert (scores.undefined_classes, scores.pixels, scores.void_images) == (3, 0, images)
    assert scores.false_classes == ()


def test_the_majority_baseline_is_scored_on_the_truth_alone():
    truth = [70, 20, 10]
    good, bad = np.diag(truth)[None], np.fliplr(np.diag(truth))[None]
    for confusions in (good, bad):
        baseline = majority_baseline_scores(confusions, 0, background=0)
        assert baseline.per_class.iou.tolist() == [0.7, 0, 0]
        assert baseline.miou == pytest.approx(0.7 / 3)
        assert baseline.pixel_accuracy == pytest.approx(0.7)
        assert baseline.confusion.sum(axis=1).tolist() == truth
        assert baseline.miou_without_background == 0


def test_the_majority_baseline_may_predict_an_absent_class():
    baseline = majority_baseline_scores(counts([[4, 0, 0], [0, 4, 0], [0, 0, 0]]), 2)
    assert baseline.miou == 0
    assert (baseline.undefined_classes, baseline.false_classes) == (1, (2,))


def test_the_majority_baseline_may_predict_a_class_per_image():
    truths = np.array([[6, 2], [1, 3]])
    baseline = majority_baseline_scores(np.array([np.diag(truth) for truth in truths]), [0, 1])
    assert baseline.confusion.tolist() == [[6, 1], [2, 3]]


def torchmetrics_scores(prediction, truth, classes, average):
    options = {"num_classes": classes, "average": average, "ignore_index": IGNORE_INDEX}
    return {
        "iou": reference.multiclass_jaccard_index(prediction, truth, **options),
        "f1": reference.multiclass_f1_score(prediction, truth, **options),
        "precision": reference.multiclass_precision(prediction, truth, **options),
        "recall": reference.multiclass_recall(prediction, truth, **options),
    }


@pytest.mark.parametrize("seed", range(6))
def test_scores_equal_torchmetrics(seed):
    generator = torch.Generator().manual_seed(seed)
    classes = 7
    # class 6 absent from both, class 5 never predicted, class 4 never in the truth: for some of the seeds
    truth = torch.randint(0, 6, (3, 15, 16), generator=generator)
    prediction = torch.where(torch.rand(truth.shape, generator=generator) < 0.6, truth, (truth + seed) % classes)
    if seed % 2:
        prediction[prediction == 5] = 0
        truth[truth == 4] = 1
    truth[:, :2] = IGNORE_INDEX
    scores = score(confusion_per_image(prediction, truth, classes).numpy())
    present = [index in truth for index in range(classes)]

    by_average = {average: torchmetrics_scores(prediction, truth, classes, average) for average in ("none", "macro")}
    for name, expected in by_average["none"].items():
        mean = scores.miou if name == "iou" else getattr(scores, f"mean_{name}")
        assert np.nan_to_num(getattr(scores.per_class, name)) == pytest.approx(expected.numpy(), abs=1e-6)
        assert mean == pytest.approx(expected[torch.tensor(present)].mean().item(), abs=1e-6)
        # torchmetrics' mean also counts a class that is only predicted, as 0
        counted = sum(present) + len(scores.false_classes)
        assert by_average["macro"][name].item() == pytest.approx(mean * sum(present) / counted, abs=1e-6)
    weighted = torchmetrics_scores(prediction, truth, classes, "weighted")["iou"]
    assert scores.frequency_weighted_iou == pytest.approx(weighted.item(), abs=1e-6)
    accuracy = reference.multiclass_accuracy(prediction, truth, classes, average="micro", ignore_index=IGNORE_INDEX)
    assert scores.pixel_accuracy == pytest.approx(accuracy.item(), abs=1e-6)


def test_scores_equal_sets_of_pixels():
    """IoU as Jaccard wrote it, on sets; precision and recall likewise."""
    generator = np.random.default_rng(3)
    truth, prediction = generator.integers(0, 4, (2, 2, 9, 9))
    scores = score(confusion_per_image(torch.tensor(prediction), torch.tensor(truth), 4).numpy())
    for index in range(4):
        labelled = {tuple(place) for place in np.argwhere(truth == index)}
        predicted = {tuple(place) for place in np.argwhere(prediction == index)}
        both = len(labelled & predicted)
        assert scores.per_class.iou[index] == pytest.approx(both / len(labelled | predicted))
        assert scores.per_class.f1[index] == pytest.approx(2 * both / (len(labelled) + len(predicted)))
        assert scores.per_class.precision[index] == pytest.approx(both / len(predicted))
        assert scores.per_class.recall[index] == pytest.approx(both / len(labelled))


@few
@given(confusions_of_some_images)
def test_f1_and_iou_are_one_score_in_two_scales(confusions):
    per_class = score(confusions).per_class
    assert per_class.f1 == pytest.approx(2 * per_class.iou / (1 + per_class.iou), nan_ok=True)


@few
@given(confusions_of_some_images, st.randoms(use_true_random=False))
def test_reordering_the_classes_changes_no_mean(confusions, random):
    order = list(range(confusions.shape[1]))
    random.shuffle(order)
    before, after = score(confusions), score(confusions[:, order][:, :, order])
    for name, values in vars(before.per_class).items():
        assert np.array_equal(getattr(after.per_class, name), values[order], equal_nan=values.dtype.kind == "f")
    for name in [*MEANS, "pixel_accuracy", "frequency_weighted_iou", "mean_image_iou"]:
        assert getattr(after, name) == pytest.approx(getattr(before, name), nan_ok=True)


@few
@given(confusions_of_some_images)
def test_merging_the_images_changes_only_the_mean_over_images(confusions):
    apart, merged = score(confusions), score(confusions.sum(axis=0)[None])
    for name in [*MEANS, "pixel_accuracy", "frequency_weighted_iou"]:
        assert getattr(merged, name) == pytest.approx(getattr(apart, name), nan_ok=True, abs=0)
    present, false = confusions.shape[1] - apart.undefined_classes, len(apart.false_classes)
    expected = apart.miou * present / (present + false) if present else np.nan
    assert merged.mean_image_iou == pytest.approx(expected, nan_ok=True)


@few
@given(confusions_of_some_images)
def test_scores_are_fractions_and_iou_is_the_lowest(confusions):
    scores = score(confusions, background=0)
    fractions = np.array([value for value in vars(scores).values() if isinstance(value, float)])
    assert ((fractions >= 0) & (fractions <= 1) | np.isnan(fractions)).all()
    defined = ~np.isnan(scores.per_class.iou)
    assert (scores.per_class.iou <= scores.per_class.precision)[defined].all()
    assert (scores.per_class.iou <= scores.per_class.recall)[defined].all()
    assert scores.pixels == confusions.sum()


@few
@given(confusions_of_some_images)
def test_a_perfect_prediction_scores_1(confusions):
    perfect = confusions * np.eye(confusions.shape[1], dtype=np.int64)
    scores = score(perfect)
    expected = 1.0 if perfect.any() else np.nan
    assert [scores.miou, scores.mean_f1, scores.mean_image_iou] == pytest.approx([expected] * 3, nan_ok=True)


def test_metrics_json_has_what_docs_metrics_promises():
    scores = score(counts(WITH_ABSENT_CLASS, np.zeros((3, 3))), background=0)
    content = to_metrics(scores, ["background", "road", "pole"], split="test").to_json()
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert content["miou"] == pytest.approx(0.75)
    assert content["miou_without_background"] == pytest.approx(0.6)
    assert content["per_class"]["road"] == {
        "iou": pytest.approx(0.6), "precision": pytest.approx(0.6), "recall": 1.0, "f1": pytest.approx(0.75),
        "tp": 3, "fp": 2, "fn": 0,
    }  # fmt: skip
    assert content["per_class"]["pole"] == dict.fromkeys(SCORES) | {"tp": 0, "fp": 0, "fn": 0}
    assert content["confusion"] == WITH_ABSENT_CLASS
    assert (content["images"], content["void_images"], content["pixels"], content["undefined_classes"]) == (2, 1, 23, 1)


@pytest.mark.parametrize("names", [["a", "b"], ["a", "b", "a"]])
def test_class_names_that_do_not_fit_the_classes_are_refused(names):
    with pytest.raises(ValueError, match="needs 3 different class names"):
        to_metrics(score(counts(WITH_ABSENT_CLASS)), names, split="test")


@pytest.mark.parametrize(
    ("confusions", "background", "message"),
    [
        (np.zeros((2, 2), dtype=np.int64), None, r"\(N, C, C\)"),
        (np.zeros((1, 2, 3), dtype=np.int64), None, r"\(N, C, C\)"),
        (np.zeros((1, 2, 2)), None, "integers"),
        (np.full((1, 2, 2), -1), None, "from 0 up"),
        (np.zeros((1, 2, 2), dtype=np.int64), 2, "background 2 is outside 0..1"),
    ],
)
def test_what_is_not_counts_is_refused(confusions, background, message):
    with pytest.raises(ValueError, match=message):
        score(confusions, background=background)


def test_a_majority_class_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="most_frequent_class 3 is outside"):
        majority_baseline_scores(counts(WITH_ABSENT_CLASS), 3)
    with pytest.raises(ValueError, match="most_frequent_class -1 is outside"):
        majority_baseline_scores(np.ones((2, 3, 3), dtype=np.int64), [0, -1])
