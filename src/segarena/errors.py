"""Everything a user can get wrong, as one tree of exceptions.

    SegarenaError            the base: the command line prints it and exits with status 2
    ├── DataError            an image, a mask, a folder of them, classes.yaml
    ├── ConfigError          an option, or a combination of options
    ├── WeightsError         weights that cannot be found, downloaded, read or fitted
    └── RunError             a run or comparison folder: missing, not empty, not writable, damaged

    Interrupted              not an error: the user pressed Ctrl-C and the state is saved (status 130)

A message always says what is wrong, where, and what to do about it.
"""


class SegarenaError(Exception):
    """Something in the user's input is wrong; `what`, `where` and `remedy` make one message.

    `what` names the offending value, `where` the file, folder or option (None where `what` says it
    already), `remedy` the next thing to try. All are plain sentences or phrases without a full stop.
    """

    def __init__(self, what: str, *, where: object = None, remedy: str) -> None:
        self.what, self.where, self.remedy = what, where, remedy
        place = f"{where}: " if where is not None else ""
        super().__init__(f"{place}{what}. {remedy}.")

    def __reduce__(self) -> tuple[object, ...]:
        """Make it picklable: an error in a worker process reaches the main one as what it is."""
        return _rebuild, (type(self), self.what, self.where, self.remedy)


class DataError(SegarenaError):
    """The images, the masks, their pairing or classes.yaml."""


class ConfigError(SegarenaError):
    """An option has a value that cannot work."""


class WeightsError(SegarenaError):
    """Weights cannot be found, downloaded, read, or belong to another network."""


class RunError(SegarenaError):
    """A run or comparison folder cannot be read, written, or gone on with."""


class Interrupted(Exception):  # noqa: N818 - not an error: the work so far is saved
    """The user asked to stop; the training state lies on disk. The message says how to go on."""


def _rebuild(kind: type[SegarenaError], what: str, where: object, remedy: str) -> SegarenaError:
    return kind(what, where=where, remedy=remedy)
