"""How the scores were measured: the settings, data and machine that belong beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import PurePath
from typing import Any

from segarena import formats
from segarena.reporting.comparison import Comparison
from segarena.scoring.setting import repeat_trainings

#: The initial weights of a model without pretrained weights, as models.csv has them.
RANDOM = "random weights"

#: The parts of the split, as sentences have them.
SPLIT_NAMES = {"train": "training", "val": "validation", "test": "test"}
_TRACKS = {
    "encoder": "All models have the same encoder and differ in the layers after it.",
    "paper": "Each model is built as in its paper, so they differ in their encoders too.",
}


def subtitle(comparison: Comparison) -> str:
    """One line on what was compared: the models, the data, and the track."""
    record = comparison.record
    labels = formats.join_words([style.label for style in comparison.styles.values()])
    if record.varied:  # labels with commas of their own
        labels = "; ".join(style.label for style in comparison.styles.values())
    classes = formats.plural(len(comparison.class_names), "class")
    shared = " Each was trained for about the same time." if record.protocol.equal == "time" else ""
    kind = _TRACKS[record.track]
    if record.varied:
        varied = formats.join_words([name.replace("_", " ") for name in record.varied])
        kind = f"Finished runs of one protocol that differ in {varied}, as their names show."
    return f"{labels} on {record.data.name}, {classes}. {kind}{shared}"


def what_is_shared(comparison: Comparison) -> str:
    """A sentence on what all trainings have in common."""
    record = comparison.record
    if record.varied:
        varied = formats.join_words([name.replace("_", " ") for name in record.varied])
        return f"Every model was trained on the same images with the same settings but for {varied}, as its name shows."
    names = [name.replace("_", " ") for name in tuned_settings(comparison)]
    tuned = f" For each, the {formats.join_words(names)} {were(names)} chosen by equally many short trials."
    length = "about the same time" if record.protocol.equal == "time" else "the same maximum number of epochs"
    return (
        f"Every model was trained on the same images in the same order, with the same augmentation, {length} and the "
        f"same rules for early stopping and for selecting the epoch.{tuned if names else ''}"
    )


def split_name(comparison: Comparison) -> str:
    """The images that gave the scores, in words."""
    return "data set" if comparison.folds is not None else f"{SPLIT_NAMES[comparison.record.scored_split]} split"


def scored_on(comparison: Comparison) -> str:
    """The split that gave the scores, with its number of images; with folds, all images."""
    number = formats.plural(comparison.record.data.counts[comparison.record.scored_split], "image")
    shown = comparison.record.statistics
    if shown is not None and shown.unit == "group":
        number += f" of {formats.plural(shown.units, shown.unit_name)}"
    if comparison.folds is not None:
        return f"{number}, in {comparison.folds} folds"
    return f"{split_name(comparison)}, {number}"


def built_on(comparison: Comparison, model: str) -> str:
    """The encoder of a model and its output stride where it can be chosen, e.g. "resnet50, stride 8".

    Random initial weights are named where other models have pretrained ones.
    """
    encoder, evaluated = (comparison.fact(model, key) for key in ("encoder", "eval_output_stride"))
    stride = comparison.chosen_stride(model)
    parts = [] if encoder is None else [str(encoder)]
    if stride is not None:
        parts.append(f"stride {stride}" + (f", evaluated at {evaluated:g}" if evaluated not in (None, stride) else ""))
    if len(comparison.starts) > 1 and comparison.fact(model, "start") == RANDOM:
        parts.append(RANDOM)
    return ", ".join(parts)


def key_facts(comparison: Comparison) -> list[tuple[str, str]]:
    """The few facts without which the verdict cannot be judged."""
    record = comparison.record
    facts = [
        ("scored on", scored_on(comparison)),
        ("seeds", str(record.seeds)),
        *_costs(comparison),
        ("encoder", formats.plain(record.protocol.network.get("encoder"))),
        ("weights", _weights(comparison)),
        ("device", record.processor),
        ("created", _minute(record.created)),
    ]
    return [(name, value) for name, value in facts if value != formats.NOTHING]


def _costs(comparison: Comparison) -> list[tuple[str, str]]:
    """What the first model costs, and the model with the lowest latency where that is another one."""
    first = comparison.ranking[0]
    costs = (
        (first.latency_ms, f"{formats.milliseconds(first.latency_ms)} per image"),
        (first.params, f"{formats.count(first.params)} parameters"),
        (first.train_seconds, f"{formats.duration(first.train_seconds)} of training"),
    )
    shown = ", ".join(text for value, text in costs if value is not None) or formats.NOTHING
    found = [(f"cost of {comparison.styles[first.model].label}", shown)]
    timed = [entry for entry in comparison.ranking if entry.latency_ms is not None]
    fastest = min(timed, key=lambda entry: entry.latency_ms or 0.0, default=first)
    if fastest.model != first.model:
        label = comparison.styles[fastest.model].label
        found.append(("lowest latency", f"{label}, {formats.milliseconds(fastest.latency_ms)} per image"))
    return found


def protocol_rows(comparison: Comparison) -> list[tuple[str, str]]:
    """Every setting that the models share and that has a value: of the data and of the training."""
    record = comparison.record
    settings = {**asdict(record.inputs), "folds": record.folds, "seeds": record.seeds, **record.protocol.settings()}
    for name in ("data", *record.varied):  # among the facts of the data; in the names of the models
        settings.pop(name, None)
    for name in ("crop", "input_size"):
        settings[name] = " × ".join(str(side) for side in settings[name])
    for choice in record.choices:
        # the ranking, or what it shows, depends on them more than on the others; the last is due to the machine alone
        is_shown = choice.name in ("size", "output_stride", "micro_batch") and choice.name in settings
        if is_shown or (choice.name, choice.value) == ("seeds", record.seeds):
            settings[choice.name] = f"{choice.value} ({choice.why})"
    for name in tuned_settings(comparison):
        settings[name] = f"{formats.plain(settings[name])} in the first trial; then tuned for each model"
    return _rows(settings)


def notes(comparison: Comparison) -> list[str]:
    """A sentence for each setting that was chosen for this data and this machine, and not by trials of each model."""
    elsewhere = [choice.sentence for choice in comparison.record.choices if choice.name in tuned_settings(comparison)]
    return [note for note in comparison.record.notes if note not in elsewhere]


def more_seeds(comparison: Comparison) -> str:
    """Return how a comparison gets further seeds, without a full stop."""
    return repeat_trainings(of_finished_runs=bool(comparison.record.compared_runs))


def tuned_settings(comparison: Comparison) -> list[str]:
    """Return the settings that trials chose for each model; none without trials."""
    return list(dict.fromkeys(name for tuning in comparison.record.tuning for name in tuning.tried))


def were(names: Sequence[str]) -> str:
    """Return "was" for one name, and "were" for several."""
    return "was" if len(names) == 1 else "were"


def environment_rows(comparison: Comparison) -> list[tuple[str, str]]:
    """The software and the machine."""
    environment = comparison.record.environment
    earlier = "; before: ".join(machine.sentence for machine in reversed(environment.earlier))
    return _rows({**asdict(environment), "earlier": earlier or None})


def data_rows(comparison: Comparison) -> list[tuple[str, str]]:
    """The data set: name, images in each split, classes, origin, fingerprint."""
    data = comparison.record.data
    counts = [(f"{SPLIT_NAMES[split]} images", f"{number:,}") for split, number in data.counts.items() if number]
    rows = [("name", data.name), *counts, ("classes", str(len(data.classes))), ("origin", data.origin)]
    return [*rows, ("fingerprint", data.fingerprint)] if isinstance(data.fingerprint, str) else rows


def rebuild_command(comparison: Comparison) -> str:
    """The command that makes this page again from the comparison's files."""
    return formats.command("segarena", "report", PurePath(comparison.folder.name), program=("segarena",))


def _rows(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name and value of each setting that has a value."""
    rows = [(key.replace("_", " "), formats.plain(value)) for key, value in content.items()]
    return [(name, value) for name, value in rows if value != formats.NOTHING]


def _minute(created: str) -> str:
    zone = " UTC" if created.endswith(("+00:00", "Z")) else ""
    return created[:16].replace("T", " ") + zone


def _weights(comparison: Comparison) -> str:
    """The initial weights: a name, or that of a file without its folder, which the protocol has."""
    text = formats.plain(comparison.record.protocol.network.get("weights")).replace("\\", "/").rpartition("/")[2]
    random = comparison.starts.get(RANDOM, [])
    return f"{text}; none for {formats.join_words(random)}" if random and len(comparison.starts) > 1 else text
