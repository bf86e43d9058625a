"""The tables of the page: which cells are marked as best, and values equal to those of the files."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pandas as pd
import pytest

from sample_records import ANSWER, ranked_model
from segarena.records.comparison import Claim
from segarena.records.statistics import Difference, Interval
from segarena.reporting.comparison import Comparison, read_comparison
from segarena.reporting.tables import class_table, fold_table, model_tables, seed_table

NAMES = ("unet", "deeplabv3", "pspnet", "fcn")


@pytest.fixture
def comparison(street: Path) -> Comparison:
    return read_comparison(street)


def with_ranking(comparison: Comparison, **columns: list[float | None]) -> Comparison:
    """The comparison with other models: a value for each in each column."""
    rows = zip(*columns.values(), strict=True)
    ranking = [
        ranked_model(name, **dict(zip(columns, row, strict=True))) for name, row in zip(NAMES, rows, strict=False)
    ]
    return replace(comparison, record=replace(comparison.record, ranking=tuple(ranking)))


@pytest.mark.parametrize(
    ("columns", "best"),
    [
        ({"miou": [0.6, 0.5, 0.4]}, {"miou": ["unet"]}),
        ({"mean_precision": [0.5, 0.7, 0.6]}, {"mean_precision": []}),  # no interval is known
        ({"params": [9, 3, 5]}, {"params": ["deeplabv3"]}),  # a cost: the lowest
        ({"miou": [0.60004, 0.60001, 0.4]}, {"miou": ["unet", "deeplabv3"]}),  # both are written as 60.0%
        ({"miou": [0.60004, 0.60001]}, {"miou": []}),
        ({"miou": [0.6]}, {"miou": []}),  # no other model
    ],
)
def test_the_best_of_a_column_is_marked(comparison: Comparison, columns: dict, best: dict) -> None:
    shown = with_ranking(comparison, **columns)
    assert {key: marked_models(shown, key) for key in columns} == best


def marked_models(comparison: Comparison, key: str) -> list[str]:
    _, _, table = model_tables(comparison)
    index = [column.key for column in table.columns].index(key)
    return [name for name, cells in table.rows if cells[index].best]


@pytest.mark.parametrize("claim", get_args(Claim))
def test_no_score_is_marked_where_the_verdict_names_no_best_model(comparison: Comparison, claim: Claim) -> None:
    shown = with_ranking(comparison, miou=[0.6, 0.5, 0.4], params=[9, 3, 5])
    shown = replace(shown, record=replace(shown.record, answer=replace(ANSWER, claim=claim)))
    assert marked_models(shown, "miou") == (
        ["unet"] if claim in ("best_architecture", "best_network", "not_recorded") else []
    )
    assert marked_models(shown, "params") == ["deeplabv3"]


@pytest.mark.parametrize(
    ("costs", "marked"),
    [
        ({"peak_memory_mib": [300.0, 200.0]}, ["deeplabv3"]),
        ({"peak_memory_mib": [210.0, 200.0]}, []),
        ({"latency_ms": [20.0, 10.0], "latency_low_ms": [19.0, 9.0], "latency_high_ms": [21.0, 11.0]}, ["deeplabv3"]),
        ({"latency_ms": [20.0, 10.0], "latency_low_ms": [10.5, 9.0], "latency_high_ms": [21.0, 11.0]}, []),  # overlap
        ({"latency_ms": [10.5, 10.0], "latency_low_ms": [10.4, 9.9], "latency_high_ms": [10.6, 10.1]}, []),  # close
        ({"latency_ms": [20.0, 10.0], "latency_low_ms": [None] * 2, "latency_high_ms": [None] * 2}, ["deeplabv3"]),
        ({"train_seconds": [90.0, 50.0], "train_cpu_seconds": [150.0, 90.0]}, ["deeplabv3"]),
        ({"train_seconds": [90.0, 50.0], "train_cpu_seconds": [80.0, 90.0]}, []),  # more work in less time: load
        ({"train_seconds": [900.0, 50.0], "train_cpu_seconds": [150.0, 90.0]}, []),  # the other one was slowed
        ({"train_seconds": [90.0, 50.0], "train_cpu_seconds": [None, None]}, ["deeplabv3"]),
        ({"train_cpu_seconds": [150.0, 90.0]}, ["deeplabv3"]),
        ({"train_cpu_seconds": [95.0, 90.0]}, []),
        ({"labelled_per_second": [50.0, 100.0, 52.0]}, ["deeplabv3"]),
        ({"labelled_per_second": [50.0, 100.0, 95.0]}, []),  # the two highest are close
    ],
)
def test_a_measured_cost_is_marked_where_it_is_clearly_the_best(
    comparison: Comparison, costs: dict, marked: list[str]
) -> None:
    assert marked_models(with_ranking(comparison, **costs), next(iter(costs))) == marked


def test_the_middle_half_of_the_latencies_is_beside_their_median(comparison: Comparison) -> None:
    costs = {"latency_ms": [20.0, 9.0], "latency_low_ms": [19.0, None], "latency_high_ms": [21.04, None]}
    _, _, table = model_tables(with_ranking(comparison, **costs))
    index = [column.key for column in table.columns].index("latency_ms")
    assert [cells[index].note for _, cells in table.rows] == ["19.0 to 21.0", ""]


@pytest.mark.parametrize(("p", "marked"), [(0.01, ["unet"]), (0.2, [])])
def test_mean_f1_is_marked_where_its_differences_are_clear(comparison: Comparison, p: float, marked: list[str]) -> None:
    shown = with_ranking(comparison, mean_f1=[0.7, 0.6, 0.5])
    intervals = [Interval(low=0.0, high=0.1, p=value, p_holm=1.0) for value in (0.01, p)]
    pairs = tuple(difference("unet", other, interval) for other, interval in zip(NAMES[1:3], intervals, strict=True))
    statistics = replace(shown.record.statistics, f1=pairs)
    shown = replace(
        shown, record=replace(shown.record, statistics=statistics, answer=replace(ANSWER, claim="best_network"))
    )
    assert marked_models(shown, "mean_f1") == marked


def difference(first: str, second: str, interval: Interval) -> Difference:
    return Difference(
        first=first,
        second=second,
        difference=0.05,
        networks=interval,
        architectures=None,
        practically_equal=False,
        noise_survived=None,
    )


def test_a_class_is_marked_by_p_values_adjusted_for_the_classes(comparison: Comparison) -> None:
    """The largest p against any rival counts; two of 0.03 and 0.04 are both above 0.05 when adjusted."""
    statistics = replace(comparison.record.statistics, claim="undecided")
    for p_values, marked in (((0.01, 0.04), {"sky", "road"}), ((0.03, 0.04), set()), ((0.02, 0.2), {"sky"})):
        classes = tuple(
            replace(
                entry,
                pairs=tuple(
                    replace(pair, networks=replace(pair.networks, p=p if pair.second == "fcn" else 0.001))
                    for pair in entry.pairs
                ),
            )
            for entry, p in zip(
                [next(e for e in statistics.classes if e.class_name == name) for name in ("sky", "road")],
                p_values,
                strict=True,
            )
        )
        shown = replace(comparison, record=replace(comparison.record, statistics=replace(statistics, classes=classes)))
        rows = {name: [cell.best for cell in cells[1:]] for name, cells in class_table(shown).rows}
        assert {name for name, marks in rows.items() if any(marks)} == marked
        assert all(marks == [True, False, False, False] for name, marks in rows.items() if name in marked)


def test_scores_have_their_intervals_beside_them(comparison: Comparison) -> None:
    statistics = comparison.record.statistics
    _, _, table = model_tables(comparison)
    for entry, (_, cells) in zip(statistics.models, table.rows, strict=True):
        assert cells[0].note == f"{100 * entry.low:.1f} to {100 * entry.high:.1f}"
    notes = {name: [cell.note for cell in cells[1:]] for name, cells in class_table(comparison).rows}
    for entry in statistics.classes:
        expected = [f"{100 * score.low:.1f} to {100 * score.high:.1f}" for score in entry.models]
        assert notes[entry.class_name] == expected


def test_every_seed_has_its_score_in_a_table(comparison: Comparison) -> None:
    assert seed_table(comparison) is None
    again = comparison.models.assign(seed=1, miou=0.5)
    table = seed_table(replace(comparison, models=pd.concat([comparison.models, again[again["model"] != "fcn"]])))
    assert [name for name, _ in table.rows] == ["seed 0", "seed 1"]
    assert [cell.value for cell in table.rows[0][1]] == [entry.miou for entry in comparison.ranking]
    assert [cell.value for cell in table.rows[1][1]] == [0.5, 0.5, 0.5, None]
    assert not any(cell.best for _, cells in table.rows for cell in cells)


def test_a_cost_that_one_model_lacks_is_a_dash(comparison: Comparison) -> None:
    _, costs, table = model_tables(with_ranking(comparison, peak_memory_mib=[None, 300.0]))
    assert costs[-1].key == "peak_memory_mib"
    assert [(cells[-1].text, cells[-1].value) for _, cells in table.rows] == [("–", None), ("300 MiB", 300.0)]


def test_a_cost_that_no_model_has_is_no_column(comparison: Comparison) -> None:
    scores, costs, table = model_tables(comparison)
    assert [column.key for column in costs] == ["params", "flops", "latency_ms", "train_seconds", "train_cpu_seconds"]
    assert table.columns == [*scores, *costs]


def test_the_seed_range_is_beside_the_mean_of_several_seeds(comparison: Comparison) -> None:
    bounds = {"lowest_miou": [0.581, 0.5], "highest_miou": [0.627, 0.5]}
    older = replace(comparison, record=replace(comparison.record, statistics=None))  # has no intervals
    _, _, table = model_tables(with_ranking(older, seeds=[(0, 1, 2), (0,)], **bounds))
    assert [cells[0].note for _, cells in table.rows] == ["58.1 to 62.7", ""]


def test_class_table_has_the_ious_of_the_file(comparison: Comparison) -> None:
    table = class_table(comparison)
    file = comparison.classes.set_index(["model", "class"])["iou"]
    assert [name for name, _ in table.rows] == [comparison.class_names[i] for i in comparison.class_order]
    for name, (_, *cells) in table.rows:
        for model, cell in zip(comparison.names, cells, strict=True):
            assert cell.value == pytest.approx(file[model, name])


def test_fold_table_has_the_mious_of_the_file(crossed: Path) -> None:
    comparison = read_comparison(crossed)
    table, file = fold_table(comparison), pd.read_csv(crossed / "folds.csv")
    assert [name for name, _ in table.rows] == [f"fold {fold}" for fold in range(1, 6)]
    for fold, (_, (images, *cells)) in enumerate(table.rows, start=1):
        rows = file[file["fold"] == fold].set_index("model")
        assert images.value == rows["images"].iloc[0]
        assert [cell.value for cell in cells] == [rows.loc[name, "miou"] for name in comparison.names]
        assert not any(cell.best for cell in cells)


def test_the_ceiling_is_shown_and_never_marked_as_best(comparison) -> None:
    scores, _, table = model_tables(with_ranking(comparison, ceiling=[0.9, 0.7]))
    place = [column.key for column in scores].index("ceiling")
    assert [cells[place].value for _, cells in table.rows] == [0.9, 0.7]
    assert not any(cells[place].best for _, cells in table.rows)
    assert "ceiling" not in [column.key for column in model_tables(comparison)[0]]  # a comparison of an older version
