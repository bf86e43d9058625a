"""A smaller run of benchmarks/verdict_simulation.py: equal models are seldom called different, by two laws."""

from __future__ import annotations

import sys
from importlib import util
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "benchmarks" / "verdict_simulation.py"
SPEC = util.spec_from_file_location("verdict_simulation", PATH)
assert SPEC is not None
assert SPEC.loader is not None
simulation = util.module_from_spec(SPEC)
sys.modules[SPEC.name] = simulation  # dataclasses look for their module there
SPEC.loader.exec_module(simulation)


@pytest.mark.slow
@pytest.mark.parametrize("law", ["logistic", "dirichlet", "groups"])
@pytest.mark.parametrize(
    ("units", "seeds", "models", "folds"),
    [(6, 1, 2, 0), (20, 1, 2, 0), (20, 2, 2, 0), (20, 3, 4, 0), (100, 3, 2, 0), (20, 1, 2, 5)],
)
def test_equal_models_are_seldom_called_different(law: str, units: int, seeds: int, models: int, folds: int) -> None:
    """At most 5% nominally; of 400 comparisons, 8% are exceeded in one of 200 runs where 5% is true."""
    world = simulation.World(law=law, units=units, seeds=seeds, models=models, folds=folds)
    found = simulation.simulate(world, 400)
    assert found.winners <= 0.08
    assert found.coverage >= 0.92


def test_a_draw_has_the_shape_of_its_world() -> None:
    world = simulation.World(law="groups", units=7, seeds=2, models=3, classes=4, folds=2)
    found = simulation.simulate(world, 2)
    assert 0 <= found.winners <= 1
    assert found.width > 0
