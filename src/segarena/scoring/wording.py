"""The verdict in words: a headline that anyone understands, what limits it, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath

from segarena.formats import NOTHING, command, join_words, listing, milliseconds, percent, plural
from segarena.records.comparison import Answer, FailureReason, RankedModel
from segarena.records.metrics import RESTARTS
from segarena.records.statistics import FEWEST_UNITS, Difference, Interval, Plan, Statistics
from segarena.scoring.limits import describe_limits
from segarena.scoring.planning import MOST_IMAGES
from segarena.scoring.setting import ENOUGH_SEEDS, Setting, repeat_trainings

#: The stride of logits that --output-stride can halve.
_COARSE = 16
#: A model whose latency is below this share of another one's is called faster.
_FASTER = 0.8
_FAILURES: dict[FailureReason, str] = {
    "out_of_memory": "there was too little memory for its training",
    "diverged": "its loss became NaN or infinite, also at a third of the learning rate",
    "ended": "the process of its training was ended",
}
_SPLITS = {"test": "test", "val": "validation"}


def put_into_words(answer: Answer, ranking: Sequence[RankedModel], setting: Setting) -> Answer:
    """Return the answer with its headline, at most two details, and advice where something can be done.

    Where the models had the same training time, a training was restarted or a model failed, a further detail states it.

    Scores are written in percent, differences in points of mIoU.

    Args:
        answer: What is claimed.
        ranking: The models, best first.
        setting: What was scored.
    """
    scored = [entry for entry in ranking if entry.miou is not None]
    failed = [entry for entry in ranking if entry.miou is None]
    if not scored:
        headline = f"There is no result: no model has a score on {_place(ranking, setting)}."
        advice = _look_at_masks(setting) or "Look for masks in which every pixel is void."
        return replace(answer, headline=headline, advice=advice)
    details = [_doubt(answer, scored, setting), _missing(failed, setting), _at_ceiling(answer, scored, setting)]
    limits = describe_limits(answer, scored, setting.statistics, _first_pair(answer, scored, setting))
    details += [_too_high(answer, scored, setting), *limits, _behind(answer, scored, setting)]
    return replace(
        answer,
        headline=_headline(answer, scored, setting),
        details=(
            *[text for text in details if text][:2],
            *_same_time(scored, setting),
            *_restarted(scored, setting),
            *_not_ranked(setting),
        ),
        advice=_advice(answer, scored, setting),
    )


def _same_time(scored: Sequence[RankedModel], setting: Setting) -> list[str]:
    if setting.equal != "time" or len(scored) < 2:
        return []
    return ["The models had about the same training time, not the same number of epochs."]


def _restarted(scored: Sequence[RankedModel], setting: Setting) -> list[str]:
    """Which models have another learning rate than the others, and why."""
    return [
        f"{setting.name(entry)} {RESTARTS[setting.restarted[entry.model]]}, and was trained again at a third of the"
        " learning rate."
        for entry in scored
        if entry.model in setting.restarted
    ]


def _not_ranked(setting: Setting) -> list[str]:
    """Which models failed, and why."""
    return [
        f"{setting.titles.get(model, model)} is not ranked: {_FAILURES[why]}." for model, why in setting.failed.items()
    ]


def _place(ranking: Sequence[RankedModel], setting: Setting) -> str:
    """What was scored: "40 test images"."""
    folds, shown = ranking[0].fold_mious, setting.statistics
    place = plural(setting.images, "image" if folds else f"{_SPLITS[setting.split]} image")
    if shown is not None and shown.unit == "group":
        place += f" of {plural(shown.units, shown.unit_name)}"
    return f"{place} in {len(folds)} folds" if folds else place


def _headline(answer: Answer, scored: Sequence[RankedModel], setting: Setting) -> str:
    name, score, place = setting.name(scored[0]), percent(scored[0].miou), _place(scored, setting)
    baseline, reached = f"always predicting '{setting.baseline_class}'", percent(setting.baseline_miou)
    if answer.claim == "no_better_than_baseline":
        better = "better" if (answer.baseline_lead or 0.0) <= 0 else "clearly better"
        if len(scored) == 1:
            return f"{name} is not {better} than {baseline}: {score} mIoU against {reached} on {place}."
        return (
            f"No model is {better} than {baseline}: the highest mIoU is {score} ({name}) against {reached} on {place}."
        )
    if answer.claim == "single_model":
        than = "" if reached == NOTHING else f"; {baseline} reaches {reached}"
        return f"{name} reaches {score} mIoU on {place}{than}."
    if answer.claim == "undecided":
        level = _candidates(answer, scored)
        names, scores = join_words([setting.name(e) for e in level], "or"), [percent(e.miou) for e in level]
        better = "better" if len(level) == 2 else "best"
        shown = join_words(scores) if len(set(scores)) > 1 else f"{'both' if len(level) == 2 else 'all'} {score}"
        return f"It is not clear whether {names} is {better}: {shown} mIoU on {place}."
    ahead = f"{_points(scored[0], scored[1])} points more than {setting.name(scored[1])}"
    if answer.claim == "best_network":
        return f"{name} scored highest: {score} mIoU on {place}, {ahead}."
    seeds = f", on average over {len(scored[0].seeds)} seeds" if len(scored[0].seeds) > 1 else ""
    return f"{name} is best: {score} mIoU on {place}, {ahead}{seeds}."


def _doubt(answer: Answer, scored: Sequence[RankedModel], setting: Setting) -> str:
    """How far the headline can be trusted."""
    first = scored[0]
    if answer.claim == "no_better_than_baseline":
        return _doubt_of_any(answer, scored, setting)
    if answer.claim == "single_model":
        alone = "There is no other score to compare it with"
        if len(first.seeds) == 1:
            return f"{alone}, and how much it changes when the training is repeated was not measured."
        return f"{alone}; its {len(first.seeds)} seeds reach {_seed_range(first)}."
    shown, pair = setting.statistics, _first_pair(answer, scored, setting)
    interval = None if pair is None else pair.architectures or pair.networks
    if shown is None or shown.claim == "too_few_units" or pair is None or interval is None:
        if shown is None or shown.units == setting.images:
            return f"{plural(setting.images, 'image')} cannot show which model is better."
        return f"{_counted(setting).capitalize()}, these images cannot show which model is better."
    low, high = _ends(pair, interval, first)
    counted = _counted(setting)
    counted = f", {counted}" if counted else ""
    if answer.claim == "undecided":
        if pair.practically_equal:
            return f"In practice they are equal: the 95% interval of the difference is {low} to {high} points{counted}."
        return f"The difference may be chance: its 95% interval is {low} to {high} points{counted}."
    if answer.claim == "best_network":
        lead = "" if pair.networks is None else " and ".join(_ends(pair, pair.networks, first))
        once = [setting.name(entry) for entry in scored if len(entry.seeds) == 1]
        who = "each model" if len(once) == len(scored) else join_words(once)
        were = "were" if 1 < len(once) < len(scored) else "was"
        again = f"{who} {were} trained once, so another training could change the order"
        if first.fold_mious:
            again = "training on other parts of this data could change the order"
        elif not once:
            again = "another training could change the order"
        return (
            f"On further images like these a lead between {lead} points is expected (95% interval{counted}); {again}."
        )
    trainings = "repeated training on this data"
    if folds := first.fold_mious:
        trainings = f"training on other parts of this data ({len(folds)} folds)"
    return f"The lead is {low} to {high} points (95% interval{counted}), allowing for further images and {trainings}."


def _doubt_of_any(answer: Answer, scored: Sequence[RankedModel], setting: Setting) -> str:
    """How near the first model is to the majority baseline."""
    text = "So the order of the models does not mean anything yet." if len(scored) > 1 else ""
    shows_seeds = len(scored[0].seeds) > 1 and (answer.baseline_lead or 0.0) > 0
    if shows_seeds:
        text = f"Its seeds reach {_seed_range(scored[0])}. {text}".rstrip()
    shown = setting.statistics
    above = None if shown is None or shown.units < FEWEST_UNITS else shown.baseline_lead
    # Both ends are 0 where the model predicts what the baseline does.
    if above is not None and above.low < above.high and (above.low <= 0 or not shows_seeds):
        ends = f"{100 * above.low:.1f} to {100 * above.high:.1f}"
        text = f"The 95% interval of the difference is {ends} points. {text}".rstrip()
    return text


def _counted(setting: Setting) -> str:
    """How the images are counted: "counted as 5 sequences, not 233 images"; empty where each is a unit."""
    shown = setting.statistics
    if shown is None or shown.unit == "image" or shown.units == setting.images:
        return ""
    return f"counted as {plural(shown.units, shown.unit_name)}, not {plural(setting.images, 'image')}"


def _first_pair(answer: Answer, scored: Sequence[RankedModel], setting: Setting) -> Difference | None:
    """The difference of the first model to the next one, or to the next that may be as good."""
    level = _candidates(answer, scored)
    two = {entry.model for entry in (level if len(level) > 1 else scored)[:2]}
    pairs = () if setting.statistics is None else setting.statistics.pairs
    return next((pair for pair in pairs if {pair.first, pair.second} == two), None)


def _ends(pair: Difference, interval: Interval, first: RankedModel) -> tuple[str, str]:
    """The ends of an interval in points, as the lead of the first model of the ranking."""
    low, high = interval.low, interval.high
    if pair.first != first.model:
        low, high = -interval.high, -interval.low
    return f"{100 * low:.1f}", f"{100 * high:.1f}"


def _missing(failed: Sequence[RankedModel], setting: Setting) -> str:
    names = [setting.name(entry) for entry in failed]
    return f"{join_words(names)} {'has' if len(names) == 1 else 'have'} no score." if names else ""


def _at_ceiling(answer: Answer, scored: Sequence[RankedModel], setting: Setting) -> str:
    """Which models are limited by the grid of their logits."""
    limited = [entry for entry in scored if entry.model in answer.at_ceiling]
    if not limited:
        return ""
    names = join_words([setting.name(entry) for entry in limited])
    reached = join_words(list(dict.fromkeys(percent(entry.ceiling) for entry in limited)))
    if len(limited) == 1:
        return f"The resolution of {names} limits its score: the true masks, reduced to it, score about {reached}."
    return f"Their resolution limits the scores of {names}: the true masks, reduced to it, score about {reached}."


def _too_high(answer: Answer, scored: Sequence[RankedModel], setting: Setting) -> str:
    if setting.split != "val" or answer.claim == "no_better_than_baseline":
        return ""
    scores = "all scores are" if len(scored) > 1 else "the score is"
    return f"The same images were used to select the best epochs, so {scores} likely to be a little too high."


def _behind(answer: Answer, scored: Sequence[RankedModel], setting: Setting) -> str:
    """The distance of the models that the headline does not name."""
    shown = 2 if answer.claim in ("best_network", "best_architecture") else 0
    rest = [entry for entry in scored[shown:] if entry.model not in answer.candidates] if answer.candidates else []
    if not rest:
        return ""
    by = join_words([f"{setting.name(entry)} by {_points(scored[0], entry)}" for entry in rest])
    return f"Further below {setting.name(scored[0])}: {by} points."


def _advice(answer: Answer, scored: Sequence[RankedModel], setting: Setting) -> str:
    """What to do next; nothing where the answer is clear and no class is missed."""
    if answer.claim == "no_better_than_baseline":
        epochs = 2 * setting.epochs
        options = [f"longer training (--epochs {epochs} --patience {epochs})"]
        options += ["--loss ce+dice"] if setting.loss == "ce" else []
        return f"Try {join_words(options, 'or')}. {_look_at_masks(setting)}".rstrip()
    texts = [_settle(answer, scored, setting)] if answer.claim == "undecided" else []
    seeds = min(len(entry.seeds) for entry in scored)
    if answer.claim == "best_network" and seeds > 1:
        more = ENOUGH_SEEDS if seeds < ENOUGH_SEEDS else seeds + 2
        how = "" if setting.of_finished_runs else f" (--seeds {more})"
        texts.append(f"More seeds{how} could show whether the architecture is better.")
    if answer.at_ceiling:
        coarse = [e for e in scored if e.model in answer.at_ceiling and e.logit_stride == _COARSE]
        stride = f" or --output-stride {_COARSE // 2}" if coarse and setting.track == "encoder" else ""
        texts.append(f"A larger --size{stride} would show what these models can do.")
    if setting.missed:
        options = ["more --epochs"]
        options += ["--class-weights median"] if setting.class_weights == "none" else []
        options += ["--loss ce+dice"] if setting.loss == "ce" else []
        options += ["a larger --size"] if len(options) == 1 else []
        names = listing([f"'{name}'" for name in setting.missed])
        texts.append(f"No model finds {names}: try {join_words(options, 'or')}.")
    return " ".join(texts)


def _settle(answer: Answer, scored: Sequence[RankedModel], setting: Setting) -> str:
    """What could decide between the candidates."""
    level = _candidates(answer, scored)
    text = ""
    shown = setting.statistics
    pair = _first_pair(answer, scored, setting)
    if pair is not None and pair.practically_equal and len(level) == 2:
        text = "Take the one that costs less."
    elif shown is not None and shown.plan is not None:
        text = describe_plan(shown.plan, shown, min(len(entry.seeds) for entry in level))
    elif shown is None or shown.claim == "too_few_units":
        text = _more_units(setting, in_folds=bool(scored[0].fold_mious))
    elif min(len(entry.seeds) for entry in level) < ENOUGH_SEEDS:
        text = f"{repeat_trainings(of_finished_runs=setting.of_finished_runs)}."
    quick = sorted((entry for entry in level if entry.latency_ms), key=lambda entry: entry.latency_ms)
    if len(quick) > 1 and quick[0].latency_ms < _FASTER * quick[1].latency_ms:
        fastest = f"{setting.name(quick[0])} takes the least time for an image ({milliseconds(quick[0].latency_ms)})"
        text = f"{text} {fastest}.".lstrip()
    return text or "More scored images could decide it."


def _more_units(setting: Setting, *, in_folds: bool) -> str:
    """How more images, or groups, can be scored where there are too few. In folds, all of them are scored."""
    shown = setting.statistics
    if shown is None:
        return "" if in_folds else "Use --folds 5, so that every image is tested once."
    number = shown.units if in_folds else setting.groups if shown.unit == "group" else None
    if number is not None and number < FEWEST_UNITS:
        needed = f"At least {plural(FEWEST_UNITS, shown.unit_name)} are needed, and all of the data has {number}."
        return f"{needed} With --group-by none each image counts." if shown.unit == "group" else needed
    if shown.unit == "image":
        return "Use --folds 5, so that every image is tested once."
    rule = "" if shown.grouped_by == "copies" else f" {command('--group-by', shown.grouped_by)}"
    return f"Use --folds 5{rule}, so that every image is tested once."


def describe_plan(plan: Plan, shown: Statistics, seeds: int) -> str:
    """Return what a difference of the plan's size needs beyond what there is: "roughly 150 to 300 images or 5 seeds".

    Args:
        plan: The plan.
        shown: The statistics that it is part of.
        seeds: The present number of seeds.
    """
    points = f"{100 * plan.difference:g} points"
    if plan.images_high is not None and plan.images_high <= shown.units:
        return f"A difference of {points} or more would probably have been seen."
    needs = []
    if plan.images_low is not None:
        least, most = f"{plan.images_low:,}", None if plan.images_high is None else f"{plan.images_high:,}"
        if plan.images_low <= shown.units:
            number = f"more than {max(MOST_IMAGES, shown.units):,}" if most is None else f"up to about {most}"
        else:
            number = f"{least} to more" if most is None else least if least == most else f"{least} to {most}"
            number = f"roughly {number}"
        needs.append(f"{number} scored {shown.unit_name}s")
    if plan.seeds is not None and plan.seeds > seeds:
        needs.append(f"{'' if needs else 'roughly '}{plan.seeds} seeds")
    if not needs:
        return f"A difference of {points} cannot be shown with data like these."
    return f"To show a difference of {points}, {join_words(needs, 'or')} are needed."


def _look_at_masks(setting: Setting) -> str:
    if not setting.data:
        return ""
    # comparison.json keeps the sentence, and may be read elsewhere: the program has no path.
    line = command("segarena", "check", PurePath(setting.data), program=("segarena",))
    return f"Look at the masks with `{line}`."


def _candidates(answer: Answer, scored: Sequence[RankedModel]) -> list[RankedModel]:
    return [entry for entry in scored if entry.model in answer.candidates]


def _seed_range(entry: RankedModel) -> str:
    """From the lowest seed to the highest, e.g. "51.2 to 53.0%"."""
    return f"{100 * (entry.lowest_miou or 0.0):.1f} to {percent(entry.highest_miou)}"


def _points(first: RankedModel, other: RankedModel) -> str:
    points = f"{100 * ((first.miou or 0.0) - (other.miou or 0.0)):.1f}"
    return "under 0.1" if points == "0.0" else points
