"""The verdict in words: a headline that anyone understands, what limits it, and what to do next."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Literal

from segarena.formats import NOTHING, command, join_words, listing, milliseconds, percent, plural
from segarena.records.comparison import Answer, RankedModel

#: With fewer scored images than this, no model is called better than another one.
FEWEST_IMAGES = 5
#: With fewer seeds than this, no architecture is called better than another one.
FEWEST_SEEDS = 3

#: The stride of logits that --output-stride can halve.
_COARSE = 16
#: A model whose latency is below this share of another one's is called faster.
_FASTER = 0.8
#: From one time in this number on, that two equal models separate by chance is not worth a sentence.
_RARE = 20
_SPLITS = {"test": "test", "val": "validation"}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What was scored, and how the models were trained: what a verdict needs beside the ranking.

    Args:
        split: The part of the data that gave the scores.
        images: Number of scored images.
        baseline_miou: mIoU of the majority baseline on the same pixels, 0..1; None or NaN where it is undefined.
        baseline_class: The class that it predicts.
        missed: Classes with true pixels of which no model found a single one.
        epochs: Maximum number of epochs.
        loss: The loss that the models were trained with, as `--loss` has it.
        class_weights: The weights of the classes in it, as `--class-weights` has them.
        track: The track of the models.
        data: The folder of the data; None for generated data.
        titles: Names to write instead of the models' own.
    """

    split: Literal["test", "val"]
    images: int
    baseline_miou: float | None
    baseline_class: str
    missed: Sequence[str] = ()
    epochs: int
    loss: str = "ce"
    class_weights: str = "none"
    track: str = "encoder"
    data: str | None = None
    titles: Mapping[str, str] = field(default_factory=dict)

    def name(self, entry: RankedModel) -> str:
        """What the model is called."""
        return self.titles.get(entry.model, entry.model)


