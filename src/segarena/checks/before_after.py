"""Images and masks of two times, before and after an event: masks of the other time, values that mean two things."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from segarena.checks.problem import Problem, names_of
from segarena.data.folder import FolderSource
from segarena.data.layout.vocabulary import words_in
from segarena.formats import command, listing, plural

_TIMES = (("pre", "post"), ("before", "after"))
#: Smallest number of masks of each time.
_FEWEST = 3
#: A value that the masks of the other time lack is in this share of the masks, at least.
_OFTEN = 0.25


def check_times(source: FolderSource) -> Iterator[Problem]:
    """Yield masks of another time than their image's, and values that only the masks of one of two times have.

    The masks of xBD have 1 for a building before a disaster, and 1 to 4 for its damage afterwards.
    """
    masks = [mask.path for mask in source.masks]
    images = [image.path for image in source.images]
    for times in _TIMES:
        of_masks, of_images = (np.array([_time(path, times) for path in paths]) for paths in (masks, images))
        crossed = np.flatnonzero(of_masks * of_images < 0).tolist()
        if crossed:
            first, second = times if of_images[crossed[0]] < 0 else times[::-1]
            yield Problem(
                "before-and-after",
                "warning",
                names_of(source, [images[index] for index in crossed]),
                f"{plural(len(crossed), 'image')} named {first!r} with a mask named {second!r}: what the mask shows may"
                " not be in the image",
                f"Use the images named {second!r}; intended if what is labelled is the same at both times",
            )
        groups = [np.flatnonzero(of_masks == sign).tolist() for sign in (-1, 1)]
        values = [Counter(v for index in group for v in source.masks[index].facts.values.tolist()) for group in groups]
        if min(map(len, groups)) < _FEWEST or not any(
            count >= _OFTEN * len(groups[place]) and value not in values[1 - place]
            for place in (0, 1)
            for value, count in values[place].items()
        ):
            continue
        shown = [listing([str(value) for value in sorted(some)], 6) for some in values]
        larger = max((0, 1), key=lambda place: len(values[place]))
        options = _options([images[index] for index in groups[larger]], [masks[index] for index in groups[larger]])
        yield Problem(
            "before-and-after",
            "warning",
            names_of(source, [masks[index] for index in groups[1 - larger]]),
            f"Masks named {times[0]!r} have the values {shown[0]}, those named {times[1]!r} {shown[1]}: the same value"
            " may mean two things",
            f"If so, use those of one time{f': {options}' if options else ''}; intended if each value has one meaning",
        )


def _time(path: Path, times: tuple[str, str]) -> int:
    """-1 for the first of two times in a file's name, 1 for the second, 0 for none or both."""
    words = set(words_in(path.stem))
    return (times[1] in words) - (times[0] in words)


def _options(images: Sequence[Path], masks: Sequence[Path]) -> str:
    """The options that choose these files by the endings that their names share; empty if they share none."""
    patterns = [_pattern(paths) for paths in (images, masks)]
    return "" if "" in patterns else command("--images", patterns[0], "--masks", patterns[1])


def _pattern(paths: Sequence[Path]) -> str:
    """The pattern of the names' common ending, from the word of the time on: `*_post_disaster.png`."""
    words = [word for times in _TIMES for word in times]
    cuts = [max(path.name.lower().rfind(word) for word in words) for path in paths]
    found = Counter(path.name[max(0, cut - 1) :] for path, cut in zip(paths, cuts, strict=True))
    return f"*{next(iter(found))}" if len(found) == 1 else ""
