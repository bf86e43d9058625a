"""What a model costs on this machine: a few training steps and validated images of the real sizes, and their time.

The trial has a network, a folder and a learning rate (0) of its own. Everything random in a training is derived from
its seed, so the bits of the trainings that follow are the same as without a trial.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import count, islice, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from segarena.evenly import evenly_spaced
from segarena.experiment.build import build_network, make_loader, make_loss
from segarena.experiment.evaluation_plan import evaluation_workers, scaling
from segarena.experiment.plan import Training
from segarena.experiment.prediction import Speed
from segarena.loading.dataset import EvaluationItem, EvaluationSet, TrainingBatches, evaluation_loader
from segarena.models import SegmentationModel
from segarena.runs import TRIAL
from segarena.scoring.scores import score
from segarena.training.checkpoint import LAST
from segarena.training.costs import measure_latency
from segarena.training.counting import evaluate
from segarena.training.cpu_time import cpu_seconds
from segarena.training.devices import synchronize
from segarena.training.engine import Trainer
from segarena.training.evaluation import evaluation_pixels
from segarena.training.memory import PeakMemory
from segarena.units import MIB

#: Seconds of the measured steps of a model: this share of its training, within these bounds.
SHARE, SHORTEST, LONGEST = 0.02, 0.7, 4.0
#: Steps before the measured ones: they make memory, and with workers they find batches that are ready.
#: On a GPU algorithms are chosen too, kernels compiled, and a step may be recorded.
WARM_UP, GPU_WARM_UP = 2, 6
#: The fewest and the most measured steps.
FEWEST_STEPS, MOST_STEPS = 4, 60
#: Repetitions of the latency that are counted.
ROUNDS = 3


def measure_speed(training: Training, parent: Path, steps: int) -> Speed:
    """Measure what a training costs.

    Args:
        training: A training of the model; it is not started, and its folder not touched.
        parent: The folder in which a temporary one is made: states are saved to the disk of the real ones.
        steps: Steps of all trainings of the model: the more, the longer they are measured.

    Returns:
        Seconds, by the clock: on a busy machine the real training has to wait as often. Of the steps on a CPU it is the
        mean of the middle half, which a moment's disturbance does not change.
    """
    protocol = replace(training.protocol, epochs=1, patience=1, learning_rate=0.0)
    start = time.perf_counter()
    memory = PeakMemory(protocol.device)  # it collects what is left of the network before, as in each training
    network = build_network(training, protocol)
    built = time.perf_counter() - start
    loader = _MeasuredSteps(make_loader(training), protocol.device, steps)
    validation = _MeasuredValidation(training, loader)
    with TemporaryDirectory(prefix=TRIAL, dir=parent) as folder:
        trainer = Trainer(
            network,
            loader,
            make_loss(training),
            validation,
            protocol,
            training.seed,
            Path(folder),
            read_peak_memory=memory.read,
        )
        state = trainer.fit()
        saved = time.perf_counter() - validation.end
        written = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
        state_size = Path(folder, LAST).stat().st_size
    found = measure_latency(
        {"model": network}, protocol.input_size, device=protocol.device, precision=protocol.precision, rounds=ROUNDS
    )
    return Speed(
        build=built,
        step=loader.seconds(),
        image=validation.seconds,
        save=saved,
        latency=found["model"].median / 1000,
        peak_memory_mib=state.peak_memory_mib,
        cpu_share=loader.cpu_share(torch.get_num_threads()) if protocol.device == "cpu" else None,
        disk_mib=written / MIB,
        state_mib=state_size / MIB,
    )


class _MeasuredSteps:
    """The batches of a training, of one epoch after the other, until enough steps are measured.

    Args:
        loader: The batches.
        device: The device that the network is on.
        steps: Steps of all trainings of the model.
    """

    def __init__(self, loader: TrainingBatches, device: str, steps: int) -> None:
        self.batch_size, self._loader = loader.batch_size, loader
        self._device, self._all_steps = device, steps
        self._marks: list[float] = []
        self._cpu_marks: list[float | None] = []
        self._warm_up = (WARM_UP if device == "cpu" else GPU_WARM_UP) + loader.ahead

    @property
    def ahead(self) -> int:
        """Batches that may be ready before the first one is taken."""
        return self._loader.ahead

    def __len__(self) -> int:
        return self._warm_up + MOST_STEPS + 1

    def epoch(self, epoch: int, first: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield batches; the time of a step includes that of the next batch."""
        for number in count(epoch):
            for batch in self._loader.epoch(number):
                self._mark()
                if self._is_enough():
                    return
                yield batch

    def limit(self) -> float:
        """Return for how many seconds steps are to be measured."""
        measured = self._measured()
        return min(LONGEST, max(SHORTEST, SHARE * self._all_steps * float(np.mean(measured)))) if measured else LONGEST

    def seconds(self) -> float:
        """Return the seconds of a step."""
        measured = self._measured()
        return float(np.mean(measured)) if self._device != "cpu" else middle_mean(measured)

    def cpu_share(self, threads: int) -> float | None:
        """Return the processor time of the steps as a share of their time on all threads; None where unknown."""
        first, last = self._cpu_marks[self._warm_up], self._cpu_marks[-1]
        if first is None or last is None:
            return None
        return min(1.0, (last - first) / (sum(self._measured()) * threads))

    def _measured(self) -> list[float]:
        return [later - earlier for earlier, later in pairwise(self._marks[self._warm_up :])]

    def _mark(self) -> None:
        last = len(self._marks) - self._warm_up
        # Between the first and the last measured step a GPU works without being waited for, as in a training.
        if last == 0 or last >= FEWEST_STEPS:
            synchronize(self._device)
        self._marks.append(time.perf_counter())
        self._cpu_marks.append(cpu_seconds())

    def _is_enough(self) -> bool:
        measured = self._measured()
        return len(measured) >= MOST_STEPS or (len(measured) >= FEWEST_STEPS and sum(measured) >= self.limit())


