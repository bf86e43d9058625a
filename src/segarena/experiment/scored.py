"""Which images `evaluate` scores, by what the run used them for: training images only where they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from segarena.data.source import Sample
from segarena.errors import ConfigError
from segarena.experiment.recognition import Recognised, Use
from segarena.formats import join_words, plural

_MEANING: dict[Use, str] = {
    "train": "that trained the model",
    "val": "that chose the epoch",
    "test": "of the test split",
    "new": "that the run does not have",
}


@dataclass(frozen=True)
class Scored:
    """The images to score.

    Args:
        split: Their name: train, val, test, unseen or all.
        indices: The samples.
        uses: What the run used each for.
        is_known: Whether new images are certainly new: runs of earlier versions have no hashes of their images.
    """

    split: str
    indices: tuple[int, ...]
    uses: tuple[Use, ...]
    is_known: bool

    def count(self, use: Use) -> int:
        """How many of the images the run used for this."""
        return self.uses.count(use)

    def describe(self) -> str:
        """Return which images are scored, in a line."""
        counts = {use: self.uses.count(use) for use in get_args(Use)}
        kinds = [f"{plural(number, 'image')} {_MEANING[use]}" for use, number in counts.items() if number]
        return f"{self.split}, {join_words(kinds)}"


def select(
    split: str | None, recognised: Recognised, samples: Sequence[Sample], *, with_new: bool, again: str
) -> Scored:
    """Choose the images to score.

    Args:
        split: What was asked for: train, val, test, unseen or all. None: the images that had no part in the training,
            or those that chose the epoch if there are no others.
        recognised: Which of the samples the run has. Others are in the part of the data's own split, if it has one.
        samples: The samples.
        with_new: Whether images that the run does not have are scored too.
        again: The command, for the remedy.

    Raises:
        ConfigError: There is no such image, or all images trained the model and no split was asked for.
    """
    indices = range(len(samples)) if with_new else recognised.found
    part = {index: recognised.part(index) or samples[index].split for index in indices}
    kinds = {
        **{name: tuple(index for index in indices if part[index] == name) for name in ("train", "val", "test")},
        "unseen": tuple(index for index in indices if recognised.part(index) in ("test", None)),
        "all": tuple(indices),
    }
    name = split or _default(kinds, recognised)
    chosen = kinds.get(name, ())
    if split is None and not chosen:
        raise ConfigError(
            f"all {plural(len(samples), 'image')} trained the model, so their score shows nothing about new images",
            where="--split",
            remedy=f"Name data with other images, or score the training images all the same: {again} --split train",
        )
    if not chosen and recognised.found and not recognised.data.split.val:
        raise ConfigError(
            f"the model was trained on all images, so none of them are {name} images",
            where="--split",
            remedy=f"Name data with other images, or score the training images all the same: {again} --split train",
        )
    if not chosen:
        raise ConfigError(
            f"the data has no {name} images", where="--split", remedy="Choose another split, or --split all"
        )
    uses = tuple(recognised.use(index) for index in chosen)
    return Scored(name, chosen, uses, bool(recognised.data.image_sha256) or "new" not in uses)


def _default(kinds: dict[str, tuple[int, ...]], recognised: Recognised) -> str:
    if not recognised.found:
        return "all"
    unseen = kinds["unseen"]
    if not unseen:
        return "val"
    return "test" if all(recognised.part(index) == "test" for index in unseen) else "unseen"
