"""The ranking and the verdict: it never claims more than the seeds show."""

import itertools
import math
from dataclasses import replace

import pytest

from sample_records import model_row
from segarena.records.comparison import RankedModel
from segarena.scoring.verdict import rank, verdict

NAN = math.nan


def ranked(**scores: list[float | None]) -> list[RankedModel]:
    """One model for each keyword, with its mIoU for each seed."""
    return rank([model_row(model, seed, miou) for model, mious in scores.items() for seed, miou in enumerate(mious)])


def say(split="test", images=140, baseline_miou=0.12, titles=None, **scores) -> str:
    return verdict(ranked(**scores), split=split, images=images, baseline_miou=baseline_miou, titles=titles)


def ranked_folds(**mious: list[float | None]) -> list[RankedModel]:
    """One model for each keyword, with one seed and its mIoU for each fold; the mIoU of all folds is their mean."""
    means = {model: [sum(miou or 0 for miou in values) / len(values)] for model, values in mious.items()}
    return [replace(entry, fold_mious=tuple(mious[entry.model])) for entry in ranked(**means)]


def test_models_are_ranked_by_their_mean_over_the_seeds():
    ranking = ranked(fcn=[0.5, 0.6], unet=[0.7, 0.65], pspnet=[0.9, 0.4])
    assert [entry.model for entry in ranking] == ["unet", "pspnet", "fcn"]
    assert ranking[1].miou == pytest.approx(0.65)
    assert (ranking[1].lowest_miou, ranking[1].highest_miou, ranking[1].seeds) == (0.4, 0.9, (0, 1))


def test_scores_and_costs_are_averaged_and_counts_stay_whole():
    (entry,) = rank([model_row("unet", 3, epochs=10, params=31), model_row("unet", 1, epochs=15, params=31)])
    assert (entry.epochs, entry.params, entry.seeds) == (12.5, 31, (1, 3))
    assert isinstance(entry.params, int)


def test_a_value_that_one_seed_lacks_has_no_mean():
    (entry,) = rank([model_row("unet", seed, peak_memory_mib=mib) for seed, mib in enumerate([8.0, None])])
    assert entry.peak_memory_mib is None


def test_a_model_without_a_score_for_one_seed_is_last():
    ranking = ranked(unet=[0.9, None], fcn=[0.5, 0.5], pspnet=[0.6, 0.6])
    assert [entry.model for entry in ranking] == ["pspnet", "fcn", "unet"]
    assert (ranking[2].miou, ranking[2].lowest_miou, ranking[2].highest_miou) == (None, None, None)


def test_equal_models_keep_the_order_of_the_rows():
    assert [entry.model for entry in ranked(unet=[0.5], fcn=[0.5], pspnet=[0.5])] == ["unet", "fcn", "pspnet"]


def test_a_seed_given_twice_is_refused():
    with pytest.raises(ValueError, match="unet.* seed twice"):
        rank([model_row("unet"), model_row("unet")])


def test_one_seed_gives_order_and_gaps_and_calls_no_difference_real():
    assert say(fcn=[0.65], unet=[0.712], pspnet=[0.699]) == (
        "On 140 test images unet is first with 71.2% mIoU, ahead of pspnet by 1.3 and fcn by 6.2 points. "
        "Each model was trained with one seed, so training noise was not measured and no difference can be called "
        "real; repeat with 3 seeds or more."
    )


def test_a_model_with_one_seed_beside_models_with_more_is_named():
    sentence = say(unet=[0.7, 0.71], fcn=[0.6])
    assert "fcn was trained with one seed" in sentence
    assert "every one of" not in sentence


@pytest.mark.parametrize(
    ("scores", "named"),
    [
        ({"unet": [0.70, 0.72, 0.71], "pspnet": [0.70, 0.705, 0.69], "fcn": [0.5] * 3}, "pspnet (69.0 to 70.5%)"),
        ({"unet": [0.70, 0.72], "fcn": [0.70, 0.65]}, "fcn (65.0 to 70.0%)"),  # ranges that touch
        ({"unet": [0.70, 0.72], "pspnet": [0.69, 0.69], "fcn": [0.71, 0.60]}, "fcn (60.0 to 71.0%)"),  # the third one
    ],
)
def test_seed_ranges_that_overlap_leave_the_order_open(scores, named):
    sentence = say(**scores)
    assert sentence.endswith(f"unet (70.0 to 72.0%) and {named} overlap: the order between them is not settled.")


def test_separate_seed_ranges_are_not_called_significant():
    sentence = say(unet=[0.70, 0.72, 0.71, 0.70], fcn=[0.66, 0.65, 0.64, 0.66], pspnet=[0.5, 0.5, 0.5, 0.68])
    assert sentence.endswith(
        "unet was higher with every one of the 4 seeds: its lowest, 70.0%, is above the highest of the others, 68.0%."
    )
    assert "significan" not in sentence


@pytest.mark.parametrize("seeds", [2, 3])
def test_few_seeds_come_with_the_chance_that_equal_models_separate(seeds):
    """The chance is counted: all ways to assign the scores, and those in which one model has the best ones."""
    ways = list(itertools.combinations(range(2 * seeds), seeds))
    separate = [way for way in ways if way in (tuple(range(seeds)), tuple(range(seeds, 2 * seeds)))]
    sentence = say(unet=[0.7] * seeds, fcn=[0.6] * seeds)
    assert sentence.endswith(f"separate like this by chance 1 time in {len(ways) // len(separate)}.")


