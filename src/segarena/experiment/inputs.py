"""From the options to the data and its division: what `train`, `compare`, `evaluate` and `check` do alike."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segarena.config import DataOptions, ProtocolOptions
from segarena.data.folder import FolderSource
from segarena.data.published import PUBLISHED, open_published
from segarena.data.source import Source
from segarena.data.splitting.folds import make_folds
from segarena.data.splitting.groups import find_groups
from segarena.data.splitting.splits import Splits, read_splits, split_samples
from segarena.errors import ConfigError
from segarena.experiment.progress import SILENT, Reporter


def open_source(
    data: Path | None,
    *,
    images: Path | None = None,
    masks: Path | None = None,
    root: Path | None = None,
    download: bool = False,
    reporter: Reporter = SILENT,
) -> Source:
    """Open a folder, a published data set by its name, or the built-in scenes where `data` is None.

    A folder of that name wins over a published data set. Raises DataError where it cannot be read, ConfigError for an
    option that does not concern it.
    """
    if data is None:
        from segarena.data.synthetic import SyntheticSource  # it needs scipy, and `check` does not

        return SyntheticSource()
    if data.name == str(data) and data.name in PUBLISHED and not data.is_dir():
        if images or masks:
            raise ConfigError(
                f"{data} says itself where its images and masks are",
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
    with reporter.progress("reading images and masks") as on_progress:
        return FolderSource(data, on_progress, images=images, masks=masks)


def divide(source: Source, options: DataOptions) -> Splits:
    """Divide the samples as the options say: a saved split, the data's own, or a stratified one, groups kept together.

    Raises DataError and ConfigError.
    """
    if options.splits is not None:
        return read_splits(options.splits, source.samples)
    return split_samples(
        source.samples,
        share=options.split,
        where=options.data or source.name,
        class_images=_class_images(source),
        groups=_groups(source, options),
        test_share=options.test_fraction,
    )


def divide_into_folds(source: Source, options: ProtocolOptions) -> list[Splits]:
    """Divide all samples into folds, each tested once, stratified and with groups kept together, as `divide` does.

    Raises DataError and ConfigError.
    """
    assert options.folds is not None
    return make_folds(
        source.samples,
        options.folds,
        class_images=_class_images(source),
        groups=_groups(source, options),
        val_share=1 - options.split,
        where=options.data or source.name,
    )


def _class_images(source: Source) -> NDArray[np.bool_] | None:
    return source.mask_pixels > 0 if isinstance(source, FolderSource) else None


def _groups(source: Source, options: DataOptions) -> Sequence[str] | None:
    return find_groups(
        [sample.name for sample in source.samples],
        options.group_by,
        root=source.root if isinstance(source, FolderSource) else None,
        paths=[sample.image for sample in source.samples],
    )
