"""What `train` and `compare` say before they train: how the data is read, what was chosen, what looks wrong."""

from __future__ import annotations

from collections.abc import Sequence

from segarena.checks import inspect
from segarena.checks.problem import stop_on_errors, summarise, worst_of
from segarena.data.folder import FolderSource
from segarena.experiment.prepared import FOLLOWS_RESOLUTION, RESOLUTION, Prepared
from segarena.experiment.progress import Reporter
from segarena.experiment.resolution import describe_choices
from segarena.experiment.units import NONE
from segarena.formats import listing, plural
from segarena.reuse.recorded import recorded_choices


def report_prepared(prepared: Prepared, reporter: Reporter) -> None:
    """Report how the data is read and split, and which options were chosen.

    Args:
        prepared: The data and the protocol.
        reporter: Receives the lines.
    """
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


def report_problems(prepared: Prepared, reporter: Reporter) -> None:
    """Report what looks wrong in a folder; the slow checks are left to `check`. Of all folds the worst one counts.

    Args:
        prepared: The data and the protocol.
        reporter: Receives a line for each problem.

    Raises:
        DataError: The data cannot be used as it is.
    """
    source = prepared.source
    if not isinstance(source, FolderSource):
        return
    grouped = prepared.options.group_by not in (None, NONE)
    found = [inspect(source, split.splits, closely=False, grouped=grouped) for split in prepared.splits]
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


def _is_open_for_budget(prepared: Prepared) -> bool:
    """Whether the resolution and the epochs are chosen for a budget, once the models have been measured."""
    return prepared.options.budget is not None and "epochs" not in recorded_choices(prepared.options.resume)


def _said_elsewhere(prepared: Prepared) -> list[str]:
    """Size and stride, and the choices that are made again for a budget."""
    late = (*FOLLOWS_RESOLUTION, "epochs", "patience") if _is_open_for_budget(prepared) else ()
    return [choice.sentence for choice in prepared.choices if choice.name in (*RESOLUTION, *late)]
