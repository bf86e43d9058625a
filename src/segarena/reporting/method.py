"""How it was measured: the facts and the caveats that belong beside the scores."""

from __future__ import annotations

import shlex
from typing import Any

from segarena.reporting import formats
from segarena.reporting.comparison import Comparison

_SPLIT_NAMES = {"train": "training", "val": "validation", "test": "test"}
_TRACKS = {
    "encoder": "The same encoder for each model, so that what differs is the architecture.",
    "paper": "Each model as its paper describes it; they differ in more than the decoder.",
}


def subtitle(comparison: Comparison) -> str:
    """One line on what was compared: the models, the data, and the track."""
    labels = formats.listing([style.label for style in comparison.styles.values()])
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
    """The encoder of a model and its output stride, e.g. "resnet50, stride 8"; the stride where it can be chosen."""
    rows = comparison.models[comparison.models["model"] == model]
    encoder, stride, evaluated = (
        rows[key].iloc[0] if key in rows else None for key in ("encoder", "output_stride", "eval_output_stride")
    )
    parts = [] if formats.is_missing(encoder) else [str(encoder)]
    if stride in (8, 16):
        parts.append(f"stride {stride}" + (f", evaluated at {evaluated}" if evaluated not in (None, stride) else ""))
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
        ("weights", formats.plain(protocol.get("weights"))),
        ("device", str(environment.get("gpu") or environment.get("cpu") or formats.plain(protocol.get("device")))),
        ("made", _minute(str(comparison.content.get("created", "")))),
    ]
    return [(name, value) for name, value in facts if value not in ("", formats.NOTHING)]


def caveats(comparison: Comparison) -> list[str]:
    """What a careful reader should hold against the scores, each from the files alone."""
    notes = []
    if comparison.content["scored_split"] == "val":
        notes.append(
            "There is no test split: the scores come from the validation images that also chose the best epoch, "
            "so they are a little too high for every model."
        )
    if comparison.folds is not None:
        notes.append(
            f"Cross-validated: each image was tested once, by models trained on other images, and the scores come from "
            f"the pixels of all {comparison.folds} folds together. Any two folds share most of their training images, "
            "so their scores are not independent. `predict` uses one of the winner's models, not one trained on all "
            "images."
        )
    if max(len(comparison.seeds(name)) for name in comparison.names) == 1:
        notes.append(
            "One seed per model: how much a score changes from one training to the next was not measured. "
            "The option --seeds 3 measures it."
        )
    environment = comparison.content["environment"]
    machine = environment.get("gpu") or environment.get("cpu") or "one machine"
    size = comparison.content["protocol"].get("input_size")
    of_size = f" for one image of {size[0]} × {size[1]} pixels (height × width)" if size else ""
    notes.append(f"Latency and FLOPs are{of_size}. Times were taken on {machine} and differ on another machine.")
    undefined = _undefined(comparison)
    if undefined:
        notes.append(
            f"No IoU is defined for {formats.listing(undefined)} in at least one model: neither truth nor prediction "
            "has a pixel of it. The means leave it out."
        )
    return notes + _hardly_better(comparison)


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


def _hardly_better(comparison: Comparison) -> list[str]:
    """Name the models that learned next to nothing, and what may help them: one that others learned from is no loss.

    Next to nothing is less than a tenth of the best model's lead over answering the most frequent class everywhere.
    """
    trivial = comparison.content["trivial"]
    lead = {name: _miou(comparison, name) - trivial["miou"] for name in comparison.names}
    best = max(lead.values())
    poor = [name for name in comparison.names if lead[name] <= max(0.0, best / 10)]
    if not poor:
        return []
    labels = formats.listing([comparison.styles[name].label for name in poor])
    be = "is" if len(poor) == 1 else "are"
    much = "no better" if all(lead[name] <= 0 for name in poor) else "hardly better"
    note = f"{labels} {be} {much} than always answering “{trivial.get('class')}”."
    if best > 0:
        help_ = ["a larger --size", "more --epochs"]
        if any("stride 16" in built_on(comparison, name) for name in poor):
            help_.insert(0, "--output-stride 8")
        note += f" The data holds more, as {comparison.styles[comparison.names[0]].label} shows: try {_either(help_)}."
    return [note]


def _either(options: list[str]) -> str:
    return f"{', '.join(options[:-1])} or {options[-1]}"


def _undefined(comparison: Comparison) -> list[str]:
    names = comparison.class_names
    tables = [comparison.class_iou(name)["mean"].isna().to_numpy() for name in comparison.names]
    return [f"“{names[i]}”" for i in range(len(names)) if any(table[i] for table in tables)]


def _miou(comparison: Comparison, model: str) -> float:
    return float(comparison.ranking[comparison.names.index(model)]["miou"])
