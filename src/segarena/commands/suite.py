"""`segarena suite`: compare the architectures on many data sets, and show all results in one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.markup import escape

from segarena.commands.tables import new_table
from segarena.commands.terminal import console, resume_with, shown, warn_if_unlocked
from segarena.config import SuiteOptions
from segarena.errors import INCOMPLETE, Interrupted, Queued, RunError, SegarenaError
from segarena.experiment.suite_plan import check_unchanged, compare_options, find_place, is_finished, wanted_models
from segarena.experiment.suite_result import Finished, check_before, read_finished, write_suite
from segarena.formats import command, listing, percent, plural, resume_line
from segarena.records.comparison import ComparisonRecord
from segarena.records.suite import FailedDataSet, SuiteEntry, SuiteOptionsRecord, SuiteRecord
from segarena.reporting.suite_page import build_suite_report
from segarena.reporting.suite_words import labels_of
from segarena.reuse.suite_file import read_sources
from segarena.scoring.suite import one_score
from segarena.working_folder import check_claim, claimed_folder


@shown
def run(options: SuiteOptions) -> Path:
    """Compare on each data set that is not finished, and write the page of all of them.

    Args:
        options: The options as typed.

    Returns:
        The folder of the suite.

    Raises:
        SegarenaError: Something in the input is wrong, or no data set has a result.
        Interrupted: Ctrl-C was pressed; the state is saved.
        Queued: The trainings of all data sets are in the queue of SLURM.
    """
    named, is_resumed = options.resume or options.out, options.resume is not None
    entries, line = _read(options)
    check_before(entries)
    check_claim(named, resume=is_resumed)
    name = options.sources[0].stem if len(options.sources) == 1 else "suite"
    with claimed_folder(named, name, resume=is_resumed) as (folder, is_locked):
        warn_if_unlocked(folder, is_locked)
        check_unchanged(folder, entries)
        earlier = _earlier(folder)
        SuiteOptionsRecord(data_sets=entries, command=line).write(folder)
        resume_with(resume_line("suite", folder))
        finished, failed = _compare_each(entries, earlier, folder, options)
        record = write_suite(folder, finished, failed, line)
        page = build_suite_report(folder)
        _show(record, page)
        return folder


def exit_status(folder: Path) -> int:
    """Return the exit status of a suite: 3 where a data set has no result or a model of one failed, else 0.

    Args:
        folder: What `run` returned.
    """
    record = SuiteRecord.read(folder)
    trained = [folder / one.folder for one in record.data_sets if not one.is_reused]
    return INCOMPLETE if record.failed or any(ComparisonRecord.read(place).failed for place in trained) else 0


def _read(options: SuiteOptions) -> tuple[tuple[SuiteEntry, ...], str]:
    """The data sets, and the command line that repeats the suite."""
    if options.sources and (options.resume is None or options.out is not None or _is_suite(options.resume)):
        entries = read_sources(options.sources)
        return entries, command("segarena", "suite", *options.sources, program=("segarena",))
    folder = options.resume or Path()
    if not _is_suite(folder):
        exists = folder.exists()
        what = f"has no {SuiteOptionsRecord.file}" if exists else "does not exist"
        start = command("segarena", "suite", *(options.sources or ["suite.yaml"]), "--out", "NEW" if exists else folder)
        raise RunError(f"{what}, so there is nothing to resume", where=folder, remedy=f"Start one: {start}")
    record = SuiteOptionsRecord.read(folder)
    return record.data_sets, record.command


def _is_suite(folder: Path) -> bool:
    """Whether a suite was started in a folder."""
    return (folder / SuiteOptionsRecord.file).is_file()


def _earlier(folder: Path) -> dict[str, SuiteEntry]:
    if not _is_suite(folder):
        return {}
    return {entry.name: entry for entry in SuiteOptionsRecord.read(folder).data_sets}


def _compare_each(
    entries: Sequence[SuiteEntry], earlier: dict[str, SuiteEntry], folder: Path, options: SuiteOptions
) -> tuple[list[Finished], list[FailedDataSet]]:
    """Compare on each data set. One that fails does not end the others, which may take the night.

    Raises the error of the first one where no data set has a result.
    """
    finished: list[Finished] = []
    errors: dict[str, SegarenaError | Queued] = {}
    for number, entry in enumerate(entries, start=1):
        place = find_place(entry, folder)
        title = f"{entry.name} ({number} of {plural(len(entries), 'data set')})"
        try:
            if is_finished(entry, place, earlier.get(entry.name)):
                console.print(f"{title}: finished before, used as it is", markup=False)
            else:
                console.print(f"\n{title}", markup=False)
                _train(entry, place, options, folder)
            wanted = None if entry.comparison is not None else wanted_models(entry)
            finished.append(read_finished(entry, place, wanted))
        except SegarenaError as error:
            errors[entry.name] = error
            console.warn(f"{entry.name} has no result: {error}", title="failed")
        except Queued as queued:
            errors[entry.name] = _resumed_later(queued, [entry.name], folder)
            console.result(f"Then: {resume_line('suite', folder)}", markup=False)
    if not finished:
        raise _error_of(errors, folder)
    return finished, [FailedDataSet(name=name, message=str(error)) for name, error in errors.items()]


def _error_of(errors: Mapping[str, SegarenaError | Queued], folder: Path) -> Exception:
    """What to raise where no data set has a result: the first error; where all are queued, that they are."""
    for error in errors.values():
        if isinstance(error, SegarenaError):
            return error
    *_, last = (error for error in errors.values() if isinstance(error, Queued))
    return _resumed_later(last, [*errors], folder)


def _resumed_later(queued: Queued, names: Sequence[str], folder: Path) -> Queued:
    """Return the same, with a message that has the command by which the results of data sets come into the suite."""
    line = resume_line("suite", folder)
    queued.args = (f"the trainings of {listing(names)} are queued. When job {queued.report} is over: {line}",)
    return queued


def _train(entry: SuiteEntry, place: Path, options: SuiteOptions, folder: Path) -> None:
    from segarena.commands import compare  # it needs PyTorch, which a page of finished comparisons does not

    try:
        more = {"jobs": options.jobs, "quiet": options.quiet or None, "verbose": options.verbose or None}
        compare.run(compare_options(entry, place, **more))
    except Interrupted as stop:
        what = str(stop).partition(". Resume with: ")[0]
        stop.args = (f"{what}. Resume with: {resume_line('suite', folder)}",)
        raise


def _show(record: SuiteRecord, page: Path) -> None:
    labels = labels_of(record.models)
    table = new_table(["", *(labels[entry.model] for entry in record.models)], left=[""])
    for one in record.data_sets:
        table.add_row(escape(one.name), *(percent(one_score(one, entry.model).miou) for entry in record.models))
    if len(record.data_sets) > 1:
        table.add_row("mean rank", *(f"{entry.mean_rank:.2f}" for entry in record.models))
    console.result()
    console.result(table)
    console.result()
    console.result(record.headline, markup=False)
    for text in (" ".join(record.details), *record.notes):
        if text:
            console.print(text, markup=False)
    again = resume_line("suite", page.parent)
    for failed in record.failed:
        console.result(f"{failed.name} has no result. Try it again with: {again}", markup=False)
    console.result(f"Report: {page}", markup=False)
