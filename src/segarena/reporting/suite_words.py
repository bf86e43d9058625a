"""A suite in sentences: what the tests over data sets show, and what limits the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from segarena.formats import join_words, listing, plural
from segarena.records.suite import RankTest, SuiteDataSet, SuiteDifference, SuiteModel, SuiteScore
from segarena.reporting.style import label_of, model_styles
from segarena.scoring.rank_tests import joined_groups
from segarena.scoring.verdict import HIGH_CEILING


def labels_of(models: Sequence[SuiteModel]) -> dict[str, str]:
    """Return what each model is called."""
    return {name: style.label for name, style in model_styles([entry.model for entry in models]).items()}


def headline(
    models: Sequence[SuiteModel],
    differences: Sequence[SuiteDifference],
    test: RankTest | None,
    data_sets: Sequence[SuiteDataSet],
) -> str:
    """Return the result in one sentence.

    Args:
        models: The models that are on all data sets, the lowest mean rank first.
        differences: Of each pair of them, whether their mean ranks are distinguished.
        test: The tests of the mean ranks; None for a single model or data set.
        data_sets: The data sets.
    """
    if test is None and len(data_sets) == 1:
        return f"One data set: {data_sets[0].headline}"
    if test is None:
        return "One model is on all data sets, so there is nothing to compare."
    number, labels = plural(len(data_sets), "data set"), labels_of(models)
    if not test.rejects_equality:
        return f"Over {number}, no model is shown to be better than the others."
    first = models[0].model
    rivals = [pair for pair in differences if first in (pair.first, pair.second)]
    if all(pair.distinguished for pair in rivals):
        return f"Over {number}, {labels[first]} has a better mean rank than every other model."
    shown = [pair for pair in differences if pair.distinguished]
    if not shown:
        return f"Over {number}, the models are not all equal, but no two of them are distinguished."
    pairs = [f"{labels[pair.first]} has a better mean rank than {labels[pair.second]}" for pair in shown[:2]]
    return f"Over {number}, {join_words(pairs)}; no model is ahead of all others."


def details(models: Sequence[SuiteModel], test: RankTest | None, data_sets: Sequence[SuiteDataSet]) -> tuple[str, ...]:
    """Return the mean ranks, the wins, and what the tests can show with this number of data sets, a sentence each.

    Args:
        models: As of `headline`, like the next two.
        test: None for a single model or data set.
        data_sets: The data sets.
    """
    labels = labels_of(models)
    if len(models) < 2:
        return ()
    ranks = join_words([f"{labels[entry.model]} {entry.mean_rank:.2f}" for entry in models])
    found = [f"Mean ranks (1 is best): {ranks}."] if len(data_sets) > 1 else []
    found.append(describe_wins(models, data_sets))
    if test is not None:
        found.append(describe_power(test, len(models), len(data_sets)))
    return tuple(found)


def describe_wins(models: Sequence[SuiteModel], data_sets: Sequence[SuiteDataSet]) -> str:
    """State on which data sets a verdict names a winner, and on how many it names none.

    Args:
        models: The models that are on all data sets.
        data_sets: The data sets. A winner may be a model that is not on all of them.
    """
    labels, parts = labels_of(models), []
    named = [one for one in data_sets if one.best and one.claim in ("best_architecture", "best_network")]
    others = {name: label_of(name) for one in named if (name := one.best or "") not in labels}
    for model, label in (labels | others).items():
        for claim, words in (("best_architecture", ""), ("best_network", "trained networks only")):
            won = [one.name for one in named if one.best == model and one.claim == claim]
            if won:
                about = ", ".join(filter(None, (words, "not ranked" if model in others else "")))
                parts.append(f"{label} on {listing(won)}" + (f" ({about})" if about else ""))
    rest = len(data_sets) - len(named)
    if not parts:
        return "The verdict of no data set names a model as the best."
    undecided = f"; not decided on {plural(rest, 'data set')}" if rest else ""
    return f"The verdicts of the single data sets name {join_words(parts)}{undecided}."


def describe_power(test: RankTest, models: int, data_sets: int) -> str:
    """State how far mean ranks have to differ, and how many data sets would show a difference of one place.

    Args:
        test: The tests of the mean ranks.
        models: Number of models.
        data_sets: Number of data sets.
    """
    needed = f"{test.critical_difference:.2f} of the possible {test.largest_difference:.0f}"
    begin = f"With {plural(models, 'model')} and {plural(data_sets, 'data set')}, two mean ranks"
    enough = f"if all had the same order of models, neighbours would be distinguished from {test.needed_for_one} on"
    if models == 2 and data_sets < test.needed_for_one:
        least = f"{2 * 0.5**data_sets:.3f}"
        return f"{begin} cannot be distinguished, as the smallest p value that is possible is {least}; {enough}."
    if test.critical_difference > test.largest_difference:
        reach = f"would have to differ by {test.critical_difference:.2f}, and at most {test.largest_difference:.0f}"
        return f"{begin} {reach} is possible: so few data sets cannot distinguish two models; {enough}."
    if data_sets < test.needed_for_one:
        return f"{begin} have to differ by {needed}, so only large differences can be shown; {enough}."
    return f"{begin} are distinguished from a difference of {test.critical_difference:.2f} on."


def describe_test(test: RankTest) -> str:
    """State the result of Friedman's test."""
    if test.friedman is None or test.p is None:
        return "All models have the same score on every data set."
    how = "from all possible orders" if test.exact else "from the F distribution of Iman and Davenport"
    p = "p < 0.001" if test.p < 0.001 else f"p = {test.p:.3f}"
    shown = "the models are not all equal" if test.rejects_equality else "that all models are equal is not refuted"
    return f"Friedman’s test: chi-squared {test.friedman:.2f}, {p} ({how}): {shown}."


