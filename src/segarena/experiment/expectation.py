"""What to expect of a training on all images, from the earlier ones whose settings it has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from segarena.classes import ClassTable
from segarena.config import TrainOptions
from segarena.errors import RunError
from segarena.experiment.plan import describe_change
from segarena.experiment.prepared import Prepared
from segarena.experiment.progress import Reporter
from segarena.records.expected import Expected
from segarena.records.run import Data
from segarena.reporting.style import label_of
from segarena.reuse.like import read_like


def expect(options: TrainOptions, prepared: Prepared, reporter: Reporter) -> Expected | None:
    """Return what the earlier trainings reached, after their data has been compared with the present data.

    Args:
        options: The options of the new training.
        prepared: Its data.
        reporter: Receives which earlier trainings they are, and how the data has changed since.

    Returns:
        The earlier trainings; None where none are named, or where the training is resumed.

    Raises:
        RunError: The classes are others than theirs.
    """
    if options.like is None or _is_started(options.resume):
        return None
    like = read_like(options.like, options.model, all_images=options.all_images)
    place = Path(like.expected.like)
    reporter.say(f"{label_of(like.expected.model)} ({like.expected.why})", title=f"like {options.like}")
    table = ClassTable.from_dict(like.data.class_table, where=place / Data.file)
    if table.digest != prepared.source.classes.digest:
        raise RunError(
            "was trained with other classes: a name, a value in the masks, void or the background has changed since",
            where=place,
            remedy="Put classes.yaml back as it was, or compare the models again",
        )
    changed = describe_change(like.data.sha256, prepared.splits[0])
    if changed:
        reporter.warn(f"the data is not that of {options.like}: {changed}. It is used as it is now.")
    return replace(like.expected, changed=changed)


def _is_started(folder: Path | None) -> bool:
    return folder is not None and (folder / Expected.file).exists()