class _MeasuredValidation:
    """Validates some images, at equal steps over the validation split, and measures it.

    Args:
        training: The training.
        steps: Its measured steps, which have shown how long the trial is to be.
    """

    def __init__(self, training: Training, steps: _MeasuredSteps) -> None:
        self._training, self._steps = training, steps
        self.seconds = self.end = 0.0

    def __call__(self, network: SegmentationModel) -> dict[str, float]:
        """Measure the seconds of an image."""
        training, protocol = self._training, self._training.protocol
        indices = training.split.splits.val
        if not indices:  # all images train
            self.end = time.perf_counter()
            return {"val_miou": 0.0, "val_pixel_accuracy": 0.0}
        batch = min(protocol.batch_size, len(indices))
        chosen = _spread(indices, 8 * batch)

        def run(batches: Iterable[list[EvaluationItem]]) -> int:
            confusions = evaluate(
                network,
                batches,
                training.num_classes,
                device=protocol.device,
                precision=protocol.precision,
                most_pixels=evaluation_pixels(protocol),
            )
            score(confusions)
            return len(confusions)

        def load(some: Sequence[int]) -> Iterable[list[EvaluationItem]]:
            dataset = EvaluationSet(training.split.images, some, protocol.size, scaling(training))
            return evaluation_loader(dataset, batch_size=protocol.batch_size, workers=evaluation_workers(protocol))

        run(load(_spread(chosen, batch)))  # the first pass of a shape is slower
        start = time.perf_counter()
        images = run(_until(load(chosen), start + self._steps.limit() / 2))
        self.end = time.perf_counter()
        self.seconds = (self.end - start) / images
        return {"val_miou": 0.0, "val_pixel_accuracy": 0.0}


def middle_mean(values: Sequence[float]) -> float:
    """Return the mean of the middle half of the values.

    >>> middle_mean([1, 2, 3, 100])
    2.5
    """
    ordered = sorted(values)
    cut = len(ordered) // 4
    return float(np.mean(ordered[cut : len(ordered) - cut]))


def _spread(indices: Sequence[int], most: int) -> list[int]:
    """At most that many of the indices, at equal steps."""
    return [indices[place] for place in evenly_spaced(len(indices), most)]


def _until(batches: Iterable[list[EvaluationItem]], end: float) -> Iterator[list[EvaluationItem]]:
    """The batches that begin before the end, at least one."""
    iterator = iter(batches)
    yield from islice(iterator, 1)
    for batch in iterator:
        yield batch
        if time.perf_counter() >= end:
            return
