"""How the images of an evaluation are labelled: as a whole or in windows, and how many processes load them."""

from __future__ import annotations

from segarena.config import Protocol
from segarena.experiment.plan import Training
from segarena.formats import plural
from segarena.loading.scaling import Scaling


def scaling(training: Training) -> Scaling:
    """Return the rule by which the images of an evaluation are labelled as a whole or in windows, that of `predict`.

    Args:
        training: The data and the protocol.
    """
    return Scaling(training.protocol.size, training.protocol.input_size, training.split.sides)


def describe_windows(training: Training) -> str:
    """Return in words which images of an evaluation are labelled in windows, "" if none is."""
    rule, images, splits = scaling(training), training.split.images, training.split.splits
    indices = dict.fromkeys((*splits.val, *splits.test))
    found = [how for index in indices if (how := rule.explain(*images.size(index)))]
    if not found:
        return ""
    return f"labelled in windows: {len(found):,} of {plural(len(indices), 'image')} of validation and test; {found[0]}"


def evaluation_workers(protocol: Protocol) -> int:
    """Return how many processes load images for an evaluation: none, but threads, where none load those of a training.

    Args:
        protocol: The settings.
    """
    return 0 if protocol.crops == "batch" else protocol.workers
