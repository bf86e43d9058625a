"""The ranking and the sentence that a reader acts on: it never claims more than the seeds show."""

import itertools
import json
import math

import pytest

from segarena.scoring.verdict import rank, verdict

NAN = math.nan


def ranked(**scores: list[float | None]) -> list[dict]:
    return rank(
        [
            {"model": model, "seed": seed, "miou": value}
            for model, values in scores.items()
            for seed, value in enumerate(values)
        ]
    )


def say(split="test", images=140, trivial_miou=0.12, **scores) -> str:
    return verdict(ranked(**scores), split=split, images=images, trivial_miou=trivial_miou)


def models(ranking) -> list[str]:
    return [entry["model"] for entry in ranking]


def test_models_are_ranked_by_their_mean_over_the_seeds():
    ranking = ranked(fcn=[0.5, 0.6], unet=[0.7, 0.65], pspnet=[0.9, 0.4])
    assert models(ranking) == ["unet", "pspnet", "fcn"]
    assert ranking[1]["miou"] == pytest.approx(0.65)
    assert (ranking[1]["lowest_miou"], ranking[1]["highest_miou"], ranking[1]["seeds"]) == (0.4, 0.9, [0, 1])


def test_numeric_columns_are_averaged_and_words_left_out():
    rows = [
        {"model": "unet", "seed": 3, "miou": 0.5, "track": "encoder", "epochs": 10, "params": 31, "resumed": True},
        {"model": "unet", "seed": 1, "miou": 0.5, "track": "encoder", "epochs": 15, "params": 31, "resumed": True},
    ]
    (entry,) = rank(rows)
    assert entry == {
        "model": "unet",
        "miou": 0.5,
        "lowest_miou": 0.5,
        "highest_miou": 0.5,
        "seeds": [1, 3],
        "epochs": 12.5,
        "params": 31,
    }
    assert isinstance(entry["params"], int)


def test_a_column_with_a_missing_value_has_no_mean():
    rows = [
        {"model": "unet", "seed": seed, "miou": 0.5, "mib": mib, "none": None} for seed, mib in enumerate([8, None])
    ]
    (entry,) = rank(rows)
    assert math.isnan(entry["mib"])
    assert math.isnan(entry["none"])


@pytest.mark.parametrize("missing", [NAN, None])
def test_a_model_that_failed_with_one_seed_is_last_not_ranked_by_its_luckier_seeds(missing):
    ranking = ranked(unet=[0.9, missing], fcn=[0.5, 0.5], pspnet=[0.6, 0.6])
    assert models(ranking) == ["pspnet", "fcn", "unet"]
    assert all(math.isnan(ranking[2][key]) for key in ("miou", "lowest_miou", "highest_miou"))


def test_equal_models_keep_the_order_of_the_rows():
    assert models(ranked(unet=[0.5], fcn=[0.5], pspnet=[0.5])) == ["unet", "fcn", "pspnet"]


def test_a_seed_counted_twice_is_refused():
    row = {"model": "unet", "seed": 0, "miou": 0.5}
    with pytest.raises(ValueError, match="'unet' has a seed twice"):
        rank([row, row])


def test_one_seed_gives_the_order_and_the_gaps_and_calls_no_difference_real():
    assert say(fcn=[0.65], unet=[0.712], pspnet=[0.699]) == (
        "On 140 test images unet is first with 71.2% mIoU, ahead of pspnet by 1.3 and fcn by 6.2 points. "
        "Each model ran with one seed, so training noise was not measured and no difference can be called real; "
        "repeat with 3 seeds or more."
    )


def test_a_model_with_one_seed_beside_models_with_more_is_named():
    sentence = say(unet=[0.7, 0.71], fcn=[0.6])
    assert "fcn ran with one seed, so training noise was not measured" in sentence
    assert "every one of" not in sentence


def test_seed_ranges_that_overlap_leave_the_order_open():
    sentence = say(unet=[0.70, 0.72, 0.71], pspnet=[0.70, 0.705, 0.69], fcn=[0.5, 0.5, 0.5])
    assert sentence.endswith(
        "The seed ranges of unet (70.0 to 72.0%) and pspnet (69.0 to 70.5%) overlap: "
        "the order between them is not settled."
    )


