"""A folder that is as slow as one on a busy network: each opening, listing, renaming, ... in it takes longer.

    with SlowFolder(folder, 0.1) as slow:
        work()
    slow.operations                       # what was done in it: (event, path), in this process

    environment = in_other_processes(folder, 0.1, temporary)      # for a command, and all processes that it starts

The delay is in Python's audit events, which come before the operation, whoever asks for it. What SQLite and safetensors
open by themselves is not met, but for the connection to a database.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Self

_EVENTS = frozenset(
    ["open", *(f"os.{name}" for name in ("listdir", "scandir", "mkdir", "rename", "remove", "rmdir", "link", "chmod"))]
)
#: The environment variables of `in_other_processes`.
FOLDER, SECONDS = "SLOW_FOLDER", "SLOW_SECONDS"


class SlowFolder:
    """A folder in which operations take some seconds more, and are counted.

    Args:
        folder: The folder.
        seconds: How much longer each takes.
    """

    def __init__(self, folder: Path, seconds: float) -> None:
        self._prefix, self._seconds = str(folder.absolute()), seconds
        self.operations: list[tuple[str, str]] = []

    def __enter__(self) -> Self:
        _add_hook()
        _folders.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _folders.remove(self)

    def wait(self, event: str, path: str) -> None:
        """Count an operation, if it is in the folder, and wait."""
        if path.startswith(self._prefix):
            self.operations.append((event, path[len(self._prefix) :]))
            time.sleep(self._seconds)

    def count(self, event: str) -> Counter[str]:
        """How often an operation was done with each path below the folder."""
        return Counter(path.lstrip("/\\") for what, path in self.operations if what == event)


_folders: list[SlowFolder] = []


@cache
def _add_hook() -> None:
    """Once, as it cannot be removed."""
    sys.addaudithook(_on_event)


def _on_event(event: str, arguments: tuple[object, ...]) -> None:
    if event in _EVENTS and _folders and isinstance(arguments[0], (str, bytes, os.PathLike)):
        path = os.path.abspath(os.fsdecode(arguments[0]))  # noqa: PTH100
        for folder in list(_folders):
            folder.wait(event, path)


def in_other_processes(folder: Path, seconds: float, temporary: Path) -> dict[str, str]:
    """Environment variables with which Python processes have such a folder from their beginning.

    Args:
        folder: The folder.
        seconds: How much longer each operation takes.
        temporary: A folder for a file that Python imports at its beginning.
    """
    temporary.mkdir(exist_ok=True)
    text = "import os\nfrom pathlib import Path\nfrom faults.slow import SlowFolder\n"
    text += f"SlowFolder(Path(os.environ[{FOLDER!r}]), float(os.environ[{SECONDS!r}])).__enter__()\n"
    (temporary / "sitecustomize.py").write_text(text, encoding="utf-8")
    places = [temporary, Path(__file__).parents[1], *filter(None, [os.environ.get("PYTHONPATH")])]
    return {FOLDER: str(folder), SECONDS: str(seconds), "PYTHONPATH": os.pathsep.join(map(str, places))}
