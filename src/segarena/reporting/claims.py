"""The box of the page that states which claims hold, and why: each a question with its answer."""

from __future__ import annotations

from dataclasses import dataclass

from segarena.formats import join_words, plural
from segarena.records.statistics import FEWEST_UNITS, Difference, Interval, Statistics
from segarena.reporting.comparison import Comparison
from segarena.reporting.differences import to_text
from segarena.reporting.method import more_seeds
from segarena.scoring.wording import describe_plan

#: Models that are not clearly different are listed with their differences, up to this number.
_MOST_NAMED = 3


@dataclass(frozen=True)
class Question:
    """A question, a short answer, and what it rests on."""

    question: str
    answer: str
    reason: str


def claims(comparison: Comparison) -> list[Question]:
    """Return what is shown about the first model, and what is not; empty without statistics or with one model."""
    shown = comparison.record.statistics
    if shown is None or not shown.pairs:
        return []
    counted = Question("What is counted?", *_counted(comparison, shown))
    if comparison.record.answer.claim == "no_better_than_baseline":
        name = comparison.record.majority_baseline.class_name
        reason = f"No model is clearly better than always predicting “{name}”, so their order means nothing yet."
        return [Question("Which claims hold?", "None.", reason), counted]
    if shown.claim == "too_few_units":
        reason = f"At least {FEWEST_UNITS} are needed."
        return [Question("Which claims hold?", "None.", f"Too few {shown.unit_name}s were scored. {reason}"), counted]
    again = "training on other parts of this data" if comparison.folds else "training again on the same data"
    found = [
        Question(
            "Would the first of these trained networks also be ahead on further images like these?",
            *_about_first(comparison, shown, [pair.networks for pair in _rivals(shown)]),
        ),
        Question(
            f"Would the first architecture also be ahead after {again}?",
            *_about_first(comparison, shown, [pair.architectures for pair in _rivals(shown)]),
        ),
        counted,
    ]
    seeds = min(len(entry.seeds) for entry in comparison.ranking)
    if shown.claim == "best_network" and seeds == 1:
        found.append(Question("What would settle it?", "More seeds.", f"{more_seeds(comparison)}."))
    elif shown.plan is not None:
        found.append(Question("What would settle it?", "An estimate.", describe_plan(shown.plan, shown, seeds)))
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
    leads = [_Lead(labels[p.second if p.first == shown.models[0].model else p.first], p, i) for p, i in known]
    open_ = [lead for lead in leads if lead.interval.p > shown.alpha]
    if not open_:
        return "Shown.", f"{first} is ahead of {_ahead_of(leads, shown)}"
    if len(open_) > _MOST_NAMED:
        names, closest = join_words([lead.other for lead in open_], "or"), min(open_, key=lambda lead: lead.points)
        which = f"{names}. Closest: {closest.text}"
    else:
        which = join_words([lead.text for lead in open_], "or")
    return "Not shown.", f"{first} is not clearly different from {which}. That is no proof that they are equal."


@dataclass(frozen=True)
class _Lead:
    """The difference of the first model to another one."""

    other: str
    pair: Difference
    interval: Interval

    @property
    def points(self) -> float:
        """The difference, a fraction."""
        return abs(self.pair.difference)

    @property
    def text(self) -> str:
        """The other model, with the difference and its interval."""
        ends = to_text(self.interval.low, self.interval.high)
        return f"{self.other} ({100 * self.pair.difference:.1f} points, 95% interval {ends})"


def _ahead_of(leads: list[_Lead], shown: Statistics) -> str:
    """Which models: the closest one, and the one with the largest p value, which decides, where that is another one."""
    if len(leads) == 1:
        return f"{leads[0].text}."
    closest, decides = min(leads, key=lambda lead: lead.points), max(leads, key=lambda lead: lead.interval.p)
    text = f"every other model. Closest: {closest.text}."
    if decides.interval.p > closest.interval.p:
        more = f"{shown.unit_name} to {shown.unit_name}"
        text += f" Least certain: {decides.text}; this larger lead differs more from {more}."
    return text


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
