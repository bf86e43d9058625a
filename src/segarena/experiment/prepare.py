"""The first steps of `train` and `compare`: read the data, split it, decode it, measure it, close the options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from segarena.config import CompareOptions, DataFacts, DataOptions, ProtocolOptions
from segarena.config.channels import read_channels
from segarena.data.channel_statistics import Moments, mean_and_std, measure
from segarena.data.contents import ContentHash, hash_contents
from segarena.data.folder import FolderSource
from segarena.data.source import Source, Split
from segarena.data.splitting.splits import Splits
from segarena.errors import ConfigError, DataError
from segarena.experiment.ceilings import measure_ceilings
from segarena.experiment.decode import decode
from segarena.experiment.inputs import make_fold_splits, make_splits, open_source
from segarena.experiment.prepared import Prepared, PreparedSplit, Recorded
from segarena.experiment.prepared_report import report_prepared, report_problems
from segarena.experiment.progress import Reporter
from segarena.experiment.resolve import resolve
from segarena.experiment.units import Units, find_units
from segarena.formats import plural
from segarena.image_files.channel_format import ChannelFormat
from segarena.loading.decoded import DecodedImages, Pair
from segarena.reuse.like import earlier_choices
from segarena.scoring.ceilings import Grid


def prepare(options: ProtocolOptions, reporter: Reporter, recorded: Recorded | None = None) -> Prepared:
    """Read, split, decode and measure the data, and close the options.

    Args:
        options: The options as typed.
        reporter: Receives how the data is read, the choices, and what looks wrong.
        recorded: The protocol and the split of finished runs, which are used as they are.

    Raises:
        DataError: The data cannot be used.
        ConfigError: An option cannot work with the data.
    """
    source = open_source(
        options.data,
        images=options.images,
        masks=options.masks,
        root=options.root,
        download=options.download,
        reporter=reporter,
        channels=read_channels(options.channels),
    )
    divisions = _divide(source, options, reporter, recorded)
    images = decode(source, divisions[0], options, reporter)
    facts, mask_pixels = _measure_training(images, divisions, options)
    survey = partial(_survey, source, divisions[0].train, mask_pixels[0], reporter)
    if recorded is None:
        protocol, choices = resolve(options, facts, earlier_choices(options), survey)
        fraction = getattr(options, "data_fraction", 1.0)
    else:
        protocol, choices, fraction = recorded.protocol, (), recorded.protocol.data_fraction
    units = find_units(source, options.group_by)
    parts = _describe_splits(images, divisions, mask_pixels, units, options, reporter)
    parts = tuple(part.at_fraction(fraction) for part in parts)
    prepared = Prepared(options, protocol, choices, parts, facts, survey, units, fractions=_take(parts, options))
    if recorded is not None:
        _check_same_data(prepared, recorded)
    report_prepared(prepared, reporter)
    report_problems(prepared, reporter)
    return prepared


def _take(parts: Sequence[PreparedSplit], options: ProtocolOptions) -> dict[float, tuple[PreparedSplit, ...]]:
    """The splits with each of --data-fractions but the whole, largest first."""
    wanted = options.data_fractions if isinstance(options, CompareOptions) else ()
    fractions = sorted((one for one in wanted if one != 1), reverse=True)
    taken = {fraction: tuple(part.at_fraction(fraction) for part in parts) for fraction in fractions}
    numbers = {fraction: len(split[0].splits.train) for fraction, split in taken.items()}
    numbers[1.0] = len(parts[0].splits.train)
    for fraction in taken:
        same = [other for other, number in numbers.items() if number == numbers[fraction] and other != fraction]
        if same:
            raise ConfigError(
                f"{fraction:g} and {same[0]:g} of {plural(numbers[1.0], 'training image')} are both "
                f"{plural(numbers[fraction], 'image')}",
                where="data fractions",
                remedy=f"Leave out {fraction:g}",
            )
    return taken


def _divide(source: Source, options: ProtocolOptions, reporter: Reporter, recorded: Recorded | None) -> list[Splits]:
    """The split of the samples, or one for each fold; of finished runs, those that they were trained with."""
    if recorded is not None:
        kept = replace(options, folds=None, group_by=None, test_fraction=0.0, split=DataOptions.split)
        return [make_splits(source, replace(kept, splits=place), reporter) for place in recorded.trainings]
    if options.folds is None:
        return [make_splits(source, options, reporter)]
    return make_fold_splits(source, options, options.folds)


def _measure_training(
    images: DecodedImages, divisions: Sequence[Splits], options: ProtocolOptions
) -> tuple[DataFacts, list[NDArray[np.int64]]]:
    """What the defaults depend on, and the pixels of each class in the training masks of each split, (N, C).

    Raises DataError if the masks of a part are void.
    """
    source = images.source
    train = sorted({index for splits in divisions for index in splits.train})
    measured = {index: _measure(images, index) for index in train}
    for splits in divisions:
        _check_not_void(images, splits, options.data or source.name)
    fewest = min(len(splits.train) for splits in divisions)
    facts = DataFacts.of([size for _, size in measured.values()], fewest, built_in=options.data is None)
    form = _own_format(source)
    facts = replace(facts, channels=3 if form is None else len(form.numbers))
    return facts, [np.stack([measured[index][0] for index in splits.train]) for splits in divisions]


def _describe_splits(
    images: DecodedImages,
    divisions: Sequence[Splits],
    mask_pixels: Sequence[NDArray[np.int64]],
    units: Units | None,
    options: ProtocolOptions,
    reporter: Reporter,
) -> tuple[PreparedSplit, ...]:
    """Each split with all its training images, and with the hashes of its files and of what they show."""
    source = images.source
    form = _own_format(source)
    digests = tuple(source.digest(index) for index in range(len(source.samples)))
    contents, moments = _hash(images, reporter, has_own_channels=form is not None)
    return tuple(
        PreparedSplit(
            source=source,
            splits=splits,
            images=images,
            mask_pixels=pixels,
            digests=digests,
            contents=contents,
            fold=None if options.folds is None else number,
            groups=None if units is None else units.groups,
            normalization=None if form is None else mean_and_std([moments[index] for index in splits.train]),
        )
        for number, (splits, pixels) in enumerate(zip(divisions, mask_pixels, strict=True), start=1)
    )


def _own_format(source: Source) -> ChannelFormat | None:
    """How the images' own channels are read; None for RGB."""
    return source.format if isinstance(source, FolderSource) else None


