"""What file names, sizes, pixel counts and the colours of the classes show, without opening a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations

import numpy as np

from segarena.checks.problem import Problem, names_of
from segarena.classes import DEFAULT_COLORS, TABLE, TABLES
from segarena.classes.colors import ALIKE, difference
from segarena.data.encoding.mask_encoding import show
from segarena.data.folder import FolderSource
from segarena.data.layout.tree import relative_name
from segarena.data.splitting.splits import PARTS, Splits
from segarena.formats import command, listing, plural, small_percent

#: A class in fewer images than this cannot be in training, validation and test at once.
FEW_IMAGES = 3
#: Extreme imbalance is a largest class with more than this factor times the pixels of another one.
EXTREME_RATIO = 50

#: Names of what should be in no score, without spaces and signs.
_VOID = frozenset({"void", "ignore", "ignored", "ignorelabel", "dontcare", "donotcare", "notlabeled", "notlabelled"})


def check_class_files(source: FolderSource) -> Iterator[Problem]:
    """Yield files of classes that are not used: of a tool, if masks do not fit; a classes.yaml in the folder above."""
    for path in (source.root.resolve().parent / name for name in TABLES):
        if source.declared_in is None and path.is_file():
            yield Problem(
                "unused-class-file",
                "note",
                (str(path),),
                f"{path} is outside of the data folder and is not used",
                f"If it is of these masks, copy it to {source.root}",
            )
    for path, reason in source.unused_class_files:
        name = relative_name(source.root, path)
        yield Problem(
            "unused-class-file",
            "warning",
            (name,),
            f"{name} lists classes, but does not fit the masks and is not used: {reason}",
            "Name the classes in a classes.yaml, which this command writes, to be edited: "
            f"`{command('segarena', 'check', source.root, '--write-classes')}`",
        )


def check_labels(source: FolderSource, splits: Splits) -> Iterator[Problem]:
    """Yield classes that cannot be learned or scored, masks without content, and imbalance of the classes."""
    yield from _merged_values(source)
    yield from _void_as_class(source)
    yield from _rare_classes(source)
    yield from _classes_absent_from_a_split(source, splits)
    yield from _empty_masks(source)
    yield from _imbalance(source)


def _merged_values(source: FolderSource) -> Iterator[Problem]:
    total = int(source.class_pixels.sum() + source.void_pixels.sum())
    for one in source.encoding.merged:
        is_grey = isinstance(one.value, int)
        kind, first = ("grey", "export the masks without soft edges, and ") if is_grey else ("colour", "")
        where = f"{small_percent(one.pixels / total)}, in {plural(len(one.masks), 'mask')}"
        yield Problem(
            "merged-value",
            "warning",
            names_of(source, one.masks),
            f"{plural(one.pixels, 'pixel')} ({where}) of the {kind} {show(one.value)}, or nearly, are too few for a"
            f" class and count as {one.name!r}",
            f"If it is a class, {first}declare all {kind}s in a classes.yaml, this one as `value: {show(one.value)}`",
        )


def _void_as_class(source: FolderSource) -> Iterator[Problem]:
    """A class that is named void: of a tool's files it would be void, in a classes.yaml it is what is declared."""
    for label, entry in enumerate(source.classes.classes):
        if re.sub(r"[\W_]+", "", entry.name).casefold() in _VOID and source.class_pixels[label]:
            share = small_percent(int(source.class_pixels[label]) / int(source.class_pixels.sum()))
            yield Problem(
                "void-as-class",
                "warning",
                (),
                f"{entry.name!r} ({share} of the pixels) is a class: models are trained to find it, and it is scored",
                "If its pixels should count nowhere, remove it from `classes` in a classes.yaml and put its value into"
                " `ignore`",
            )


def _rare_classes(source: FolderSource) -> Iterator[Problem]:
    few = [label for label, images in enumerate(source.image_counts.tolist()) if images < FEW_IMAGES]
    for labels, seen, remedy in (
        (
            [label for label in few if source.image_counts[label]],
            "{} only",
            "Label more images, or merge such a class with another one",
        ),
        (
            [label for label in few if not source.image_counts[label]],
            "no image",
            "Check its value in classes.yaml, or remove it there",
        ),
    ):
        if not labels:
            continue
        names, images = [repr(source.classes.names[label]) for label in labels], source.image_counts[labels]
        one = images.min() == images.max()
        place = seen.format(plural(int(images.max()), "image") if one else f"1 to {plural(int(images.max()), 'image')}")
        message = f"The class {names[0]} is" if len(names) == 1 else f"{len(names)} classes are each"
        more = "" if len(names) == 1 else f": {listing(names)}"
        files = _masks(source, np.flatnonzero(source.mask_pixels[:, labels].any(axis=1)).tolist())
        yield Problem("rare-class", "warning", files, f"{message} in {place}{more}", remedy)


