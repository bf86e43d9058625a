"""What a training consists of, built from its plan: the network, the batches, the loss."""

from __future__ import annotations

from collections.abc import Iterable

from segarena.config import Protocol
from segarena.config.devices import device_type
from segarena.data.source import Split
from segarena.experiment.evaluation_plan import evaluation_workers, scaling
from segarena.experiment.networks import build
from segarena.experiment.plan import Training
from segarena.loading.dataset import (
    EvaluationItem,
    EvaluationSet,
    TrainingBatches,
    TrainingLoader,
    TrainingSet,
    crop_workers,
    evaluation_loader,
)
from segarena.loading.device_batches import DeviceLoader
from segarena.loading.kept_batches import keep_on_gpu
from segarena.loading.processes import SHARED_MEMORY
from segarena.loading.transforms import Augmentation
from segarena.models import SegmentationModel
from segarena.training.distributed.ranks import ALONE, Ranks
from segarena.training.losses import SegmentationLoss, weigh_classes


def build_network(training: Training, protocol: Protocol | None = None) -> SegmentationModel:
    """Return the untrained network of a training, which normalises images as its data needs.

    Args:
        training: The training.
        protocol: Other settings than those of the training.

    Raises:
        ConfigError: The network cannot be built.
        WeightsError: Its weights cannot be downloaded or read, or do not fit.
    """
    model = build(protocol or training.protocol, training.model, training.num_classes, training.seed)
    model.normalization = training.split.normalization
    return model


def make_loader(training: Training, ranks: Ranks = ALONE) -> TrainingBatches:
    """Return the batches of a training; of several processes, the slices of this one."""
    protocol, split = training.protocol, training.split
    augmentation = Augmentation(
        protocol.size,
        protocol.crop,
        training.seed,
        foreground=protocol.crop_foreground,
        jitter=protocol.scale_jitter,
        rotation=protocol.rotation,
        elastic=protocol.elastic,
        flip=protocol.flip,
        channels=split.normalization,
    )
    if protocol.crops == "batch":
        return DeviceLoader(
            split.images,
            split.splits.train,
            augmentation,
            split.pixels(protocol.device),
            batch_size=protocol.batch_size,
            seed=training.seed,
            device=protocol.device,
            place=(ranks.rank, ranks.number),
            drawn=len(split.labelled),
        )
    return TrainingLoader(
        TrainingSet(split.images, split.splits.train, augmentation),
        batch_size=protocol.batch_size,
        seed=training.seed,
        workers=protocol.workers,
        pin_memory=device_type(protocol.device) == "cuda",
        place=(ranks.rank, ranks.number),
        drawn=len(split.labelled),
    )


def describe_loading(training: Training) -> str | None:
    """Return how the training images are loaded, where the options alone do not tell it; otherwise None."""
    protocol, split = training.protocol, training.split
    if protocol.crops == "batch":
        return f"crops: {split.pixels(protocol.device).describe()}"
    workers = crop_workers(split.images, protocol.crop, protocol.batch_size, protocol.workers)
    if workers == protocol.workers:
        return None
    return (
        f"workers: {workers} of {protocol.workers}; the batches of more do not fit into {SHARED_MEMORY} (give a "
        "container more, as with `docker run --shm-size`)"
    )


def make_loss(training: Training, ranks: Ranks = ALONE) -> SegmentationLoss:
    """Return the loss of a training, on its device; of several processes, that of the batch of all."""
    protocol = training.protocol
    weights = weigh_classes(training.split.mask_pixels, protocol.class_weights)
    return SegmentationLoss(
        protocol.loss,
        None if weights is None else weights.to(protocol.device),
        label_smoothing=protocol.label_smoothing,
        hard_pixels=protocol.hard_pixels,
        ranks=ranks,
    )


def evaluation_batches(training: Training, part: Split, ranks: Ranks = ALONE) -> Iterable[list[EvaluationItem]]:
    """Return the batches of a part of the split, which may be gone through many times.

    Args:
        training: The data and the protocol.
        part: train, val or test.
        ranks: The processes among which the batches are divided.
    """
    protocol, split = training.protocol, training.split
    indices = ranks.indices(split.splits.indices(part), protocol.batch_size)
    dataset = EvaluationSet(split.images, indices, protocol.size, scaling(training))
    if part == "val":  # in each epoch
        kept = keep_on_gpu(dataset, batch_size=protocol.batch_size, device=protocol.device)
        if kept is not None:
            return kept
    return evaluation_loader(dataset, batch_size=protocol.batch_size, workers=evaluation_workers(protocol))
