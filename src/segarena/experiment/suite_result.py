"""The result of a suite, from the finished comparisons of its data sets: suite.json and suite.csv."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

from segarena._version import __version__
from segarena.errors import ConfigError, RunError
from segarena.experiment.suite_plan import wanted_models
from segarena.files import write_text
from segarena.formats import listing
from segarena.records.comparison import ComparisonRecord, RankedModel
from segarena.records.statistics import Difference, Statistics
from segarena.records.suite import (
    FailedDataSet,
    PairStatus,
    SuiteDataSet,
    SuiteEntry,
    SuitePair,
    SuiteRecord,
    SuiteRow,
    SuiteScore,
)
from segarena.records.tables import columns, to_columns
from segarena.reporting.differences import pair_status
from segarena.reporting.load import slowed_models
from segarena.reporting.suite_words import details, headline, notes
from segarena.reuse.suite_file import options_of
from segarena.scoring.rank_tests import rank_scores
from segarena.scoring.suite import add_up, check_ranks

TABLE = "suite.csv"


@dataclass(frozen=True)
class Finished:
    """A data set of a suite whose comparison is finished.

    Args:
        entry: The data set.
        folder: The folder of the comparison.
        record: Its comparison.json.
        wanted: The models that the suite has; None for all.
    """

    entry: SuiteEntry
    folder: Path
    record: ComparisonRecord
    wanted: tuple[str, ...] | None = None

    @property
    def scored(self) -> dict[str, RankedModel]:
        """The models that have a score, best first."""
        ranked = [entry for entry in self.record.ranking if entry.miou is not None]
        return {entry.model: entry for entry in ranked if self.wanted is None or entry.model in self.wanted}


def read_finished(entry: SuiteEntry, folder: Path, wanted: tuple[str, ...] | None = None) -> Finished:
    """Read the comparison of a data set. Raises RunError where it is not finished or damaged."""
    return Finished(entry, folder, ComparisonRecord.read(folder), wanted)


def check_before(entries: Sequence[SuiteEntry]) -> None:
    """Check that the comparisons of data sets can be in one ranking, before anything is trained.

    Args:
        entries: The data sets. A comparison that cannot be read is left to `read_finished`.

    Raises:
        ConfigError: They are of two tracks, or have no model in common.
    """
    tracks, models = {}, {}
    for entry in entries:
        if entry.comparison is None:
            tracks[entry.name], models[entry.name] = options_of(entry).track, wanted_models(entry)
            continue
        with suppress(RunError):
            found = read_finished(entry, Path(entry.comparison))
            tracks[entry.name], models[entry.name] = found.record.track, tuple(found.scored)
    check_together(tracks, models)


def check_together(tracks: Mapping[str, str], models: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the models that all data sets have, in the order of the first one.

    Args:
        tracks: The track of each data set, by its name: different tracks are never in one ranking.
        models: The models of each data set.

    Raises:
        ConfigError: The data sets are of two tracks, or have no model in common.
    """
    if len(set(tracks.values())) > 1:
        names = {track: [name for name, one in tracks.items() if one == track] for track in tracks.values()}
        found = "; ".join(f"{track}: {listing(having)}" for track, having in names.items())
        raise ConfigError(
            f"the data sets are of two tracks ({found})",
            where="track",
            remedy="Make a suite of each: the two tracks train different networks under the same names",
        )
    shared = [name for name in next(iter(models.values()), ()) if all(name in own for own in models.values())]
    if models and not shared:
        has = "; ".join(f"{name}: {listing(list(own))}" for name, own in models.items())
        raise ConfigError(
            f"no model is on every data set ({has})", where="models", remedy="Compare the same models on each data set"
        )
    return shared


def write_suite(
    folder: Path, finished: Sequence[Finished], failed: Sequence[FailedDataSet], command: str
) -> SuiteRecord:
    """Write suite.json and suite.csv.

    Args:
        folder: The folder of the suite.
        finished: The data sets that have a result, one or more.
        failed: Those that have none.
        command: The command line that repeats the suite.

    Raises:
        ConfigError: The comparisons are of two tracks, or have no model in common.
        RunError: A file cannot be written.
    """
    shared = check_together(
        {one.entry.name: one.record.track for one in finished}, {one.entry.name: tuple(one.scored) for one in finished}
    )
    left_out: dict[str, list[str]] = {}
    for one in finished:
        for name in one.scored:
            if name not in shared:
                left_out.setdefault(name, []).append(one.entry.name)
    data_sets = tuple(_describe(one, folder, shared) for one in finished)
    test = check_ranks(data_sets)
    models, differences = add_up(data_sets, test)
    record = SuiteRecord(
        name=folder.absolute().name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        track=finished[0].record.track,
        headline=headline(models, differences, test, data_sets),
        details=details(models, test, data_sets),
        models=models,
        differences=differences,
        test=test,
        data_sets=data_sets,
        left_out={name: tuple(names) for name, names in left_out.items()},
        failed=tuple(failed),
        notes=notes(data_sets, left_out),
        command=command,
        segarena=__version__,
    )
    record.write(folder)
    rows = pd.DataFrame([to_columns(row) for row in _rows(data_sets)], columns=columns(SuiteRow))
    write_text(folder / TABLE, rows.to_csv(index=False, lineterminator="\n"))
    return record


