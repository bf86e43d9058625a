"""How it was measured: the facts that belong beside the scores."""

from __future__ import annotations

import shlex
from typing import Any

from segarena import formats
from segarena.reporting.comparison import Comparison

#: What models.csv calls the start of a model without pretrained weights.
RANDOM = "random weights"

_SPLIT_NAMES = {"train": "training", "val": "validation", "test": "test"}
_TRACKS = {
    "encoder": "The same encoder for each model, so that what differs is the architecture.",
    "paper": "Each model as it was published; they differ in more than the decoder.",
}


def subtitle(comparison: Comparison) -> str:
    """One line on what was compared: the models, the data, and the track."""
    labels = formats.join_words([style.label for style in comparison.styles.values()])
    classes = len(comparison.class_names)
    track = _TRACKS.get(str(comparison.content["track"]), "")
    return f"{labels} on {data_name(comparison)}, {classes} classes. {track}".strip()


def data_name(comparison: Comparison) -> str:
    """The data set's name."""
    return str(comparison.content["data"].get("name") or comparison.content["name"])


def split_name(comparison: Comparison) -> str:
    """The images that gave the scores, in words."""
    if comparison.folds is not None:
        return "data set"
    split = str(comparison.content["scored_split"])
    return f"{_SPLIT_NAMES.get(split, split)} split"


def scored_on(comparison: Comparison) -> str:
    """The split that gave the scores, with its number of images; with folds, all images."""
    split = str(comparison.content["scored_split"])
    number = comparison.content["data"].get("counts", {}).get(split)
    if comparison.folds is not None:
        return f"{number:,} images, in {comparison.folds} folds"
    images = f", {number:,} images" if number else ""
    return f"{split_name(comparison)}{images}"


def built_on(comparison: Comparison, model: str) -> str:
    """The encoder of a model and its output stride where it can be chosen, e.g. "resnet50, stride 8".

    And that its weights were random at first, where others' were not; `caveats` has each start in full.
    """
    encoder, evaluated = (comparison.fact(model, key) for key in ("encoder", "eval_output_stride"))
    stride = comparison.chosen_stride(model)
    parts = [] if encoder is None else [str(encoder)]
    if stride is not None:
        parts.append(f"stride {stride}" + (f", evaluated at {evaluated}" if evaluated not in (None, stride) else ""))
    if len(comparison.starts) > 1 and comparison.fact(model, "start") == RANDOM:
        parts.append(RANDOM)
    return ", ".join(parts)


def key_facts(comparison: Comparison) -> list[tuple[str, str]]:
    """The few facts without which the verdict cannot be judged."""
    protocol, environment = comparison.content["protocol"], comparison.content["environment"]
    facts = [
        ("scored on", scored_on(comparison)),
        (
            "seeds",
            formats.plain(protocol.get("seeds", sorted({s for n in comparison.names for s in comparison.seeds(n)}))),
        ),
        ("encoder", formats.plain(protocol.get("encoder"))),
        ("weights", _weights(comparison)),
        ("device", str(environment.get("gpu") or environment.get("cpu") or formats.plain(protocol.get("device")))),
        ("made", _minute(str(comparison.content.get("created", "")))),
    ]
    return [(name, value) for name, value in facts if value not in ("", formats.NOTHING)]


def protocol_rows(comparison: Comparison) -> list[tuple[str, str]]:
    """Every resolved setting that the models share, in the order of the file."""
    protocol = dict(comparison.content["protocol"])
    if protocol.get("input_size"):
        protocol["input_size"] = " × ".join(str(side) for side in protocol["input_size"])
    return [row for row in _rows(protocol) if row[1] != formats.NOTHING]


def environment_rows(comparison: Comparison) -> list[tuple[str, str]]:
    """The software and the machine."""
    return [row for row in _rows(comparison.content["environment"]) if row[1] != formats.NOTHING]


def data_rows(comparison: Comparison) -> list[tuple[str, str]]:
    """The data set: origin, images in each split, classes, fingerprint."""
    data = comparison.content["data"]
    counts = [
        (f"{_SPLIT_NAMES.get(split, split)} images", f"{n:,}") for split, n in data.get("counts", {}).items() if n
    ]
    rest = {key: value for key, value in data.items() if key != "name" and not isinstance(value, (dict, list))}
    return [("name", data_name(comparison)), *counts, ("classes", str(len(comparison.class_names))), *_rows(rest)]


def rebuild_command(comparison: Comparison) -> str:
    """The command that makes this page again from the comparison's files."""
    return f"segarena report {shlex.quote(comparison.folder.name)}"


def _rows(content: dict[str, Any]) -> list[tuple[str, str]]:
    return [(str(key).replace("_", " "), formats.plain(value)) for key, value in content.items()]


def _minute(created: str) -> str:
    zone = " UTC" if created.endswith(("+00:00", "Z")) else ""
    return created[:16].replace("T", " ") + zone


def _weights(comparison: Comparison) -> str:
    text = formats.plain(comparison.content["protocol"].get("weights"))
    random = comparison.starts.get(RANDOM, [])
    return f"{text}; none for {formats.join_words(random)}" if random and len(comparison.starts) > 1 else text
