"""The limits of the scores that a careful reader should know, from the comparison's files alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from segarena import formats
from segarena.records.metrics import RESTARTS
from segarena.reporting.comparison import Comparison
from segarena.reporting.load import load_note
from segarena.reporting.method import more_seeds
from segarena.runs import find_all_images_run
from segarena.scoring.verdict import CLEAR_LEAD

#: The share of the training time from which waiting for images is named.
MOST_WAITING = 0.1


def caveats(comparison: Comparison) -> list[str]:
    """One text of a sentence or two for each limit, the most important first."""
    return [text for find in _LIMITS for text in find(comparison)]


def _scored_on_validation(comparison: Comparison) -> Iterator[str]:
    if comparison.record.scored_split == "val":
        yield (
            "There is no test split: the scores come from the validation images, which were also used to select the "
            "best epoch, so they are likely to be a little too high, for every model."
        )


def _cross_validated(comparison: Comparison) -> Iterator[str]:
    if comparison.folds is not None:
        on_all = find_all_images_run(comparison.folder, comparison.names) is not None
        used = (
            "the network that was trained on all images, which was not scored"
            if on_all
            else "a network of one fold, not one trained on all images"
        )
        yield (
            "Cross-validated: each image was tested once, by models trained on other images, and the scores come from "
            f"the pixels of all {comparison.folds} folds together. Any two folds share most of their training images, "
            f"so their scores are not independent. `segarena predict` uses {used}."
        )


def _one_seed(comparison: Comparison) -> Iterator[str]:
    if not comparison.has_several_seeds:
        yield (
            "One seed per model: how much a score changes from one training to the next was not measured. "
            f"{more_seeds(comparison)} to measure it."
        )


def _initial_weights(comparison: Comparison) -> Iterator[str]:
    starts = comparison.starts
    if len(starts) > 1:
        groups = "; ".join(f"{formats.join_words(labels)} from {start}" for start, labels in starts.items())
        yield (
            f"The models have different initial weights: {groups}. A difference between these groups may come from "
            "the initial weights rather than from the architecture."
        )


def _restarted(comparison: Comparison) -> Iterator[str]:
    for model, seed, why in comparison.models[["model", "seed", "restart"]].dropna().itertuples(index=False):
        yield (
            f"{comparison.styles[model].label}, seed {seed}, {RESTARTS[why]}, and was trained again from the same "
            "initial weights at a third of the learning rate of the others. Its training time includes both trainings."
        )


def _skipped_steps(comparison: Comparison) -> Iterator[str]:
    for model, seed, steps in _above_zero(comparison, "skipped_steps"):
        yield (
            f"{comparison.styles[model].label}, seed {seed}: {formats.plural(int(steps), 'training step')} had a loss "
            "or a gradient that was NaN or infinite, and changed nothing."
        )


def _smaller_parts(comparison: Comparison) -> Iterator[str]:
    """Name the trainings that computed a smaller part of the batch at a time once the memory had become too small."""
    for model, seed, images in _above_zero(comparison, "micro_batch"):
        yield (
            f"{comparison.styles[model].label}, seed {seed}: the memory became too small during the training. The "
            f"batch was the same, but {formats.plural(int(images), 'image')} of it were computed at a time, and "
            "normalised by BatchNorm, so its scores may differ from those with more memory."
        )


def _micro_batch(comparison: Comparison) -> Iterator[str]:
    record = comparison.record
    batch_size, part = record.protocol.batch_size, record.protocol.largest_part
    if part < batch_size and "micro_batch" not in record.varied:  # otherwise it is in the models' names
        few = f"at most {part}" if batch_size % part else str(part)
        batch = "" if "batch_size" in record.varied else f"{batch_size} "
        yield (
            f"Of the {batch}images of a training step, {few} were computed at a time, to save "
            f"memory, and their gradients added, for every model. BatchNorm normalised {few} images at a time, so "
            "scores may differ from those of a machine with more memory."
        )


def _measured_costs(comparison: Comparison) -> Iterator[str]:
    record = comparison.record
    height, width = record.protocol.input_size
    size = f"of {height} × {width} pixels (height × width)"
    if "size" in record.varied:
        size = "of the size that each model was trained for"
    yield (
        f"Latency and FLOPs are for one image {size}. Latency and training time were measured on {record.processor} "
        "and differ on another machine."
    )
    if note := load_note(record, {name: style.label for name, style in comparison.styles.items()}):
        yield note


def _waited(comparison: Comparison) -> Iterator[str]:
    """Name the models that waited for their images for a large part of their training on a GPU."""
    if comparison.record.protocol.device == "cpu":
        return
    shares: dict[str, float] = {}
    for run, history in comparison.histories.items():
        if "waiting_share" in history:
            shares[run.model] = max(shares.get(run.model, 0.0), float(history["waiting_share"].median()))
    waited = [
        f"{comparison.styles[model].label} for {formats.percent(share, 0)}"
        for model, share in shares.items()
        if share >= MOST_WAITING
    ]
    if waited:
        yield (
            f"In training some models waited for their images: {formats.join_words(waited)} of the time. That time "
            "depends on how fast images are loaded here, not on the architecture."
        )


def _undefined_classes(comparison: Comparison) -> Iterator[str]:
    names = comparison.class_names
    tables = [comparison.class_iou(name)["mean"].isna().to_numpy() for name in comparison.names]
    undefined = [f"“{names[i]}”" for i in range(len(names)) if any(table[i] for table in tables)]
    if undefined:
        them = "it" if len(undefined) == 1 else "them"
        yield (
            f"No IoU is defined for {formats.join_words(undefined)}: the scored images have no true pixels of {them}. "
            f"The means leave {them} out."
        )


def _stopped_early(comparison: Comparison) -> Iterator[str]:
    """Name the models that early stopping ended before the learning rate had reached the end of its schedule."""
    protocol = comparison.record.protocol
    if "epochs" in comparison.record.varied:  # the protocol has those of the first run
        return
    fewest = comparison.models.groupby("model")["epochs"].min()
    early = [name for name in comparison.names if fewest[name] < protocol.epochs_of(name)]
    if not early:
        return
    most = protocol.epochs
    if protocol.model_epochs:
        ends = [f"{comparison.styles[one].label} after {fewest[one]:g} of {protocol.epochs_of(one)}" for one in early]
        yield (
            f"Early stopping ended {formats.join_words(ends)} epochs, before the learning rate had reached the end of "
            f"its schedule. The rule is the same share of the epochs for every model; --patience {most} trains "
            "each one for all epochs."
        )
        return
    stops = formats.join_words([f"{comparison.styles[name].label} after {fewest[name]:g}" for name in early])
    yield (
        f"Early stopping ended {stops} of {most} epochs, before the learning rate had reached the end of its schedule. "
        f"The rule is the same for every model; --patience {most} trains each one for all epochs."
    )


def _hardly_better(comparison: Comparison) -> Iterator[str]:
    """Name the models that are hardly better than the majority baseline, and what may help them.

    Hardly better is a lead of less than a tenth of the best model's lead.
    """
    baseline = comparison.record.majority_baseline
    lead = {e.model: e.miou - (baseline.miou or 0.0) for e in comparison.ranking if e.miou is not None}
    best = max(lead.values(), default=0.0)
    poor = [name for name in lead if lead[name] <= (best / 10 if best >= CLEAR_LEAD else CLEAR_LEAD)]
    if not poor:
        return
    labels = formats.join_words([comparison.styles[name].label for name in poor])
    be = "is" if len(poor) == 1 else "are"
    much = "no better" if all(lead[name] <= 0 for name in poor) else "hardly better"
    note = f"{labels} {be} {much} than always predicting “{baseline.class_name}”."
    if best >= CLEAR_LEAD:
        options = ["a larger --size", "more --epochs"]
        if any(comparison.chosen_stride(name) == 16 for name in poor):
            options.insert(0, "--output-stride 8")
        first = comparison.styles[comparison.names[0]].label
        note += f" {first} scores far higher on the same data: try {formats.join_words(options, 'or')}."
    yield note


def _above_zero(comparison: Comparison, column: str) -> list[tuple[str, int, int]]:
    """Model, seed and value of the trainings with a value above 0 in models.csv; older tables have no such column."""
    models = comparison.models
    if column not in models:
        return []
    rows = models.loc[models[column].fillna(0) > 0, ["model", "seed", column]]
    return list(rows.itertuples(index=False, name=None))


#: The limits, the most important first: each function yields its text where it applies.
_LIMITS: tuple[Callable[[Comparison], Iterator[str]], ...] = (
    _scored_on_validation,
    _cross_validated,
    _one_seed,
    _initial_weights,
    _restarted,
    _skipped_steps,
    _smaller_parts,
    _micro_batch,
    _measured_costs,
    _waited,
    _undefined_classes,
    _stopped_early,
    _hardly_better,
)
