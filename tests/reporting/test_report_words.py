"""Captions, caveats and facts of the page, from comparisons that differ in one thing."""

import shutil
from dataclasses import replace
from pathlib import Path, PurePath

import numpy as np
import pytest

from sample_records import COSTS
from segarena.records.data_curve import DataCurve
from segarena.reporting import captions, method
from segarena.reporting.caveats import caveats
from segarena.reporting.claims import claims
from segarena.reporting.comparison import Comparison, read_comparison
from segarena.reporting.use import describe_use
from segarena.runs import Run, all_images_folder


@pytest.fixture
def comparison(street: Path) -> Comparison:
    return read_comparison(street)


def with_record(comparison: Comparison, **changes) -> Comparison:
    return replace(comparison, record=replace(comparison.record, **changes))


def with_scores(comparison: Comparison, *mious: float, baseline: float) -> Comparison:
    """The comparison with other mIoUs of its models, in their order, and of the majority baseline."""
    ranking = tuple(replace(entry, miou=miou) for entry, miou in zip(comparison.ranking, mious, strict=True))
    worst = replace(comparison.record.majority_baseline, miou=baseline)
    return with_record(comparison, ranking=ranking, majority_baseline=worst)


def find(texts: list[str], words: str) -> str:
    """The one text that has the words, or nothing."""
    return "".join(text for text in texts if words in text)


def test_scores_of_validation_images_have_a_caveat(comparison: Comparison) -> None:
    assert not find(caveats(comparison), "no test split")
    validated = with_record(comparison, scored_split="val")
    assert find(caveats(validated), "no test split")
    assert method.scored_on(validated) == "validation split, 101 images"


def test_one_seed_is_a_caveat_and_several_are_explained(comparison: Comparison, make_comparison) -> None:
    folder = make_comparison(models=("unet",), seeds=(0, 1), classes=("a", "b"), images=1, epochs=2)
    for shown, several in ((comparison, False), (read_comparison(folder), True)):
        assert bool(find(caveats(shown), "One seed")) is not several
        assert ("lowest seed to the highest" in captions.classes_caption(shown)) is several
        assert ("each point above them is one seed" in captions.ranking_caption(shown)) is several
        assert ("pixels of all seeds" in captions.confusion_note(shown)) is several


def test_finished_runs_get_further_seeds_by_training_again(comparison: Comparison) -> None:
    """`compare RUNS` has no --seeds."""
    compared = with_record(comparison, compared_runs=("a", "b"))
    texts = [find(caveats(compared), "One seed"), claims(compared)[-1].reason]
    assert all("--seed 1 and --seed 2" in text and "--seeds" not in text for text in texts)


def test_a_restarted_training_is_a_caveat(comparison: Comparison) -> None:
    assert not find(caveats(comparison), "third of the learning rate")
    models = comparison.models.assign(restart=None)
    models.loc[models["model"] == "fcn", "restart"] = "diverged"
    text = find(caveats(replace(comparison, models=models)), "third of the learning rate")
    assert "FCN, seed 0" in text
    assert "NaN" in text


def test_steps_that_were_left_out_are_a_caveat(comparison: Comparison) -> None:
    assert not find(caveats(comparison), "NaN or infinite")
    models = comparison.models.assign(skipped_steps=0)
    models.loc[models["model"] == "fcn", "skipped_steps"] = 2
    assert find(caveats(replace(comparison, models=models)), "NaN or infinite").startswith(
        "FCN, seed 0: 2 training steps"
    )


@pytest.mark.parametrize(
    ("varied", "words"),
    [
        ((), "Of the 16 images of a training step, 2 were"),
        (("loss",), "Of the 16 images"),
        (("batch_size",), "Of the images of a training step, 2 were"),
        (("batch_size", "micro_batch"), ""),
    ],
)
def test_a_micro_batch_is_a_caveat_where_all_models_have_it(
    comparison: Comparison, varied: tuple[str, ...], words: str
) -> None:
    protocol = replace(comparison.record.protocol, batch_size=16, micro_batch=2)
    shown = with_record(comparison, protocol=protocol, varied=varied)
    found = find(caveats(shown), "images of a training step")
    assert words in found
    assert bool(found) == bool(words)