def _describe(one: Finished, suite: Path, shared: Sequence[str]) -> SuiteDataSet:
    record, models = one.record, {name: one.scored[name] for name in one.scored if name in shared}
    data, shown, network = record.data, record.statistics, record.protocol.network
    ranks = rank_scores(np.array([[entry.miou or 0.0 for entry in models.values()]]))[0]
    intervals = {} if shown is None else {name: shown.for_readers().interval(name) for name in models}
    scores = tuple(
        SuiteScore(
            model=name,
            miou=entry.miou or 0.0,
            low=None if (ends := intervals.get(name)) is None else ends[0],
            high=None if ends is None else ends[1],
            rank=float(rank),
            seeds=len(entry.seeds),
            epochs=entry.epochs,
            train_seconds=entry.train_seconds,
            train_cpu_seconds=entry.train_cpu_seconds,
            latency_ms=entry.latency_ms,
            ceiling=entry.ceiling,
        )
        for (name, entry), rank in zip(models.items(), ranks, strict=True)
    )
    has_cpu_times = all(score.train_cpu_seconds for score in scores)
    stride, encoder, weights = (network.get(name) for name in ("output_stride", "encoder", "weights"))
    return SuiteDataSet(
        name=one.entry.name,
        domain=one.entry.domain,
        folder=_relative(one.folder, suite),
        is_reused=one.entry.comparison is not None,
        claim=record.answer.claim,
        best=record.answer.best,
        headline=record.answer.headline,
        scored_split=record.scored_split,
        images=data.counts.get(record.scored_split, 0),
        units=None if shown is None else shown.units,
        unit="image" if shown is None else shown.unit_name,
        classes=len(data.classes),
        train_images=data.counts.get("train"),
        folds=record.folds,
        encoder=None if encoder is None else str(encoder),
        weights=None if weights is None else Path(str(weights)).name,
        output_stride=stride if isinstance(stride, int) else None,
        size=record.protocol.size,
        epochs=record.protocol.epochs,
        processor=record.processor,
        timed_by="processor" if slowed_models(record) and has_cpu_times else "elapsed",
        trivial_miou=record.trivial_miou,
        fingerprint=(data.fingerprint,) if isinstance(data.fingerprint, str) else data.fingerprint,
        scores=scores,
        pairs=tuple(_pairs(record, scores)),
    )


def _pairs(record: ComparisonRecord, scores: Sequence[SuiteScore]) -> list[SuitePair]:
    shown = None if record.statistics is None else record.statistics.for_readers()
    known = {} if shown is None else {frozenset((pair.first, pair.second)): pair for pair in shown.pairs}
    found = []
    for place, first in enumerate(scores):
        for second in scores[place + 1 :]:
            pair = known.get(frozenset((first.model, second.model)))
            if pair is None or shown is None:
                difference = first.miou - second.miou
                found.append(
                    SuitePair(
                        first=first.model,
                        second=second.model,
                        difference=difference,
                        low=None,
                        high=None,
                        status="unclear",
                    )
                )
                continue
            interval = pair.architectures or pair.networks
            found.append(
                SuitePair(
                    first=pair.first,
                    second=pair.second,
                    difference=pair.difference,
                    low=None if interval is None else interval.low,
                    high=None if interval is None else interval.high,
                    status=_status(pair, record, shown),
                )
            )
    return found


def _status(pair: Difference, record: ComparisonRecord, shown: Statistics) -> PairStatus:
    """What is shown about a pair; with one seed it is about the trained networks alone."""
    if record.answer.claim == "no_better_than_baseline":
        return "no claim"
    status = pair_status(pair, shown)
    if status in ("higher", "lower"):
        return "networks" if pair.architectures is None else "higher"
    return cast(PairStatus, status)


def _rows(data_sets: Sequence[SuiteDataSet]) -> list[SuiteRow]:
    return [
        SuiteRow(
            data_set=one.name,
            domain=one.domain,
            model=score.model,
            miou=score.miou,
            miou_low=score.low,
            miou_high=score.high,
            rank=score.rank,
            seeds=score.seeds,
            claim=one.claim,
            best=one.best,
            train_seconds=score.train_seconds,
            latency_ms=score.latency_ms,
        )
        for one in data_sets
        for score in one.scores
    ]


def _relative(folder: Path, suite: Path) -> str:
    """The path from the suite to a comparison; absolute where they are on two drives of Windows."""
    try:
        return Path(os.path.relpath(folder.absolute(), suite.absolute())).as_posix()
    except ValueError:
        return folder.absolute().as_posix()
