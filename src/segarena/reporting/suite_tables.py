"""The tables of a suite's page: scores by data set and model, pairs of models, costs, and how each set was compared."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from segarena.formats import NOTHING, duration, milliseconds, percent, plural
from segarena.records.suite import SuiteDataSet, SuiteDifference, SuiteRecord
from segarena.reporting.differences import signed_points, to_text
from segarena.reporting.style import label_of
from segarena.reporting.suite_words import is_limited, labels_of
from segarena.reporting.tables import Cell, Column, Table
from segarena.scoring.suite import one_score, train_time

#: Points of mIoU below the best model of a data set at which a cell has no colour any more.
_FADED = 10.0
#: A verdict in the table, by its claim.
_CLAIMS = {
    "best_architecture": "",
    "best_network": "network only",
    "undecided": "not decided",
    "single_model": "only one model",
    "no_better_than_baseline": "none above the baseline",
    "no_score": "no score",
    "not_recorded": "not recorded",
}


@dataclass(frozen=True)
class HeatCell:
    """A model's score on a data set."""

    text: str
    interval: str
    rank: str
    ceiling: str
    """The resolution ceiling, where it limits the score; empty elsewhere."""
    behind: str
    """Points below the best model of the data set, in words."""
    share: int
    """How strong the colour is, 0 to 100: the best model of the data set has 100."""
    is_winner: bool
    """Whether the verdict of the data set names it."""
    sort: str
    """The score as a number, for sorting."""


@dataclass(frozen=True)
class HeatRow:
    """A data set: the scores of all models, and its verdict."""

    name: str
    about: str
    address: str
    """Its own report, relative to the page; empty where it cannot be reached by a relative path."""
    cells: tuple[HeatCell, ...]
    verdict: str


@dataclass(frozen=True)
class PairRow:
    """Two models over all data sets, as text."""

    pair: str
    difference: str
    interval: str
    ranks: str
    distinguished: str
    results: str


def heat_rows(record: SuiteRecord) -> list[HeatRow]:
    """Return a row for each data set; the models are in the order of the record."""
    return [_heat_row(record, one) for one in record.data_sets]


def report_address(one: SuiteDataSet) -> str:
    """Return the relative address of a data set's own report; empty for an absolute folder."""
    is_absolute = one.folder.startswith("/") or ":" in one.folder.partition("/")[0]
    return "" if is_absolute else quote(f"{one.folder}/report.html")


def pair_rows(record: SuiteRecord) -> list[PairRow]:
    """Return a row for each pair of models, those of the best mean rank first."""
    labels = labels_of(record.models)
    return [
        PairRow(
            pair=f"{labels[pair.first]} minus {labels[pair.second]}",
            difference=signed_points(pair.mean_difference),
            interval=NOTHING if pair.low is None or pair.high is None else to_text(pair.low, pair.high),
            ranks=f"{pair.rank_difference:.2f}",
            distinguished=NOTHING if pair.distinguished is None else "yes" if pair.distinguished else "no",
            results=describe_results(pair, labels),
        )
        for pair in record.differences
    ]


def describe_results(pair: SuiteDifference, labels: dict[str, str]) -> str:
    """State on how many data sets one of two models is clearly higher."""
    first, second = labels[pair.first], labels[pair.second]
    counts = (
        (f"{first} higher", pair.first_higher),
        (f"{second} higher", pair.second_higher),
        (f"{first} higher, networks only", pair.first_networks),
        (f"{second} higher, networks only", pair.second_networks),
        ("practically equal", pair.equal),
        ("not decided", pair.undecided),
    )
    return "; ".join(f"{words}: {number}" for words, number in counts if number)


