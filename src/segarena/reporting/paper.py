"""The folder paper/ of a comparison: its tables, a paragraph on methods and its references, to paste into a paper."""

from __future__ import annotations

from dataclasses import replace

from segarena.files import write_text
from segarena.reporting import data_curve, methods_paragraph
from segarena.reporting.comparison import Comparison
from segarena.reporting.data_curve import read_data_curve
from segarena.reporting.references import bibliography
from segarena.reporting.tables import Cell, Column, Table, baseline_texts, class_table, model_tables
from segarena.reporting.text_tables import to_latex, to_markdown

FOLDER = "paper"


def write_paper(comparison: Comparison) -> None:
    """Write paper/: models, classes, parts of the data and methods as .md and .tex, and references.bib.

    Raises:
        RunError: A file cannot be written.
    """
    folder = comparison.folder / FOLDER
    labels = {name: style.label for name, style in comparison.styles.items()}
    models, classes = _models(comparison), class_table(comparison)
    data, scored = comparison.record.data.name, f"{comparison.record.scored_split} images"
    scored = f"{comparison.folds} folds" if comparison.folds is not None else scored
    write_text(folder / "models.md", to_markdown(models, first=["model"], labels=labels))
    write_text(folder / "classes.md", to_markdown(classes, first=["class", "share of pixels"]))
    caption = f"Scores and costs on {data}, {scored}."
    write_text(
        folder / "models.tex", to_latex(models, first=["model"], caption=caption, label="tab:models", labels=labels)
    )
    caption = f"IoU of each class on {data}, {scored}."
    first = ["class", "share of pixels"]
    write_text(folder / "classes.tex", to_latex(classes, first=first, caption=caption, label="tab:classes"))
    if (curve := read_data_curve(comparison)) is not None:
        parts = data_curve.model_table(comparison, curve)
        caption = f"mIoU with parts of the training images of {data}, {scored}."
        write_text(folder / "data_fractions.md", to_markdown(parts, first=["model"], labels=labels))
        latex = to_latex(parts, first=["model"], caption=caption, label="tab:data-fractions", labels=labels)
        write_text(folder / "data_fractions.tex", latex)
    write_text(folder / "methods.md", methods_paragraph.markdown_paragraph(comparison) + "\n")
    write_text(folder / "methods.tex", methods_paragraph.latex_paragraph(comparison) + "\n")
    write_text(folder / "references.bib", bibliography(methods_paragraph.references(comparison)))


def _models(comparison: Comparison) -> Table:
    """The table of the page, with the majority baseline as its last row and notes on mIoU only, as paper is narrow."""
    _, _, table = model_tables(comparison)
    rows = [
        (name, [_without_note(column, cell) for column, cell in zip(table.columns, cells, strict=True)])
        for name, cells in table.rows
    ]
    baseline = [Cell(text, None) for text in baseline_texts(comparison, table.columns)]
    always = f"always “{comparison.record.majority_baseline.class_name}”"
    return Table(table.columns, [*rows, (always, baseline)])


def _without_note(column: Column, cell: Cell) -> Cell:
    return cell if column.key == "miou" else replace(cell, note="")
