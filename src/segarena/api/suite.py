"""`suite` as a function. Generated from the options by docs/build_signatures.py."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from typing import TYPE_CHECKING

from segarena.api.calls import api_function, run_command
from segarena.config import SuiteOptions

if TYPE_CHECKING:  # `import segarena` is light
    from segarena.results.suite import Suite


@api_function
def suite(
    sources: str | PathLike[str] | Iterable[str | PathLike[str]] = (),
    *,
    out: str | PathLike[str] | None = None,
    resume: str | PathLike[str] | None = None,
    jobs: int | None = None,
    quiet: bool = False,
    verbose: bool = False,
) -> Suite:
    """Compare the architectures on many data sets, and show all results in one page.

    Args:
        sources: A YAML file with the data sets and their options, see docs/suites.md. Or folders: finished comparisons,
            which are used as they are, and folders of images and masks. Default: what resume was started with.
        out: Folder to write; it must not exist or be empty. Each data set that is trained has a folder in it, which is
            an ordinary comparison. Default: a new folder under runs/.
        resume: Continue the suite in this folder: what is finished is used, data sets that were added are trained. With
            the same folder as out, it is started if there is nothing in it.
        jobs: Trainings at a time, as for `compare`. Default: that of the file, or 1.
        quiet: Show only the result and warnings.
        verbose: Show more: versions and the machine, IoU of each class after each epoch, each image that is labelled.

    Returns:
        The suite: `.verdict`, `.ranking`, `.scores`, `.comparison(name)`, ... It is its folder too.

    Raises:
        SegarenaError: Something in the input is wrong; the message has what, where and a remedy.
        Interrupted: The training was stopped, by Ctrl-C or a notebook's stop button; the state is saved.
        Queued: With executor="slurm": all trainings are queued; the message states how to read the result later.
    """
    result = run_command(SuiteOptions, locals(), "suite")
    from segarena.results.suite import Suite

    return Suite(result)
