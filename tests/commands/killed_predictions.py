"""Predictions that are killed, in processes of their own: python killed_predictions.py RUN IMAGES FOLDER.

Writes FOLDER/clean at once, FOLDER/killed with SIGKILL at several files, and FOLDER/shards by four shards at once, of
which one is killed, and all are started again. `test_predict_again.py` compares the three.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import segarena
from segarena.commands import predict  # imported once, before the processes are forked
from support import small_encoders

#: How many files each process has written when it is killed, in its order.
KILLED_AFTER = (0, 1, 2, 5, 6)
SHARDS = 4
OPTIONS: dict[str, Any] = {"probabilities": "npz", "polygons": "coco", "labels": "cvat", "device": "cpu", "quiet": True}


def start(killed_after: int | None = None, **options: Any) -> int:
    """Predict in a new process; with SIGKILL once it has written so many files and is about to name the next one."""
    process = os.fork()
    if process:
        return process
    rename, left = Path.replace, [killed_after]

    def replace(self: Path, target: Path) -> Path:
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] = None if left[0] is None else left[0] - 1
        return rename(self, target)

    Path.replace = replace  # type: ignore[method-assign, assignment]
    status = 1
    try:
        segarena.predict(sys.argv[1], [sys.argv[2]], **OPTIONS, **options)
        status = 0
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(status)


def end(*processes: int, killed: bool = False) -> None:
    for process in processes:
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        assert status == (-signal.SIGKILL if killed else 0), status


def main() -> None:
    assert predict.run is not None
    folder = Path(sys.argv[3])
    end(start(out=folder / "clean"))
    for number in KILLED_AFTER:
        end(start(number, resume=folder / "killed"), killed=True)
    end(start(resume=folder / "killed"))
    shards = [{"resume": folder / "shards", "shards": SHARDS, "shard": shard} for shard in range(SHARDS)]
    first, *others = [start(4 if number == 0 else None, **options) for number, options in enumerate(shards)]
    end(first, killed=True)
    end(*others)
    assert not (folder / "shards" / "areas.csv").exists()
    end(*[start(**options) for options in shards])


if __name__ == "__main__":
    with small_encoders():  # as the run was trained
        main()