@pytest.mark.parametrize(
    ("batch", "micro", "words"), [(3, 2, ""), (7, 2, "at most 3 were"), (16, 5, "4 were"), (8, 0, "")]
)
def test_the_caveat_has_the_images_that_were_computed_at_a_time(
    comparison: Comparison, batch: int, micro: int, words: str
) -> None:
    protocol = replace(comparison.record.protocol, batch_size=batch, micro_batch=micro)
    found = find(caveats(with_record(comparison, protocol=protocol)), "images of a training step")
    assert words in found
    assert bool(found) == bool(words)


@pytest.mark.parametrize(
    ("device", "share", "named"), [("cuda", 0.3, True), ("cuda", 0.02, False), ("cpu", 0.3, False)]
)
def test_waiting_for_images_on_a_gpu_is_a_caveat(
    comparison: Comparison, device: str, share: float, named: bool
) -> None:
    protocol = replace(comparison.record.protocol, device=device)
    histories = dict(comparison.histories)
    run = next(run for run in histories if run.model == "fcn")
    histories[run] = histories[run].assign(waiting_share=share)
    shown = replace(with_record(comparison, protocol=protocol), histories=histories)
    assert find(caveats(shown), "waited for their images").count("FCN for 30%") == named


@pytest.mark.parametrize(
    ("baseline", "words"),
    [(0.3, "FCN is no better than"), (0.26, "FCN is hardly better than"), (0.8, "FCN are no better than"), (0.0, "")],
)
def test_models_not_above_the_baseline_are_named(comparison: Comparison, baseline: float, words: str) -> None:
    shown = with_scores(comparison, 0.8, 0.7, 0.6, 0.3, baseline=baseline)
    named = find(caveats(shown), "better than always predicting “sky”")
    assert words in named
    # advice only where another model learned from the same data
    assert ("U-Net scores far higher on the same data: try" in named) is (baseline in (0.3, 0.26))


def test_where_no_model_learned_anything_no_option_is_advised(comparison: Comparison) -> None:
    named = find(caveats(with_scores(comparison, *[0.301] * 4, baseline=0.3)), "better than always")
    assert "U-Net, DeepLabv3, PSPNet and FCN are hardly better" in named
    assert "try" not in named


def test_models_that_early_stopping_ended_are_named(comparison: Comparison) -> None:
    comparison.models["epochs"] = 30
    assert not find(caveats(comparison), "Early stopping")
    comparison.models.loc[comparison.models["model"] == "pspnet", "epochs"] = 17
    named = find(caveats(comparison), "Early stopping")
    assert "PSPNet after 17 of 30 epochs" in named
    assert "--patience 30" in named
    assert not find(caveats(with_record(comparison, varied=("epochs",))), "Early stopping"), (
        "17 may be all of its epochs"
    )


@pytest.mark.parametrize(
    ("encoder", "stride", "advised", "built_on"),
    [
        ("resnet18", 16, True, "resnet18, stride 16"),
        ("resnet18", 8, False, "resnet18, stride 8"),
        (None, 16, False, ""),
    ],
)
def test_output_stride_8_is_advised_where_it_can_be_chosen(
    comparison: Comparison, encoder: str | None, stride: int, advised: bool, built_on: str
) -> None:
    """Not for U-Net as of 2015: it has no encoder to dilate, and its deepest features happen to be at stride 16."""
    comparison.models[["output_stride", "eval_output_stride"]] = stride
    comparison.models["encoder"] = comparison.models["encoder"].astype(object)
    comparison.models.loc[comparison.models["model"] == "fcn", "encoder"] = encoder
    assert method.built_on(comparison, "fcn") == built_on
    named = find(caveats(with_scores(comparison, 0.8, 0.7, 0.6, 0.3, baseline=0.3)), "better than always")
    assert ("--output-stride 8" in named) is advised


