"""Before the trainings: whether a training step and an evaluation of each model fit into memory, and what does.

On a GPU they are tried at their full size. On a CPU that is not possible: where the memory ends, Linux ends the
process. There the memory of a step is predicted from small ones, and compared with what is free.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from segarena.config import Choice, Protocol
from segarena.config.training import is_own
from segarena.errors import OutOfMemoryError
from segarena.experiment.build import build_network, make_loader, make_loss
from segarena.experiment.choose_again import with_choices
from segarena.experiment.executors.choose import jobs_of
from segarena.experiment.plan import Training
from segarena.experiment.prepared import Prepared
from segarena.experiment.progress import Reporter
from segarena.experiment.shortage import describe_step, smaller_network
from segarena.formats import plural
from segarena.free_memory import free_memory
from segarena.launched import count_processes, local_processes, size_of
from segarena.loading.dataset import EvaluationItem
from segarena.records.options import OptionsRecord
from segarena.reporting.style import label_of
from segarena.reuse.recorded import recorded_choices
from segarena.training.accumulation import micro_batches
from segarena.training.checkpoint import saved_micro_batch
from segarena.training.counting import evaluate
from segarena.training.engine import Trainer
from segarena.training.evaluation import evaluation_pixels
from segarena.training.memory import PeakMemory, fits
from segarena.units import GIB, MIB

#: Share of the free memory of a CPU that a training may need by the prediction.
FILLED = 0.9
#: No network needs more for a pixel of a training step and for itself: then nothing is measured where this much is free
#: twice. The most activations, 2325 float32 numbers a pixel, are those of the U-Net of 2015.
MOST_OF_PIXEL, MOST_OF_NETWORK = 16 * 1024, 2.5 * GIB
#: Images of the small steps from which the memory of a larger one is predicted.
SMALL_STEPS = (2, 4)


@dataclass(frozen=True)
class Fit:
    """What of a training fits into memory.

    Args:
        fits: Whether a number of images can be computed at a time.
        why_not: Why a number of images cannot, in words.
    """

    fits: Callable[[int], bool]
    why_not: Callable[[int], str]


def fit_into_memory(prepared: Prepared, trainings: Sequence[Training], folder: Path, reporter: Reporter) -> Prepared:
    """Choose how many images are computed at a time: the most that fit for every model, up to the whole batch.

    The batch stays what it is, and with it the steps and the learning rate, unless --batch-size auto was given: then it
    becomes as small as that.

    Args:
        prepared: The data and the protocol.
        trainings: The trainings that are not finished.
        folder: The folder of the command. What was chosen in one that is resumed stays.
        reporter: Receives what was chosen.

    Returns:
        The same, or with another micro-batch or batch size.

    Raises:
        OutOfMemoryError: Even two images of a model do not fit, or what was typed or chosen before does not.
    """
    protocol, options = prepared.protocol, prepared.options
    recorded = recorded_choices(options.resume)
    processes = count_processes()  # each computes its slice of a batch, and a micro-batch of it at a time
    own = size_of(protocol.batch_size, 0, processes)
    sizes = micro_batches(own)
    now = replace(protocol, batch_size=own).largest_part if processes > 1 else protocol.largest_part
    sizes = [now, *(size for size in sizes if size < now)]
    is_auto = options.batch_size == "auto" and "batch_size" not in recorded
    is_fixed = options.micro_batch is not None or (folder / OptionsRecord.file).exists()
    place, why = 0, ""
    models = {training.model: training for training in reversed(trainings)}
    with reporter.progress("measuring the memory") as on_progress:
        for number, training in enumerate(reversed(models.values()), start=1):
            fit = _fit_of(training, jobs_of(options) * local_processes())
            while not fit.fits(sizes[place]):
                own_size = saved_micro_batch(training.folder)
                if own_size is not None and own_size < sizes[place] and fit.fits(own_size):
                    break  # the memory was too small before, and this many are computed at a time since
                why = fit.why_not(sizes[place])
                if place + 1 == len(sizes):
                    raise _nothing_fits(training, why)
                place += 1
            on_progress(number, len(models))
    if place == 0:
        return prepared
    if is_fixed:
        raise _too_large(protocol, sizes[place], why, folder)
    name = "batch_size" if is_auto else "micro_batch"
    chosen = with_choices(prepared, Choice(name, sizes[place], why))
    made = [choice.sentence for choice in chosen.choices if choice not in prepared.choices]
    reporter.say(f"  chosen: {'; '.join(made)}")
    return chosen


def _fit_of(training: Training, jobs: int) -> Fit:
    return _predicted(training, jobs) if training.protocol.device == "cpu" else _tried(training)


def _tried(training: Training) -> Fit:
    return Fit(
        lambda images: fits(partial(_try, training, images, evaluates=True), training.protocol.device),
        lambda images: f"{plural(images, 'image')} of {label_of(training.model)} do not fit into the memory of the GPU",
    )


def _predicted(training: Training, jobs: int) -> Fit:
    free = free_memory()
    free = free if free is None else free // jobs  # each of those that run at a time has its part
    if free is None or (not is_own(training.model) and _most_memory(training.protocol) <= free / 2):
        return Fit(lambda images: True, str)
    predicted = predict_memory(training, free)
    return Fit(
        lambda images: predicted(images) <= FILLED * free,
        lambda images: (
            f"{plural(images, 'image')} of {label_of(training.model)} would need "
            f"{predicted(images) / GIB:.1f} GiB of memory, and {free / GIB:.1f} are free"
        ),
    )


def predict_memory(training: Training, free: float) -> Callable[[int], float]:
    """Measure small steps of a training, and return how many bytes a step of any number of images needs.

    The memory grows linearly with the images. Where twice, four times, ... as much as a step of two images needs is
    free, no other one is measured.

    Args:
        training: A training on a CPU.
        free: Memory that is free, in bytes.
    """
    most = training.protocol.batch_size
    peaks: dict[int, float] = {}
    _try(training, min(SMALL_STEPS[0], most))  # loads and compiles what stays in memory
    for images in SMALL_STEPS:
        memory = PeakMemory(training.protocol.device)
        _try(training, min(images, most))
        peak = memory.read()
        if peak is None:
            return lambda images: 0.0
        peaks[images] = peak * MIB
        if images >= most or most / images * peaks[images] <= FILLED * free:
            break
    last = max(peaks)
    if len(peaks) == 1:
        return lambda images: peaks[last] * max(1.0, images / last)
    first = min(peaks)
    slope = max(0.0, peaks[last] - peaks[first]) / (last - first)
    return lambda images: peaks[last] + slope * (images - last)


def _most_memory(protocol: Protocol) -> float:
    height, width = protocol.crop
    return protocol.batch_size * height * width * MOST_OF_PIXEL + MOST_OF_NETWORK


def _try(training: Training, images: int, *, evaluates: bool = False) -> None:
    """Take two training steps, the second with the optimizer's moments in memory.

    Args:
        training: The training; it is not started, and its folder not touched.
        images: How many images are computed at a time. The batch has two such parts, where it has several.
        evaluates: Evaluate a batch too, which needs less than a step unless its images are much larger.
    """
    protocol, most = training.protocol, training.protocol.batch_size
    batch = min(most, 2 * images)
    protocol = replace(
        protocol, batch_size=batch, micro_batch=images if images < batch else 0, learning_rate=0.0, workers=0
    )
    training = replace(training, protocol=protocol)
    network = build_network(training)
    loader = make_loader(training)
    trainer = Trainer(network, loader, make_loss(training), None, protocol, training.seed, training.folder)
    pixels = next(loader.epoch(1))
    for _ in range(2):
        trainer.try_step(*pixels)
    if not evaluates:
        return
    image = torch.zeros(pixels[0].shape[1], *protocol.input_size, dtype=pixels[0].dtype)
    item = EvaluationItem(image, torch.zeros(protocol.input_size, dtype=torch.uint8), 0)
    evaluate(
        trainer.model if trainer.average is None else trainer.average.model,
        [[item] * most],
        training.num_classes,
        device=protocol.device,
        precision=protocol.precision,
        most_pixels=evaluation_pixels(protocol),
    )


def _nothing_fits(training: Training, why: str) -> OutOfMemoryError:
    option = smaller_network(training.protocol)
    return OutOfMemoryError(
        why,
        where=training.model,
        remedy=f"Use {option}" if option else "End other programs that use the memory, or use a machine with more",
    )


def _too_large(protocol: Protocol, images: int, why: str, folder: Path) -> OutOfMemoryError:
    """The error where what was typed, or chosen when the folder was started, does not fit any more."""
    if not (folder / OptionsRecord.file).exists():
        return OutOfMemoryError(why, where="--micro-batch", remedy=f"Use --micro-batch {images}, or leave it out")
    return OutOfMemoryError(
        f"it was started with {describe_step(protocol)}; {why}",
        where=folder,
        remedy=f"End other programs that use the memory, or start again in a new folder with --micro-batch {images}",
    )
