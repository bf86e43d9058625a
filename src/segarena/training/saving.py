"""When the state of a training is saved, together with the weights and the history that belong to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from segarena.errors import is_out_of_memory
from segarena.runs import SAVE_EVERY
from segarena.training.checkpoint import (
    BEST,
    HISTORY,
    LAST,
    load_state,
    not_a_state,
    save_history,
    save_state,
    save_tensors,
)

#: A save that takes long is followed by this many times its duration without one.
REST = 20.0


@contextmanager
def refusing_damage(path: Path) -> Iterator[None]:
    """Raise RunError for what is raised in the block because a value of a state is missing or has a wrong form.

    Args:
        path: The file of the state.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        if is_out_of_memory(error):  # the state is as it should be, and has to be kept
            raise
        reason = f"it has no {error}" if isinstance(error, KeyError) else str(error).strip().partition("\n")[0]
        raise not_a_state(path, reason) from error


class SavedState:
    """Saves the state, the best weights and the history of a training at most once a minute.

    Saving takes as long as several epochs where an epoch takes less than a second. What is on disk always belongs
    together: the best weights are kept in memory until the state is saved, and are in the state too. After SIGKILL, the
    epochs since the last save are trained again, and best.safetensors cannot be that of an epoch which was not saved.

    Args:
        folder: The run folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._best: dict[str, Tensor] | None = None
        self._last, self._took = time.perf_counter(), 0.0

    @property
    def is_due(self) -> bool:
        """Whether it is time to save."""
        return time.perf_counter() - self._last >= max(SAVE_EVERY, REST * self._took)

    def keep_best(self, model: nn.Module) -> None:
        """Keep a copy of the weights of the best epoch so far, in the processor's memory."""
        self._best = {name: tensor.detach().to("cpu", copy=True) for name, tensor in model.state_dict().items()}

    def forget(self) -> None:
        """Remove what belongs to a training that is begun again."""
        self._best = None
        for name in (HISTORY, BEST):
            (self._folder / name).unlink(missing_ok=True)

    def save(self, content: dict[str, Any]) -> None:
        """Write the state, and the best weights and the history that belong to it.

        Args:
            content: What `restore` will return. The history is the one in its `progress`.

        Raises:
            RunError: A file cannot be written.
        """
        start = time.perf_counter()
        save_state({**content, "best": self._best}, self._folder / LAST)
        self._write_rest(content["progress"]["history"])
        self._last = time.perf_counter()
        self._took = self._last - start

    def restore(self, load: Callable[[dict[str, Any]], object] = lambda content: None) -> dict[str, Any] | None:
        """Read the state, and let the other files be those that belong to it; None where nothing was saved.

        Args:
            load: Called with the state, before a file is written. What it raises because a value is missing or has a
                wrong form becomes a RunError.

        Raises:
            RunError: A file cannot be read or written, or is not a state of this training.
        """
        path = self._folder / LAST
        content = load_state(path)
        if content is None:
            return None
        with refusing_damage(path):
            history = content["progress"]["history"]
            best = content.pop("best", None)  # a state of an earlier version has none: its file is of its epoch
            if not isinstance(best, dict | None):
                raise TypeError("its best weights are not named")
            load(content)
        self._best = best
        self._write_rest(history)
        return content

    def _write_rest(self, history: list[dict[str, Any]]) -> None:
        if self._best is not None:
            save_tensors(self._best, self._folder / BEST)
        if history:
            save_history(history, self._folder / HISTORY)