@pytest.mark.parametrize(("varied", "words"), [((), "of 90 × 120 pixels"), (("size",), "of the size that each model")])
def test_the_size_of_the_image_that_costs_are_for_is_that_of_the_models(
    comparison: Comparison, varied: tuple[str, ...], words: str
) -> None:
    named = find(caveats(with_record(comparison, varied=varied)), "Latency and FLOPs")
    assert words in named
    assert ("×" in named) is not bool(varied)


@pytest.mark.parametrize(
    ("changes", "shared", "not_shared"),
    [
        ({}, "the same maximum number of epochs", "time"),
        ({"equal": "time"}, "about the same time", "epochs"),
        ({"varied": ("learning_rate",)}, "but for learning rate", "maximum"),
    ],
    ids=["epochs", "time", "varied"],
)
def test_what_the_trainings_share_is_stated(comparison: Comparison, changes, shared, not_shared) -> None:
    if "equal" in changes:
        changes = {"protocol": replace(comparison.record.protocol, **changes)}
    sentence = method.what_is_shared(with_record(comparison, **changes))
    assert shared in sentence
    assert not_shared not in sentence


def test_different_initial_weights_are_named(comparison: Comparison) -> None:
    assert not find(caveats(comparison), "initial weights")
    assert dict(method.key_facts(comparison))["weights"] == "imagenet"
    assert method.built_on(comparison, "unet") == "resnet18, stride 8"
    comparison.models.loc[comparison.models["model"] == "unet", "start"] = "random weights"
    named = find(caveats(comparison), "different initial weights")
    assert "U-Net from random weights; DeepLabv3, PSPNet and FCN from ImageNet weights" in named
    assert dict(method.key_facts(comparison))["weights"] == "imagenet; none for U-Net"
    assert method.built_on(comparison, "unet") == "resnet18, stride 8, random weights"


def test_the_costs_of_the_first_model_and_the_fastest_are_stated(comparison: Comparison) -> None:
    facts = dict(method.key_facts(comparison))
    assert facts["cost of U-Net"] == "21.3 ms per image, 14.3 M parameters, 8 min 32 s of training"
    assert facts["lowest latency"] == "FCN, 8.52 ms per image"
    fast = replace(comparison.ranking[0], latency_ms=1.0)
    assert "lowest latency" not in dict(
        method.key_facts(with_record(comparison, ranking=(fast, *comparison.ranking[1:])))
    )
    unknown = replace(fast, latency_ms=None, params=None, train_seconds=None)
    assert "cost of U-Net" not in dict(method.key_facts(with_record(comparison, ranking=(unknown,))))


def test_the_command_for_a_curve_over_the_data_is_given(comparison: Comparison, tmp_path: Path) -> None:
    record, place = comparison.record, PurePath("runs/mine")

    def curve(**changes: object) -> str | None:
        use = describe_use(replace(record, **changes), tmp_path, place=place, on_page=True)
        assert use is not None
        return use.data_curve

    assert curve() == "segarena compare --resume runs/mine --data-fractions 0.25 0.5 1"
    assert curve(compared_runs=("runs/a", "runs/b")) is None
    assert curve(ranking=(*record.ranking, replace(record.ranking[0], model="mine"))) is None
    (tmp_path / DataCurve.file).write_text("{}")
    assert curve() is None


def test_images_that_a_fraction_left_out_are_not_called_all(comparison: Comparison, tmp_path: Path) -> None:
    record = comparison.record
    for fraction, has_number in ((1.0, True), (0.5, False)):
        one = replace(record, protocol=replace(record.protocol, data_fraction=fraction))
        use = describe_use(one, tmp_path, place=PurePath("mine"))
        assert use is not None
        assert any(letter.isdigit() for letter in use.images) == has_number


