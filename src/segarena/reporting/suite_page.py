"""The page of a suite, its figure and its tables for a paper, from suite.json alone."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from segarena.files import write_text, write_with
from segarena.formats import command, plural
from segarena.records.suite import SuiteRecord
from segarena.reporting import gallery, paper, suite_tables, suite_words
from segarena.reporting.gallery import Picture
from segarena.reporting.sections import find_template
from segarena.reporting.style import DPI, PAD, model_styles, theme
from segarena.reporting.suite_figure import draw_critical_difference
from segarena.reporting.text_tables import to_latex, to_markdown

#: The figure, in figures/, as PNG and SVG.
FIGURE = "critical_difference"


def is_suite(folder: Path) -> bool:
    """Whether a folder is one that `segarena suite` wrote."""
    return (folder / SuiteRecord.file).is_file()


def build_suite_report(folder: Path) -> Path:
    """Rebuild the figure, the tables for a paper and report.html of the suite in `folder`; return the page's path.

    Reads suite.json only, so that it works also where the comparisons are not.

    Raises:
        RunError: suite.json is missing or damaged, or a file cannot be written.
    """
    record = SuiteRecord.read(folder)
    picture = _draw(record, folder)
    _write_tables(record, folder)
    page = folder / "report.html"
    write_text(page, render_suite(record, picture))
    return page


def render_suite(record: SuiteRecord, picture: Picture | None) -> str:
    """Return the page as HTML; `picture` is the critical-difference diagram, None where there is no test."""
    setting_titles, settings = suite_tables.setting_table(record)
    return find_template("suite.html.j2").render(
        record=record,
        picture=picture,
        files=[(ending.upper(), f"figures/{FIGURE}.{ending}") for ending in ("png", "svg")],
        styles=model_styles([entry.model for entry in record.models]),
        facts=_facts(record),
        heat=suite_tables.heat_rows(record),
        pairs=suite_tables.pair_rows(record),
        costs=suite_tables.cost_table(record),
        setting_titles=setting_titles,
        settings=settings,
        words=suite_words,
        rebuild=command("segarena", "report", record.name, program=("segarena",)),
    )


def figure_alt(record: SuiteRecord) -> str:
    """Return the diagram in words."""
    labels = suite_words.labels_of(record.models)
    ranks = ", ".join(f"{labels[entry.model]} {entry.mean_rank:.2f}" for entry in record.models)
    if record.test is None:
        return f"Mean ranks: {ranks}"
    groups = suite_words.describe_groups(record.models, record.test)
    return f"Mean ranks: {ranks}. Critical difference {record.test.critical_difference:.2f}. {groups}"


def _draw(record: SuiteRecord, folder: Path) -> Picture | None:
    if record.test is None:
        return None
    path = folder / "figures" / f"{FIGURE}.png"
    with theme():
        figure = draw_critical_difference(record.models, record.test)
        save = partial(figure.savefig, dpi=DPI, bbox_inches="tight", pad_inches=PAD)
        write_with(path, partial(save, format="png"))
        write_with(path.with_suffix(".svg"), partial(save, format="svg", metadata={"Date": None}))
    return gallery.embed(path.read_bytes(), figure_alt(record))


def _write_tables(record: SuiteRecord, folder: Path) -> None:
    table, number = suite_tables.score_table(record), plural(len(record.data_sets), "data set")
    caption = f"mIoU and its 95% interval on {number}; bold where the verdict of the data set names the model."
    write_text(folder / paper.FOLDER / "suite.md", to_markdown(table, first=["data set"]))
    write_text(
        folder / paper.FOLDER / "suite.tex", to_latex(table, first=["data set"], caption=caption, label="tab:suite")
    )


def _facts(record: SuiteRecord) -> list[tuple[str, str]]:
    trainings = sum(score.seeds * (one.folds or 1) for one in record.data_sets for score in one.scores)
    facts = [
        ("data sets", str(len(record.data_sets))),
        ("models", str(len(record.models))),
        ("trainings", f"{trainings:,}"),
        ("track", record.track),
    ]
    if record.test is not None and record.test.p is not None:
        facts.append(("Friedman’s test", "p < 0.001" if record.test.p < 0.001 else f"p = {record.test.p:.3f}"))
        facts.append(("critical difference", f"{record.test.critical_difference:.2f}"))
    return [*facts, ("date", record.created[:10])]