def put_into_words(answer: Answer, ranking: Sequence[RankedModel], setting: Setting) -> Answer:
    """Return the answer with its headline, at most two details, and advice where something can be done.

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
    details += [_too_high(answer, scored, setting), _behind(answer, scored, setting)]
    return replace(
        answer,
        headline=_headline(answer, scored, setting),
        details=tuple([text for text in details if text][:2]),
        advice=_advice(answer, scored, setting),
    )


def _place(ranking: Sequence[RankedModel], setting: Setting) -> str:
    """What was scored: "40 test images"."""
    if folds := ranking[0].fold_mious:
        return f"{plural(setting.images, 'image')} in {len(folds)} folds"
    return plural(setting.images, f"{_SPLITS[setting.split]} image")


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
    return f"{name} is best: {score} mIoU on {place}, {ahead}, on average over {len(scored[0].seeds)} seeds."


def _doubt(answer: Answer, scored: Sequence[RankedModel], setting: Setting) -> str:
    """How far the headline can be trusted."""
    first = scored[0]
    if answer.claim == "no_better_than_baseline":
        text = "So the order of the models does not mean anything yet." if len(scored) > 1 else ""
        if len(first.seeds) > 1 and (answer.baseline_lead or 0.0) > 0:
            text = f"Its seeds reach {_seed_range(first)}. {text}".rstrip()
        return text
    if answer.claim == "single_model":
        alone = "There is no other score to compare it with"
        if len(first.seeds) == 1:
            return f"{alone}, and how much it changes when the training is repeated was not measured."
        return f"{alone}; its {len(first.seeds)} seeds reach {_seed_range(first)}."
    if setting.images < FEWEST_IMAGES:
        return f"{plural(setting.images, 'image')} cannot show which model is better."
    shown = _candidates(answer, scored) if answer.claim == "undecided" else scored
    once = [setting.name(entry) for entry in shown if len(entry.seeds) == 1]
    if once:
        who = "Each model" if len(once) == len(shown) else join_words(once)
        was = "was" if len(once) in (1, len(shown)) else "were"
        return f"{who} {was} trained once, so how much a score changes when the training is repeated was not measured."
    if answer.claim == "undecided":
        return f"By seed: {join_words([f'{setting.name(e)} {_seed_range(e)}' for e in shown])}."
    return _apart([len(entry.seeds) for entry in scored])


def _apart(seeds: Sequence[int]) -> str:
    """That the first model's seeds are above all others, and how often equally good models separate like this.

    The scores of two equally good models are exchangeable: of the comb(a + b, a) ways to assign those of a and b seeds,
    2 put all of one model above all of the other.
    """
    chance = math.comb(seeds[0] + min(seeds[1:]), seeds[0]) // 2
    text = f"It was higher with each of its {seeds[0]} seeds than any other model with any seed"
    return text + ("." if chance > _RARE else f"; two equally good models separate like this 1 time in {chance}.")


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
        return f"The resolution of {names} limits its score: about {reached} is the most to expect at this --size."
    return f"Their resolution limits the scores of {names}: about {reached} is the most to expect at this --size."


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
    by = [
        f"{setting.name(entry)} is {_points(scored[0], entry)} points below {setting.name(scored[0])}" for entry in rest
    ]
    return f"{join_words(by)}."


def _advice(answer: Answer, scored: Sequence[RankedModel], setting: Setting) -> str:
    """What to do next; nothing where the answer is clear and no class is missed."""
    if answer.claim == "no_better_than_baseline":
        epochs = 2 * setting.epochs
        options = [f"longer training (--epochs {epochs} --patience {epochs})"]
        options += ["--loss ce+dice"] if setting.loss == "ce" else []
        return f"Try {join_words(options, 'or')}. {_look_at_masks(setting)}".rstrip()
    texts = [_settle(answer, scored, setting)] if answer.claim == "undecided" else []
    if answer.at_ceiling:
        coarse = [e for e in scored if e.model in answer.at_ceiling and e.logit_stride == _COARSE]
        stride = f", or --output-stride {_COARSE // 2}" if coarse and setting.track == "encoder" else ""
        texts.append(f"A larger --size{stride} would show what these models can do.")
    if setting.missed:
        options = ["--class-weights median"] if setting.class_weights == "none" else []
        options += ["--loss ce+dice"] if setting.loss == "ce" else []
        names = listing([f"'{name}'" for name in setting.missed])
        texts.append(
            f"No model finds {names}: try {join_words(options or ['more --epochs', 'a larger --size'], 'or')}."
        )
    return " ".join(texts)


def _settle(answer: Answer, scored: Sequence[RankedModel], setting: Setting) -> str:
    """What could decide between the candidates."""
    level = _candidates(answer, scored)
    text = ""
    if setting.images < FEWEST_IMAGES and not scored[0].fold_mious:
        text = "Use --folds 5, so that every image is tested once."
    elif min(len(entry.seeds) for entry in level) < FEWEST_SEEDS:
        text = "Repeat the training with --seeds 3."
    quick = sorted((entry for entry in level if entry.latency_ms), key=lambda entry: entry.latency_ms)
    if len(quick) > 1 and quick[0].latency_ms < _FASTER * quick[1].latency_ms:
        fastest = f"{setting.name(quick[0])} takes the least time for an image ({milliseconds(quick[0].latency_ms)})"
        text = f"{text} {fastest}.".lstrip()
    return text or "More scored images could decide it."


def _look_at_masks(setting: Setting) -> str:
    return f"Look at the masks with `{command('segarena', 'check', PurePath(setting.data))}`." if setting.data else ""


def _candidates(answer: Answer, scored: Sequence[RankedModel]) -> list[RankedModel]:
    return [entry for entry in scored if entry.model in answer.candidates]


def _seed_range(entry: RankedModel) -> str:
    """From the lowest seed to the highest, e.g. "51.2 to 53.0%"."""
    return f"{100 * (entry.lowest_miou or 0.0):.1f} to {percent(entry.highest_miou)}"


def _points(first: RankedModel, other: RankedModel) -> str:
    points = f"{100 * ((first.miou or 0.0) - (other.miou or 0.0)):.1f}"
    return "under 0.1" if points == "0.0" else points