def test_seed_ranges_that_touch_overlap():
    assert "is not settled" in say(unet=[0.70, 0.72], fcn=[0.70, 0.65])


def test_a_third_model_whose_range_reaches_the_winners_is_named_too():
    sentence = say(unet=[0.70, 0.72], pspnet=[0.69, 0.69], fcn=[0.71, 0.60])
    assert "The seed ranges of unet (70.0 to 72.0%) and fcn (60.0 to 71.0%) overlap" in sentence


def test_seed_ranges_apart_are_reported_without_a_claim_of_significance():
    sentence = say(unet=[0.70, 0.72, 0.71, 0.70], fcn=[0.66, 0.65, 0.64, 0.66], pspnet=[0.5, 0.5, 0.5, 0.68])
    assert sentence.endswith(
        "unet was higher with every one of the 4 seeds: its lowest, 70.0%, is above the highest of the others, 68.0%."
    )
    assert "significan" not in sentence


@pytest.mark.parametrize(("seeds", "chance"), [(2, 3), (3, 10)])
def test_few_seeds_come_with_the_chance_that_equal_models_part_like_this(seeds, chance):
    sentence = say(unet=[0.7] * seeds, fcn=[0.6] * seeds)
    assert sentence.endswith(
        f"above the highest of fcn, 60.0%, but two equal models part like this in 1 of {chance} comparisons."
    )


def test_the_chance_is_that_of_equal_models_dealt_at_random():
    deals = list(itertools.combinations(range(6), 3))
    parted = [deal for deal in deals if deal in ((0, 1, 2), (3, 4, 5))]
    assert f"1 of {len(deals) // len(parted)} " in say(unet=[0.7] * 3, fcn=[0.6] * 3)


def test_validation_scores_are_said_to_flatter():
    sentence = say(split="val", unet=[0.7], fcn=[0.6])
    assert sentence.startswith(
        "On 140 validation images (the ones that chose each model's best epoch, which flatters every score) unet"
    )
    assert "flatters" not in say(split="test", unet=[0.7], fcn=[0.6])


@pytest.mark.parametrize("best", [0.12, 0.05])
@pytest.mark.parametrize("seeds", [1, 3])
def test_no_model_above_the_trivial_predictor_is_said_loudly_and_no_order_given(best, seeds):
    sentence = say(unet=[best] * seeds, fcn=[0.01] * seeds, trivial_miou=0.12)
    assert sentence.startswith("NO MODEL BEATS THE TRIVIAL ANSWER")
    assert f"{100 * best:.1f}%" in sentence
    assert "12.0%" in sentence
    assert "first" not in sentence


@pytest.mark.parametrize("trivial", [NAN, None, 0.12])
def test_a_model_above_the_trivial_predictor_or_without_one_is_judged_as_usual(trivial):
    assert "unet is first" in say(unet=[0.13], fcn=[0.11], trivial_miou=trivial)


@pytest.mark.parametrize(
    ("unet", "warned"), [([0.125], True), ([0.14], False), ([0.3, 0.12], True), ([0.3, 0.2], False)]
)
def test_a_winner_that_hardly_learned_is_not_praised(unet, warned):
    """Nothing but the most frequent class with one seed, or by less than a point."""
    for scores in ({"unet": unet}, {"unet": unet, "fcn": [0.01] * len(unet)}):
        sentence = say(**scores, trivial_miou=0.12)
        assert ("everywhere reaches 12.0%: hardly anything was learned" in sentence) is warned


def test_models_with_the_same_score_are_level():
    assert "unet and fcn are level at 70.0% mIoU, ahead of pspnet by 10.0 points" in say(
        unet=[0.7], pspnet=[0.6], fcn=[0.7]
    )
    assert say(unet=[0.7], fcn=[0.7]).startswith("On 140 test images unet and fcn are level at 70.0% mIoU. Each")


