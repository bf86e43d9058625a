"""The tables of docs/statistics.md from verdict_simulation.csv: `python benchmarks/verdict_tables.py`.

Replaces what stands between the two marks in that page.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from verdict_simulation import Found, Setting, key_of, powers, read_results, settings, total
from verdict_worlds import World

PAGE = Path(__file__).parents[1] / "docs" / "statistics.md"
START, END = "<!-- benchmarks/verdict_tables.py writes from here -->", "<!-- to here -->"
NUMBERS, SEEDS = (6, 20, 100, 500), (1, 2, 3, 5)
#: What is promised, in percent: false winners at most, coverage from and to.
LIMITS = (6.5, 93.0, 99.5)
#: The power of an earlier simulation with another distribution, in percent, by images, seeds, models and lead.
EARLIER = {
    **{(100, 3, 2, lead): power for lead, power in ((1.0, 13), (2.0, 42), (5.0, 100))},
    **{(500, 3, 2, lead): power for lead, power in ((1.0, 31), (2.0, 80), (5.0, 100))},
    **{(20, 3, 2, lead): power for lead, power in ((1.0, 3), (2.0, 8), (5.0, 44))},
    **{(100, seeds, 4, 3.0): power for seeds, power in ((2, 21), (3, 57), (5, 81))},
}


class Results:
    """What was found in each setting."""

    def __init__(self) -> None:
        self._blocks = read_results()

    def find(self, setting: Setting) -> Found | None:
        """The sums of a setting; None where it was not run."""
        rows = self._blocks.get(tuple(key_of(setting).values()))
        return None if rows is None else total(rows)

    def cell(self, setting: Setting) -> str:
        """False winners and coverage, in percent."""
        found = self.find(setting)
        if found is None:
            return "–"
        n = found.comparisons
        return f"{100 * found.winners / n:.1f} / {100 * found.covered / n:.1f}"

    def power(self, setting: Setting) -> str:
        """How often the better model is called best, in percent."""
        found = self.find(setting)
        return "–" if found is None else f"{100 * found.right / found.comparisons:.0f}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], text_columns: int) -> str:
    lines = [header, ["---"] * text_columns + ["---:"] * (len(header) - text_columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def equal_models(results: Results) -> str:
    header = ["distribution", "models", "images", *(f"{s} seed{'s' if s > 1 else ''}" for s in SEEDS)]
    names = {
        "logistic": ("logistic", {}),
        "dirichlet": ("Dirichlet-multinomial", {}),
        "trained": ("trained networks", {}),
        "groups": ("logistic, groups", {"distribution": "logistic", "largest_group": 6}),
    }
    rows = []
    for distribution, (title, changes) in names.items():
        for models in (2, 4):
            for n in NUMBERS:
                worlds = [
                    World(**{"distribution": distribution, "units": n, "seeds": s, "models": models, **changes})
                    for s in SEEDS
                ]
                rows.append([title, str(models), str(n), *(results.cell(Setting("equal", w)) for w in worlds)])
    return table(header, rows, 1)


def folds(results: Results) -> str:
    header = ["distribution", "images", "3 folds", "5 folds", "10 folds", "5 folds, 4 models", "5 folds, 3 seeds"]
    rows = []
    for distribution, title in (
        ("logistic", "logistic"),
        ("dirichlet", "Dirichlet-multinomial"),
        ("trained", "trained networks"),
    ):
        for n in NUMBERS:
            worlds = [
                World(distribution, n, s, m, k) for k, s, m in ((3, 1, 2), (5, 1, 2), (10, 1, 2), (5, 1, 4), (5, 3, 2))
            ]
            rows.append([title, str(n), *(results.cell(Setting("equal", w)) for w in worlds)])
    for n in NUMBERS:
        cell = results.cell(Setting("equal", World("logistic", n, 1, 2, 5, largest_group=6)))
        rows.append(["logistic, groups", str(n), "–", cell, "–", "–", "–"])
    return table(header, rows, 1)


def harder(results: Results) -> str:
    header = ["condition", "images", *(f"{s} seed{'s' if s > 1 else ''}" for s in SEEDS)]
    kinds: dict[str, dict[int, list[str]]] = {}
    for setting in settings():
        if setting.kind not in ("equal", "better", "plan"):
            cells = kinds.setdefault(setting.kind, {}).setdefault(setting.world.units, ["–"] * len(SEEDS))
            cells[SEEDS.index(setting.world.seeds)] = results.cell(setting)
    rows = [[kind, str(n), *cells] for kind, by_number in kinds.items() for n, cells in by_number.items()]
    return table(header, rows, 1)


def power(results: Results) -> str:
    header = ["models", "images", "seeds", "training noise", "lead 1", "lead 2", "lead 3", "lead 5"]
    rows: dict[tuple[str, ...], list[str]] = {}
    for setting in powers():
        if setting.kind == "better":
            world = setting.world
            noise = f"{world.noise:g}" if world.repeats else "none"
            cells = rows.setdefault((str(world.models), str(world.units), str(world.seeds), noise), ["–"] * 4)
            earlier = EARLIER.get((world.units, world.seeds, world.models, world.lead))
            cells[(1.0, 2.0, 3.0, 5.0).index(world.lead)] = results.power(setting) + (
                f" ({earlier})" if earlier else ""
            )
    return table(
        header, [[*key, *cells] for key, cells in sorted(rows.items(), key=lambda r: [float(x) for x in r[0][:3]])], 0
    )


def plans(results: Results) -> str:
    header = ["lead", "measured on", "predicted for", "mean prediction", "found there"]
    rows = []
    for setting in powers():
        if setting.kind == "plan" and (found := results.find(setting)) is not None:
            world = setting.world
            larger = World(**{**vars(world), "units": setting.target_units, "seeds": setting.target_seeds})
            sizes = [
                f"{n} images, {s} seed{'s' if s > 1 else ''}"
                for n, s in ((world.units, world.seeds), (larger.units, larger.seeds))
            ]
            predicted = f"{100 * found.predicted / found.comparisons:.0f}"
            rows.append([f"{world.lead:g}", *sizes, predicted, results.power(Setting("better", larger))])
    return table(header, rows, 3)


def summary(results: Results) -> str:
    """The extremes over all settings of equal models, and those beyond the limits."""
    found = [(s, f) for s in settings() if s.kind not in ("better", "plan") and (f := results.find(s)) is not None]
    false = [100 * f.winners / f.comparisons for _, f in found]
    covered = [100 * f.covered / f.comparisons for _, f in found]
    outside = sum(not (a <= LIMITS[0] and LIMITS[1] <= b <= LIMITS[2]) for a, b in zip(false, covered, strict=True))
    return (
        f"{len(found)} settings of equal models, {min(f.comparisons for _, f in found):,} comparisons or more in each: "
        f"{min(false):.1f} to {max(false):.1f}% false winners, coverage {min(covered):.1f} to {max(covered):.1f}%. "
        f"Settings with over {LIMITS[0]}% false winners, or with a coverage outside {LIMITS[1]:g} to {LIMITS[2]}%: "
        f"{outside or 'none'}."
    )


def render(results: Results) -> str:
    parts = [
        summary(results),
        "**Equal models**: false winners / coverage, percent. With one seed the trained networks are compared, with "
        "more the architectures. With 4 models all four are equal; the case that is worst for the rule is below.",
        equal_models(results),
        "**Folds**: each fold has trainings of its own.",
        folds(results),
        "**Harder conditions** (logistic, 2 models unless stated): of 4 models two are equal and two are lower, "
        "which leaves the rule no reserve; few and many classes; training noise of none and of five times the usual; "
        "trainings that fail; unequal numbers of seeds, in the column of the larger one.",
        harder(results),
        "**Power**: percent of the comparisons in which a model with a true lead, in points, is called best "
        "(distribution `points`, 20 classes; training noise is the standard deviation of a training's mIoU, in points)."
        " In parentheses: the earlier simulation.",
        power(results),
        "**Plan**: the power that `scoring/planning.py` predicts from a smaller comparison, on average, and the one "
        "that was found with that many images and seeds.",
        plans(results),
    ]
    return "\n\n".join(parts)


def main() -> None:
    before, _, rest = PAGE.read_text().partition(START)
    _, _, after = rest.partition(END)
    if not after:
        sys.exit(f"{PAGE} has no marks")
    PAGE.write_text(f"{before}{START}\n\n{render(Results())}\n\n{END}{after}")


if __name__ == "__main__":
    main()
