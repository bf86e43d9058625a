"""Whether other programs slowed the trainings, so that their times are not comparable."""

from __future__ import annotations

from collections.abc import Mapping

from segarena.formats import duration, join_words
from segarena.records.comparison import ComparisonRecord, RankedModel

#: A training on a CPU keeps at least this share of one core busy, ...
LEAST_CORES = 0.8
#: ... and at least this share of the cores that its threads could use, ...
LEAST_SHARE = 0.4
#: ... of which no more than these count: with more, a training need not use all of them, even on an idle machine.
MOST_THREADS = 4


def slowed_models(record: ComparisonRecord) -> list[str]:
    """Name the models whose training got far less processor time than its threads could have used, in any order.

    A training on a CPU always has something to compute. Where it got 0.3 s of processor time in a second, it waited for
    a core, or for the disk, most of the time. On a GPU, and where a time is missing, nothing is concluded.

    Args:
        record: The comparison.
    """
    if record.protocol.device != "cpu":
        return []
    least = max(LEAST_CORES, LEAST_SHARE * min(record.environment.threads, MOST_THREADS))
    return [entry.model for entry in record.ranking if (used := _cores(entry)) is not None and used < least]


def load_note(record: ComparisonRecord, labels: Mapping[str, str]) -> str:
    """State that the machine was busy, with the times of the model that was slowed most; empty where it was not.

    Args:
        record: The comparison.
        labels: What the models are called.
    """
    slowed = slowed_models(record)
    if not slowed:
        return ""
    entries = [entry for entry in record.ranking if entry.model in slowed]
    worst = min(entries, key=lambda entry: _cores(entry) or 0.0)
    names = "all models" if len(slowed) == len(record.ranking) > 1 else join_words([labels[name] for name in slowed])
    be = "was" if len(slowed) == 1 else "were"
    return (
        f"The machine was probably busy with other work while {names} {be} trained: {labels[worst.model]} got "
        f"{duration(worst.train_cpu_seconds)} of processor time in {duration(worst.train_seconds)}. The training times "
        "are not comparable; the CPU times are closer to the cost."
    )


def _cores(entry: RankedModel) -> float | None:
    """How many cores a training used on average."""
    if entry.train_cpu_seconds is None or not entry.train_seconds:
        return None
    return entry.train_cpu_seconds / entry.train_seconds
