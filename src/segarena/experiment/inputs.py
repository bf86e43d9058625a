"""From the options to the data and its split, for `train`, `compare`, `evaluate` and `check`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segarena.classes import ClassTable
from segarena.config import DataOptions, ProtocolOptions
from segarena.config.channels import Channels, read_channels
from segarena.data.folder import FolderSource
from segarena.data.source import Source, Split
from segarena.data.splitting.groups import find_groups
from segarena.data.splitting.splits import PARTS, Splits, find_named, make_folds, read_splits, split_samples
from segarena.errors import ConfigError, DataError, RunError
from segarena.experiment.conversion import advise_conversion
from segarena.experiment.progress import SILENT, Reporter
from segarena.experiment.recognition import parts_by_name, recognise
from segarena.files import read_json
from segarena.formats import listing
from segarena.published import PUBLISHED, is_published, open_published
from segarena.records.config import DataSettings
from segarena.records.run import Data
from segarena.reuse.recorded import anchor


def open_source(
    data: Path | None,
    *,
    images: Path | None = None,
    masks: Path | None = None,
    root: Path | None = None,
    download: bool | None = None,
    reporter: Reporter = SILENT,
    run_classes: ClassTable | None = None,
    channels: Channels | None = None,
) -> Source:
    """Open a folder, a published data set or the built-in scenes.

    Args:
        data: A folder, or the name of a published data set, if there is no folder of that name. None: the built-in
            scenes.
        images: The folder of the images in `data`, if it is not to be found by name and content.
        masks: The folder of the masks in `data`, likewise.
        root: The folder of a published data set.
        download: Whether to download a published data set that is not in `root`. None: the command has no such option.
        reporter: Receives the progress of reading masks.
        run_classes: The classes of the run that is evaluated on the data; masks may lack some of them.
        channels: The channels of the images of a folder, as they are stored; None for RGB of 8 bits.

    Raises:
        DataError: The data cannot be read.
        ConfigError: An option does not apply to this kind of data.
    """
    if channels is not None and (data is None or is_published(data)):
        raise ConfigError(
            f"the images of {data or 'the built-in scenes'} are RGB", where="--channels", remedy="Leave it out"
        )
    if data is None:
        from segarena.scenes.synthetic import SyntheticSource  # it needs scipy, and `check` does not

        return SyntheticSource()
    if is_published(data):
        if images or masks:
            raise ConfigError(
                f"the images and masks of {data} are where its authors put them",
                where="--images" if images else "--masks",
                remedy="Leave it out",
            )
        return open_published(data.name, root, download)
    if root is not None or download:
        raise ConfigError(
            f"{data} is not one of the published data sets ({', '.join(PUBLISHED)})",
            where="--root" if root is not None else "--download",
            remedy="Leave it out, or name one of them",
        )
    with reporter.progress("reading images and masks") as on_progress, advise_conversion(data):
        return FolderSource(data, on_progress, images=images, masks=masks, run_classes=run_classes, channels=channels)


def reopen_source(data: DataSettings, reporter: Reporter = SILENT) -> Source:
    """Open the data of a run again.

    Args:
        data: What `describe_inputs` returned for the run.
        reporter: Receives the progress of reading masks.

    Raises:
        DataError: The data cannot be read.
    """
    places = (data.data, data.images, data.masks, data.root)
    folder, images, masks, root = (None if place is None else Path(place) for place in places)
    channels = read_channels(data.channels)
    return open_source(folder, images=images, masks=masks, root=root, reporter=reporter, channels=channels)


def make_splits(source: Source, options: DataOptions, reporter: Reporter = SILENT) -> Splits:
    """Split the samples into train, val and test.

    Args:
        source: The data.
        options: A saved split, or the shares of a new one: it is stratified and keeps groups together, and the data's
            own split comes first. With `all_images` all are in train.
        reporter: Receives what was recognised of the data of a saved split, if files have other names or masks, and
            which of the shares are not used.

    Raises:
        DataError: There are too few images, or the saved split is of other data.
        ConfigError: The groups cannot be made.
    """
    if options.holds_out_none:
        return Splits(tuple(range(len(source.samples))), (), ())
    _warn_of_unused_shares(source, options, reporter)
    if options.splits is not None:
        return _restore_splits(options.splits, source, reporter)
    return split_samples(
        source.samples,
        share=options.split,
        where=options.data or source.name,
        class_images=_class_occurrence(source),
        groups=_groups(source, options.group_by),
        test_share=options.test_fraction,
    )


def _warn_of_unused_shares(source: Source, options: DataOptions, reporter: Reporter) -> None:
    """Warn where a share other than the default was named, and the parts are given already."""
    shares = (
        (f"--split {options.split:g}", options.split != DataOptions.split, "val", "validation"),
        (f"--test-fraction {options.test_fraction:g}", options.test_fraction > 0, "test", "test"),
    )
    for named, is_named, part, kind in shares:
        if not is_named:
            continue
        if options.splits is not None:
            reporter.warn(f"{named} is not used: --splits {options.splits} gives each image its part")
        elif any(sample.split == part for sample in source.samples):
            reporter.warn(f"{named} is not used: the data has its own {kind} images")


def make_fold_splits(source: Source, options: DataOptions, folds: int) -> list[Splits]:
    """Split all samples once for each fold, which is the test split; stratified, and groups are kept together.

    Args:
        source: The data; a split of its own is not used.
        options: `split` is the share of the other folds' images for training.
        folds: The number of folds, 2 or more.

    Raises:
        DataError: There are too few images or groups.
        ConfigError: The groups cannot be made.
    """
    return make_folds(
        source.samples,
        folds,
        class_images=_class_occurrence(source),
        groups=_groups(source, options.group_by),
        val_share=1 - options.split,
        where=options.data or source.name,
    )


def describe_inputs(options: ProtocolOptions, source: Source) -> DataSettings:
    """Return where the data is, so that `open_source` opens the same from another working directory.

    Args:
        options: The options that the source was opened with.
        source: The source.
    """
    data = options.data
    return DataSettings(
        data=None if data is None else data.name if is_published(data) else str(data.absolute()),
        images=_locate(options.images, [sample.image for sample in source.samples]),
        masks=_locate(options.masks, [sample.mask for sample in source.samples]),
        root=None if options.root is None else str(options.root.absolute()),
        channels=options.channels,
        splits=None if options.splits is None else str(options.splits.absolute()),
        split=options.split,
        test_fraction=options.test_fraction,
        group_by=anchor("group_by", options.group_by),
        all_images=options.holds_out_none,
    )


def _restore_splits(path: Path, source: Source, reporter: Reporter) -> Splits:
    """The split of a run, whose images are recognised by their content, or a split in a file, by names."""
    file = path / Data.file if path.is_dir() else path
    try:
        data = Data.from_json(read_json(file), file)
    except RunError:  # another file with a split
        return read_splits(path, source.samples)
    split = data.split  # what a fraction of the data left out is training data
    data = replace(data, split=replace(split, train=(*split.train, *split.unused), unused=()))
    found = recognise(source, data)
    own = [sample.name for sample in source.samples]
    unknown = {own[index] for index, name in enumerate(found.names) if name is None}
    named: dict[Split, list[str]] = {
        part: [own[index] for index in found.found if found.part(index) == part] for part in PARTS
    }
    replaced = sorted(unknown & set(found.missing))
    gone = [name for name in found.missing if name not in unknown]
    if gone:
        raise DataError(
            f"names {listing(gone, 3)}, not in the data",
            where=file,
            remedy="Restore the images and masks, or divide the data again, without --splits",
        )
    for name in replaced:
        named[parts_by_name(data)[name]].append(name)
    renamed = [f"{found.names[index]} is {own[index]}" for index in found.found if found.names[index] != own[index]]
    splits = find_named(named, source.samples, file)
    if renamed:
        reporter.say(f"  images of {path} under other names: {listing(renamed)}")
    if replaced:
        reporter.say(f"  other images than in {path}, under the same names: {listing(replaced)}")
    return splits


def _locate(folder: Path | None, files: Sequence[Path | None]) -> str | None:
    """The folder, or the pattern, as an absolute path if it is in the working directory and not in the data."""
    if folder is None:
        return None
    here = folder.absolute().parent if set(folder.name) & set("*?[") and len(folder.parts) > 1 else folder.absolute()
    is_here = all(file is not None and file.absolute().is_relative_to(here) for file in files)
    return str(folder.absolute() if is_here else folder)


def _class_occurrence(source: Source) -> NDArray[np.bool_] | None:
    """Whether a class occurs in a sample, (N, C); None for data whose masks have not been read."""
    return source.mask_pixels > 0 if isinstance(source, FolderSource) else None


def groups_by_name(source: Source, group_by: str | None) -> dict[str, str] | None:
    """Return the group of each image by its name, as `--group-by` makes them; None without that option."""
    groups = _groups(source, group_by)
    return None if groups is None else dict(zip((sample.name for sample in source.samples), groups, strict=True))


def _groups(source: Source, group_by: str | None) -> Sequence[str] | None:
    return find_groups(
        [sample.name for sample in source.samples],
        group_by,
        root=source.root if isinstance(source, FolderSource) else None,
        paths=[sample.image for sample in source.samples],
    )
