"""What to do where a training runs out of memory."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from segarena.config import Protocol
from segarena.config.training import SMALLEST_SIZE
from segarena.experiment.plan import Training
from segarena.formats import plural
from segarena.records.options import OptionsRecord, resume_command
from segarena.reporting.style import label_of
from segarena.training.accumulation import smaller_micro_batch
from segarena.training.memory import naming_shortage

#: The encoder that needs the least memory.
SMALLEST_ENCODER = "mobilenet_v2"


def naming_step(training: Training, images: Callable[[], int] | None = None) -> AbstractContextManager[None]:
    """Return the context in which running out of memory becomes an error that names the training step.

    Args:
        training: The training.
        images: Returns how many images were computed at a time at the end; None: as many as in the protocol.
    """

    def protocol() -> Protocol:
        most = None if images is None else images()
        return training.protocol if most is None else replace(training.protocol, micro_batch=most)

    return _naming(
        training, lambda: f"a training step of {label_of(training.model)} with {describe_step(protocol())}", protocol
    )


def naming_evaluation(training: Training, images: int) -> AbstractContextManager[None]:
    """Return the context in which running out of memory becomes an error that names the evaluation.

    Args:
        training: The training.
        images: How many images are labelled at a time.
    """
    height, width = training.protocol.input_size
    some = f"{plural(images, 'image')} of about {width} × {height}"
    doing = f"an evaluation of {label_of(training.model)} with {some} at a time"
    return _naming(training, lambda: doing, lambda: training.protocol)


def describe_step(protocol: Protocol) -> str:
    """Write which images of a training step are computed at a time.

    Args:
        protocol: The settings.
    """
    height, width = protocol.crop
    return f"{plural(protocol.largest_part, 'image')} of {width} × {height} at a time"


def _naming(
    training: Training, doing: Callable[[], str], protocol: Callable[[], Protocol]
) -> AbstractContextManager[None]:
    device, folder = training.protocol.device, training.folder
    return naming_shortage(doing, where=folder, device=device, remedy=lambda: _remedy(protocol(), folder))


def _remedy(protocol: Protocol, folder: Path) -> str:
    smaller = smaller_micro_batch(protocol.batch_size, protocol.largest_part)
    option = smaller_network(protocol) if smaller is None else f"--micro-batch {smaller}"
    command = _resume_command(folder)
    resume = "" if command is None else f"end other programs that use it and resume: {command}"
    again = f"Start again in a new folder with {option}" if option else ""
    if again and resume:
        return f"{again}, or {resume}"
    return again or f"{resume[:1].upper()}{resume[1:]}" or "Use a machine with more memory"


def smaller_network(protocol: Protocol) -> str:
    """Return options with which a network needs less memory for a step of two images; empty if there are none.

    Args:
        protocol: The settings.
    """
    if protocol.size > SMALLEST_SIZE:
        return f"--size {max(SMALLEST_SIZE, protocol.size // 2)}"
    now = protocol.network.get("encoder")
    return "" if now in (None, SMALLEST_ENCODER) else f"--encoder {SMALLEST_ENCODER}"


def _resume_command(folder: Path) -> str | None:
    """What resumes the command that trains into a run folder: that of a fold is two levels below, of a trial three.

    The nearest folder counts: a model that is trained on all images is in the folder of its comparison.
    """
    places = (folder, *folder.parents[:3])
    return next((resume_command(place) for place in places if (place / OptionsRecord.file).exists()), None)