def cost_table(record: SuiteRecord) -> Table:
    """Return a row for each model: the ratios over all data sets, then training time and latency on each."""
    columns = [
        _column("train_ratio", "training", "geometric mean over the data sets, as a multiple of the fastest model's"),
        _column("latency_ratio", "latency", "geometric mean over the data sets, as a multiple of the fastest model's"),
        *(_column(one.name, one.name, "one training; latency of one image") for one in record.data_sets),
    ]
    rows = []
    for entry in record.models:
        cells = [_ratio(entry.train_ratio), _ratio(entry.latency_ratio)]
        for one in record.data_sets:
            score = one_score(one, entry.model)
            text = duration(train_time(one, score))
            cells.append(Cell(text, train_time(one, score), False, milliseconds(score.latency_ms)))
        rows.append((entry.model, cells))
    return Table(columns, rows)


def setting_table(record: SuiteRecord) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Return the headings, and a row for each data set: how it was compared."""
    titles = ["scored images", "classes", "training images", "size", "epochs", "trainings", "encoder", "stride"]
    rows = []
    for one in record.data_sets:
        seeds = sorted({score.seeds for score in one.scores})
        units = "" if one.units in (None, one.images) else f" ({plural(one.units or 0, one.unit)})"
        split = f"{one.folds} folds" if one.folds is not None else one.scored_split
        rows.append(
            (
                one.name,
                [
                    f"{one.images:,} {split}{units}",
                    str(one.classes),
                    NOTHING if one.train_images is None else f"{one.train_images:,}",
                    str(one.size),
                    f"≤ {one.epochs}",
                    " to ".join(str(number) for number in dict.fromkeys((seeds[0], seeds[-1]))),
                    f"{one.encoder}, {one.weights}" if one.encoder else "as published",
                    NOTHING if one.output_stride is None else str(one.output_stride),
                ],
            )
        )
    return titles, rows


def score_table(record: SuiteRecord) -> Table:
    """Return a row for each data set and a column for each model, with ranks below it: for Markdown and LaTeX."""
    labels = labels_of(record.models)
    columns = [_column(entry.model, labels[entry.model], "mIoU") for entry in record.models]
    columns.append(_column("verdict", "verdict", ""))
    rows = []
    for row in heat_rows(record):
        cells = [Cell(cell.text, None, cell.is_winner, cell.interval) for cell in row.cells]
        rows.append((row.name, [*cells, Cell(row.verdict, None)]))
    if len(record.data_sets) > 1:
        rows.append(("mean rank", [*(Cell(f"{entry.mean_rank:.2f}", None) for entry in record.models), Cell("", None)]))
    wins = [Cell(str(entry.wins + entry.network_wins), None) for entry in record.models]
    rows.append(("named by a verdict", [*wins, Cell("", None)]))
    return Table(columns, rows)


def _heat_row(record: SuiteRecord, one: SuiteDataSet) -> HeatRow:
    labels = labels_of(record.models)
    highest = max(score.miou for score in one.scores)
    cells = []
    for entry in record.models:
        score = one_score(one, entry.model)
        behind = 100 * (highest - score.miou)
        named = one.best == entry.model and one.claim in ("best_architecture", "best_network")
        cells.append(
            HeatCell(
                text=percent(score.miou),
                interval="" if score.low is None or score.high is None else to_text(score.low, score.high),
                rank=f"{score.rank:g}",
                ceiling=percent(score.ceiling) if is_limited(score) else "",
                behind="highest" if behind == 0 else f"{behind:.1f} points below the highest",
                share=round(100 * max(0.0, 1 - behind / _FADED)),
                is_winner=named,
                sort=f"{score.miou:.6f}",
            )
        )
    images = f"{plural(one.images, 'image')}, {plural(one.classes, 'class')}"
    if one.best and one.claim in ("best_architecture", "best_network"):
        words = _CLAIMS[one.claim]
        name = labels.get(one.best) or f"{label_of(one.best)} (not ranked)"
        verdict = f"{name}{f', {words}' if words else ''}"
    else:
        verdict = _CLAIMS[one.claim]
    about = images if one.domain is None else f"{one.domain}; {images}"
    return HeatRow(one.name, about, report_address(one), tuple(cells), verdict)


def _ratio(value: float | None) -> Cell:
    return Cell(NOTHING if value is None else f"{value:.2f} ×", value)


def _column(key: str, title: str, hint: str) -> Column:
    return Column(key, title, hint, "low", str)
