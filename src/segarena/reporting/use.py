"""How the result of a comparison is used: the model to train on all images, or the one that was trained so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from segarena.formats import command, plural
from segarena.records.comparison import ComparisonRecord, RankedModel
from segarena.records.data_curve import DataCurve
from segarena.records.expected import Expected
from segarena.reporting.style import ARCHITECTURES
from segarena.runs import all_images_folder, find_all_images_run

_NAMED = ("segarena",)
_FRACTIONS = ("--data-fractions", "0.25", "0.5", "1")


@dataclass(frozen=True)
class Use:
    """What to do with a comparison that has a model to advise.

    Args:
        model: Name of the architecture.
        images: All labelled images, in words: with their number, where the runs had all of them.
        train: The command that trains it on all of them.
        predict: The command that labels new images.
        export: The command that writes a file for other programs.
        serve: The command that starts a page and an HTTP interface.
        trained: The folder of the run on all images; None where there is none.
        expectation: What to expect of that run; empty where there is none.
        data_curve: The command that shows whether more labels are likely to help; None where the page shows it, and
            where the comparison trained no models itself or has modules of the user's.
    """

    model: str
    images: str
    train: str
    predict: str
    export: str
    serve: str
    trained: str | None = None
    expectation: str = ""
    data_curve: str | None = None


def describe_use(record: ComparisonRecord, folder: Path, *, place: PurePath, on_page: bool = False) -> Use | None:
    """Return how a comparison is used; None where it has no model that can be advised.

    Args:
        record: The comparison.
        folder: Its folder.
        place: The same as commands name it.
        on_page: Whether the commands are read elsewhere, where the program is called `segarena`.
    """
    if record.varied:  # its models are no architectures that can be trained by name
        return None
    found = find_all_images_run(folder, [entry.model for entry in record.ranking])
    entry = _advised(record) if found is None else _of_run(record, found)
    if entry is None:
        return None
    program = _NAMED if on_page else None
    named = [] if entry.model == record.answer.best else ["--model", entry.model]
    expected = None if found is None or not (found / Expected.file).exists() else Expected.read(found)
    images = plural(sum(record.data.counts.values()), "labelled image")
    in_short = "" if expected is None else replace(expected, like=folder.name).sentence  # read elsewhere
    return Use(
        model=entry.model,
        images=images if record.protocol.data_fraction == 1 else "labelled images",  # what it left out is not counted
        train=command("segarena", "train", "--like", place, *named, "--all-images", program=program),
        predict=command("segarena", "predict", place, "IMAGES", program=program),
        export=command("segarena", "export", place, program=program),
        serve=command("segarena", "serve", place, program=program),
        trained=None if found is None else found.name,
        expectation=in_short,
        data_curve=command("segarena", "compare", "--resume", place, *_FRACTIONS, program=program)
        if _can_have_curve(record, folder)
        else None,
    )


def _can_have_curve(record: ComparisonRecord, folder: Path) -> bool:
    """Whether a curve over the training images can be added from the command line, and is not there yet."""
    own = {entry.model for entry in record.ranking} - set(ARCHITECTURES)
    return not (record.compared_runs or own or (folder / DataCurve.file).exists())


def _advised(record: ComparisonRecord) -> RankedModel | None:
    """The best model of the verdict, else the first one, unless none is better than the majority baseline."""
    if record.answer.claim in ("no_better_than_baseline", "no_score"):
        return None
    return next((entry for entry in record.ranking if entry.model == record.answer.best), record.ranking[0])


def _of_run(record: ComparisonRecord, run: Path) -> RankedModel:
    return next(entry for entry in record.ranking if all_images_folder(run.parent, entry.model) == run)