def test_a_gap_that_rounds_to_nothing_is_not_written_as_0():
    assert "ahead of fcn by under 0.1 points" in say(unet=[0.7001], fcn=[0.7])


def test_one_model_alone_is_not_called_first():
    assert say(unet=[0.7]) == (
        "On 140 test images unet reaches 70.0% mIoU. "
        "There is no other model to compare it with, and with one seed training noise was not measured."
    )
    assert say(images=1, unet=[0.7, 0.6]) == (
        "On 1 test image unet reaches 65.0% mIoU. "
        "There is no other model to compare it with; its 2 seeds give 60.0 to 70.0%."
    )


def test_a_model_without_a_score_is_named():
    assert "ahead of fcn by 10.0 points; pspnet has no score." in say(unet=[0.7], fcn=[0.6], pspnet=[NAN])
    assert "unet reaches 70.0% mIoU; fcn and pspnet have no score." in say(unet=[0.7], fcn=[None], pspnet=[NAN])


def test_no_score_at_all_is_said():
    assert say(unet=[NAN], fcn=[NAN]).startswith("No model has a score on the 140 test images")


def test_a_ranking_read_back_from_json_gives_the_same_verdict():
    ranking = ranked(unet=[0.7], fcn=[0.6], pspnet=[NAN])
    stored = [ranking[0], ranking[1], ranking[2] | dict.fromkeys(["miou", "lowest_miou", "highest_miou"])]
    options = {"split": "val", "images": 9, "trivial_miou": 0.1}
    assert verdict(json.loads(json.dumps(stored, allow_nan=False)), **options) == verdict(ranking, **options)


def test_an_unknown_split_and_an_empty_ranking_are_refused():
    with pytest.raises(ValueError, match="split must be"):
        say(split="train", unet=[0.7])
    with pytest.raises(ValueError, match="ranking is empty"):
        verdict([], split="test", images=3, trivial_miou=0.1)


def say_folds(**mious: list[float | None]) -> str:
    """One seed; the mIoU over all pixels is as good as the mean over the folds here."""
    ranking = ranked(**{model: [sum(value or 0 for value in values) / len(values)] for model, values in mious.items()})
    return verdict(ranking, split="test", images=90, trivial_miou=0.1, fold_mious=mious)


def test_folds_are_named_with_how_often_the_first_model_is_first():
    text = say_folds(unet=[0.7, 0.6, 0.65], fcn=[0.5, 0.5, 0.5])
    assert text.startswith("On 90 images in 3 folds, each tested by models that never saw it, unet is first with 65.0%")
    assert "unet is first in each of the 3 folds." in text
    assert "training noise was not measured" in text


def test_a_fold_that_is_level_or_undefined_is_not_won():
    text = say_folds(unet=[0.7, 0.6, 0.8, 0.6], fcn=[0.5, 0.6, None, 0.65])
    assert "unet is first in 1 of the 4 folds." in text


def test_one_model_alone_wins_no_folds():
    assert "first in" not in say_folds(unet=[0.7, 0.6])


@pytest.mark.parametrize(
    "scores",
    [
        {"unet": [0.8], "fcn": [0.5]},
        {"unet": [0.8, 0.81, 0.82], "fcn": [0.5, 0.51, 0.52]},
        {"unet": [0.6, 0.8], "fcn": [0.5, 0.7]},
        {"unet": [0.5], "fcn": [0.5]},
        {"unet": [0.8], "fcn": [NAN]},
        {"unet": [0.05]},
    ],
)
def test_models_are_called_by_their_titles_and_never_by_their_names(scores):
    titles = {"unet": "U-Net", "fcn": "FCN"}
    folds = {model: [0.5, 0.6] for model in scores}
    given = {"split": "test", "images": 40, "trivial_miou": 0.1, "titles": titles}
    for sentence in (verdict(ranked(**scores), **given), verdict(ranked(**scores), fold_mious=folds, **given)):
        assert "U-Net" in sentence
        assert "unet" not in sentence
        assert "fcn" not in sentence
