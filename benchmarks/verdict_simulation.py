"""How often the verdict is wrong, and how often it finds a difference: `python benchmarks/verdict_simulation.py`.

Pixel counts of made-up models are drawn many times (`verdict_worlds.py` has the distributions) and analysed by
`segarena.scoring`. Equal models must be called different in 5% of the comparisons at most.

The result is `verdict_simulation.csv`, a row for each block of 250 comparisons of a setting. A run that was stopped
goes on where it was; every block has its own seed, so the rows do not depend on their order. A setting with more than
5.5% false winners is repeated up to 4,000 comparisons. `verdict_tables.py` makes the tables of docs/statistics.md.

    OMP_NUM_THREADS=1 python benchmarks/verdict_simulation.py [--comparisons 1000] [--only TEXT]
    python benchmarks/verdict_simulation.py --trained FOLDER ...     also counts of your own networks: images.csv files
"""

from __future__ import annotations

import argparse
import csv
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np
from verdict_worlds import DISTRIBUTIONS, Trained, World

from segarena.scoring.count_table import UnitCounts
from segarena.scoring.intervals import architecture_width, network_width
from segarena.scoring.linearization import Ratios
from segarena.scoring.pairs import Pair, pair_models
from segarena.scoring.planning import components, power
from segarena.scoring.statistics import analyse_units

RESULTS = Path(__file__).with_suffix(".csv")
COUNTS = Path(__file__).with_name("trained_counts.npz")
ALPHA, BLOCK, CHECKED = 0.05, 250, 3
REPEATED_ABOVE, MOST = 0.055, 4000


@dataclass(frozen=True)
class Setting:
    """A row of a table: a kind of question, a world, and for a plan the larger comparison that it predicts."""

    kind: str
    world: World
    target_units: int = 0
    target_seeds: int = 0


@dataclass(frozen=True)
class Found:
    """Numbers of comparisons, and sums over them."""

    comparisons: int
    winners: int
    """In which a model is called best that is not better than every other one."""
    right: int
    """In which the model that is better than every other one is called best."""
    covered: int
    """In which the interval of the first two models has their true difference."""
    networks_covered: int
    """The same for the interval of the trained networks; with several seeds it need not hold."""
    width: float
    """Sum of the half-widths."""
    predicted: float
    """Sum of the predicted power at the target."""


def draw(rng: np.random.Generator, world: World, trained: Trained | None) -> UnitCounts:
    if world.distribution == "trained":
        assert trained is not None
        return trained.draw(rng, world)
    return DISTRIBUTIONS[world.distribution](rng, world)


def best_of(table: UnitCounts) -> tuple[str | None, list[Pair]]:
    """The model that is called best, as `analyse_units` decides it but without p values, and the pairs."""
    models = {name: Ratios(table.tp[name], table.union[name]) for name in table.tp}
    names = sorted(models, key=lambda name: (-float(models[name].scores[:, 0].mean()), name))
    pairs = pair_models(models, names, table.folds, ALPHA)
    ahead = [pair.differences[0] > _width(pair) for pair in pairs if pair.first == names[0]]
    return (names[0] if all(ahead) else None), pairs


def _width(pair: Pair) -> float:
    assert pair.variances is not None
    return float(architecture_width(pair.variances, ALPHA)[0])


def simulate(setting: Setting, comparisons: int, block: int = 0, trained: Trained | None = None) -> Found:
    """Draw and analyse comparisons. The first ones are checked against the complete analysis."""
    world = setting.world
    rng = np.random.default_rng([zlib.crc32(repr(setting).encode()), block])
    winners = right = covered = networks = 0
    width = predicted = 0.0
    for number in range(comparisons):
        table = draw(rng, world, trained)
        best, pairs = best_of(table)
        if number < CHECKED and world.units >= 5:
            claim = analyse_units(table, "image").claim
            assert (best is not None) == (claim == ("best_architecture" if world.repeats else "best_network"))
        is_better = world.lead > 0
        winners += best is not None and not (is_better and best == "model0")
        right += is_better and best == "model0"
        pair = next(pair for pair in pairs if {pair.first, pair.second} == {"model0", "model1"})
        assert pair.variances is not None
        error = abs(pair.differences[0] - world.lead / 100 * (1 if pair.first == "model0" else -1))
        half = _width(pair)
        width += half
        covered += bool(error <= half)
        networks += bool(error <= network_width(pair.variances, ALPHA)[0])
        if setting.target_units:
            parts = components(pair.variances, world.seeds)
            predicted += power(parts, world.lead / 100, setting.target_units, setting.target_seeds)
    return Found(comparisons, winners, right, covered, networks, width, predicted)


def settings() -> Iterator[Setting]:
    """Every setting of the tables, the slowest ones last."""
    plain = [(s, m) for m in (2, 4) for s in (1, 2, 3, 5)]
    numbers = (6, 20, 100, 500)
    for distribution in ("logistic", "trained"):
        for n in numbers:
            for s, m in plain:
                yield Setting("equal", World(distribution, n, s, m))
    for n in numbers:
        for s, m in plain:
            yield Setting("equal", World("logistic", n, s, m, largest_group=6))
    yield from powers()
    for distribution in ("logistic", "trained", "dirichlet"):
        for n in numbers:
            for k, s, m in ((5, 1, 2), (5, 1, 4), (5, 3, 2), (3, 1, 2), (10, 1, 2)):
                if n >= k:
                    yield Setting("equal", World(distribution, n, s, m, folds=k))
    for n in numbers:
        yield Setting("equal", World("logistic", n, 1, 2, folds=5, largest_group=6))
    yield from variants()
    for n in numbers:
        for s, m in plain:
            yield Setting("equal", World("dirichlet", n, s, m))


