"""What torchrun starts in `test_torchrun.py`: `segarena`, in which one of the processes is lost in a step.

SEGARENA_LOST has the number of the process, the epoch, the step in it, and the signal. It is lost once, before torchrun
starts all of them again. What each attempt begins with is written to the file in SEGARENA_BEGUN.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from segarena import cli
from segarena.training import saving
from segarena.training.engine import Trainer
from support import small_encoders

RANK, ATTEMPT = int(os.environ["RANK"]), int(os.environ["TORCHELASTIC_RESTART_COUNT"])
LOST = json.loads(os.environ["SEGARENA_LOST"])


def main() -> int:
    """Run the command that is typed; its state is saved after each step."""
    begun, step, trial = Path(os.environ["SEGARENA_BEGUN"]), Trainer._train_step, Trainer.try_step
    seen: list[Any] = []

    def take(trainer: Trainer, *batch: Any) -> Any:
        place = (trainer.state.epoch, trainer.state.step)
        if RANK == 0 and not seen:
            with begun.open("a") as file:
                file.write(json.dumps([ATTEMPT, *place]) + "\n")
        seen.append(place)
        if ATTEMPT == 0 and [RANK, *place] == LOST[:3]:
            os.kill(os.getpid(), LOST[3])
        return step(trainer, *batch)

    def try_step(trainer: Trainer, *batch: Any) -> None:
        """Whether there is enough memory: no step of the training."""
        Trainer._train_step = step  # type: ignore[method-assign]
        trial(trainer, *batch)
        Trainer._train_step = take  # type: ignore[method-assign]

    Trainer._train_step, Trainer.try_step = take, try_step  # type: ignore[method-assign]
    saving.SAVE_EVERY, saving.REST = 0.0, 0.0
    with small_encoders():
        return cli.main()


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)
