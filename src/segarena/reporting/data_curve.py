"""The learning curve over the data: what more labelled images gained, as sentences and tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from segarena import formats
from segarena.records.data_curve import DataCurve, DataPart, ModelCurve
from segarena.reporting.comparison import Comparison, read_comparison
from segarena.reporting.differences import signed_points, to_text
from segarena.reporting.tables import Cell, Column, Table
from segarena.scoring.data_curve import Gain, find_class_gains, find_gain, name_of
from segarena.scoring.statistics import ROUGH_UNITS

#: Classes that are named in a sentence.
_NAMED = 5
#: A step to more than this multiple of the images is one to about twice as many, or more.
_TWICE = 1.9


@dataclass(frozen=True)
class DataSection:
    """What the section of the page has.

    Args:
        answer: What the model with the highest mIoU gained, and whether more labels are likely to help.
        findings: What is shown of its classes and of the other models, a sentence each.
        notes: How it was measured and what it does not say, a sentence or two each.
        models: A row for each model: mIoU with each part, and the gain of the last step.
        classes: A row for each class: the gain of each model in the last step.
    """

    answer: str
    findings: list[str]
    notes: list[str]
    models: Table
    classes: Table


def read_data_curve(comparison: Comparison) -> DataCurve | None:
    """Read data_fractions.json, with the models that are ranked; None where there is none."""
    if not (comparison.folder / DataCurve.file).exists():
        return None
    curve = DataCurve.read(comparison.folder)
    models = {one.model: one for one in curve.models}
    shown = tuple(
        ModelCurve(model=name, statistics=models[name].statistics.for_readers())
        for name in comparison.names
        if name in models
    )
    return None if not shown else DataCurve(**{**vars(curve), "models": shown})


def describe_data_curve(comparison: Comparison) -> DataSection | None:
    """Return the content of the section; None without --data-fractions."""
    curve = read_data_curve(comparison)
    if curve is None:
        return None
    gains = {one.model: find_gain(one.statistics, *_last_step(curve)) for one in curve.models}
    return DataSection(
        answer=answer(comparison, curve),
        findings=_findings(comparison, curve, gains),
        notes=[*_notes(curve), *_note_on_steps(comparison, curve)],
        models=model_table(comparison, curve),
        classes=class_table(comparison, curve),
    )


def answer(comparison: Comparison, curve: DataCurve) -> str:
    """Return what the first model gained in the last step, and what follows for more labels, in two sentences."""
    first = curve.models[0]
    gain = find_gain(first.statistics, *_last_step(curve))
    label = comparison.styles[first.model].label
    measured = f"{_step(curve)}, the mIoU of {label} changed by {_points(gain)}."
    fewer, all_images = (part.images for part in curve.parts[-2:])
    return f"{measured} {_follows(gain, all_images / fewer)}"


def curve_answer(folder: Path) -> str:
    """Return `answer` of a comparison folder; empty where nothing was measured.

    Args:
        folder: The comparison folder, with its tables.

    Raises:
        RunError: A file is missing or damaged.
    """
    comparison = read_comparison(folder)
    curve = read_data_curve(comparison)
    return "" if curve is None else answer(comparison, curve)


def model_table(comparison: Comparison, curve: DataCurve) -> Table:
    """The mIoU of each model with each part of the training images, and the gain of the last step."""
    columns = [_column(describe_part(part)) for part in curve.parts]
    columns.append(_column(f"gain, {_names(curve)}"))
    rows = []
    for one in curve.models:
        scores = {entry.model: entry for entry in one.statistics.models}
        cells = []
        for part in curve.parts:
            entry = scores[name_of(part.fraction)]
            known = entry.low is not None and entry.high is not None
            note = to_text(entry.low or 0.0, entry.high or 0.0) if known else ""
            cells.append(Cell(formats.percent(entry.miou), entry.miou, note=note))
        cells.append(_gain_cell(find_gain(one.statistics, *_last_step(curve))))
        rows.append((one.model, cells))
    return Table(columns, rows)


def class_table(comparison: Comparison, curve: DataCurve) -> Table:
    """The gain of each model in each class in the last step; a star where it is clear. Largest class first."""
    gains = {one.model: find_class_gains(one.statistics, *_last_step(curve)) for one in curve.models}
    columns = [_column(f"images with it, {_names(curve)}")]
    columns += [_column(comparison.styles[name].label) for name in gains]
    *_, fewer, all_images = curve.parts
    rows = []
    for index in comparison.class_order:
        name = comparison.class_names[index]
        if any(name in own for own in gains.values()):
            counts = fewer.class_images.get(name, 0), all_images.class_images.get(name, 0)
            cells = [Cell(f"{counts[0]} to {counts[1]}", counts[1])]
            rows.append((name, cells + [_gain_cell(own[name]) for own in gains.values()]))
    return Table(columns, rows)


def describe_part(part: DataPart) -> str:
    """Return a part for people.

    >>> describe_part(DataPart(fraction=0.5, images=20, class_images={}))
    '20 images (50%)'
    """
    return f"{formats.plural(part.images, 'image')} ({_share(part.fraction)})"


def curve_alt(comparison: Comparison, curve: DataCurve) -> str:
    """The scores of each model with each part."""
    texts = []
    for one in curve.models:
        scores = {entry.model: formats.percent(entry.miou) for entry in one.statistics.models}
        values = [
            f"{scores[name_of(part.fraction)]} with {formats.plural(part.images, 'image')}" for part in curve.parts
        ]
        texts.append(f"{comparison.styles[one.model].label}: {', '.join(values)}")
    return f"mIoU by the number of training images. {'; '.join(texts)}."


def _findings(comparison: Comparison, curve: DataCurve, gains: Mapping[str, Gain]) -> list[str]:
    first, *others = curve.models
    label = comparison.styles[first.model].label
    by_class = find_class_gains(first.statistics, *_last_step(curve))
    texts = []
    for trend, verb in (("rises", "gains most in"), ("falls", "is lower with more images in")):
        clear = sorted(
            ((gain.difference, name) for name, gain in by_class.items() if gain.trend == trend), reverse=True
        )
        clear = clear if trend == "rises" else clear[::-1]
        if clear:
            named = [f"“{name}” ({signed_points(value)})" for value, name in clear[:_NAMED]]
            more = f" and {len(clear) - _NAMED} more" if len(clear) > _NAMED else ""
            texts.append(f"By class, {label} {verb} {formats.join_words(named)}{more}, in points of IoU.")
    if not texts and by_class and gains[first.model].trend != "too_few":
        texts.append(f"In no class is the change of {label} clear.")
    for trend, what in (
        ("rises", "higher with all images"),
        ("flat", "about equal"),
        ("falls", "lower with all images"),
        ("unclear", "not clear"),
    ):
        names = [comparison.styles[one.model].label for one in others if gains[one.model].trend == trend]
        if names:
            texts.append(f"The mIoU of {formats.join_words(names)} is {what}.")
    smallest = curve.parts[0]
    absent = [
        name for name, count in smallest.class_images.items() if not count and curve.parts[-1].class_images.get(name)
    ]
    if absent:
        missing = formats.join_words([f"“{name}”" for name in absent[:_NAMED]])
        more = f" and {len(absent) - _NAMED} more" if len(absent) > _NAMED else ""
        images = formats.plural(smallest.images, "image")
        texts.append(f"No image of the smallest part ({images}) has {missing}{more}: it cannot be learned from them.")
    return texts


def _notes(curve: DataCurve) -> list[str]:
    shown = curve.models[0].statistics
    steps = "the same number of steps"
    each = f"Each part of the training images is contained in the next one and was trained for {steps}, "
    notes = [
        f"{each}{curve.epochs} epochs of {formats.plural(curve.steps, 'step')} at most. All were tested on the same "
        f"{formats.plural(shown.units, shown.unit_name)}.",
    ]
    first = find_gain(shown, *_last_step(curve))
    if first.trend == "too_few":
        notes.append("There are too few of them for intervals, so nothing is claimed.")
        return notes
    kind = "for further images and repeated training" if first.has_repeated else "for further images"
    once = (
        ""
        if first.has_repeated
        else " Each network was trained once; several seeds would show how much trainings vary."
    )
    notes.append(
        f"Intervals are 95%, {kind}; those of classes are marked as clear at the level for all classes together.{once} "
        "With other images of the same number in the smaller parts the scores would differ, which is not measured."
    )
    if shown.units < ROUGH_UNITS:
        notes.append(f"With {formats.plural(shown.units, shown.unit_name)} the intervals are rough.")
    notes.append("What more images than there are would bring was not measured, and is not computed from the curve.")
    return notes


def _note_on_steps(comparison: Comparison, curve: DataCurve) -> list[str]:
    """A sentence where a network was still improving with all images: its score is limited by steps, too."""
    names = [
        comparison.styles[one.model].label
        for one in curve.models
        if any(comparison.best_epochs[run] == len(comparison.histories[run]) for run in comparison.runs(one.model))
    ]
    if not names:
        return []
    was = "was" if len(names) == 1 else "were"
    return [
        f"{formats.join_words(names)} {was} best in the last epoch with all images: the number of steps may limit the "
        "score more than the labels do. With more epochs the curve may rise where it is flat here."
    ]


def _follows(gain: Gain, ratio: float) -> str:
    """What the last step, to this multiple of the images, lets expect of a further one like it."""
    if gain.trend == "rises":
        return "The score still rises where the data ends: more labelled images are likely to help."
    if gain.trend == "flat":
        more = "as many images again" if ratio > _TWICE else f"{100 * (ratio - 1):.0f}% more images"
        return f"That is less than a point: {more}, of the same kind, are not likely to help much."
    if gain.trend == "falls":
        return "The score is lower with all images: check the labels of the images that the smaller part leaves out."
    if gain.trend == "unclear":
        return "The interval includes 0, so it is not clear whether more labelled images would help."
    return "There are too few scored images to say whether more labelled images would help."


def _last_step(curve: DataCurve) -> tuple[float, float]:
    """The shares of the last two parts."""
    return curve.parts[-2].fraction, curve.parts[-1].fraction


def _step(curve: DataCurve) -> str:
    fewer, all_images = curve.parts[-2:]
    return f"With {all_images.images} training images in place of {fewer.images}"


def _names(curve: DataCurve) -> str:
    return f"{curve.parts[-2].images} to {curve.parts[-1].images}"


def _points(gain: Gain) -> str:
    if gain.low is None or gain.high is None:
        return f"{signed_points(gain.difference)} points"
    return f"{signed_points(gain.difference)} points (95% interval {to_text(gain.low, gain.high)})"


def _gain_cell(gain: Gain) -> Cell:
    note = "" if gain.low is None or gain.high is None else to_text(gain.low, gain.high)
    return Cell(signed_points(gain.difference), gain.difference, gain.trend == "rises", note)


def _column(title: str) -> Column:
    return Column(title, title, "", "high", str, has_best=False)


def _share(fraction: float) -> str:
    text = f"{100 * fraction:.3g}%"
    return "all" if fraction == 1 else text
