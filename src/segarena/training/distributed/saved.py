"""The saved state of a training in several processes: process 0 reads and writes the files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from segarena.training.checkpoint import LAST, load_state
from segarena.training.saving import SavedState

if TYPE_CHECKING:
    from segarena.training.distributed.ranks import Ranks


class StateOfAll(SavedState):
    """Saves in process 0, and gives all processes what it reads: other machines need not see the folder.

    Args:
        folder: The run folder.
        ranks: The processes.
    """

    def __init__(self, folder: Path, ranks: Ranks) -> None:
        super().__init__(folder)
        self._ranks = ranks

    def keep_best(self, model: nn.Module) -> None:
        """Keep a copy of the weights of the best epoch so far, in process 0."""
        if self._ranks.rank == 0:
            super().keep_best(model)

    def forget(self) -> None:
        """Remove what belongs to a training that is begun again."""
        if self._ranks.rank == 0:
            super().forget()

    def save(self, content: dict[str, Any]) -> None:
        """Write the state, in process 0."""
        if self._ranks.rank == 0:
            super().save(content)

    def restore(self, load: Callable[[dict[str, Any]], object] = lambda content: None) -> dict[str, Any] | None:
        """Read the state in process 0, and load it in all; arguments and errors as of `SavedState`."""

        def read() -> dict[str, Any] | None:
            content = load_state(self._folder / LAST) if self._ranks.rank == 0 else None
            return None if content is None else {name: value for name, value in content.items() if name != "best"}

        content = self._ranks.of_first(self._ranks.attempt(read))
        if content is None:
            return None
        if self._ranks.rank == 0:
            return super().restore(load)
        load(content)
        return content
