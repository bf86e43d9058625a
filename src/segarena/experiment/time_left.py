"""How long the trainings of a command will take: from the epochs that were measured, with their validation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from segarena.experiment.schedule import makespan

if TYPE_CHECKING:
    from segarena.training.state import Step

#: Share of an epoch's time that does not depend on the network: reading, augmentation, scores. Until a network has been
#: measured, the rest is taken as proportional to its FLOPs. On the built-in scenes, two cores, U-Net, PSPNet and
#: DeepLabv3 took 1.4 to 1.6 times as long as FCN, with 2.1 to 2.2 times its FLOPs.
FIXED_SHARE = 0.5
#: Time of an image in validation, as a share of its time in training, which has a backward pass too. Until an epoch has
#: been measured, the validation is estimated with it. On the built-in scenes, two cores, it was 0.15 to 0.45.
VALIDATION_SHARE = 1 / 3
#: Where the epochs take this many times as long as predicted, they are late; and epochs of a model that show it.
LATE, SURE = 1.15, 3


class TimeLeft:
    """Estimates the seconds that are left for all trainings of a command, if none is stopped early.

    Args:
        trainings: The model of each training, in their order, and its number of epochs; 0 where it is finished.
        flops: FLOPs of each model.
        jobs: How many trainings run at a time.

    >>> left = TimeLeft([("fcn", 4), ("unet", 4)], {"fcn": 1.0, "unet": 2.0})
    >>> left.seconds() is None
    True
    >>> left.add_epoch(0, 3, seconds=10)
    >>> left.seconds()  # 3 epochs of 10 s, and 4 of 15 s
    90.0
    """

    def __init__(self, trainings: Sequence[tuple[str, int]], flops: Mapping[str, float], jobs: int = 1) -> None:
        self._models = [model for model, _ in trainings]
        self._epochs_left: list[float] = [epochs for _, epochs in trainings]
        self._flops, self._jobs = flops, jobs
        self._measured: dict[str, list[float]] = {}
        self._earlier: dict[str, float] = {}
        self._in_epoch: dict[int, float] = {}
        self._so_far: dict[str, float] = {}

    @property
    def spent(self) -> float:
        """Seconds of all epochs that were measured."""
        return sum(sum(seconds) for seconds in self._measured.values())

    def measured(self, model: str) -> int:
        """Return how many epochs of a model were measured."""
        return len(self._measured.get(model, ()))

    def add_earlier(self, model: str, seconds: float) -> None:
        """Add the seconds of an epoch that an earlier call measured; they count until one is measured now."""
        self._earlier[model] = seconds

    def add_step(self, training: int, share: float, seconds: float) -> None:
        """Add the progress within an epoch.

        Args:
            training: Index of the training.
            share: Share of the epoch's steps that is done.
            seconds: What the whole epoch takes at this speed, with its validation; it counts until the model's first
                epoch is measured.
        """
        self._in_epoch[training] = share
        self._so_far[self._models[training]] = seconds

    def add_epoch(self, training: int, epochs_left: int, *, seconds: float) -> None:
        """Add a measured epoch.

        Args:
            training: Index of the training.
            epochs_left: Epochs that are left of it.
            seconds: What the epoch took, with its validation.
        """
        self._measured.setdefault(self._models[training], []).append(seconds)
        self._epochs_left[training], self._in_epoch[training] = epochs_left, 0.0

    def restart(self, training: int, epochs: int) -> None:
        """Note that a training begins again, with this number of epochs."""
        self._epochs_left[training], self._in_epoch[training] = epochs, 0.0

    def finish(self, training: int) -> None:
        """Note that a training is over, perhaps stopped early."""
        self._epochs_left[training], self._in_epoch[training] = 0, 0.0

    def seconds(self) -> float | None:
        """Return the estimate; None where nothing has been measured."""
        each = self._each()
        return None if each is None else makespan(each, self._jobs)

    def work(self) -> float:
        """Return the seconds of all epochs that are left, as if one training ran at a time; 0 where unknown."""
        return sum(self._each() or ())

    def _each(self) -> list[float] | None:
        """Seconds of each training that are left, in their order; None where nothing has been measured."""
        measured = {model: fmean(seconds) for model, seconds in self._measured.items()}
        known = {**self._so_far, **self._earlier, **measured}
        if not known:
            return None
        left = [epochs - self._in_epoch.get(index, 0.0) for index, epochs in enumerate(self._epochs_left)]
        return [
            epochs * (known[model] if model in known else self._guess(model, known))
            for model, epochs in zip(self._models, left, strict=True)
            if epochs > 0
        ]

    def _guess(self, model: str, known: Mapping[str, float]) -> float:
        """Seconds of an epoch of a model that has not been measured, from the others."""
        ratios = {other: self._flops[model] / self._flops[other] for other in known}
        return fmean(seconds * (FIXED_SHARE + (1 - FIXED_SHARE) * ratios[other]) for other, seconds in known.items())


class Lateness:
    """Reports that the trainings take clearly longer than was predicted, once for each further `LATE` of delay.

    Where several run at a time, the times are those of all of them, one after the other.

    Args:
        predicted: Seconds of all epochs, as they were predicted.
        report: Called with the seconds that all epochs are expected to take now, and with those predicted.
    """

    def __init__(self, predicted: float, report: Callable[[float, float], None]) -> None:
        self._predicted, self._last, self._report = predicted, predicted, report

    def check(self, left: TimeLeft, model: str) -> None:
        """Report where it is late; not before some epochs of the model are measured, as a single one can be slow.

        Args:
            left: The time that is left.
            model: The model that is trained now.
        """
        if left.measured(model) < SURE:
            return
        expected = left.spent + left.work()
        if expected > LATE * self._last:
            self._last = expected
            self._report(expected, self._predicted)


@dataclass(frozen=True)
class TrainingTimeLeft:
    """Passes the progress of one training to `TimeLeft`.

    Args:
        all: The estimate for all trainings.
        training: Index of this one.
        epochs: Its epochs if it is not stopped early.
        batch_size: Images of a step.
        val_images: Images of the validation after each epoch.
        model: The architecture.
        lateness: Compares the time with the predicted one; None where none was predicted.
    """

    all: TimeLeft
    training: int
    epochs: int
    batch_size: int
    val_images: int
    model: str = ""
    lateness: Lateness | None = None

    def after_step(self, step: Step) -> float | None:
        """Return the seconds that are left after a step."""
        images = step.steps * self.batch_size + VALIDATION_SHARE * self.val_images
        seconds = images / max(step.images_per_second, 1e-9)
        self.all.add_step(self.training, step.step / step.steps, seconds)
        return self.all.seconds()

    def after_restart(self) -> None:
        """Note that all epochs of the training are left again."""
        self.all.restart(self.training, self.epochs)

    def after_epoch(self, row: Mapping[str, Any]) -> float | None:
        """Return the seconds that are left after an epoch, from its row of history.csv."""
        self.all.add_epoch(self.training, self.epochs - row["epoch"], seconds=row["seconds"])
        if self.lateness is not None:
            self.lateness.check(self.all, self.model)
        return self.all.seconds()
