"""How `check` shows the resolution ceiling: a table of sizes and strides, the classes that are lost, the choice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segarena.commands.tables import new_table
from segarena.commands.terminal import console
from segarena.config.training import models_at
from segarena.experiment.ceilings import CeilingTable
from segarena.formats import join_words, listing, percent, plural, shorten
from segarena.reporting.style import model_styles
from segarena.scoring.ceilings import Grid

#: A class with a lower ceiling (IoU) is named: most of its pixels are lost, whatever a model learns.
LOST = 0.3


def show_ceilings(table: CeilingTable, names: Sequence[str]) -> None:
    """Print the ceilings of all grids, the classes that are mostly lost on the one that is chosen, and the choice.

    Args:
        table: The ceilings.
        names: The classes, in the order of their indices.
    """
    if not table.advice:
        return
    masks = plural(table.used, "training mask") + (f" of {table.available}" if table.used < table.available else "")
    console.print(f"\n[bold]Resolution ceiling[/bold]: the highest mIoU to expect, computed from {masks}")
    shown = new_table(["size", *map(_head, table.strides)])
    for size in table.sizes:
        shown.add_row(str(size), *(_cell(table, Grid(size, stride)) for stride in table.strides))
    console.print(shown)
    chosen = table.advice["cpu"].chosen
    coarsest = table.at(chosen.size, chosen.output_stride or max(table.strides))
    lost = [label for label in np.argsort(coarsest.ious, kind="stable") if coarsest.ious[label] < LOST]
    if lost:
        classes = listing([f"{shorten(names[label])} {percent(coarsest.ious[label])}" for label in lost])
        console.print(
            f"  mostly lost at size {coarsest.grid.size} and stride {coarsest.grid.stride} (IoU at most): {classes}",
            markup=False,
        )
    if table.optimised:
        console.print("  In brackets: possible with logits that are fitted to some of the masks.")
    console.print("  With --output-stride 8, PSPNet and DeepLabv3 have stride 8.")
    _show_advice(table)


def _cell(table: CeilingTable, grid: Grid) -> str:
    """The ceiling; in brackets the one that is possible, if it was computed."""
    possible = [f" ({percent(ceiling.miou)})" for ceiling in table.optimised if ceiling.grid == grid]
    return percent(table.at(*grid).miou) + "".join(possible)


def _head(stride: int) -> str:
    """The stride, and the models whose logits have it where the output stride is 16."""
    styles = model_styles(models_at(stride))
    return f"stride {stride}\n{join_words([style.label for style in styles.values()])}"


def _show_advice(table: CeilingTable) -> None:
    """What `compare` chooses: a line for each kind of device, or one where it is the same."""
    places = {"cpu": "on a CPU", "cuda": "on a GPU"}
    chosen = {device: (advice.chosen.size, advice.chosen.output_stride) for device, advice in table.advice.items()}
    together = len(set(chosen.values())) == 1
    for device, advice in table.advice.items():
        size, stride = chosen[device]
        where = "" if together else f" {places[device]}"
        console.print(f"  `compare` uses{where} --size {size} --output-stride {stride}: {advice.why}", markup=False)
        if together:
            return
