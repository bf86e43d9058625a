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
    write_text(folder / "models.tex", _models_in_latex(comparison, models, f"on {data}, {scored}", labels))
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


def _models_in_latex(comparison: Comparison, models: Table, where: str, labels: dict[str, str]) -> str:
    """Two tables, as one of scores and costs is wider than a page: the costs without the baseline, which has none."""
    number = len(model_tables(comparison)[0])
    scores = Table(models.columns[:number], [(name, cells[:number]) for name, cells in models.rows])
    costs = Table(models.columns[number:], [(name, cells[number:]) for name, cells in models.rows[:-1]])
    tables = [(scores, f"Scores {where}.", "tab:models"), (costs, f"Costs {where}.", "tab:costs")]
    return "\n".join(
        to_latex(table, first=["model"], caption=caption, label=label, labels=labels)
        for table, caption, label in tables
        if table.columns
    )


def _without_note(column: Column, cell: Cell) -> Cell:
    return cell if column.key == "miou" else replace(cell, note="")
