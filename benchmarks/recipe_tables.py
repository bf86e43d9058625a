"""The tables of the study of training recipes, as Markdown, from the lines of its results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

#: A gain of at least this, in points, counts as one.
CLEAR = 0.5

Row = Mapping[str, str]
#: Set, model, variant, seed, and whether it was computed on a GPU.
Key = tuple[str, str, str, str, bool]


@dataclass(frozen=True)
class Gain:
    """What a variant gained with one model on one set over the baseline.

    Args:
        miou: Gain of each seed, in points of mIoU.
        lowest: Gain of each seed in the IoU of the worst class, in points.
    """

    miou: Sequence[float]
    lowest: Sequence[float]

    @property
    def sign(self) -> int:
        """1 for a gain, -1 for a loss, 0 for neither: the mean is clear and all seeds agree."""
        if min(self.miou) > 0 and fmean(self.miou) >= CLEAR:
            return 1
        return -1 if max(self.miou) < 0 and fmean(self.miou) <= -CLEAR else 0

    def __str__(self) -> str:
        spread = f" ({min(self.miou):+.1f} to {max(self.miou):+.1f})" if len(self.miou) > 1 else ""
        return f"{fmean(self.miou):+.1f}{spread}, worst class {fmean(self.lowest):+.1f}"


def make_tables(rows: Sequence[Row], variants: Mapping[str, str], sets: Sequence[str]) -> dict[str, str]:
    """Make the sections of docs/recipes.md.

    Args:
        rows: Lines of the results. A later line of the same training replaces an earlier one.
        variants: The variants of the study in their order, and the one that each is compared with; the first is the
            baseline.
        sets: The names of the sets, in their order.

    Returns:
        Markdown by the name of the section: study-baseline and study.
    """
    trained = {(row["set"], row["model"], row["variant"], row["seed"], is_gpu(row)): row for row in rows}
    kinds = sorted({key[:2] for key in trained}, key=lambda kind: (sets.index(kind[0]), kind[1]))
    gains = {
        (variant, kind): find_gain(trained, variant, over, kind)
        for variant, over in list(variants.items())[1:]
        for kind in kinds
    }
    return {
        "study-baseline": _baseline_table(trained, list(dict.fromkeys(variants.values())), kinds),
        "study": "".join(_variant_table(gains, variants, name, kinds) for name in sets)
        + _summary(gains, variants, kinds),
    }


def is_gpu(row: Row) -> bool:
    """Whether a training was computed on a GPU."""
    return row["device"].startswith("NVIDIA")


def find_gain(trained: Mapping[Key, Row], variant: str, over: str, kind: tuple[str, str]) -> Gain | None:
    """Compare a variant with another one of the same seed, data and kind of device; None where no seed has both."""
    place, model = kind
    miou, lowest = [], []
    for (*where, seed, gpu), row in sorted(trained.items()):
        base = trained.get((place, model, over, seed, gpu))
        if where != [place, model, variant] or base is None or base["data"] != row["data"] or not row["val_miou"]:
            continue
        miou.append(100 * (float(row["val_miou"]) - float(base["val_miou"])))
        lowest.append(100 * (float(row["lowest_iou"]) - float(base["lowest_iou"])))
    return Gain(miou, lowest) if miou else None


def _baseline_table(trained: Mapping[Key, Row], recipes: Sequence[str], kinds: Sequence[tuple[str, str]]) -> str:
    """The scores of the recipes that others are compared with."""
    lines = ["| set | model | recipe | mIoU | worst class | seconds | on a | seeds |", "|---" * 8 + "|"]
    for place, model, recipe, gpu in [(*kind, recipe, gpu) for kind in kinds for recipe in recipes for gpu in (1, 0)]:
        where = (place, model, recipe, bool(gpu))
        rows = [row for (*key, _, on), row in trained.items() if (*key, on) == where and row["val_miou"]]
        if rows:
            mious, lows = ([float(row[name]) for row in rows] for name in ("val_miou", "lowest_iou"))
            names = " or ".join(dict.fromkeys(row["lowest_class"] for row in rows))
            seconds = fmean(float(row["train_seconds"]) for row in rows)
            spread = f" ({min(mious):.1%} to {max(mious):.1%})" if len(mious) > 1 else ""
            lines.append(
                f"| {place} | {model} | {recipe} | {fmean(mious):.1%}{spread} | {fmean(lows):.1%}, {names} |"
                f" {seconds:.0f} | {'GPU' if gpu else 'CPU'} | {len(rows)} |"
            )
    return "\n".join(lines) + "\n"


def _variant_table(
    gains: Mapping[tuple[str, tuple[str, str]], Gain | None],
    variants: Mapping[str, str],
    place: str,
    kinds: Sequence[tuple[str, str]],
) -> str:
    """The gains on one set: a row for each variant, a column for each model."""
    models = [model for name, model in kinds if name == place]
    lines = [f"| {place} | {' | '.join(models)} |", "|---" * (len(models) + 1) + "|"]
    for variant in variants:
        found = [gains.get((variant, (place, model))) for model in models]
        if any(found):
            lines.append(f"| {variant} | {' | '.join('not measured' if one is None else str(one) for one in found)} |")
    return "\n".join(lines) + "\n\n" if len(lines) > 2 else ""


def _summary(
    gains: Mapping[tuple[str, tuple[str, str]], Gain | None],
    variants: Mapping[str, str],
    kinds: Sequence[tuple[str, str]],
) -> str:
    """On how many sets and models each variant gains and loses; those not measured are named."""
    lines = ["| variant | gains on | loses on | of | mean |", "|---" * 5 + "|"]
    missing = []
    for variant in variants:
        if variant == "baseline":
            continue
        found = [one for kind in kinds if (one := gains[variant, kind]) is not None]
        if not found:
            missing.append(variant)
            continue
        signs = [one.sign for one in found]
        mean = fmean(fmean(one.miou) for one in found)
        lines.append(f"| {variant} | {signs.count(1)} | {signs.count(-1)} | {len(found)} | {mean:+.1f} |")
    text = "\n".join(lines) + "\n" if len(lines) > 2 else ""
    return text + (f"\nNot measured: {'; '.join(missing)}.\n" if missing else "")
