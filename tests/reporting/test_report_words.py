from pathlib import Path

import numpy as np

from segarena.reporting import captions, method
from segarena.reporting.caveats import caveats
from segarena.reporting.comparison import read_comparison
from segarena.runs import Run


def test_scores_from_the_images_that_chose_the_epoch_are_said_to_be(street: Path) -> None:
    comparison = read_comparison(street)
    assert not any("no test split" in text for text in caveats(comparison))
    comparison.content["scored_split"] = "val"
    assert any("no test split" in text for text in caveats(comparison))
    assert method.scored_on(comparison) == "validation split, 101 images"


def test_one_seed_is_a_caveat_and_two_are_not(street: Path, make_comparison) -> None:
    several = make_comparison(models=("unet",), seeds=(0, 1), classes=("a", "b"), images=1, epochs=2)
    assert any("One seed" in text for text in caveats(read_comparison(street)))
    assert not any("One seed" in text for text in caveats(read_comparison(several)))


def test_captions_explain_the_seeds_where_there_are_several(street: Path, make_comparison) -> None:
    several = make_comparison(models=("unet",), seeds=(0, 1), classes=("a", "b"), images=1, epochs=2)
    for folder, said in ((several, True), (street, False)):
        comparison = read_comparison(folder)
        assert ("lowest seed to the highest" in captions.classes_caption(comparison)) is said
        assert ("each stroke one seed" in captions.ranking_caption(comparison)) is said
        assert ("Pixels of all seeds" in captions.confusion_note(comparison)) is said


def test_a_model_that_does_not_beat_the_trivial_one_is_named_with_what_may_help_it(street: Path) -> None:
    comparison = read_comparison(street)
    first, *_, last = (comparison.styles[name].label for name in comparison.names)
    for entry, miou in zip(comparison.ranking, (0.8, 0.7, 0.6, 0.3), strict=True):
        entry["miou"] = miou
    comparison.content["majority_baseline"]["miou"] = 0.3
    [named] = [text for text in caveats(comparison) if "better than always" in text]
    assert named.startswith(f"{last} is no better than always answering")
    assert f"as {first} shows: try" in named

    comparison.content["majority_baseline"]["miou"] = 0.26
    [named] = [text for text in caveats(comparison) if "better than always" in text]
    assert named.startswith(f"{last} is hardly better")

    comparison.content["majority_baseline"]["miou"] = 0.8
    [named] = [text for text in caveats(comparison) if "better than always" in text]
    assert "are no better" in named
    assert "shows" not in named

    comparison.content["majority_baseline"]["miou"] = 0.0
    assert not [text for text in caveats(comparison) if "better than always" in text]


def test_data_of_which_nobody_learned_anything_are_not_said_to_hold_more(street: Path) -> None:
    comparison = read_comparison(street)
    for entry in comparison.ranking:
        entry["miou"] = 0.301
    comparison.content["majority_baseline"]["miou"] = 0.3
    [named] = [text for text in caveats(comparison) if "better than always" in text]
    assert named.count("and") == 1
    assert "are hardly better" in named
    assert "shows" not in named


def test_models_that_stopped_before_the_end_of_the_schedule_are_named(street: Path) -> None:
    comparison = read_comparison(street)
    comparison.models["epochs"] = 30
    assert not any("Stopped early" in text for text in caveats(comparison))
    comparison.models.loc[comparison.models["model"] == "pspnet", "epochs"] = 17
    [named] = [text for text in caveats(comparison) if "Stopped early" in text]
    assert "PSPNet after 17 of 30 epochs" in named
    assert "--patience 30" in named


def test_a_finer_output_stride_is_advised_where_it_was_sixteen(street: Path) -> None:
    comparison = read_comparison(street)
    name = comparison.names[-1]
    comparison.content["majority_baseline"]["miou"] = comparison.ranking[-1]["miou"]
    for stride, advised in ((16, True), (8, False)):
        comparison.models["output_stride"] = stride
        [named] = [text for text in caveats(comparison) if "better than always" in text]
        assert comparison.styles[name].label in named
        assert ("--output-stride 8" in named) is advised


