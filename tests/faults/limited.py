"""`segarena ...` in a process that may take only some MiB more than it has when the first step begins.

    python limited.py MIB WORDS...

The limit is of the address space (RLIMIT_AS): beyond it PyTorch gets no memory, as on a machine that has none left.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from segarena.cli import main
from segarena.training import engine

MIB = 1024 * 1024


def limit(mebibytes: int) -> None:
    """Set the limit, once."""
    if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
        return
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    now = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmSize"))
    resource.setrlimit(resource.RLIMIT_AS, (now + mebibytes * MIB, resource.RLIM_INFINITY))


if __name__ == "__main__":
    mebibytes, sys.argv = int(sys.argv[1]), ["segarena", *sys.argv[2:]]
    train_epoch = engine.Trainer._train_epoch

    def limited(trainer: engine.Trainer) -> bool:
        limit(mebibytes)
        return train_epoch(trainer)

    engine.Trainer._train_epoch = limited  # type: ignore[method-assign]
    sys.exit(main())
