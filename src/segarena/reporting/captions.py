"""Each figure in words: the sentence below it, and the text for readers who cannot see it."""

from __future__ import annotations

import numpy as np

from segarena import formats
from segarena.formats import percent
from segarena.reporting.class_figures import ANNOTATED_CLASSES, row_rates
from segarena.reporting.comparison import Comparison
from segarena.reporting.fonts import class_label
from segarena.reporting.score_figures import measured, undominated
from segarena.scoring.verdict import HIGH_CEILING


def ranking_alt(comparison: Comparison) -> str:
    """Each model's mIoU, best first, and that of the majority baseline."""
    baseline = comparison.record.majority_baseline
    scores = formats.join_words([f"{_label(comparison, e.model)} {percent(e.miou)}" for e in comparison.ranking])
    return f"mIoU: {scores}. Always predicting “{baseline.class_name}”: {percent(baseline.miou)}."


def ranking_caption(comparison: Comparison) -> str:
    """What the marks of the ranking are."""
    text = ""
    if comparison.has_several_seeds:
        text += "Markers are means over the seeds; each point above them is one seed. "
    if comparison.folds:
        text += "Rings are the mIoU of each fold. "
    if any(entry.ceiling is not None and entry.ceiling <= HIGH_CEILING for entry in comparison.ranking):
        text += "Vertical lines are resolution ceilings: the mIoU of the true masks, reduced to a model's resolution. "
    if comparison.has_intervals:
        text += "Thin lines are 95% intervals of each score; whether two models differ is in the table below. "
    baseline = comparison.record.majority_baseline.class_name
    return f"{text}The dashed line is the score of always predicting “{baseline}”."


def latency_alt(comparison: Comparison) -> str:
    """Each model's mIoU and latency."""
    pairs = [
        f"{_label(comparison, entry.model)} {percent(entry.miou)} at {formats.milliseconds(entry.latency_ms)}"
        for entry in measured(comparison)
    ]
    return f"mIoU and latency: {formats.join_words(pairs)}."


def latency_caption(comparison: Comparison) -> str:
    """The models that no other one exceeds in both mIoU and speed."""
    entries = measured(comparison)
    if len(entries) < 2:
        return "mIoU against the time for one image." + _intervals(comparison)
    best = [_label(comparison, entry.model) for entry in undominated(entries)]
    if len(best) == 1:
        return f"{best[0]} has both the highest mIoU and the lowest latency." + _intervals(comparison)
    names = formats.join_words(best)
    text = f"The dotted line connects {names}: no other model has both a higher mIoU and a lower latency."
    return text + _intervals(comparison)


def _intervals(comparison: Comparison) -> str:
    return " Vertical lines are 95% intervals of mIoU." if comparison.has_intervals else ""


def curves_alt(comparison: Comparison) -> str:
    """Each run's best epoch and its validation mIoU."""
    parts = []
    for name in comparison.names:
        for run in comparison.runs(name):
            history, best = comparison.histories[run], comparison.best_epochs[run]
            score = history.loc[history["epoch"] == best, "val_miou"]
            reached = f" with {percent(float(score.iloc[0]))} validation mIoU" if len(score) else ""
            which = f" seed {run.seed}" if len(comparison.seeds(name)) > 1 else ""
            which += "" if run.fold is None else f" fold {run.fold}"
            parts.append(f"{_label(comparison, name)}{which}: best epoch {best} of {len(history)}{reached}")
    return f"Learning curves. {'; '.join(parts)}."


def curves_caption(comparison: Comparison) -> str:
    """What the lines and markers are, and which models were still improving when the training ended."""
    unfinished = [
        _label(comparison, name)
        for name in comparison.names
        if any(comparison.best_epochs[run] == len(comparison.histories[run]) for run in comparison.runs(name))
    ]
    text = "Markers are the epochs whose weights were kept and scored."
    if comparison.folds is not None:
        text = f"Each line is a fold. {text}"
    if not unfinished:
        return text
    was = "was" if len(unfinished) == 1 else "were"
    return f"{text} {formats.join_words(unfinished)} {was} best in the last epoch: more epochs may help."


def classes_alt(comparison: Comparison) -> str:
    """The models, and where the numbers are."""
    labels = formats.join_words([style.label for style in comparison.styles.values()])
    return f"IoU of each class for {labels}. The same numbers are in the table below."


def classes_caption(comparison: Comparison) -> str:
    """The order of the classes, and the class with the largest difference between two models."""
    text = "Classes by their share of the true pixels (beside the name), largest first."
    known = any(comparison.class_interval(name, index) for name in comparison.names for index in comparison.class_order)
    if comparison.has_several_seeds:
        text += " Markers are means over the seeds."
    if known or comparison.has_several_seeds:
        lines = "are 95% intervals" if known else "reach from the lowest seed to the highest"
        text += f" Thin lines {lines}."
    if len(comparison.names) < 2:
        return text
    means = np.array([comparison.class_iou(name)["mean"].to_numpy(dtype=float) for name in comparison.names])
    complete = np.flatnonzero(~np.isnan(means).any(axis=0))
    if not len(complete):
        return text
    index = int(complete[np.argmax(np.ptp(means[:, complete], axis=0))])
    best, worst = int(means[:, index].argmax()), int(means[:, index].argmin())
    highest, lowest = percent(means[best, index]), percent(means[worst, index])
    if highest == lowest:
        return f"{text} The models do not differ in any class, to 0.1 points."
    names = comparison.names
    return (
        f"{text} The largest difference is in “{comparison.class_names[index]}”: "
        f"{_label(comparison, names[best])} {highest}, {_label(comparison, names[worst])} {lowest}."
    )


def confusion_alt(comparison: Comparison, model: str) -> str:
    """The model, and its most frequent confusion."""
    return f"Confusion matrix of {_label(comparison, model)}. {confusion_caption(comparison, model)}"


def confusion_caption(comparison: Comparison, model: str) -> str:
    """The largest share of a class that is predicted as another one."""
    rates = np.nan_to_num(row_rates(comparison.confusions[model]))
    np.fill_diagonal(rates, 0.0)
    truth, predicted = np.unravel_index(int(rates.argmax()), rates.shape)
    if rates[truth, predicted] == 0:
        return "No pixel is predicted as a wrong class."
    names = comparison.class_names
    share = percent(rates[truth, predicted])
    return f"Most frequent confusion: {share} of “{names[truth]}” is predicted as “{names[predicted]}”."


def numbered_classes(comparison: Comparison) -> list[tuple[str, str]]:
    """Return the classes whose names no installed font has: what the figures have instead, and the name."""
    pairs = [(class_label(name, index), name) for index, name in enumerate(comparison.class_names)]
    return [(label, name) for label, name in pairs if label != " ".join(name.split())]


def confusion_note(comparison: Comparison) -> str:
    """How to read the matrices."""
    text = "Rows are the true class and sum to 100%: the diagonal is recall."
    if len(comparison.class_names) <= ANNOTATED_CLASSES:
        text += " Numbers are percentages; those below 0.5% are not shown."
    if any((comparison.confusions[name].sum(axis=1) == 0).any() for name in comparison.names):
        text += " A hatched row is a class without true pixels."
    if comparison.has_several_seeds:
        text += " Each matrix counts the pixels of all seeds."
    return text


def _label(comparison: Comparison, model: str) -> str:
    return comparison.styles[model].label
