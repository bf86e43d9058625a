"""Files that are left out because they have no partner, and pairs that do not fit: by names, lists and sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import Path

from segarena.data.checks.problem import Problem
from segarena.data.folder import FolderSource
from segarena.data.layout.tree import relative_name
from segarena.formats import command, listing, plural

_NO_MASK = "Label them, or move them elsewhere; an image that shows only background needs a mask of background"
_SEPARATORS = tuple(" _-.")


def check_pairs(source: FolderSource) -> Iterator[Problem]:
    """Yield images and masks that are left out, images in two lists, and masks of another size than their image."""
    layout = source.layout
    others = _further_files(source, (*layout.images_without_mask, *layout.masks_without_image))
    images, masks = (
        [path for path in paths if path not in others]
        for paths in (layout.images_without_mask, layout.masks_without_image)
    )
    if others:
        patterns = [f"*{ending}" for ending in dict.fromkeys(others.values())]
        yield Problem(
            "further-file",
            "warning",
            _files(source, list(others)),
            f"{plural(len(others), 'file')} with the name of a pair, and more, left out: {listing(patterns)}",
            "Look at the overlays in check.png. If these are the masks, or the images, to be used: "
            f"{command('--masks', patterns[0])}, or {command('--images', patterns[0])}",
        )
    for code, paths, what, remedy in (
        ("image-without-mask", images, "without a mask", _NO_MASK),
        ("mask-without-image", masks, "without an image", "Restore the images, or remove them"),
        ("unlisted-image", layout.unlisted, "in no list of splits", "Add them to a list, or move them elsewhere"),
    ):
        if paths:
            noun = "mask" if code == "mask-without-image" else "image"
            message = f"{plural(len(paths), noun)} {what}: left out"
            likely = [_files(source, pair) for pair in layout.likely_pairs if set(pair) & set(paths)]
            if likely:
                named = listing([f"{image} and {mask}" for image, mask in likely])
                message = f"{message}. By their names, {named} may belong together"
            action = f"Rename those that belong together. {remedy}" if likely else remedy
            yield Problem(code, "warning", _files(source, paths), message, action)
    if layout.conflicts:
        files, sentences = (
            _files(source, [one.image for one in layout.conflicts]),
            [one.sentence for one in layout.conflicts],
        )
        message, remedy = sentences[0], "Remove it from one of the lists"
        if len(files) > 1:
            message = f"{plural(len(files), 'image')} are in two lists of splits, e.g. {message}"
            remedy = "Remove each of them from one of the lists"
        yield Problem(
            "leak-listed-twice", "warning", files, message, remedy, tuple(sentences) if len(files) > 1 else ()
        )
    if source.resized:
        first = source.resized[0]
        (height, width), (to_height, to_width) = first.size, first.image_size
        yield Problem(
            "resized-mask",
            "warning",
            _files(source, [one.mask for one in source.resized]),
            f"{plural(len(source.resized), 'mask')} of another size than the image, e.g. {width} x {height} for"
            f" {to_width} x {to_height}: resized to the image's size (nearest neighbour)",
            "Intended for masks drawn on smaller copies; export them at the images' size for exact boundaries",
        )


def _further_files(source: FolderSource, paths: Sequence[Path]) -> dict[Path, str]:
    """What the names of files have behind what an image and its mask, one of them in the same folder, share.

    gtFine_color of aachen_01_gtFine_color, where aachen_01_leftImg8bit and aachen_01_gtFine_labelIds are a pair.
    """
    cores: set[tuple[Path, str]] = set()
    for sample in source.samples if paths else ():
        image, mask = sample.files
        match = SequenceMatcher(None, image.stem, mask.stem, autojunk=False).find_longest_match()
        core = image.stem[match.a : match.a + match.size].rstrip(" _-.")
        if core and match.a == match.b == 0:
            cores |= {(image.parent, core), (mask.parent, core)}
    found = {}
    for path in paths:
        for cut in range(len(path.stem) - 1, 0, -1):
            if path.stem[cut] in _SEPARATORS and (path.parent, path.stem[:cut]) in cores:
                found[path] = f"{path.stem[cut:]}{path.suffix}"
                break
    return found


def _files(source: FolderSource, paths: Sequence[Path]) -> tuple[str, ...]:
    return tuple(relative_name(source.root, path) for path in paths)
