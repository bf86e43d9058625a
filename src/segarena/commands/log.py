"""log.txt in the folder of a run or a comparison: everything that was shown, with the time, and what ended it."""

from __future__ import annotations

import errno
import os
import traceback
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from segarena.errors import Interrupted, Queued, SegarenaError, is_out_of_memory

#: Name of the file.
LOG = "log.txt"


class Log:
    """Keeps lines until a folder is named, then writes them to its log.txt; later lines follow at once.

    A log that exists is continued. Each write is of whole lines. A log that cannot be written stops nothing: `failure`
    has the error.
    """

    def __init__(self) -> None:
        self.failure: OSError | None = None
        self.is_failure_shown = False
        self._waiting: list[str] = []
        self._paths: list[Path] = []

    def open(self, folder: Path) -> None:
        """Write what waits, and what follows, to log.txt in the folder."""
        with suppress(OSError):  # then the log cannot be written either
            folder.mkdir(parents=True, exist_ok=True)
        self._paths.append(folder / LOG)
        self._append(self._paths[-1], self._waiting)
        self._waiting = []

    def writes_to(self, folder: Path) -> bool:
        """Whether the folder has a log that is written now."""
        return folder / LOG in self._paths

    def close(self, folder: Path) -> None:
        """Write no further lines to the log in the folder."""
        self._paths.remove(folder / LOG)

    def add(self, text: str, *, only: Path | None = None) -> None:
        """Add a text of one line or several, each with the time, to all logs or only to that of one folder."""
        now = datetime.now().astimezone().isoformat(" ", "seconds")
        lines = [f"{now}  {line}".rstrip() for line in text.splitlines() if line.strip()]
        if not self._paths:
            self._waiting += lines
        for path in self._paths if only is None else [only / LOG]:
            self._append(path, lines)

    def add_error(self, error: BaseException, *, only: Path | None = None) -> None:
        """Add the error that ended the work, with its traceback, to all logs or only to that of one folder."""
        if isinstance(error, Queued):
            return  # what is queued was shown
        if isinstance(error, (Interrupted, KeyboardInterrupt)):
            self.add(f"interrupted: {error}", only=only)
            return
        kind = "error" if isinstance(error, SegarenaError) or is_out_of_memory(error) else "bug"
        self.add(f"{kind}: {error}\n" + "".join(traceback.format_exception(error)), only=only)

    def _append(self, path: Path, lines: list[str]) -> None:
        content = "".join(f"{line}\n" for line in lines).encode(errors="backslashreplace")
        try:
            with path.open("ab", buffering=0) as stream:
                before = stream.seek(0, os.SEEK_END)
                if stream.write(content) < len(content):  # the disk is full: no half line is left
                    stream.truncate(before)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            self.failure = self.failure or error