def _classes_absent_from_a_split(source: FolderSource, splits: Splits) -> Iterator[Problem]:
    for part in PARTS:
        indices = list(splits.indices(part))
        if not indices:
            continue
        in_part = source.mask_pixels[indices].sum(axis=0)
        names = [
            name
            for name, here, anywhere in zip(source.classes.names, in_part, source.class_pixels, strict=True)
            if anywhere and not here
        ]
        if not names:
            continue
        yield Problem(
            "class-absent-from-split",
            "warning",
            (),
            f"No {part} image shows {listing([repr(name) for name in names])}, which cannot be"
            f" {'learned' if part == 'train' else 'scored there'}",
            "Label more images that show it, or move some from one split to another"
            if any(sample.split for sample in source.samples)
            else "Label more images that show it, or sort the images into train/ and val/ so that both have it",
        )


def _empty_masks(source: FolderSource) -> Iterator[Problem]:
    void = np.flatnonzero(source.mask_pixels.sum(axis=1) == 0).tolist()
    if void:
        yield Problem(
            "void-mask",
            "warning",
            _masks(source, void),
            f"{plural(len(void), 'mask')} of {len(source.samples)} with only void pixels, which count neither in"
            " training nor in scores",
            "Label them, or remove them with their images",
        )
    background = source.classes.untinted
    foreground = np.delete(source.mask_pixels, background, axis=1).sum(axis=1)
    empty = np.flatnonzero((foreground == 0) & (source.mask_pixels[:, background] > 0)).tolist()
    if empty:
        share = len(empty) / len(source.samples)
        yield Problem(
            "empty-mask",
            "warning" if share > 0.5 else "note",
            _masks(source, empty),
            f"{plural(len(empty), 'mask')} of {len(source.samples)} with only {source.classes.names[background]!r}",
            "Intended if the images show nothing else; look at the first ones to be sure. Label those that are not"
            " finished, or remove them with their images",
        )


def _imbalance(source: FolderSource) -> Iterator[Problem]:
    pixels = source.class_pixels
    largest = int(pixels.argmax())
    small = [label for label in np.argsort(pixels).tolist() if 0 < pixels[label] * EXTREME_RATIO < pixels[largest]]
    if small:
        total, names = int(pixels.sum()), source.classes.names
        shown = [f"{names[label]!r} ({small_percent(pixels[label] / total)})" for label in small]
        yield Problem(
            "extreme-imbalance",
            "warning",
            (),
            f"Extreme imbalance: {listing(shown)} of the pixels against"
            f" {small_percent(pixels[largest] / total)} for {names[largest]!r}",
            "Judge by the IoU of each class, not by pixel accuracy; try --class-weights or --crop-foreground",
        )


def _masks(source: FolderSource, indices: list[int]) -> tuple[str, ...]:
    return names_of(source, [source.samples[index].files[1] for index in indices])


def check_colors(source: FolderSource) -> Iterator[Problem]:
    """Yield pairs of classes with the same or nearly the same colour, unless both colours are default ones."""
    pairs = [
        (one, other)
        for one, other in combinations(source.classes.classes, 2)
        if difference(one.color, other.color) < ALIKE and not {one.color, other.color} <= set(DEFAULT_COLORS)
    ]
    if not pairs:
        return
    shown = listing([f"{one.name!r} {list(one.color)} and {other.name!r} {list(other.color)}" for one, other in pairs])
    file = source.declared_in
    writing = command("segarena", "check", source.root, "--write-classes")
    where = f"in {TABLE}" if file else f"in a {TABLE}, which this command writes, to be edited: `{writing}`"
    yield Problem(
        "similar-colors",
        "note",
        () if file is None else names_of(source, [file]),
        f"{plural(len(pairs), 'pair')} of classes can hardly be distinguished in pictures by their colours: {shown}",
        f"Give one of the two another `color` {where}",
    )
