"""Everything a user can get wrong, as one tree of exceptions.

    SegarenaError            the base: the command line prints it and exits with status 2
    ├── DataError            an image, a mask, a folder of them, classes.yaml
    │   └── ImageTypeError   an object in memory that is not an image; also a TypeError
    ├── ConfigError          an option, or a combination of options
    │   └── OptionTypeError  an option that does not exist, or a value of the wrong type; also a TypeError
    ├── WeightsError         weights that cannot be found, downloaded or read, or that do not fit
    ├── RunError             a run or comparison folder: missing, not empty, not writable, damaged
    └── OutOfMemoryError     the memory of the GPU or of the machine is too small

    Interrupted              not an error: it was stopped, by Ctrl-C or the system, and the state is saved (130, 143)
    Queued                   not an error: the trainings are in the queue of SLURM (0)

A message has three parts: what is wrong, where, and what to do about it.
"""

from __future__ import annotations

import signal
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

#: The exit status of a command that has results, but not of all models or data sets: some failed.
INCOMPLETE = 3

_PACKAGE = Path(__file__).parent


class _ShortInNotebooks(Exception):  # noqa: N818 - the base of an error and of Interrupted
    """In a notebook, the traceback ends at the user's own line: what follows are the insides of segarena."""

    def _render_traceback_(self) -> list[str]:
        """Write the traceback. IPython calls it; a terminal shows the whole one."""
        frames = traceback.extract_tb(self.__traceback__)
        inside = [Path(frame.filename).is_relative_to(_PACKAGE) for frame in frames]
        own = frames[: inside.index(True)] if True in inside else frames
        own = [frame for frame in own if "IPython" not in Path(frame.filename).parts]
        return [*traceback.format_list(own), f"{type(self).__name__}: {self}"]


class SegarenaError(_ShortInNotebooks):
    """Something in the user's input is wrong. All parts are phrases without a full stop.

    Args:
        what: What is wrong, with the offending value.
        where: The file, folder or option; None where `what` contains it.
        remedy: What to try next.
        parts: All errors that this one stands for, e.g. one for each file; empty for an error by itself.

    >>> print(DataError("is empty", where="masks/1.png", remedy="Remove it, or save it again"))
    masks/1.png: is empty. Remove it, or save it again.
    """

    def __init__(self, what: str, *, where: object = None, remedy: str, parts: Sequence[SegarenaError] = ()) -> None:
        self.what, self.where, self.remedy, self.parts = what, where, remedy, tuple(parts)
        self.code: str | None = None  # the cause, for a caller that has a better remedy
        super().__init__(self._message())

    def restate(self, spell: Callable[[str], str]) -> None:
        """Write the message again in the words of another interface.

        Args:
            spell: Replaces the names of options in a text.
        """
        self.what, self.remedy = spell(self.what), spell(self.remedy)
        self.where = spell(self.where) if isinstance(self.where, str) else self.where
        self.args = (self._message(),)

    def advise(self, more: str) -> None:
        """Add a sentence to the remedy.

        Args:
            more: The sentence, without a full stop.
        """
        self.remedy += f". {more}"
        self.args = (self._message(),)

    def _message(self) -> str:
        place = f"{self.where}: " if self.where is not None else ""
        return f"{place}{self.what}. {self.remedy}{'' if self.remedy.endswith('?') else '.'}"

    def __reduce__(self) -> tuple[object, ...]:
        """Make it picklable: an error of a worker process is raised in the main one with its type and parts."""
        return _rebuild, (type(self), self.what, self.where, self.remedy, self.parts), {"code": self.code}


class DataError(SegarenaError):
    """The images, the masks, their pairing or classes.yaml."""


class ImageTypeError(DataError, TypeError):
    """An object was given that is not an image, or whose values have no clear meaning as one."""


class ConfigError(SegarenaError):
    """An option has an impossible value."""


class OptionTypeError(ConfigError, TypeError):
    """There is no such option, or its value is of the wrong type."""


class WeightsError(SegarenaError):
    """Weights cannot be found, downloaded or read, or belong to another network."""


class RunError(SegarenaError):
    """A run or comparison folder cannot be read, written or resumed."""


class OutOfMemoryError(SegarenaError):
    """The memory of the GPU or of the machine is too small for what was to be computed."""


class WorkerError(SegarenaError):
    """A process that loads images, or trains together with this one, has ended by itself or does not answer."""


class Interrupted(_ShortInNotebooks):
    """The user or the system stopped the command; the training state is saved. The message explains how to resume."""

    #: The number of the signal: SIGINT of Ctrl-C, else SIGTERM or SIGHUP.
    signal: int = signal.SIGINT


class Queued(_ShortInNotebooks):
    """All trainings are in the queue of SLURM, and go on without this program. The message states how to go on.

    Args:
        folder: The folder of the comparison.
        array: The job array of the trainings, as SLURM numbers it; several, with spaces between them, where one may not
            be so large.
        number: How many trainings it has.
        report: The job after them, which compares and writes the page.
    """

    def __init__(self, folder: Path, array: str, number: int, report: str) -> None:
        self.folder, self.array, self.number, self.report = folder, array, number, report
        super().__init__(
            f"the trainings are queued ({number} in {self.arrays}), and the result is there when job {report} is "
            f"over. Read it then with segarena.Comparison({str(folder)!r})"
        )

    @property
    def arrays(self) -> str:
        """The job arrays in words.

        >>> Queued(Path("out"), "41", 3, "42").arrays, Queued(Path("out"), "41 42", 1200, "43").arrays
        ('job array 41', 'job arrays 41 42')
        """
        return f"job array{'s' if ' ' in self.array else ''} {self.array}"


class Terminated(KeyboardInterrupt):
    """The system asked the process to end, by SIGTERM or SIGHUP, and there was nothing to save first.

    Args:
        number: The number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.signal = number


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of Python, NumPy or PyTorch means that there is too little memory, of a GPU or of the machine.

    >>> is_out_of_memory(MemoryError()), is_out_of_memory(ValueError())
    (True, False)
    """
    if isinstance(error, MemoryError):
        return True
    if not isinstance(error, RuntimeError):
        return False
    # torch is not imported for this. On a CPU and on Apple's GPUs it raises plain RuntimeErrors, as its libraries do.
    text = str(error).lower()
    return type(error).__name__ == "OutOfMemoryError" or any(sign in text for sign in _OUT_OF_MEMORY)


#: What is in the text of an error that is about memory. The last one is oneDNN's on a CPU, where there is none for the
#: code or the buffers of a layer.
_OUT_OF_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "_status_alloc_failed",
    "could not create a primitive",
)


def _rebuild(
    kind: type[SegarenaError], what: str, where: object, remedy: str, parts: Sequence[SegarenaError]
) -> SegarenaError:
    return kind(what, where=where, remedy=remedy, parts=parts)
