"""The states of trainings that are over: which are kept on disk, and which make room for others."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from segarena.experiment.plan import Training
from segarena.records.run import Costs
from segarena.training.checkpoint import LAST, load_state, save_state


def drop_states(trainings: Sequence[Training], keep: int | None) -> None:
    """Delete the states of finished trainings, but for those of the last ones.

    Nothing reads the state of a finished training: its best weights are a file of their own. Of one that waits for its
    costs to be measured, only the progress is kept, from which they come. The states of trainings that are not over
    are what a resumption needs, and stay.

    Args:
        trainings: All trainings of a command.
        keep: How many states of finished trainings are kept; None for all.

    Raises:
        RunError: The state of a training that waits for its costs cannot be read or written.
    """
    if keep is None:
        return
    for training in trainings:
        if training.is_scored:
            _keep_progress(training)
    ended = {}
    for training in trainings:
        with suppress(OSError):  # not finished, or its state is not there
            (training.folder / LAST).stat()
            ended[training.folder] = (training.folder / Costs.file).stat().st_mtime_ns
    latest = sorted(ended, key=lambda folder: ended[folder], reverse=True)
    for folder in latest[keep:]:
        with suppress(OSError):  # a disk that became read-only: the next write is the error
            (folder / LAST).unlink()
            (folder / LAST).parent.rmdir()


def _keep_progress(training: Training) -> None:
    path = training.folder / LAST
    content = load_state(path)
    if content is not None and set(content) > {"progress"}:
        save_state({"progress": content["progress"]}, path)
