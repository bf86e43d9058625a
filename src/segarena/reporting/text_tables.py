"""The tables of the page as Markdown and as LaTeX, to copy into a repository's README or a paper."""

from __future__ import annotations

import re
from collections.abc import Sequence

from segarena.reporting.tables import Cell, Table

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
    "×": r"$\times$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # after the end of a row, these two would be arguments of it
    "*": "{*}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def to_markdown(table: Table, *, first: Sequence[str], labels: dict[str, str] | None = None) -> str:
    """Return a table in GitHub's Markdown; the best values are bold, and notes are in brackets.

    Args:
        table: Columns and rows.
        first: The headings before those of the columns: of the names, and of the further cells that each row has.
        labels: What the rows are called, by their name; each its name without.

    >>> from segarena.reporting.tables import SCORES
    >>> table = Table([SCORES[0]], [("unet", [Cell("81.4%", 0.814, True, "79.9 to 82.8")])])
    >>> print(to_markdown(table, first=["model"]), end="")
    | model | mIoU |
    |---|---:|
    | unet | **81.4%** (79.9 to 82.8) |
    """
    headings = [escape_markdown(text) for text in _headings(table, first)]
    lines = [headings, ["---"] + ["---:"] * (len(headings) - 1)]
    lines += [[escape_markdown(_label(name, labels)), *map(_markdown_cell, cells)] for name, cells in table.rows]
    return "".join(f"| {' | '.join(line)} |\n" if line[0] != "---" else f"|{'|'.join(line)}|\n" for line in lines)


def to_latex(
    table: Table, *, first: Sequence[str], caption: str, label: str, labels: dict[str, str] | None = None
) -> str:
    r"""Return a `table` environment for LaTeX with the packages booktabs and graphicx; the best values are bold.

    A table that is wider than the text is reduced to its width.

    Args:
        table: Columns and rows.
        first: The headings before those of the columns.
        caption: Plain text.
        label: Name for `\ref`, e.g. "tab:models".
        labels: What the rows are called, by their name; each its name without.
    """
    headings = [escape_latex(text) for text in _headings(table, first)]
    rows = [[escape_latex(_label(name, labels)), *map(_latex_cell, cells)] for name, cells in table.rows]
    return "\n".join(
        [
            r"% needs \usepackage{booktabs,graphicx}",
            r"\begin{table}",
            r"  \centering",
            f"  \\caption{{{escape_latex(caption)}}}",
            f"  \\label{{{label}}}",
            r"  \resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
            f"  \\begin{{tabular}}{{l{'r' * (len(headings) - 1)}}}",
            r"    \toprule",
            f"    {' & '.join(headings)} \\\\",
            r"    \midrule",
            *(f"    {' & '.join(row)} \\\\" for row in rows),
            r"    \bottomrule",
            r"  \end{tabular}}",
            r"\end{table}",
            "",
        ]
    )


def _headings(table: Table, first: Sequence[str]) -> list[str]:
    return [*first, *(column.title for column in table.columns)]


def _label(name: str, labels: dict[str, str] | None) -> str:
    return name if labels is None else labels.get(name, name)


def _markdown_cell(cell: Cell) -> str:
    text = f"**{escape_markdown(cell.text)}**" if cell.best else escape_markdown(cell.text)
    return f"{text} ({escape_markdown(cell.note)})" if cell.note else text


def _latex_cell(cell: Cell) -> str:
    text = f"\\textbf{{{escape_latex(cell.text)}}}" if cell.best else escape_latex(cell.text)
    return f"{text} {{\\footnotesize ({escape_latex(cell.note)})}}" if cell.note else text


def escape_markdown(text: str) -> str:
    """Escape what Markdown reads as a new cell or as markup. Names of classes and models may have anything."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", _one_line(text))


def escape_latex(text: str) -> str:
    """Escape what LaTeX reads as a command."""
    return "".join(_LATEX.get(character, character) for character in _one_line(text))


def _one_line(text: str) -> str:
    return " ".join(text.split())
