"""The model card: a header that the hub reads, and what is known about the model; names with any sign."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import yaml

from segarena.exporting.card import model_card
from segarena.records.exported import ExportedModel, ExportedScores

SCORES = ExportedScores(
    split="test",
    images=40,
    miou=0.8125,
    miou_low=0.79,
    miou_high=0.83,
    pixel_accuracy=0.9,
    iou={"sea: deep": 0.9, "a|b": None},
)
FACTS = ExportedModel(
    segarena="1.2.3",
    model="deeplabv3",
    architecture={"name": "deeplabv3", "encoder": "resnet18"},
    precision="fp32",
    class_table={"classes": [{"name": "sea: deep", "value": 0}, {"name": "a|b", "value": 1, "color": [255, 0, 16]}]},
    size=384,
    data='coast "north": 2',
    fingerprint="f" * 64,
    counts={"train": 1000, "val": 50, "test": 40},
    scores=SCORES,
    run={"start": "ImageNet weights of resnet18"},
)


def header(text: str) -> dict[str, Any]:
    _, head, _ = text.split("---\n", 2)
    content: dict[str, Any] = yaml.safe_load(head)
    return content


def test_the_header_has_what_the_hub_reads() -> None:
    content = header(model_card(FACTS))
    assert content["library_name"] == "segarena"
    assert content["pipeline_tag"] == "image-segmentation"
    assert "deeplabv3" in content["tags"]
    assert "license" not in content
    [entry] = content["model-index"]
    [result] = entry["results"]
    assert result["dataset"]["name"] == FACTS.data
    assert result["dataset"]["revision"] == FACTS.fingerprint
    assert {metric["type"]: metric["value"] for metric in result["metrics"]} == {"mean_iou": 0.8125, "accuracy": 0.9}


def test_the_text_has_scores_classes_data_use_and_limits() -> None:
    text = model_card(FACTS)
    for part in ("81.2%", "79.0% to 83.0%", "1,000 train", "`#ff0010`", "a\\|b", FACTS.fingerprint, "384", "resnet18"):
        assert part in text, part
    for title in ("Use", "Classes", "Scores", "Training data", "Intended use", "Limits", "Licence"):
        assert f"\n## {title}\n" in text


def test_names_are_text_and_no_markup() -> None:
    table = {"classes": [{"name": "<script>alert(1)</script>", "value": 0}, {"name": "[a](b)", "value": 1}]}
    text = model_card(replace(FACTS, class_table=table, data="<img src=x>"))
    _, _, body = text.split("---\n", 2)
    assert "| 0 | \\<script\\>alert(1)\\</script\\> |" in body
    assert "| 1 | \\[a\\](b) |" in body
    assert not re.findall(r"(?<!\\)<", body)


@pytest.mark.parametrize("split", ["none", "val"])
def test_a_score_of_no_image_is_none_and_one_of_validation_is_named(split: str) -> None:
    scores = replace(SCORES, split=split, miou=None if split == "none" else 0.5, miou_low=None, miou_high=None)
    text = model_card(replace(FACTS, scores=scores))
    assert ("model-index" in header(text)) == (split == "val")
    assert ("chose the epoch" in text) == (split == "val")
    assert "interval" not in text


@pytest.mark.parametrize("all_images", [False, True])
def test_why_there_is_no_score_is_stated(all_images: bool) -> None:
    """The card of an interrupted training stated that all labelled images had trained the model."""
    scores = replace(SCORES, split="none", miou=None)
    run = {**FACTS.run, "data": {"all_images": all_images}}
    text = model_card(replace(FACTS, scores=scores, run=run))
    assert ("All labelled images" in text) == all_images
    assert ("not finished" in text) != all_images