def test_the_run_on_all_images_is_that_of_its_whole_name(comparison: Comparison, tmp_path: Path) -> None:
    """Names of own models may have hyphens: "unet-big" was taken for "unet"."""
    ranking = (comparison.ranking[0], replace(comparison.ranking[0], model="unet-big"))
    run = all_images_folder(tmp_path, "unet-big")
    run.mkdir()
    COSTS.write(run)
    use = describe_use(replace(comparison.record, ranking=ranking), tmp_path, place=PurePath("mine"))
    assert use is not None
    assert (use.model, use.trained) == ("unet-big", run.name)


def test_an_undefined_class_is_a_caveat(make_comparison) -> None:
    folder = make_comparison(models=("unet",), classes=("a", "b", "c"), undefined=(1,), images=1, epochs=2)
    assert "leave it out" in find(caveats(read_comparison(folder)), "“b”")


def test_the_caption_of_classes_names_the_largest_difference(comparison: Comparison) -> None:
    wide = comparison.classes.pivot(index="class", columns="model", values="iou")
    name = (wide.max(axis=1) - wide.min(axis=1)).idxmax()
    assert f"largest difference is in “{name}”" in captions.classes_caption(comparison)


def test_models_with_equal_ious_have_no_largest_difference(comparison: Comparison) -> None:
    equal = replace(comparison, classes=comparison.classes.assign(iou=0.5))
    assert "U-Net" not in captions.classes_caption(equal)


def test_the_most_frequent_confusion_is_the_largest_share_not_count(comparison: Comparison) -> None:
    matrix = np.diag([1000] * 11)
    matrix[0, 1], matrix[5] = 300, 0
    matrix[5, 5], matrix[5, 6] = 2, 8
    comparison.confusions["unet"] = matrix
    assert "80.0% of “car” is predicted as “fence”" in captions.confusion_caption(comparison, "unet")
    comparison.confusions["unet"] = np.diag([5] * 11)
    assert captions.confusion_caption(comparison, "unet").startswith("No pixel")


def test_models_that_were_still_improving_are_named(comparison: Comparison) -> None:
    comparison.best_epochs.update({run: len(history) - 1 for run, history in comparison.histories.items()})
    assert "more epochs" not in captions.curves_caption(comparison)
    comparison.best_epochs[Run("pspnet", 0)] += 1
    assert "PSPNet was best in the last epoch" in captions.curves_caption(comparison)


def test_a_model_that_is_fastest_and_best_is_named(comparison: Comparison) -> None:
    ranking = [replace(entry, latency_ms=5.0 if entry.model == "unet" else 9.0) for entry in comparison.ranking]
    caption = captions.latency_caption(with_record(comparison, ranking=tuple(ranking)))
    assert caption.startswith("U-Net has both the highest mIoU and the lowest latency.")


def test_folds_are_explained_where_there_are_some(crossed: Path, street: Path) -> None:
    comparison = read_comparison(crossed)
    assert method.scored_on(comparison) == "5 images, in 5 folds"
    assert method.split_name(comparison) == "data set"
    assert find(caveats(comparison), "not independent")
    assert "Rings are" in captions.ranking_caption(comparison)
    assert captions.curves_caption(comparison).startswith("Each line is a fold.")
    assert "U-Net fold 5: best epoch" in captions.curves_alt(comparison)
    assert find(caveats(comparison), "a network of one fold")
    page = (street / "report.html").read_text()
    assert not any(word in page for word in ("folds", "Fold", "Cross-validated"))


def test_with_a_network_of_all_images_the_folds_are_not_what_predict_uses(crossed: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(crossed, tmp_path / "crossed"))
    COSTS.write(all_images_folder(folder, "unet"))
    text = find(caveats(read_comparison(folder)), "not independent")
    assert "`segarena predict` uses the network that was trained on all images" in text
    assert "network of one fold" not in text