def _check_same_data(prepared: Prepared, recorded: Recorded) -> None:
    """Raise DataError if the data is not that of the finished runs."""
    if recorded.fingerprints != tuple(split.fingerprint for split in prepared.splits):
        raise DataError(
            "is not the data of the runs any more: a file, a class or how the masks are decoded has changed",
            where=prepared.options.data or prepared.source.name,
            remedy="Put it back as it was",
        )


def _survey(
    source: Source,
    train: Sequence[int],
    mask_pixels: NDArray[np.int64],
    reporter: Reporter,
    grids: Sequence[Grid],
) -> dict[Grid, float]:
    """The resolution ceiling (mIoU) of grids, from the masks of these training images and their class counts (N, C)."""
    with reporter.progress("measuring the resolution ceiling") as on_progress:
        ceilings, _ = measure_ceilings(source, train, grids, mask_pixels, on_progress)
    return {ceiling.grid: ceiling.miou for ceiling in ceilings}


def _hash(
    images: DecodedImages, reporter: Reporter, *, has_own_channels: bool
) -> tuple[tuple[ContentHash, ...], dict[int, Moments]]:
    """The hashes of all samples' content and, where the channels are the images' own, what sums these up."""
    everything = range(len(images.source.samples))
    moments: dict[int, Moments] = {}

    def read(index: int) -> Pair:
        """The decoded pair; each image is decoded once here, and its channels are summed up then."""
        pair = images.pair(index)
        if has_own_channels:
            moments[index] = measure(pair[0])
        return pair

    with reporter.progress("hashing images") as on_progress:
        contents = hash_contents(read, everything, on_progress, pixels=images.most_pixels(everything))
        return tuple(contents), moments


def _measure(images: DecodedImages, index: int) -> tuple[NDArray[np.int64], tuple[int, ...]]:
    """Pixels of each class in a mask, (C,), and its (height, width), as training sees it.

    Without decoding it where it was counted when the files were read.
    """
    source = images.source
    counts = source.label_counts(index) if isinstance(source, FolderSource) else None
    if isinstance(source, FolderSource) and counts is not None:
        return counts, source.sizes[index]
    mask = images.labels(index)
    return np.bincount(mask.ravel(), minlength=256)[: source.classes.num_classes], mask.shape


def _check_not_void(images: DecodedImages, splits: Splits, where: object) -> None:
    """Raise DataError if a part of the split has no counted pixel, as the public test masks of some data sets."""
    parts: dict[Split, str] = {"train": "training", "val": "validation", "test": "test"}
    for part, name in parts.items():
        indices = splits.indices(part)
        if indices and not any(_measure(images, index)[0].any() for index in indices):
            raise DataError(
                f"every {name} mask is void, so no pixel of them counts",
                where=where,
                remedy="Check `ignore` in classes.yaml, or leave those images out of the data",
            )
