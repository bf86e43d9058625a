"""The part of another process than the first in a training: the same steps with other images, and no files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from segarena.config.own_models import Builder, own_models
from segarena.errors import Interrupted, SegarenaError
from segarena.experiment.build import build_network, evaluation_batches, make_loader
from segarena.experiment.joint import JointTraining, leading
from segarena.experiment.plan import Training
from segarena.experiment.progress import SILENT, TrainingStart
from segarena.experiment.run import fit
from segarena.loading.decoded import DecodedImages
from segarena.training.distributed.connect import Processes
from segarena.training.distributed.ranks import Ranks
from segarena.training.machine import computing_with
from segarena.training.memory import PeakMemory


def follow(processes: Processes, should_stop: Callable[[], bool]) -> None:
    """Take part in each training that process 0 begins, until it ends.

    Args:
        processes: This process and the others.
        should_stop: Called after each step; True stops the training of all.

    Raises:
        SegarenaError: Something went wrong in this process alone. Process 0 reports what all have noticed.
    """
    decoded: dict[int, DecodedImages] = {}
    for joint, ranks in processes.received(should_stop):
        assert isinstance(joint, JointTraining)
        training = _with_images(joint, decoded)
        protocol = replace(training.protocol, device=processes.device(training.protocol.device))
        training = replace(training, protocol=protocol)
        builders: dict[str | None, Builder] = {} if joint.builder is None else {training.model: joint.builder}
        try:
            with own_models(builders), computing_with(protocol.threads), leading(processes):
                _take_part(training, ranks, should_stop)
        except (SegarenaError, Interrupted):
            if not ranks.has_agreed:
                raise


def _take_part(training: Training, ranks: Ranks, should_stop: Callable[[], bool]) -> None:
    loader, validation = make_loader(training, ranks), evaluation_batches(training, "val", ranks)
    start = TrainingStart(training.model, 1, 1, training.protocol.epochs, training.folder)
    network, memory = build_network(training), PeakMemory(training.protocol.device)
    fit(training, network, loader, validation, memory, start, should_stop, SILENT, ranks)


def _with_images(joint: JointTraining, decoded: dict[int, DecodedImages]) -> Training:
    """The training with images that are decoded here, as many as process 0 keeps; those of before are used again."""
    light = joint.training.split.images
    if joint.data not in decoded:
        decoded.clear()
        images = DecodedImages(light.source, light.indices, limit_bytes=light.bytes)
        images.disk = light.disk
        decoded[joint.data] = images
    return replace(joint.training, split=replace(joint.training.split, images=decoded[joint.data]))
