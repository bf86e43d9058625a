"""Trainings that fail for a reason of their own and do not end a comparison: which errors are such, their record."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Mapping
from dataclasses import dataclass

from segarena.errors import OutOfMemoryError, RunError, SegarenaError, is_out_of_memory
from segarena.experiment.executors.task import ProcessDied
from segarena.formats import join_words
from segarena.records.comparison import FailedRun, FailureReason
from segarena.reporting.style import label_of
from segarena.runs import Run
from segarena.training.divergence import DIVERGED


@dataclass(frozen=True)
class Failure:
    """A training that failed for a reason of its own.

    Args:
        record: What comparison.json has of it.
        error: What it raised, without what it had computed.
    """

    record: FailedRun
    error: Exception

    @property
    def text(self) -> str:
        """What is wrong, with its remedy where the error has one."""
        return str(self.error) if isinstance(self.error, SegarenaError) else self.record.message


def find_failure(error: Exception, run: Run) -> Failure | None:
    """Return the failure that an error is; None where the error concerns the other trainings too, or is a bug.

    What the training had computed is freed: an exception keeps the frames that it went through, and they keep tensors.

    Args:
        error: What the training raised.
        run: Its model, seed and fold.
    """
    reason = _reason(error)
    if reason is None:
        return None
    _free(error)
    record = FailedRun(
        model=run.model,
        seed=run.seed,
        fold=run.fold,
        data_fraction=run.fraction,
        reason=reason,
        message=_describe(error),
    )
    return Failure(record, error)


def none_is_left(failures: Mapping[str, Failure], resume: str) -> Exception:
    """Return the error where every model failed: that of the only one, or one that names all of them.

    Args:
        failures: The first failure of each model.
        resume: The command line that tries again.
    """
    errors = [failure.error for failure in failures.values()]
    if len(errors) == 1 and not isinstance(errors[0], ProcessDied):
        return errors[0]
    parts = [f"{label_of(model)} ({failure.record.message})" for model, failure in failures.items()]
    return RunError(
        f"no model is left to compare: {join_words(parts)} failed",
        remedy=f"Try again: {resume}",
        parts=[error for error in errors if isinstance(error, SegarenaError)],
    )


def _reason(error: Exception) -> FailureReason | None:
    if isinstance(error, OutOfMemoryError) or is_out_of_memory(error):
        return "out_of_memory"
    if isinstance(error, SegarenaError) and error.code == DIVERGED:
        return "diverged"
    return "ended" if isinstance(error, ProcessDied) else None


def _describe(error: Exception) -> str:
    """The error in a line, without its remedy: it is shown beside others."""
    if isinstance(error, ProcessDied):
        if error.what:
            return error.what
        if error.status < 0:
            number = -error.status
            known = {one.value: one.name for one in signal.Signals}
            name = known.get(number, f"signal {number}")
            memory = ", which Linux sends where the memory is used up" if name == "SIGKILL" else ""
            return f"its process was ended by {name}{memory}" + (f"; {error.saved}" if error.saved else "")
        return f"its process ended with status {error.status}"
    return error.what if isinstance(error, SegarenaError) else str(error).partition("\n")[0] or "out of memory"


def _free(error: BaseException | None) -> None:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