def test_scores_of_validation_images_are_called_too_high():
    assert say(split="val", unet=[0.7], fcn=[0.6]).startswith(
        "On 140 validation images (also used to select each model's best epoch, so every score is somewhat too high) "
    )
    assert "too high" not in say(split="test", unet=[0.7], fcn=[0.6])


@pytest.mark.parametrize("best", [0.12, 0.05])
@pytest.mark.parametrize("seeds", [1, 3])
def test_no_order_is_given_where_no_model_beats_the_baseline(best, seeds):
    sentence = say(unet=[best] * seeds, fcn=[0.01] * seeds, baseline_miou=0.12)
    assert sentence.startswith("NO MODEL BEATS THE BASELINE")
    assert f"{100 * best:.1f}%" in sentence
    assert "12.0%" in sentence
    assert "first" not in sentence


@pytest.mark.parametrize("baseline", [NAN, None, 0.12])
def test_a_model_above_the_baseline_or_without_one_is_ranked(baseline):
    assert "unet is first" in say(unet=[0.13], fcn=[0.11], baseline_miou=baseline)


@pytest.mark.parametrize(
    ("unet", "warned"), [([0.125], True), ([0.14], False), ([0.3, 0.12], True), ([0.3, 0.2], False)]
)
def test_a_winner_that_hardly_learned_anything_is_warned_about(unet, warned):
    """Above the baseline by less than a point, or not above it with one of the seeds."""
    for scores in ({"unet": unet}, {"unet": unet, "fcn": [0.01] * len(unet)}):
        sentence = say(**scores, baseline_miou=0.12)
        assert ("class reaches 12.0%: hardly anything was learned" in sentence) is warned


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        (
            {"unet": [0.7], "pspnet": [0.6], "fcn": [0.7]},
            "unet and fcn are level at 70.0% mIoU, ahead of pspnet by 10.0 points.",
        ),
        ({"unet": [0.7], "fcn": [0.7]}, "unet and fcn are level at 70.0% mIoU. Each"),
        ({"unet": [0.7001], "fcn": [0.7]}, "ahead of fcn by under 0.1 points."),  # not 0.0
        ({"unet": [0.7], "fcn": [0.6], "pspnet": [None]}, "ahead of fcn by 10.0 points; pspnet has no score."),
        ({"unet": [0.7], "fcn": [None], "pspnet": [None]}, "reaches 70.0% mIoU; fcn and pspnet have no score."),
        ({"unet": [None], "fcn": [None]}, "No model has a score on the 140 test images"),
        ({"unet": [0.7]}, "On 140 test images unet reaches 70.0% mIoU. There is no other model"),
        ({"unet": [0.7, 0.6]}, "unet reaches 65.0% mIoU. There is no other model to compare it with; its 2 seeds give"),
    ],
)
def test_ties_missing_scores_and_a_single_model(scores, words):
    assert words in say(**scores)


def test_one_image_is_not_written_as_images():
    assert "On 1 test image unet" in say(images=1, unet=[0.7])


def test_an_unknown_split_and_an_empty_ranking_are_refused():
    with pytest.raises(ValueError, match="split must be"):
        say(split="train", unet=[0.7])
    with pytest.raises(ValueError, match="ranking is empty"):
        verdict([], split="test", images=3, baseline_miou=0.1)


@pytest.mark.parametrize(
    ("folds", "words"),
    [
        ({"unet": [0.7, 0.6, 0.65], "fcn": [0.5, 0.5, 0.5]}, "unet is first in each of the 3 folds."),
        # level in the second fold, undefined in the third, behind in the fourth
        ({"unet": [0.7, 0.6, 0.8, 0.6], "fcn": [0.5, 0.6, None, 0.65]}, "unet is first in 1 of the 4 folds."),
        ({"unet": [0.7, 0.6]}, "On 90 images in 2 folds"),
    ],
)
def test_folds_are_counted_in_which_the_first_model_is_first(folds, words):
    text = verdict(ranked_folds(**folds), split="test", images=90, baseline_miou=0.1)
    assert words in text
    assert "each tested by a model that was not trained on it, unet" in text
    assert "training noise was not measured" in text
    assert ("first in" in text) is (len(folds) > 1)


@pytest.mark.parametrize(
    "scores",
    [
        {"unet": [0.8], "fcn": [0.5]},
        {"unet": [0.8, 0.81, 0.82], "fcn": [0.5, 0.51, 0.52]},
        {"unet": [0.6, 0.8], "fcn": [0.5, 0.7]},
        {"unet": [0.5], "fcn": [0.5]},
        {"unet": [0.8], "fcn": [None]},
        {"unet": [0.05]},
    ],
)
def test_models_are_called_by_their_titles_and_never_by_their_names(scores):
    titles = {"unet": "U-Net", "fcn": "FCN"}
    with_folds = [replace(entry, fold_mious=(0.5, 0.6)) for entry in ranked(**scores)]
    given = {"split": "test", "images": 40, "baseline_miou": 0.1, "titles": titles}
    for sentence in (verdict(ranked(**scores), **given), verdict(with_folds, **given)):
        assert "U-Net" in sentence
        assert "unet" not in sentence
        assert "fcn" not in sentence
