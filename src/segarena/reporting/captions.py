"""What each figure says, in words: the sentence below it, and the text for those who cannot see it."""

from __future__ import annotations

import numpy as np

from segarena import formats
from segarena.formats import percent
from segarena.reporting.class_figures import ANNOTATED_CLASSES, row_rates
from segarena.reporting.comparison import Comparison
from segarena.reporting.score_figures import front


def ranking_alt(comparison: Comparison) -> str:
    """Each model's mIoU, best first, and the trivial predictor's."""
    baseline = comparison.content["majority_baseline"]
    scores = formats.join_words([f"{_label(comparison, e['model'])} {percent(e['miou'])}" for e in comparison.ranking])
    return f"mIoU: {scores}. Always answering “{baseline['class_name']}”: {percent(baseline['miou'])}."


def ranking_caption(comparison: Comparison) -> str:
    """How to read the ranking."""
    several = any(len(comparison.seeds(name)) > 1 for name in comparison.names)
    seeds = "The marker is the mean over the seeds, each stroke one seed. " if several else ""
    baseline = comparison.content["majority_baseline"]["class_name"]
    folds = "Rings are the folds, each with its own mIoU. " if comparison.folds else ""
    return f"{seeds}{folds}The dashed line is what a model scores that answers “{baseline}” everywhere."


def latency_alt(comparison: Comparison) -> str:
    """Each model's mIoU and latency."""
    entries = [e for e in comparison.ranking if e.get("latency_ms")]
    pairs = [
        f"{_label(comparison, e['model'])} {percent(e['miou'])} at {formats.milliseconds(e['latency_ms'])}"
        for e in entries
    ]
    return f"mIoU and latency: {formats.join_words(pairs)}."


def latency_caption(comparison: Comparison) -> str:
    """Which models are worth their time."""
    entries = [e for e in comparison.ranking if e.get("latency_ms")]
    if len(entries) < 2:
        return "Time for one image, and what it buys."
    kept = [_label(comparison, e["model"]) for e in front(entries)]
    if len(kept) == 1:
        return f"{kept[0]} is both the fastest and the most accurate."
    return f"The dotted line joins {formats.join_words(kept)}: no other model is both faster and more accurate."


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
    """What the markers are, and who was still improving when the training ended."""
    unfinished = [
        _label(comparison, name)
        for name in comparison.names
        if any(comparison.best_epochs[run] == len(comparison.histories[run]) for run in comparison.runs(name))
    ]
    text = "Markers are the epochs whose weights were kept and scored."
    if comparison.folds is not None:
        text = f"A line for each fold. {text}"
    if not unfinished:
        return text
    was = "was" if len(unfinished) == 1 else "were"
    return f"{text} {formats.join_words(unfinished)} {was} best in the last epoch: more epochs may help."


def classes_alt(comparison: Comparison) -> str:
    """Where the numbers are."""
    return f"IoU of each class for {_labels(comparison)}. The same numbers are in the table below."


def classes_caption(comparison: Comparison) -> str:
    """The order of the classes, and the class the models differ most in."""
    text = "Classes by their share of the true pixels (beside the name), largest first."
    if any(len(comparison.seeds(name)) > 1 for name in comparison.names):
        text += " Markers are means; thin lines run from the lowest seed to the highest."
    if len(comparison.names) < 2:
        return text
    means = np.array([comparison.class_iou(name)["mean"].to_numpy(dtype=float) for name in comparison.names])
    complete = np.flatnonzero(~np.isnan(means).any(axis=0))
    if not len(complete):
        return text
    index = int(complete[np.argmax(np.ptp(means[:, complete], axis=0))])
    best, worst = int(means[:, index].argmax()), int(means[:, index].argmin())
    names = comparison.names
    return (
        f"{text} The models differ most in “{comparison.class_names[index]}”: "
        f"{_label(comparison, names[best])} {percent(means[best, index])}, "
        f"{_label(comparison, names[worst])} {percent(means[worst, index])}."
    )


def confusion_alt(comparison: Comparison, model: str) -> str:
    """The most frequent confusion, of which class for which."""
    return f"Confusion matrix of {_label(comparison, model)}. {confusion_caption(comparison, model)}"


def confusion_caption(comparison: Comparison, model: str) -> str:
    """The largest off-diagonal share of a row."""
    rates = np.nan_to_num(row_rates(comparison.confusions[model]))
    np.fill_diagonal(rates, 0.0)
    truth, predicted = np.unravel_index(int(rates.argmax()), rates.shape)
    if rates[truth, predicted] == 0:
        return "No pixel is confused."
    names = comparison.class_names
    share = percent(rates[truth, predicted])
    return f"Most frequent confusion: {share} of “{names[truth]}” is taken for “{names[predicted]}”."


def confusion_note(comparison: Comparison) -> str:
    """How to read the matrices."""
    numbers = " Numbers are percent; below 0.5% nothing is written." if _few(comparison) else ""
    seeds = " Pixels of all seeds together." if any(len(comparison.seeds(n)) > 1 for n in comparison.names) else ""
    empty = any((comparison.confusions[name].sum(axis=1) == 0).any() for name in comparison.names)
    hatched = " A hatched row has no true pixel." if empty else ""
    return f"Rows are the true class and sum to 100%: the diagonal is recall.{numbers}{hatched}{seeds}"


def _few(comparison: Comparison) -> bool:
    return len(comparison.class_names) <= ANNOTATED_CLASSES


def _label(comparison: Comparison, model: object) -> str:
    return comparison.styles[str(model)].label


def _labels(comparison: Comparison) -> str:
    return formats.join_words([style.label for style in comparison.styles.values()])
