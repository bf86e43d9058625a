"""Whether this process is one of several that train one network: what `torchrun` sets in the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from segarena.errors import ConfigError

Item = TypeVar("Item")


@dataclass(frozen=True)
class Launch:
    """The place of this process among those that were started together.

    Args:
        rank: Its number, from 0. Process 0 reads the options, writes the files and prints.
        number: How many there are, on all machines.
        local_rank: Its number on its machine, from 0: the number of its GPU.
        local_number: How many there are on its machine.
        restarts: How often all were started again, because one of them was lost.
    """

    rank: int
    number: int
    local_rank: int
    local_number: int
    restarts: int = 0

    @property
    def is_first(self) -> bool:
        """Whether it is the process that reads the options, writes the files and prints."""
        return self.rank == 0


def find_launch(variables: Mapping[str, str] | None = None) -> Launch | None:
    """Return the place of this process; None where it was started by itself.

    Args:
        variables: The environment variables; None for those of this process.

    >>> find_launch({"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "MASTER_ADDR": "localhost"})
    Launch(rank=1, number=2, local_rank=1, local_number=2, restarts=0)
    """
    found = os.environ if variables is None else variables
    try:
        rank, number = int(found["RANK"]), int(found["WORLD_SIZE"])
        local_rank, local_number = int(found.get("LOCAL_RANK", rank)), int(found.get("LOCAL_WORLD_SIZE", number))
        restarts = int(found.get("TORCHELASTIC_RESTART_COUNT", 0))
    except (KeyError, ValueError):
        return None
    if "MASTER_ADDR" not in found or (number == 1 and "TORCHELASTIC_RUN_ID" not in found):
        return None
    return Launch(rank, number, local_rank, local_number, restarts)


def count_processes() -> int:
    """Return how many processes, on all machines, train one network; 1 by itself."""
    launch = find_launch()
    return 1 if launch is None else launch.number


def local_processes() -> int:
    """Return how many processes of this machine train one network, among which it is divided; 1 by itself."""
    launch = find_launch()
    return 1 if launch is None else launch.local_number


def refuse_launch(verb: str) -> None:
    """Check that a command is not run by several processes at once.

    Args:
        verb: The command.

    Raises:
        ConfigError: It is, and each of them would do the same work.
    """
    launch = find_launch()
    if launch is not None and launch.number > 1:
        several = "; to use several GPUs, add --jobs" if verb == "compare" else ""
        raise ConfigError(
            f"it was started {launch.number} times by torchrun, and only `segarena train` trains in several processes",
            where=f"segarena {verb}",
            remedy=f"Run it without torchrun{several}",
        )


def slice_of(items: Sequence[Item], rank: int, number: int) -> Sequence[Item]:
    """Return the part of a batch that a process computes: the parts follow each other and differ by one at most.

    >>> [slice_of(range(5), rank, 2) for rank in (0, 1)]
    [range(0, 3), range(3, 5)]
    """
    sizes = [size_of(len(items), one, number) for one in range(rank + 1)]
    return items[sum(sizes[:-1]) : sum(sizes)]


def size_of(items: int, rank: int, number: int) -> int:
    """Return the size of `slice_of`: the first ones have one item more where it does not divide."""
    return items // number + (rank < items % number)
