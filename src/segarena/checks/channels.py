"""Channels and bits of the images: what was left out, what is hidden by transparency, and scales that differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from segarena.checks.problem import Problem, Severity
from segarena.data.folder import FolderSource
from segarena.data.layout.tree import relative_name
from segarena.formats import plural
from segarena.image_files.alpha import AlphaUse
from segarena.image_files.image_facts import ImageFacts
from segarena.image_files.images import common_bits

#: 16-bit images have two scales if the highest value of all is this many times that of at least this share of them.
_SCALES, _MANY = 8, 0.25

#: Fewer images may all be stretched by chance.
_FEWEST = 6

_BANDS = "If it is needed, train with --channels all, or with the numbers of the useful ones, e.g. --channels 4,1,2"

#: By the use of alpha: code, severity, what is seen of the images, remedy.
_ALPHA: tuple[tuple[AlphaUse, str, Severity, str, str], ...] = (
    (
        "band",
        "alpha-left-out",
        "warning",
        "a fourth channel with many levels, probably a spectral band, e.g. near infrared, and not transparency: it is"
        " left out",
        _BANDS,
    ),
    (
        "shapeless",
        "alpha-left-out",
        "note",
        "an alpha channel without a shape, e.g. 0 in every pixel: it is left out, and the colours are used",
        "Look at the images in check.png; if they are as they should be, nothing has to be done",
    ),
    (
        "hiding",
        "hidden-by-alpha",
        "warning",
        "a picture below their transparent parts, which are read as white",
        "If these parts should be seen, save the images without the alpha channel",
    ),
)


def check_channels(source: FolderSource) -> Iterator[Problem]:
    """Yield alpha channels that are left out or hide a picture, and bands beside red, green and blue."""
    facts = [(relative_name(source.root, image.path), image.facts) for image in source.images if image.facts]
    total = len(source.images)
    for use, code, severity, what, remedy in _ALPHA:
        files = tuple(name for name, found in facts if found.alpha == use)
        if files:
            mixed = use == "band" and any(found.alpha in ("transparent", "hiding") for _, found in facts)
            other = "; in other images it is transparency" if mixed else ""
            message = f"{plural(len(files), 'image')} of {total} with {what}{other}"
            yield Problem(code, severity, files, message, remedy)
    yield from _mixed_scales(facts, as_stored=source.format is not None)
    if len(facts) >= _FEWEST and all(found.stretched for _, found in facts):
        yield Problem(
            "stretched-images",
            "note",
            (),
            f"Each of {total} grey images has both ends of the scale, black and white, in few pixels: each may have"
            " been stretched to its own range, so that the same brightness means different things in different images",
            "If brightness matters, export the images again on one scale for all",
        )
    files = tuple(name for name, found in facts if found.extra_bands)
    if files:
        most = max(found.extra_bands for _, found in facts)
        what = f"{plural(most, 'band')} more than red, green and blue"
        yield Problem(
            "extra-bands", "warning", files, f"{plural(len(files), 'image')} of {total} with {what}: left out", _BANDS
        )


def _mixed_scales(facts: Sequence[tuple[str, ImageFacts]], *, as_stored: bool) -> Iterator[Problem]:
    """A few 16-bit images of a much larger range than the others, which are dark on their scale."""
    highest = {name: found.highest for name, found in facts if found.highest is not None}
    if not highest:
        return
    most = max(highest.values())
    if not most:  # all are black
        return
    dark = {name: value for name, value in highest.items() if value * _SCALES <= most}
    if len(dark) < _MANY * len(highest):
        return
    bright = [name for name in highest if name not in dark]
    scale = "normalised alike" if as_stored else f"read as {common_bits([most])} bits"
    yield Problem(
        "mixed-scales",
        "warning",
        tuple(bright if len(bright) <= len(dark) else dark),
        f"{plural(len(bright), 'image')} of 16 bits with values up to {most}, and {plural(len(dark), 'image')} with"
        f" values up to {max(dark.values())}: all are {scale}, so that the latter are dark",
        "Save all images on one scale, e.g. that of the camera; leave out those that are damaged",
    )
