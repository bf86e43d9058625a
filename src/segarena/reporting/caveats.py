"""What a careful reader should hold against the scores, each from the comparison's files alone."""

from __future__ import annotations

from segarena import formats
from segarena.reporting.comparison import Comparison
from segarena.scoring.verdict import LITTLE


def caveats(comparison: Comparison) -> list[str]:
    """A sentence or two for each, what weighs most first."""
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
    starts = comparison.starts
    if len(starts) > 1:
        groups = "; ".join(f"{formats.join_words(labels)} from {start}" for start, labels in starts.items())
        notes.append(
            f"The models did not start alike: {groups}. A part of any difference between these groups is the start's, "
            "not the architecture's."
        )
    environment = comparison.content["environment"]
    machine = environment.get("gpu") or environment.get("cpu") or "one machine"
    size = comparison.content["protocol"].get("input_size")
    of_size = f" for one image of {size[0]} × {size[1]} pixels (height × width)" if size else ""
    notes.append(f"Latency and FLOPs are{of_size}. Times were taken on {machine} and differ on another machine.")
    undefined = _undefined(comparison)
    if undefined:
        notes.append(
            f"No IoU is defined for {formats.join_words(undefined)} in at least one model: neither truth nor "
            "prediction has a pixel of it. The means leave it out, so the models' means may cover different classes."
        )
    return notes + _stopped_early(comparison) + _hardly_better(comparison)


def _stopped_early(comparison: Comparison) -> list[str]:
    """Name the models whose learning rate had not come down when their validation score stopped rising."""
    most = comparison.content["protocol"].get("epochs")
    if most is None or "epochs" not in comparison.models:
        return []
    fewest = comparison.models.groupby("model")["epochs"].min()
    early = [name for name in comparison.names if fewest[name] < most]
    if not early:
        return []
    stops = formats.join_words([f"{comparison.styles[name].label} after {fewest[name]:g}" for name in early])
    return [
        f"Stopped early, by the same rule for all: {stops} of {most} epochs, before the learning rate had come down "
        f"all the way. --patience {most} trains every model to the end."
    ]


def _hardly_better(comparison: Comparison) -> list[str]:
    """Name the models that learned next to nothing, and what may help them: one that others learned from is no loss.

    Next to nothing is less than a tenth of the best model's lead over answering the most frequent class everywhere.
    """
    baseline = comparison.content["majority_baseline"]
    lead = {name: _miou(comparison, name) - baseline["miou"] for name in comparison.names}
    best = max(lead.values())
    poor = [name for name in comparison.names if lead[name] <= (best / 10 if best >= LITTLE else LITTLE)]
    if not poor:
        return []
    labels = formats.join_words([comparison.styles[name].label for name in poor])
    be = "is" if len(poor) == 1 else "are"
    much = "no better" if all(lead[name] <= 0 for name in poor) else "hardly better"
    note = f"{labels} {be} {much} than always answering “{baseline['class_name']}”."
    if best >= LITTLE:
        help_ = ["a larger --size", "more --epochs"]
        if any(comparison.chosen_stride(name) == 16 for name in poor):
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
