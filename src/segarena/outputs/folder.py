"""The output folder of `predict`: started, continued, and finished by the process that labels the last image."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from segarena._version import __version__
from segarena.classes import ClassTable
from segarena.config import PredictOptions
from segarena.config.checks import flag
from segarena.config.groups import order_options
from segarena.data.layout.new_images import NewImage
from segarena.errors import RunError
from segarena.files import TEMPORARY
from segarena.formats import join_words, plain
from segarena.outputs.manifest import JOURNALS, MANIFEST, Manifest, describe_file, key_of
from segarena.outputs.whole import remove
from segarena.outputs.writer import Collected, Collector
from segarena.records.prediction import PredictionRecord
from segarena.runs import check_out, open_folder, remove_if_empty

#: The options on which the results do not depend.
_NO_RESULT = frozenset({"run", "images", "device", "out", "resume", "shards", "shard", "quiet", "verbose"})


def make_record(
    options: PredictOptions, model: str, weights: Path, classes: ClassTable, image_bits: int
) -> PredictionRecord:
    """Return the record of what makes the results.

    Args:
        options: The options as typed.
        model: Name of the architecture.
        weights: The file of the weights.
        classes: The classes of the model.
        image_bits: Bits by which images of 16 bits per channel are read.
    """
    values = {item.name: getattr(options, item.name) for item in fields(options) if item.name not in _NO_RESULT}
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    return PredictionRecord(
        segarena=__version__,
        model=model,
        weights_sha256=digest,
        classes=classes.names,
        image_bits=image_bits,
        options=json.loads(json.dumps(values, default=str)),
    )


def find_record(options: PredictOptions) -> PredictionRecord | None:
    """Read the record of a folder that is resumed; None if it is new.

    Raises:
        RunError: The folder has files and no record.
    """
    folder = options.resume
    if folder is None or not folder.exists():
        return None
    if not (folder / PredictionRecord.file).exists():
        if folder.is_dir() and all(path.name.endswith(TEMPORARY) for path in folder.iterdir()):
            return None
        raise RunError(
            f"has no {PredictionRecord.file}, so `segarena predict` has not begun it",
            where=folder,
            remedy="Name the folder of an earlier `segarena predict`, or a new one",
        )
    return PredictionRecord.read(folder)


def open_predictions(options: PredictOptions, record: PredictionRecord, root: Path) -> Path:
    """Make the output folder with its record, or continue one of the same record.

    Args:
        options: The options as typed.
        record: What makes the results.
        root: The folder in which a new one is made if none is named.

    Raises:
        RunError: The folder cannot be used, or has results that were made otherwise.
    """
    if options.resume is None:
        folder = open_folder(options.out, "predictions", root=root)
        record.write(folder)
        return folder
    folder = options.resume
    if options.shards is None:
        open_folder(folder, "", resume=True)
    else:  # what looks left over may be what another shard writes; writing the record shows whether the folder can be
        check_out(folder, resume=True)
    if not (folder / PredictionRecord.file).exists():
        record.write(folder)
    _compare(PredictionRecord.read(folder), record, folder)
    return folder


def _compare(found: PredictionRecord, own: PredictionRecord, folder: Path) -> None:
    remedy = "Use the same model and the same options, or name a new folder"
    if found.weights_sha256 != own.weights_sha256 or found.classes != own.classes:
        raise RunError(
            f"has results of another model: {found.model} with other weights or classes", where=folder, remedy=remedy
        )
    names = sorted({*found.options, *own.options})
    usual = {item.name: json.loads(json.dumps(item.default, default=str)) for item in fields(PredictOptions)}
    before = {name: found.options.get(name, usual.get(name)) for name in names}  # an older folder lacks new options
    differing = [name for name in names if before[name] != own.options.get(name)]
    if differing:
        had = join_words([_typed(name, before[name]) for name in differing])
        raise RunError(f"has results that were made otherwise: {had}", where=folder, remedy=remedy)


def _typed(name: str, value: Any) -> str:
    """An option as it was typed, in words where it was not."""
    option = flag(name)
    if value is None or value is False or value == []:
        return f"without {option}"
    values = value if isinstance(value, list) else [value]
    return option if value is True else " ".join([option, *map(plain, values)])


def remove_begun(folder: Path) -> None:
    """Remove a folder that was made and has no result."""
    shutil.rmtree(folder / JOURNALS, ignore_errors=True)
    (folder / PredictionRecord.file).unlink(missing_ok=True)
    remove_if_empty(folder)


@dataclass(frozen=True)
class _Images(Iterable[Collected]):
    """What a collector has of all images, read from the manifest each time."""

    manifest: Manifest
    keys: Sequence[str]
    file: str

    def __iter__(self) -> Iterator[Collected]:
        for done, content in self.manifest.lines(self.keys):
            if not done.fault:
                yield Collected(done.name, done.image, done.height, done.width, content[self.file])


def finish(
    folder: Path,
    images: Sequence[NewImage],
    collectors: Sequence[Collector],
    videos: Sequence[NewImage] = (),
    others: Sequence[NewImage] = (),
) -> int:
    """Write what is about all images, if all are labelled, by this process or others.

    Several processes may do so at once: they write the same files.

    Args:
        folder: The output folder.
        images: All images, those of all shards.
        collectors: What writes a file about all images.
        videos: All videos, of which files about all images have nothing.
        others: Those of other shards: of an image that has changed since, what is in the folder does not count.

    Returns:
        The number of images and videos that are not labelled yet; 0 if the files are written.

    Raises:
        RunError: A file cannot be written.
    """
    keys = [key_of(image.name, image.location) for image in images]
    every = [*keys, *(key_of(video.name, video.location) for video in videos)]
    while True:
        manifest = Manifest(folder)
        missing = sum(key not in manifest for key in every) or sum(
            key_of(image.name, image.location) in manifest and not is_current(image, manifest) for image in others
        )
        if missing:
            return missing
        try:
            for collector in collectors:
                collector.finish(_Images(manifest, keys, collector.file), folder)
            manifest.compact(every)
        except FileNotFoundError:  # another process has compacted the manifest
            continue
        _clean(folder, {MANIFEST, PredictionRecord.file, *(collector.file for collector in collectors)})
        return 0


def _clean(folder: Path, shared: set[str]) -> None:
    """Remove what processes have left that were killed while they wrote results; all results are there now.

    Args:
        folder: The output folder.
        shared: The files that another process may be writing now.
    """
    for left in folder.rglob(f".*{TEMPORARY}"):
        if left.name[1:].removesuffix(TEMPORARY).rpartition(".")[0] not in shared:
            remove(left)


def is_done(image: NewImage, manifest: Manifest, folder: Path) -> bool:
    """Whether an image has its results: of the same file, and all of them.

    Args:
        image: The image.
        manifest: What is done in the folder.
        folder: The output folder.
    """
    done = manifest.done(key_of(image.name, image.location))
    if done is None or done.fault or not is_current(image, manifest):
        return False
    return all((folder / name).exists() for name in done.files)


def is_current(image: NewImage, manifest: Manifest) -> bool:
    """Whether the manifest's line of an image is of the file as it is now: its size and time, or size and content.

    Args:
        image: The image.
        manifest: What is done in the folder.
    """
    done = manifest.done(key_of(image.name, image.location))
    if done is None:
        return False
    try:
        state = image.path.stat()
        if state.st_size != done.bytes:
            return False
        is_same_time = state.st_mtime_ns == done.modified_ns
        if not is_same_time and describe_file(image).sha256 != done.sha256:
            return False
    except OSError:
        return bool(done.fault)
    return True


def to_label(images: Sequence[NewImage], folder: Path, is_resumed: bool) -> list[NewImage]:
    """Return the images that have no results yet.

    Args:
        images: The images.
        folder: The output folder.
        is_resumed: Whether the folder was there before; the manifest of a new one is not looked for.
    """
    if not is_resumed:
        return list(images)
    manifest = Manifest(folder)
    return [image for image in images if not is_done(image, manifest, folder)]


def resume_words(options: PredictOptions, folder: Path) -> list[Any]:
    """Return the words of the command that continues a folder.

    Args:
        options: The options of the command that was stopped.
        folder: The output folder.
    """
    words: list[Any] = ["segarena", "predict", options.run, *options.images]
    defaults = {item.name: item.default for item in fields(options)}
    for name in order_options(list(defaults)):
        value = getattr(options, name)
        if name in ("run", "images", "out", "resume") or value == defaults[name]:
            continue
        words += [flag(name), *(value if isinstance(value, tuple) else () if value is True else (value,))]
    return [*words, "--resume", folder]