def describe_groups(models: Sequence[SuiteModel], test: RankTest) -> str:
    """Name the groups of models that Nemenyi's test does not distinguish."""
    labels = labels_of(models)
    names = [labels[entry.model] for entry in models]
    ranks = [entry.mean_rank for entry in models]
    groups = joined_groups(ranks, test.critical_difference, test.rejects_equality)
    if not groups:
        return "All models are distinguished from each other."
    if groups == [(0, len(models) - 1)]:
        return "No two models are distinguished."
    return f"Not distinguished: {'; '.join(join_words(names[first : last + 1]) for first, last in groups)}."


def notes(data_sets: Sequence[SuiteDataSet], left_out: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return what limits the result, a sentence or two each.

    Args:
        data_sets: The data sets.
        left_out: Models that are not on all data sets, each with the data sets that have it.
    """
    styles, found = model_styles(list(left_out)), []
    for where in dict.fromkeys(tuple(names) for names in left_out.values()):
        models = [styles[name].label for name, names in left_out.items() if tuple(names) == where]
        are, they = ("is", "it is") if len(models) == 1 else ("are", "they are")
        found.append(f"{join_words(models)} {are} not ranked: {they} only on {listing(list(where))}.")
    for first, other in _same_images(data_sets):
        found.append(f"{first} and {other} have the same images and split, so they are not independent.")
    for what, value_of in _SETTINGS:
        by_value: dict[str, list[str]] = {}
        for one in data_sets:
            by_value.setdefault(value_of(one), []).append(one.name)
        if len(by_value) > 1:
            parts = [f"{value} on {listing(names)}" for value, names in by_value.items()]
            found.append(f"The data sets differ in {what}: {'; '.join(parts)}. Within a data set all models share it.")
    limited = [
        one.name for one in data_sets if len({score.ceiling if is_limited(score) else None for score in one.scores}) > 1
    ]
    if limited:
        found.append(
            f"The resolution ceilings of the models differ on {listing(limited)}: there the order depends in part on"
            " the strides of their logits. A larger size raises the ceilings."
        )
    once = [one.name for one in data_sets if all(score.seeds == 1 for score in one.scores) and one.folds is None]
    if once:
        found.append(
            f"Trained once on {listing(once)}: a repeated training could change the order there. "
            "Its verdict is about the trained networks."
        )
    validated = [one.name for one in data_sets if one.scored_split == "val"]
    if validated:
        found.append(f"Scored on the validation images, which also chose the epoch: {listing(validated)}.")
    slowed = [one.name for one in data_sets if one.timed_by == "processor"]
    if slowed:
        found.append(
            f"The machine was busy while {listing(slowed)} {'was' if len(slowed) == 1 else 'were'} trained: "
            "the ratios of training times are those of processor time there."
        )
    return tuple(found)


#: What may differ between data sets, and limits what a mean over them means.
_SETTINGS: tuple[tuple[str, Callable[[SuiteDataSet], str]], ...] = (
    ("encoder and initial weights", lambda one: f"{one.encoder}, {one.weights}" if one.encoder else "as published"),
)


def is_limited(score: SuiteScore) -> bool:
    """Whether the stride of a model's logits limits its score on a data set."""
    return score.ceiling is not None and score.ceiling <= HIGH_CEILING


def _same_images(data_sets: Sequence[SuiteDataSet]) -> list[tuple[str, str]]:
    first: dict[tuple[str, ...], str] = {}
    found = []
    for one in data_sets:
        if one.fingerprint and one.fingerprint in first:
            found.append((first[one.fingerprint], one.name))
        first.setdefault(one.fingerprint, one.name)
    return found
