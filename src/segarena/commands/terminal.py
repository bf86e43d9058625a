"""What a command prints: the result always, messages unless --quiet, details with --verbose; all of it into the log."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from rich.markup import escape

from segarena.commands.log import LOG, Log
from segarena.commands.notebook import in_notebook
from segarena.commands.plain_console import PlainConsole, TerminalConsole
from segarena.commands.signals import terminating
from segarena.commands.wrapping import wrap
from segarena.config import OutputOptions, ProtocolOptions, TrainOptions
from segarena.errors import OutOfMemoryError, RunError, WorkerError, is_out_of_memory
from segarena.files import UNWRITABLE
from segarena.launched import refuse_launch
from segarena.records.options import OptionsRecord
from segarena.streams import visible

Options = TypeVar("Options", bound=OutputOptions)
Result = TypeVar("Result")
#: What is in the text of an error that is about the memory of a GPU.
_OF_A_GPU = ("cuda", "cudnn", "cublas", "hip ", "mps")
#: Columns of tables in a log.
_LOG_WIDTH = 100


@dataclass
class _Session:
    """One call of a command."""

    quiet: bool = False
    verbose: bool = False
    log: Log = field(default_factory=Log)
    survives: bool = False
    """Whether the work goes on where nothing can be printed any more: hours of training are worth more than output."""
    resume: str = ""
    """The command line that resumes the work, from when there is something to resume."""


_session: ContextVar[_Session] = ContextVar("_session")


class Output:
    """Everything that a command prints goes through here."""

    def __init__(self) -> None:
        self.rich = TerminalConsole()

    def result(self, content: Any = "", *, markup: bool = True) -> None:
        """Print what the command was called for."""
        self._show(content, markup)

    def print(self, content: Any = "", *, markup: bool = True) -> None:
        """Print a message; not with --quiet."""
        self._show(content, markup, not _now().quiet)

    def detail(self, content: Any = "", *, markup: bool = False) -> None:
        """Print a detail, with --verbose only; a log has it in any case."""
        self._show(content, markup, _now().verbose)

    def warn(self, text: str, *, title: str = "warning") -> None:
        """Print a warning, also with --quiet."""
        self._show(f"[yellow]{title}[/]: {escape(text)}")

    @property
    def shows_bars(self) -> bool:
        """Whether bars are drawn: on a terminal, not with --quiet. A notebook has lines that change in place."""
        return self.rich.is_terminal and not _now().quiet and not in_notebook()

    @property
    def shows_live_lines(self) -> bool:
        """Whether lines that change in place are shown in a notebook: not with --quiet."""
        return not _now().quiet

    def _show(self, content: Any, markup: bool = True, is_shown: bool = True) -> None:
        content = visible(content) if isinstance(content, str) else content
        session = _now()
        session.log.add(_plain(content, markup))
        failure = session.log.failure
        if failure is not None and not session.log.is_failure_shown:
            session.log.is_failure_shown = True
            self.warn(f"{LOG} cannot be written ({failure.strerror or failure}); continuing without it")
        if is_shown and self.rich.is_terminal:
            # Tables fit the terminal; in a pipe and in a file each message and each row is one line.
            fitted = wrap(content, markup, self.rich) if isinstance(content, str) else content
            self.rich.print(fitted, soft_wrap=isinstance(content, str))
        elif is_shown:
            self.rich.print(content, markup=markup)
        error = getattr(self.rich.file, "failure", None)
        if error is not None and not session.survives:
            raise error


#: What commands print with.
console = Output()


def shown(run: Callable[[Options], Result]) -> Callable[[Options], Result]:
    """Decorate the function of a command, so that --quiet and --verbose of its options hold while it works.

    An error that ends it is added to its log.
    """

    @functools.wraps(run)
    def call(options: Options) -> Result:
        session = _Session(options.quiet, options.verbose)
        token = _session.set(session)
        try:
            with terminating():
                if not isinstance(options, TrainOptions):
                    refuse_launch(type(options).__name__.removesuffix("Options").lower())
                return run(options)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                error.args = (_describe_interrupt(options, session),)
            elif isinstance(error, RunError) and error.code == UNWRITABLE and session.resume and _is_begun(error.where):
                error.advise(f"Then resume: {session.resume}")
            elif isinstance(error, WorkerError) and session.resume:
                error.advise(f"Resume with: {session.resume}")
            session.log.add_error(error)
            if not is_out_of_memory(error):
                raise
            shortage = _describe_shortage(error, options)
        finally:
            _session.reset(token)
        raise shortage  # outside of the except block, so that what was computed is free

    return call


def _describe_shortage(error: BaseException, options: OutputOptions) -> OutOfMemoryError:
    """The error for too little memory in a place that has none of its own."""
    reason = str(error).partition("\n")[0].partition(". ")[0] or "there is too little memory"
    remedy = "End other programs that use the memory"
    if isinstance(options, ProtocolOptions):
        remedy += ", or choose a smaller --micro-batch or --size"
    elif hasattr(options, "device") and any(sign in reason.lower() for sign in _OF_A_GPU):
        remedy += ", or use --device cpu"
    return OutOfMemoryError(f"out of memory ({reason})", remedy=remedy)


def _is_begun(path: object) -> bool:
    """Whether a file is in a folder that can be resumed; a run is up to three levels below that of its command."""
    return isinstance(path, Path) and any((folder / OptionsRecord.file).exists() for folder in [*path.parents][:4])


def _describe_interrupt(options: OutputOptions, session: _Session) -> str:
    if session.resume:
        return f"interrupted; what was saved before is kept. Resume with: {session.resume}"
    is_training = isinstance(options, ProtocolOptions)
    return "interrupted before the training began; nothing was saved" if is_training else "interrupted"


def warn_if_unlocked(folder: Path, is_locked: bool) -> None:
    """State it where a folder cannot be locked against a second command."""
    if not is_locked:
        console.warn(f"{folder} is on a file system without locks: start no second command that writes into it")


def resume_with(line: str) -> None:
    """Name the command line that resumes the work where Ctrl-C stops it at once."""
    _now().resume = line


def keep_log(folder: Path) -> None:
    """Write everything that was shown, and what follows, to log.txt in the folder.

    From now on the work goes on where nothing can be printed any more.

    Args:
        folder: The run or comparison folder.
    """
    session = _now()
    session.survives = True
    if not session.log.writes_to(folder):
        session.log.open(folder)


@contextmanager
def log_also_in(folder: Path) -> Iterator[None]:
    """Write what is shown in the block to a log.txt in this folder too."""
    log = _now().log
    if log.writes_to(folder):
        yield
        return
    log.open(folder)
    try:
        yield
    except BaseException as error:
        log.add_error(error, only=folder)
        raise
    finally:
        log.close(folder)


def _now() -> _Session:
    """The session of the command that works now; a new one for a function that was called by itself."""
    return _session.get(None) or _Session()


def _plain(content: Any, markup: bool) -> str:
    """The content as plain text."""
    text = io.StringIO()
    PlainConsole(file=text, width=_LOG_WIDTH, color_system=None).print(content, markup=markup)
    return text.getvalue()
