"""The order of the models by their scores."""

import pytest

from sample_records import model_row
from segarena.records.comparison import RankedModel
from segarena.scoring.ranking import rank


def ranked(**scores: list[float | None]) -> list[RankedModel]:
    """One model for each keyword, with its mIoU for each seed."""
    return rank([model_row(model, seed, miou) for model, mious in scores.items() for seed, miou in enumerate(mious)])


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
