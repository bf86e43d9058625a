"""Files without a partner, pairs that do not fit, and masks in a file or a folder for each class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import Path

from segarena.checks.problem import Problem, names_of
from segarena.data.folder import FolderSource
from segarena.data.layout.tree import relative_name
from segarena.formats import command, listing, plural, small_percent
from segarena.image_files.arrays import class_channels
from segarena.image_files.image_io import reading
from segarena.records.prediction import PredictionRecord

_NO_MASK = "Label them, or move them elsewhere; an image that shows only background needs a mask of background"
_SEPARATORS = tuple(" _-.")

#: More than this share of the pixels in the masks of several classes is worth a warning.
MOST_OVERLAP = 0.001
#: Up to this number, folders may be classes; more are the folders of samples.
_MOST_CLASSES = 24


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
            names_of(source, list(others)),
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
            likely = [names_of(source, pair) for pair in layout.likely_pairs if set(pair) & set(paths)]
            if likely:
                named = listing([f"{image} and {mask}" for image, mask in likely])
                message = f"{message}. By their names, {named} may belong together"
            action = f"Rename those that belong together. {remedy}" if likely else remedy
            yield Problem(code, "warning", names_of(source, paths), message, action)
    if layout.conflicts:
        files, sentences = (
            names_of(source, [one.image for one in layout.conflicts]),
            [one.sentence for one in layout.conflicts],
        )
        message, remedy = sentences[0], "Remove it from one of the lists"
        if len(files) > 1:
            message = f"{plural(len(files), 'image')} are in two lists of splits, e.g. {message}"
            remedy = "Remove each of them from one of the lists"
        yield Problem(
            "leak-listed-twice", "warning", files, message, remedy, tuple(sentences) if len(files) > 1 else ()
        )
    yield from _shared_masks(source)
    if source.resized:
        first = source.resized[0]
        (height, width), (to_height, to_width) = first.size, first.image_size
        yield Problem(
            "resized-mask",
            "warning",
            names_of(source, [one.mask for one in source.resized]),
            f"{plural(len(source.resized), 'mask')} of another size than the image, e.g. {width} x {height} for"
            f" {to_width} x {to_height}: resized to the image's size (nearest neighbour)",
            "Intended for masks drawn on smaller copies; export them at the images' size for exact boundaries",
        )


def _shared_masks(source: FolderSource) -> Iterator[Problem]:
    """Masks that a list gives to several images."""
    counts = Counter(sample.files[1] for sample in source.samples)
    shared = [mask for mask, count in counts.items() if count > 1]
    if shared:
        first = relative_name(source.root, shared[0])
        yield Problem(
            "shared-mask",
            "warning",
            names_of(source, shared),
            f"{plural(len(shared), 'mask')} for several images each, e.g. {first} for {counts[shared[0]]}",
            "Correct the list of pairs; intended if these images show the same scene",
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


def check_class_folders(source: FolderSource) -> Iterator[Problem]:
    """Yield folders of masks that may be classes: those whose names do not count, and those that are skipped."""
    skipped = [f"{relative_name(source.root, path)}/" for path in source.layout.skipped_masks]
    if skipped:
        yield Problem(
            "skipped-folder",
            "warning",
            (),
            f"{listing(skipped, 6)}, in the folder of masks, {'is' if len(skipped) == 1 else 'are'} skipped: the name"
            " is one of backups, logs or results",
            "Rename it if it is a class, or move it elsewhere",
        )
    if source.layout.layers or source.classes.num_classes != 2:
        return
    folders = Counter(relative_name(source.root, sample.files[1].parent) for sample in source.samples)
    images = {(sample.split, sample.files[0].parent) for sample in source.samples}
    splits = {sample.split for sample in source.samples}
    names = sorted({folder.rpartition("/")[2] for folder in folders})
    if len(splits) == len(images) and len(splits) < len(folders) and 2 <= len(names) <= _MOST_CLASSES:
        yield Problem(
            "unused-folders",
            "warning",
            (),
            f"The masks are in {listing([f'{name}/' for name in names], 6)}, the images in one folder: all masks are"
            f" read as {source.classes.names[1]!r}, whatever the folder",
            "Intended if the folders are days, places or people; if they are classes, convert them:"
            f" {command('segarena', 'convert', source.root, 'DST', '--from', 'instances')}",
        )


def check_predicted_masks(source: FolderSource) -> Iterator[Problem]:
    """Yield masks in folders that `segarena predict` wrote: what a model predicted is no ground truth."""
    folders = {sample.files[1].parent for sample in source.samples}
    written = {folder for folder in folders if _is_predicted(folder, source.root)}
    masks = [sample.files[1] for sample in source.samples if sample.files[1].parent in written]
    if masks:
        names = listing([f"{relative_name(source.root, folder)}/" for folder in sorted(written)])
        yield Problem(
            "predicted-mask",
            "warning",
            names_of(source, masks),
            f"{plural(len(masks), 'mask')} in {names}, which `segarena predict` wrote ({PredictionRecord.file}): they"
            " are what a model predicted, not labels of people",
            f"If people have corrected them, remove {PredictionRecord.file}; else move them elsewhere",
        )


def _is_predicted(folder: Path, root: Path) -> bool:
    """Whether a folder, or one around it inside of the data folder, is an output folder of `segarena predict`."""
    around = [one for one in folder.parents if one.is_relative_to(root)]
    return any((one / PredictionRecord.file).is_file() for one in (folder, *around))


def check_channels_of_masks(source: FolderSource) -> Iterator[Problem]:
    """Yield a note for masks in arrays with one channel per class, judged by the first."""
    first = source.samples[0].files[1]
    with reading(first):
        shape = class_channels(first)
    if shape:
        yield Problem(
            "one-channel-per-class",
            "note",
            (),
            f"The masks have one channel per class, e.g. {relative_name(source.root, first)} of shape {shape}: a"
            " pixel's class is the number of its channel",
            "Intended; name the classes in a classes.yaml, with the channels 0, 1, ... as values",
        )


def check_layers(source: FolderSource) -> Iterator[Problem]:
    """Yield classes that lack a file in some images, and layers that overlap."""
    names = source.layout.layers
    if len(names) < 2:
        return
    lacking = [
        [sample for sample in source.samples if number not in {layer.number for layer in sample.layers}]
        for number in range(len(names))
    ]
    counts = [f"{name!r} in {plural(len(some), 'image')}" for name, some in zip(names, lacking, strict=True) if some]
    if counts:
        images = {sample.files[0] for some in lacking for sample in some}
        yield Problem(
            "missing-layer",
            "note",
            names_of(source, sorted(images)),
            f"There is no file of {listing(counts)}, of {len(source.samples)}: read as none of the class there",
            "Intended if a file is only written where its class occurs; else restore the files",
        )
    share = source.overlap / int(source.class_pixels.sum() + source.void_pixels.sum())
    if share > MOST_OVERLAP:
        yield Problem(
            "overlapping-layers",
            "warning",
            (),
            f"{small_percent(share)} of all pixels are in the masks of several classes, and count as the one with the"
            f" highest value ({_from_below(source)})",
            "Intended if a class lies on another one; for another order, write the classes with other values into a"
            " classes.yaml",
        )


def _from_below(source: FolderSource) -> str:
    """The classes in the order in which they are painted."""
    entries = [entry for entry in source.classes.classes if isinstance(entry.value, int)]
    return " < ".join(entry.name for entry in sorted(entries, key=lambda entry: str(entry.value).zfill(5)))
