"""`segarena evaluate`: score a trained run, or an exported model, on a split of its data, or on other labelled data."""

from __future__ import annotations

from pathlib import Path

from rich.markup import escape

from segarena.commands.progress import TerminalReporter
from segarena.commands.tables import new_table
from segarena.commands.terminal import console, shown
from segarena.config import EvaluateOptions
from segarena.experiment.rescore import Rescored, rescore
from segarena.experiment.rescore_exported import open_exported, rescore_exported
from segarena.formats import percent, plural, shorten, small_percent
from segarena.reporting.style import label_of
from segarena.runs import check_out


@shown
def run(options: EvaluateOptions) -> Path:
    """Score a run, write metrics.json, images.csv and error_analysis.json, and print the scores.

    Args:
        options: The options as typed.

    Returns:
        The folder with metrics.json, images.csv and error_analysis.json.

    Raises:
        SegarenaError: Something in the input is wrong.
    """
    check_out(options.out)  # before the data is read
    exported = open_exported(options)
    if exported is None:
        result = rescore(options, TerminalReporter())
    else:
        result = rescore_exported(exported, options, TerminalReporter())
    _show(result)
    return result.folder


def _show(result: Rescored) -> None:
    metrics = result.metrics
    console.result(f"Scores: {result.folder / metrics.file}", markup=False)
    interval = f" ({metrics.counted})" if metrics.counted else ""
    console.result(
        f"[bold]{escape(label_of(result.model))}[/bold] on {escape(result.data)}, {metrics.split} "
        f"({plural(metrics.images, 'image')}): "
        f"mIoU {percent(metrics.miou)}{interval}, F1 {percent(metrics.mean_f1)}, "
        f"precision {percent(metrics.mean_precision)}, recall {percent(metrics.mean_recall)}, "
        f"accuracy {percent(metrics.pixel_accuracy)}"
    )
    if metrics.caveat:
        console.warn(metrics.caveat, title="note")
    table = new_table(["class", "IoU", "F1", "precision", "recall"], left=["class"])
    for name, scores in metrics.per_class.items():
        values = (scores.iou, scores.f1, scores.precision, scores.recall)
        table.add_row(escape(shorten(name, 40)), *("absent" if value is None else percent(value) for value in values))
    console.result(table)
    for name, scores in metrics.per_class.items():
        if scores.fp and not scores.tp + scores.fn:
            share = small_percent(scores.fp / metrics.pixels)
            console.warn(f"No mask has {name}; {share} of all pixels are predicted as it")
