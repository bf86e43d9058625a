"""The data of the page's viewer: its scores, its pictures, and which images it holds."""

import base64
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segarena.classes import IGNORE_INDEX
from segarena.errors import RunError
from segarena.reporting import viewer as module
from segarena.reporting.comparison import read_comparison
from segarena.reporting.label_maps import PICTURES, PREDICTIONS, Pictures, decode_labels
from segarena.reporting.viewer import describe_viewer, remedy, to_json
from segarena.reporting.viewer_folder import write_viewer
from segarena.reporting.viewer_sample import choose_sample
from support import refuses


def index_of(folder: Path) -> dict:
    return json.loads(describe_viewer(read_comparison(folder)).index)


def test_images_have_the_scores_of_the_table(street: Path) -> None:
    index, table = index_of(street), pd.read_csv(street / "images.csv")
    iou = table["tp"] / (table["tp"] + table["fp"] + table["fn"]).replace(0, np.nan)
    expected = table.assign(iou=iou).pivot_table(index="image", columns="model", values="iou")
    for image in index["images"]:
        for model, miou in zip(index["models"], image["miou"], strict=True):
            assert miou == pytest.approx(expected.loc[image["name"], model["name"]], abs=1e-5)


def test_confusions_and_disagreement_are_those_of_the_label_maps(street: Path) -> None:
    index, truth, size = index_of(street), Pictures([street / PICTURES]), 11
    for image in index["images"]:
        target = truth.labels(image["name"])
        counted = target != IGNORE_INDEX
        guesses = []
        for model, cells in zip(index["models"], image["confusion"], strict=True):
            guess = Pictures([street / f"{model['name']}-seed0" / PREDICTIONS]).labels(image["name"])
            expected = np.zeros((size, size), dtype=int)
            np.add.at(expected, (target[counted], guess[counted]), 1)
            found = np.zeros(size * size, dtype=int)
            found[cells[::2]] = cells[1::2]
            assert np.array_equal(found.reshape(size, size), expected)
            guesses.append(guess[counted])
        differ = (np.ptp(np.stack(guesses).astype(int), axis=0) > 0).mean()
        assert image["differ"] == pytest.approx(differ, abs=1e-5)
        assert (image["width"], image["height"], image["pixels"]) == (*target.shape[::-1], counted.sum())


def test_the_pictures_in_the_page_are_the_files(street: Path) -> None:
    found = describe_viewer(read_comparison(street))
    truth = Pictures([street / PICTURES])
    for name, image in zip(truth.names, map(json.loads, found.images), strict=True):
        assert base64.b64decode(image["photo"]) == truth.read(f"{name}.jpg")
        assert np.array_equal(decode_labels(base64.b64decode(image["labels"][0])), truth.labels(name))
        assert len(image["labels"]) == 5


def test_folds_are_parts(crossed: Path) -> None:
    assert [image["part"] for image in index_of(crossed)["images"]] == [f"fold {n}" for n in range(1, 6)]


def test_labels_of_the_first_seed_are_shown_and_stated(make_comparison) -> None:
    folder = make_comparison(models=("unet",), seeds=(3, 5), images=2, classes=("a", "b"))
    found = describe_viewer(read_comparison(folder))
    assert any("first seed" in note for note in found.notes)
    shown = json.loads(found.images[0])["labels"][1]
    assert base64.b64decode(shown) == Pictures([folder / "unet-seed3" / PREDICTIONS]).read("scene_00.png")


def test_an_earlier_comparison_has_a_page_and_the_command_for_more(make_comparison) -> None:
    folder = make_comparison(models=("unet",), images=1, pictures=False)
    found = describe_viewer(read_comparison(folder))
    assert (found.index, found.images) == ("", ())
    assert found.remedy == f"segarena compare --resume {folder.name}"
    with refuses(RunError, where=folder) as caught:
        write_viewer(folder)
    assert f"segarena compare --resume {folder}" in caught.value.remedy


def test_a_model_without_labels_is_left_out_and_named(make_comparison) -> None:
    folder = make_comparison(models=("unet", "fcn"), images=2)
    (folder / "fcn-seed0" / PREDICTIONS).unlink()
    found = describe_viewer(read_comparison(folder))
    assert [model["name"] for model in json.loads(found.index)["models"]] == ["unet"]
    assert any("FCN" in note for note in found.notes)


def test_too_many_images_are_a_stated_sample_of_reduced_ones(make_comparison, monkeypatch) -> None:
    folder = make_comparison(models=("unet",), images=12)
    monkeypatch.setattr(module, "REDUCED_SIDE", 60)
    monkeypatch.setattr(module, "PAGE_BYTES", 20_000)
    found = describe_viewer(read_comparison(folder))
    images = json.loads(found.index)["images"]
    assert 1 < len(images) == len(found.images) < 12
    assert sum(map(len, found.images)) < 1.4 * 20_000
    assert decode_labels(base64.b64decode(json.loads(found.images[0])["labels"][0])).shape == (45, 60)
    assert f"{len(images)} of 12 images" in found.notes[0]
    assert "--images all" in found.notes[0]
    assert "60 pixels" in found.notes[1]


def test_small_images_are_not_said_to_be_reduced(make_comparison, monkeypatch) -> None:
    folder = make_comparison(models=("unet",), images=6, classes=("a", "b"))
    monkeypatch.setattr(module, "PAGE_BYTES", 9000)
    found = describe_viewer(read_comparison(folder))
    assert 1 <= len(found.images) < 6
    assert not any("longest side" in note for note in found.notes)


def test_a_sample_has_the_worst_the_best_the_disputed_and_others() -> None:
    rng = np.random.default_rng(1)
    miou, differ = rng.random(1000), rng.random(1000)
    miou[7] = np.nan
    sample = choose_sample(miou, differ, 40)
    order = np.argsort(np.where(np.isnan(miou), np.inf, miou), kind="stable")
    worst, best = set(order[:10]), set(order[-11:-1])
    assert len(sample.places) == len(set(sample.places)) == 40 == sum(sample.parts.values())
    assert worst | best <= set(sample.places)
    assert len(set(np.argsort(-differ)[:10]) & set(sample.places)) >= 10
    assert sample == choose_sample(miou, differ, 40)


def test_larger_parts_of_a_sample_come_first() -> None:
    rising = np.linspace(0, 1, 1000)
    assert list(choose_sample(rising, rising[::-1], 6).parts.values()) == [2, 2, 1, 1]
    assert list(choose_sample(rising, rising[::-1], 1).parts) == ["with the lowest mIoU"]


def test_all_images_are_a_page_with_a_file_for_each(make_comparison) -> None:
    folder = make_comparison(models=("unet",), images=3, classes=("a</script>", "b"))
    page = write_viewer(folder)
    assert page == folder / "viewer" / "index.html"
    assert sorted(path.name for path in (folder / "viewer" / "data").iterdir()) == ["0.js", "1.js", "2.js"]
    assert "a</script>" not in page.read_text()


def test_no_name_ends_the_script() -> None:
    assert json.loads(to_json({"a": "</script><!--"})) == {"a": "</script><!--"}
    assert "<" not in to_json({"a": "</script><!--"})


def test_the_remedy_for_varied_runs_names_what_differs(street: Path) -> None:
    comparison = read_comparison(street)
    record = replace(comparison.record, compared_runs=("a", "b"), varied=("loss", "learning_rate"))
    line = remedy(replace(comparison, record=record), street)
    assert line == "segarena compare a b --vary loss learning_rate"