def test_no_output_stride_is_shown_or_advised_where_there_is_no_other(street: Path) -> None:
    """The U-Net of 2015 has no encoder to dilate; its coarsest map happens to lie at stride 16."""
    comparison = read_comparison(street)
    name = comparison.names[-1]
    comparison.content["majority_baseline"]["miou"] = comparison.ranking[-1]["miou"]
    comparison.models[["output_stride", "eval_output_stride"]] = 16
    comparison.models["encoder"] = comparison.models["encoder"].astype(object)
    comparison.models.loc[comparison.models["model"] == name, "encoder"] = None
    assert method.built_on(comparison, name) == ""
    assert method.built_on(comparison, comparison.names[0]) == "resnet18, stride 16"
    [named] = [text for text in caveats(comparison) if "better than always" in text]
    assert "--output-stride" not in named


def test_models_that_did_not_start_alike_are_named_with_their_starts(street: Path) -> None:
    comparison = read_comparison(street)
    assert not any("start alike" in text for text in caveats(comparison))
    assert dict(method.key_facts(comparison))["weights"] == "imagenet"
    comparison.models["start"] = "torchvision's ImageNet weights"
    assert not any("start alike" in text for text in caveats(comparison))
    assert method.built_on(comparison, "unet") == "resnet18, stride 8"
    comparison.models.loc[comparison.models["model"] == "unet", "start"] = "random weights"
    [named] = [text for text in caveats(comparison) if "start alike" in text]
    assert "U-Net from random weights" in named
    others = [comparison.styles[name].label for name in comparison.names if name != "unet"]
    assert f"{', '.join(others[:-1])} and {others[-1]} from torchvision's ImageNet weights" in named
    assert dict(method.key_facts(comparison))["weights"] == "imagenet; none for U-Net"
    assert method.built_on(comparison, "unet") == "resnet18, stride 8, random weights"


def test_an_undefined_class_is_a_caveat(make_comparison) -> None:
    folder = make_comparison(models=("unet",), classes=("a", "b", "c"), undefined=(1,), images=1, epochs=2)
    assert any("“b”" in text and "leave it out" in text for text in caveats(read_comparison(folder)))


def test_class_caption_names_the_widest_gap(street: Path) -> None:
    comparison = read_comparison(street)
    wide = comparison.classes.pivot(index="class", columns="model", values="iou")
    name = (wide.max(axis=1) - wide.min(axis=1)).idxmax()
    assert f"differ most in “{name}”" in captions.classes_caption(comparison)


def test_confusion_caption_names_the_largest_share_and_not_the_largest_count(street: Path) -> None:
    comparison = read_comparison(street)
    matrix = np.diag([1000] * 11)
    matrix[0, 1], matrix[5] = 300, 0
    matrix[5, 5], matrix[5, 6] = 2, 8
    comparison.confusions["unet"] = matrix
    caption = captions.confusion_caption(comparison, "unet")
    assert caption == "Most frequent confusion: 80.0% of “car” is taken for “fence”."
    comparison.confusions["unet"] = np.diag([5] * 11)
    assert captions.confusion_caption(comparison, "unet") == "No pixel is confused."


def test_curves_caption_names_who_was_still_improving(street: Path) -> None:
    comparison = read_comparison(street)
    comparison.best_epochs.update({run: len(history) - 1 for run, history in comparison.histories.items()})
    assert "more epochs" not in captions.curves_caption(comparison)
    comparison.best_epochs[Run("pspnet", 0)] += 1
    assert "PSPNet was best in the last epoch" in captions.curves_caption(comparison)


def test_latency_caption_names_who_is_fastest_and_best(street: Path) -> None:
    comparison = read_comparison(street)
    for entry in comparison.ranking:
        entry["latency_ms"] = 5.0 if entry["model"] == comparison.names[0] else 9.0
    assert "both the fastest and the most accurate" in captions.latency_caption(comparison)


def test_folds_are_named_where_scores_are_judged(crossed: Path) -> None:
    comparison = read_comparison(crossed)
    assert method.scored_on(comparison) == "5 images, in 5 folds"
    assert method.split_name(comparison) == "data set"
    assert any("not independent" in text for text in caveats(comparison))
    assert "Rings are the folds" in captions.ranking_caption(comparison)
    assert captions.curves_caption(comparison).startswith("A line for each fold.")
    assert "U-Net fold 5: best epoch" in captions.curves_alt(comparison)


def test_without_folds_nothing_speaks_of_them(street: Path) -> None:
    page = (street / "report.html").read_text()
    assert not any(word in page for word in ("folds", "Fold", "Cross-validated"))
