"""Splits that the images' own names tell: train_12 and testA_3, 21_training and 01_test."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from segarena.data.layout.assign_splits import Division
from segarena.data.layout.vocabulary import without_words, word_split
from segarena.data.source import Sample, Split

_BEGINNING, _END = 0, -1


def divide_by_names(undivided: Division) -> Division:
    """Give each sample of a set without splits the split that its image's name begins with, or ends with.

    Every name must have a split there, and train and another one must occur: else nothing is divided. Numbers and words
    such as image do not count: train_3_image and 3_train both end with a split.
    """
    for place in (_BEGINNING, _END):
        splits = [_split_at(sample, place) for sample in undivided.samples]
        found = Counter(split for split in splits if split)
        if None not in splits and "train" in found and len(found) > 1:
            counts = ", ".join(f"{found[split]} {split}" for split in ("train", "val", "test") if found[split])
            pairs = zip(undivided.samples, splits, strict=True)
            return replace(
                undivided,
                samples=tuple(replace(sample, split=split) for sample, split in pairs),
                sentence=f"split by the names of the images ({counts}){undivided.sentence}",
            )
    return undivided


def _split_at(sample: Sample, place: int) -> Split | None:
    stem = sample.image.stem if sample.image else sample.name
    named = [word for word in without_words(stem, "image") if not word.isdigit()]
    return word_split(named[place]) if named else None
