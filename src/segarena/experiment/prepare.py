"""The first steps of `train` and `compare`: read the data, split it, decode it, measure it, close the options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from segarena.checks import inspect
from segarena.checks.problem import stop_on_errors, summarise, worst_of
from segarena.config import Choice, CompareOptions, DataFacts, ProtocolOptions, defaults
from segarena.config.channels import read_channels
from segarena.data.channel_statistics import Moments, mean_and_std, measure
from segarena.data.contents import ContentHash, hash_contents
from segarena.data.folder import FolderSource
from segarena.data.source import Source, Split
from segarena.data.splitting.splits import Splits
from segarena.errors import ConfigError, DataError
from segarena.experiment.ceilings import measure_ceilings
from segarena.experiment.inputs import make_fold_splits, make_splits, open_source
from segarena.experiment.prepared import FOLLOWS_RESOLUTION, RESOLUTION, Prepared, PreparedSplit, Recorded
from segarena.experiment.progress import Reporter
from segarena.experiment.resolution import Workload, describe_choices
from segarena.experiment.resolve import resolve
from segarena.experiment.units import NONE, find_units
from segarena.formats import listing, plural
from segarena.free_disk import free_disk, nearest_folder
from segarena.free_memory import free_memory
from segarena.image_files.cache import cache_folder
from segarena.launched import local_processes
from segarena.loading.decoded import DecodedImages, Pair
from segarena.loading.disk_cache import DiskCache
from segarena.reuse.like import earlier_choices
from segarena.reuse.recorded import recorded_choices
from segarena.scoring.ceilings import Grid

GIB = 1024**3


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
    form = source.format if isinstance(source, FolderSource) else None
    divisions = _divide(source, options, reporter, recorded)
    images = _decode(source, divisions[0], options, reporter)
    train = sorted({index for splits in divisions for index in splits.train})
    measured = {index: _measure(images, index) for index in train}
    for splits in divisions:
        _check_not_void(images, splits, options.data or source.name)
    fewest = min(len(splits.train) for splits in divisions)
    facts = DataFacts.of([size for _, size in measured.values()], fewest, built_in=options.data is None)
    facts = replace(facts, channels=3 if form is None else len(form.numbers))
    mask_pixels = [np.stack([measured[index][0] for index in splits.train]) for splits in divisions]
    survey = partial(_survey, source, divisions[0].train, mask_pixels[0], reporter)
    if recorded is None:
        protocol, choices = resolve(options, facts, earlier_choices(options), survey)
        fraction = getattr(options, "data_fraction", 1.0)
    else:
        protocol, choices, fraction = recorded.protocol, (), recorded.protocol.data_fraction
    units = find_units(source, options.group_by)
    digests = tuple(source.digest(index) for index in range(len(source.samples)))
    contents, moments = _hash(images, reporter, has_own_channels=form is not None)
    parts = tuple(
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
        ).at_fraction(fraction)
        for number, (splits, pixels) in enumerate(zip(divisions, mask_pixels, strict=True), start=1)
    )
    prepared = Prepared(options, protocol, choices, parts, facts, survey, units, fractions=_take(parts, options))
    if recorded is not None and recorded.fingerprints != tuple(split.fingerprint for split in parts):
        raise DataError(
            "is not the data of the runs any more: a file, a class or how the masks are decoded has changed",
            where=options.data or source.name,
            remedy="Put it back as it was",
        )
    _report(prepared, reporter)
    _inspect(source, divisions, options.group_by not in (None, NONE), reporter)
    return prepared


def with_choices(prepared: Prepared, *choices: Choice) -> Prepared:
    """Return the same with some options closed otherwise.

    The patience follows the epochs, and the learning rate the batch size, where they were left open.

    Args:
        prepared: The data and the protocol.
        choices: Options that were left open, with their new values.
    """
    new = {choice.name: choice for choice in choices}
    follow = {"patience": "epochs", "learning_rate": "batch_size"}
    kept = {one.name: one for one in prepared.choices if follow.get(one.name) not in new}
    protocol, made = resolve(prepared.options, prepared.facts, {**kept, **new}, prepared.survey)
    return replace(prepared, protocol=protocol, choices=made)


def with_resolution(prepared: Prepared, times: float) -> Prepared:
    """Return the same with the working size and the output stride that are affordable; what depends on them follows.

    Args:
        prepared: The data and the protocol.
        times: What training each model may cost, as a multiple of what it costs at the present size and stride.
    """
    protocol = prepared.protocol

    def limit(workload: Workload) -> float:
        stride = protocol.network.get("output_stride")
        known = isinstance(stride, int) and stride in workload.costs
        return times * workload.cost(protocol.size, int(stride or 0) if known else next(iter(workload.costs)))

    kept = {one.name: one for one in prepared.choices if one.name not in (*RESOLUTION, *FOLLOWS_RESOLUTION)}
    protocol, made = resolve(prepared.options, prepared.facts, kept, prepared.survey, limit)
    return replace(prepared, protocol=protocol, choices=made)


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
        kept = replace(options, folds=None, group_by=None, test_fraction=0.0)
        return [make_splits(source, replace(kept, splits=place), reporter) for place in recorded.trainings]
    if options.folds is None:
        return [make_splits(source, options, reporter)]
    return make_fold_splits(source, options, options.folds)


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


def _decode(source: Source, splits: Splits, options: ProtocolOptions, reporter: Reporter) -> DecodedImages:
    """Decode the images of a split, and keep them: in memory, and what does not fit on disk."""
    cache_gib = _usual_cache_gib() if options.cache_gib is None else options.cache_gib
    indices = [*splits.train, *splits.val, *splits.test]
    with reporter.progress("decoding images") as on_progress:
        images = DecodedImages(source, indices, limit_bytes=cache_gib * GIB, on_progress=on_progress)
    _keep_on_disk(images, options.disk_cache_gib, reporter)
    return images


def _usual_cache_gib() -> float:
    """The memory for decoded images; each process of a training has its own."""
    free = free_memory()
    return defaults.cache_gib(None if free is None else free // local_processes())


def _keep_on_disk(images: DecodedImages, typed_gib: float | None, reporter: Reporter) -> None:
    """Keep images that memory does not hold on disk. Scenes that are drawn are drawn again."""
    beyond = len(images.indices) - len(images.kept)
    if not beyond or images.source.samples[images.indices[0]].image is None:
        return
    try:
        folder = cache_folder() / "decoded"
    except RuntimeError:  # the user has no home folder
        return
    place = nearest_folder(folder)
    free = None if place is None else free_disk(place)
    if free is None:
        return
    gib = defaults.disk_cache_gib(free) if typed_gib is None else typed_gib
    if not gib:
        return
    images.disk = DiskCache(folder, gib * GIB)
    reporter.say(
        f"  memory: {beyond} of {len(images.indices)} images do not fit; decoded ones are kept in {folder}, "
        f"up to {gib:g} GiB (--disk-cache-gib 0: none)"
    )


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


def _report(prepared: Prepared, reporter: Reporter) -> None:
    source, first = prepared.source, prepared.splits[0]
    counts = first.splits.counts
    if first.fold is None:
        parts = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    else:
        each = ", ".join(f"{count} {name}" for name, count in counts.items())
        parts = f"{len(source.samples)} images in {len(prepared.splits)} folds, each with about {each}"
    reporter.say(f"{parts}; {source.classes.num_classes} classes", title=source.name)
    description = source.describe()
    for key in ("layout", "pairing", "channels", "encoding"):
        if key in description:
            reporter.say(f"  {key}: {description[key]}")
    unpaired: Sequence[str] = description.get("images_without_mask", ())
    if unpaired:
        reporter.warn(f"not used, because they have no mask: {listing(unpaired)}")
    if first.unused:
        reporter.say(f"  data fraction: {counts['train']} of {plural(len(first.labelled), 'training image')}")
    for fraction, (part, *_) in prepared.fractions.items():
        own = plural(len(part.splits.train), "training image")
        reporter.say(f"  data fraction {fraction:g}: {own}, as many steps as all {len(part.labelled)}")
    if not first.splits.holds_out:
        reporter.say("  all images train and none is held out: there is no score, and the last epoch is used")
    elif not counts["test"]:
        reporter.say("  no test split: the scores come from the validation images, which also choose the epoch")
    scored = [name for split in prepared.splits for name in split.scored_names]
    if prepared.units is not None and (counted := prepared.units.describe(scored)):
        reporter.say(f"  statistics: {counted}")
    resolution = "" if _is_open_for_budget(prepared) else describe_choices(prepared.choices)
    if resolution:
        reporter.say(f"  {resolution}")
    notes = [note for note in prepared.notes if note not in _said_elsewhere(prepared)]
    if notes:
        reporter.say(f"  chosen: {'; '.join(notes)}")


def _is_open_for_budget(prepared: Prepared) -> bool:
    """Whether the resolution and the epochs are chosen for a budget, once the models have been measured."""
    return prepared.options.budget is not None and "epochs" not in recorded_choices(prepared.options.resume)


def _said_elsewhere(prepared: Prepared) -> list[str]:
    """Size and stride, and the choices that are made again for a budget."""
    late = (*FOLLOWS_RESOLUTION, "epochs", "patience") if _is_open_for_budget(prepared) else ()
    return [choice.sentence for choice in prepared.choices if choice.name in (*RESOLUTION, *late)]


def _inspect(source: Source, divisions: Sequence[Splits], grouped: bool, reporter: Reporter) -> None:
    """Report what looks wrong in a folder; the slow checks are left to `check`. Of all folds the worst one counts."""
    if not isinstance(source, FolderSource):
        return
    found = [inspect(source, splits, closely=False, grouped=grouped) for splits in divisions]
    problems = worst_of(found)
    summary = summarise(problems, source.root)
    if summary:
        for line in summary.splitlines():
            severity, _, message = line.partition(": ")
            if severity in ("error", "warning"):
                reporter.warn(message, title=severity)
            else:
                reporter.say(f"  {line}")
    stop_on_errors(problems, source.root)
