"""A smaller run of benchmarks/verdict_simulation.py: equal models are seldom called different."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def simulation(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("verdict_simulation")


def run(simulation: ModuleType, distribution: str, comparisons: int, **world: float) -> object:
    trained = simulation.Trained.load(simulation.COUNTS) if distribution == "trained" else None
    return simulation.simulate(
        simulation.Setting("equal", simulation.World(distribution, **world)), comparisons, 0, trained
    )


@pytest.mark.slow
@pytest.mark.parametrize("distribution", ["logistic", "dirichlet", "points", "trained"])
@pytest.mark.parametrize(
    ("units", "seeds", "models", "folds"),
    [(6, 1, 2, 0), (20, 1, 2, 0), (20, 2, 2, 0), (20, 3, 4, 0), (100, 3, 2, 0), (20, 1, 2, 5), (100, 5, 2, 0)],
)
def test_equal_models_are_seldom_called_different(
    simulation: ModuleType, distribution: str, units: int, seeds: int, models: int, folds: int
) -> None:
    """At most 5% nominally; of 400 comparisons, 8% are exceeded in one of 200 runs where 5% is true."""
    found = run(simulation, distribution, 400, units=units, seeds=seeds, models=models, folds=folds)
    assert found.winners <= 0.08 * 400
    assert found.covered >= 0.92 * 400


@pytest.mark.parametrize("distribution", ["logistic", "dirichlet", "points", "trained"])
@pytest.mark.parametrize("seeds", [1, 3])
def test_forty_comparisons_of_equal_models_have_few_winners(
    simulation: ModuleType, distribution: str, seeds: int
) -> None:
    """Of 40 with 5% false winners each, more than 7 occur in one of 400 runs; their own check is a part of it."""
    assert run(simulation, distribution, 40, units=20, seeds=seeds, largest_group=1 + seeds).winners <= 7


def test_a_clear_lead_is_found(simulation: ModuleType) -> None:
    found = run(simulation, "points", 20, units=40, seeds=3, lead=15.0)
    assert (found.winners, found.right) == (0, 20)


def test_the_page_has_the_tables_of_the_recorded_run(simulation: ModuleType) -> None:
    tables = importlib.import_module("verdict_tables")
    assert tables.render(tables.Results()) in tables.PAGE.read_text()


@pytest.mark.long
def test_every_recorded_setting_of_equal_models_is_within_the_limits(simulation: ModuleType) -> None:
    """More than a thousand comparisons each: at most 6.5% false winners, and coverage of 93 to 99.5%."""
    tables = importlib.import_module("verdict_tables")
    recorded = {setting: tables.Results().find(setting) for setting in simulation.settings()}
    equal = {s: f for s, f in recorded.items() if s.kind not in ("better", "plan") and f is not None}
    assert len(equal) > 200
    for setting, found in equal.items():
        n = found.comparisons
        assert n >= 1000, setting
        assert found.winners <= 0.065 * n, setting
        assert 0.93 * n <= found.covered <= 0.995 * n, setting


def test_the_recorded_plans_are_near_the_power_that_was_found(simulation: ModuleType) -> None:
    results = importlib.import_module("verdict_tables").Results()
    plans = [setting for setting in simulation.powers() if setting.kind == "plan"]
    assert len(plans) == 8
    for plan in plans:
        world = simulation.replace(plan.world, units=plan.target_units, seeds=plan.target_seeds)
        predicted, found = results.find(plan), results.find(simulation.Setting("better", world))
        assert abs(predicted.predicted / predicted.comparisons - found.right / found.comparisons) <= 0.15


def test_the_recorded_power_is_near_that_of_an_earlier_simulation(simulation: ModuleType) -> None:
    tables = importlib.import_module("verdict_tables")
    near = set()
    for setting in (setting for setting in simulation.powers() if setting.kind == "better"):
        world, found = setting.world, tables.Results().find(setting)
        if (key := (world.units, world.seeds, world.models, world.lead)) in tables.EARLIER:
            assert abs(100 * found.right / found.comparisons - tables.EARLIER[key]) <= 5, key
            near.add(key)
    assert near == set(tables.EARLIER)


def test_a_run_resumes_where_it_stopped(
    simulation: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every block has its own seed: one run and two give the same rows."""
    world = simulation.World(units=7, seeds=2, models=3, classes=4, folds=2, fewer_seeds=1)
    monkeypatch.setattr(simulation, "settings", lambda: iter([simulation.Setting("equal", world)]))
    monkeypatch.setattr(simulation, "BLOCK", 2)
    lines: list[str] = []
    for path, numbers in ((tmp_path / "one.csv", (4,)), (tmp_path / "two.csv", (2, 4))):
        for number in numbers:
            simulation.run(number, "", None, path, lines.append)
    assert (tmp_path / "one.csv").read_text() == (tmp_path / "two.csv").read_text()
    [rows] = simulation.read_results(tmp_path / "one.csv").values()
    assert simulation.total(rows).comparisons == 4
