"""The box of the page that states which claims hold, and why: each a question with its answer."""

from __future__ import annotations

from dataclasses import dataclass

from segarena.formats import join_words, plural
from segarena.records.statistics import FEWEST_UNITS, Difference, Interval, Statistics
from segarena.reporting.comparison import Comparison
from segarena.reporting.differences import to_text
from segarena.scoring.wording import describe_plan


@dataclass(frozen=True)
class Claim:
    """A question, a short answer, and what it rests on."""

    question: str
    answer: str
    reason: str


def claims(comparison: Comparison) -> list[Claim]:
    """Return what is shown about the first model, and what is not; empty without statistics or with one model."""
    shown = comparison.record.statistics
    if shown is None or not shown.pairs:
        return []
    counted = Claim("What is counted?", *_counted(comparison, shown))
    if comparison.record.answer.claim == "no_better_than_baseline":
        name = comparison.record.majority_baseline.class_name
        reason = f"No model is clearly better than always predicting “{name}”, so their order means nothing yet."
        return [Claim("Which claims hold?", "None.", reason), counted]
    if shown.claim == "too_few_units":
        reason = f"At least {FEWEST_UNITS} are needed."
        return [Claim("Which claims hold?", "None.", f"Too few {shown.unit_name}s were scored. {reason}"), counted]
    again = "training on other parts of this data" if comparison.folds else "training again on the same data"
    found = [
        Claim(
            "Would the first of these trained networks also be ahead on further images like these?",
            *_about_first(comparison, shown, [pair.networks for pair in _rivals(shown)]),
        ),
        Claim(
            f"Would the first architecture also be ahead after {again}?",
            *_about_first(comparison, shown, [pair.architectures for pair in _rivals(shown)]),
        ),
        counted,
    ]
    seeds = min(len(entry.seeds) for entry in comparison.ranking)
    if shown.claim == "best_network" and seeds == 1:
        found.append(Claim("What would settle it?", "More seeds.", "Repeat the training with --seeds 3."))
    elif shown.plan is not None:
        found.append(Claim("What would settle it?", "An estimate.", describe_plan(shown.plan, shown, seeds)))
    return found


def _rivals(shown: Statistics) -> list[Difference]:
    """The differences of the first model to each other one, in the order of the models."""
    return [pair for pair in shown.pairs if shown.models[0].model in (pair.first, pair.second)]


def _about_first(comparison: Comparison, shown: Statistics, intervals: list[Interval | None]) -> tuple[str, str]:
    """Whether the first model is ahead of every other one by these intervals, and the difference that decides it."""
    labels = {name: style.label for name, style in comparison.styles.items()}
    first, rivals = labels[shown.models[0].model], _rivals(shown)
    known = [(pair, interval) for pair, interval in zip(rivals, intervals, strict=True) if interval is not None]
    if len(known) < len(rivals):
        once = [labels[entry.model] for entry in comparison.ranking if len(entry.seeds) == 1]
        who = "Each model" if len(once) == len(comparison.ranking) else join_words(once)
        were = "were" if who != "Each model" and len(once) > 1 else "was"
        return "Not measured.", f"{who} {were} trained once, so how much training changes a score is not known."
    open_ = [(pair, interval) for pair, interval in known if interval.p > shown.alpha]
    pair, interval = max(open_ or known, key=lambda entry: entry[1].p)
    other = labels[pair.second if pair.first == shown.models[0].model else pair.first]
    ends = f"{100 * pair.difference:.1f} points, 95% interval {to_text(interval.low, interval.high)}"
    if not open_ and len(rivals) == 1:
        return "Shown.", f"{first} is ahead of {other} ({ends})."
    if not open_:
        return "Shown.", f"{first} is ahead of every other model. Least clear: {other} ({ends})."
    names = join_words([labels[p.second if p.first == shown.models[0].model else p.first] for p, _ in open_], "or")
    less = "" if len(open_) == 1 else f" Least clear: {other}, {ends}."
    exact = f" ({ends})." if len(open_) == 1 else f".{less}"
    return "Not shown.", f"{first} is not clearly different from {names}{exact} That is no proof that they are equal."


def _counted(comparison: Comparison, shown: Statistics) -> tuple[str, str]:
    """The independent units, the trainings, and what the claims do not cover."""
    images = comparison.record.data.counts[comparison.record.scored_split]
    grouped = shown.unit == "group" and shown.units != images
    units = f"{plural(shown.units, shown.unit_name)}, not {plural(images, 'image')}"
    answer = units if grouped else plural(images, "image")
    seeds = sorted({len(entry.seeds) for entry in comparison.ranking})
    number = plural(seeds[0], "training") if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} trainings"
    reason = f"Images of one {shown.unit_name} are not independent, so it counts once. {number} of each model"
    reason = reason if grouped else f"{number} of each model"
    if comparison.folds:
        reason += f", in each of {comparison.folds} folds, whose training images overlap"
    return f"{answer}.", f"{reason}. Nothing is claimed about newly collected training data."
