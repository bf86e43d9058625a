"""Masks in a file or a folder for each class: files that are missing, overlaps, and folders that are not used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from segarena.data.checks.problem import Problem
from segarena.data.files.arrays import class_channels
from segarena.data.folder import FolderSource
from segarena.data.layout.tree import relative_name
from segarena.formats import command, listing, plural, small_percent

#: More than this share of the pixels in the masks of several classes is worth a warning.
MOST_OVERLAP = 0.001
#: Up to this number, folders may be classes; more are the folders of samples.
_MOST_CLASSES = 24


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


def check_channels_of_masks(source: FolderSource) -> Iterator[Problem]:
    """Yield a note for masks in arrays with one channel per class, judged by the first."""
    first = source.samples[0].files[1]
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
            tuple(relative_name(source.root, path) for path in sorted(images)),
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
