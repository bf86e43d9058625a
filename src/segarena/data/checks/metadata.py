"""What pairing left over or had to bend: orphans, masks of another size, images that a list names twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from segarena.data.checks.problem import Problem, count, relative
from segarena.data.folder import FolderSource


def check_pairs(source: FolderSource) -> Iterator[Problem]:
    """Yield what the layout and the files' headers show."""
    lonely = (
        ("image-without-mask", source.layout.images_without_mask, "image", "mask", "Label it, or move it elsewhere"),
        ("mask-without-image", source.layout.masks_without_image, "mask", "image", "Put the image back, or remove it"),
    )
    for code, paths, noun, partner, remedy in lonely:
        if paths:
            verbs = "has no {} and is" if len(paths) == 1 else "have no {} and are"
            message = f"{count(len(paths), noun)} {verbs.format(partner)} left out"
            yield Problem(code, "warning", _files(source, paths), message, remedy)
    if source.layout.unlisted:
        unlisted = source.layout.unlisted
        yield Problem(
            "unlisted-image",
            "warning",
            _files(source, unlisted),
            f"{count(len(unlisted), 'image')} with a mask {'is' if len(unlisted) == 1 else 'are'} in none of the lists"
            " of splits, and left out",
            "Add them to a list, or move them elsewhere",
        )
    if source.layout.conflicts:
        names = [relative(sample.image, source.root) for sample in source.samples]
        for sentence in source.layout.conflicts:
            files = tuple(name for name in names if f" {name} " in sentence)
            yield Problem("leak-listed-twice", "warning", files, sentence, "Take it out of one of the lists")
    if source.resized:
        first = source.resized[0]
        (height, width), (to_height, to_width) = first.size, first.image_size
        yield Problem(
            "resized-mask",
            "warning",
            _files(source, [one.mask for one in source.resized]),
            f"{count(len(source.resized), 'mask')} are not of the size of the image, e.g. {width} x {height} for"
            f" {to_width} x {to_height}, and are resized to the nearest label",
            "Right for masks drawn on smaller copies; export them at the images' own size for exact borders",
        )


def _files(source: FolderSource, paths: Sequence[Path]) -> tuple[str, ...]:
    return tuple(relative(path, source.root) for path in paths)