def powers() -> Iterator[Setting]:
    """Models with a true difference: how often it is found, and what is predicted from a smaller comparison."""
    base = World("points", classes=20)
    for n, s, noise in ((20, 3, 1.5), (100, 1, 0.5), (100, 3, 0.5), (500, 1, 0.5), (500, 3, 0.5)):
        for lead in (1.0, 2.0, 5.0):
            yield Setting("better", replace(base, units=n, seeds=s, noise=noise, lead=lead))
    for s in (2, 3, 5):
        yield Setting("better", replace(base, units=100, seeds=s, models=4, noise=0.5, lead=3.0))
    for lead in (2.0, 3.0):
        for pilot, target in (((40, 1), (100, 1)), ((40, 2), (100, 2)), ((40, 3), (100, 3)), ((100, 2), (100, 5))):
            larger = replace(base, units=target[0], seeds=target[1], noise=0.5, lead=lead)
            yield Setting("plan", replace(larger, units=pilot[0], seeds=pilot[1]), *target)
            yield Setting("better", larger)


def variants() -> Iterator[Setting]:
    """Equal models in harder conditions."""
    for n in (20, 100, 500):
        for s in (1, 2, 3, 5):
            yield Setting("two equal, two lower", World("logistic", n, s, 4, lower=1.5))
            yield Setting("2 classes", World("logistic", n, s, classes=2))
            yield Setting("20 classes", World("logistic", n, s, classes=20))
            if s > 1:
                yield Setting("no training noise", World("logistic", n, s, noise=0.0))
                yield Setting("much training noise", World("logistic", n, s, noise=0.5))
                yield Setting("a tenth of the trainings fail", World("logistic", n, s, failing=0.1))
        yield Setting("2 and 5 seeds", World("logistic", n, 5, fewer_seeds=2))
        yield Setting("3 and 5 seeds", World("logistic", n, 5, fewer_seeds=3))


def key_of(setting: Setting) -> dict[str, str]:
    """The columns that identify a setting."""
    values = {"kind": setting.kind, **asdict(setting.world)}
    values |= {"target_units": setting.target_units, "target_seeds": setting.target_seeds}
    return {name: str(value) for name, value in values.items()}


def read_results(path: Path = RESULTS) -> dict[tuple[str, ...], list[dict[str, str]]]:
    """The blocks of each setting."""
    blocks: dict[tuple[str, ...], list[dict[str, str]]] = {}
    if path.exists():
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                blocks.setdefault(tuple(row[name] for name in key_of(Setting("", World()))), []).append(row)
    return blocks


def total(rows: list[dict[str, str]]) -> Found:
    """The sums over blocks."""
    sums = {entry.name: sum(float(row[entry.name]) for row in rows) for entry in fields(Found)}
    whole = ("comparisons", "winners", "right", "covered", "networks_covered")
    return Found(**{name: int(value) if name in whole else value for name, value in sums.items()})  # type: ignore[arg-type]


def run(comparisons: int, only: str, trained: Trained | None, path: Path, report: Callable[[str], None]) -> None:
    """Add the blocks that are missing."""
    done = read_results(path)
    header = [*key_of(Setting("", World())), "block", *(entry.name for entry in fields(Found))]
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, header, lineterminator="\n")
        if file.tell() == 0:
            writer.writeheader()
        for setting in settings():
            key, text = key_of(setting), f"{setting.kind} {setting.world}"
            world = setting.world
            if only not in text or (world.distribution == "trained" and not (trained and trained.can_draw(world))):
                continue
            rows = done.setdefault(tuple(key.values()), [])
            while (so_far := total(rows)).comparisons < comparisons or (
                so_far.comparisons < MOST and so_far.winners > REPEATED_ABOVE * so_far.comparisons
            ):
                found = simulate(setting, BLOCK, len(rows), trained)
                rows.append({**key, "block": str(len(rows)), **{k: f"{v:g}" for k, v in asdict(found).items()}})
                writer.writerow(rows[-1])
                file.flush()
            n = so_far.comparisons
            report(f"{text}: {100 * so_far.winners / n:.1f}% false, {100 * so_far.covered / n:.1f}% covered, {n}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--comparisons", type=int, default=1000)
    parser.add_argument("--only", default="", help="settings whose line has this text")
    parser.add_argument("--trained", type=Path, nargs="*", default=[], help="comparison or evaluation folders")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    if options.trained:
        trained: Trained | None = Trained.read(options.trained)
    else:
        trained = Trained.load(COUNTS) if COUNTS.exists() else None
    run(options.comparisons, options.only, trained, options.results, lambda text: print(text, flush=True))


if __name__ == "__main__":
    sys.exit(main())
