"""How long a command will take and how much memory it needs: sums of what each model was measured to cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from segarena.config.tuning import trial_epochs
from segarena.experiment.schedule import makespan
from segarena.runs import SAVE_EVERY

#: Images that are labelled one by one after each training, to measure the latency and the FLOPs.
LATENCY_IMAGES = 19
#: Seconds of a training outside of its network: its files, its environment, the first steps, which are slower.
PER_TRAINING = 0.5
#: Seconds until a process of its own begins to train: an interpreter with PyTorch, on one core of an AMD EPYC.
PROCESS = 4.0


@dataclass(frozen=True)
class Speed:
    """What one model was measured to cost on this machine, in seconds but for the memory.

    Args:
        build: To free the network before, build this one and read its initial weights.
        step: A training step.
        image: An image of a validation, scored.
        save: To save the network and the state, which is done at the end, and before at most each minute.
        latency: One image alone, from memory to its labels.
        peak_memory_mib: Peak memory of the trial, as models.csv counts it; None where the system does not report it.
        cpu_share: Processor time of the steps as a share of the time on all threads; None on a GPU and where the system
            does not report it. On an idle machine it is near 1.
        disk_mib: Size of the weights, the state and the history on disk.
        state_mib: Size of the state.
    """

    build: float
    step: float
    image: float
    save: float
    latency: float
    peak_memory_mib: float | None = None
    cpu_share: float | None = None
    disk_mib: float = 0.0
    state_mib: float = 0.0


@dataclass(frozen=True)
class Trials:
    """The trials of --tune that come before a training.

    Args:
        number: Trials that are left.
        steps: Training steps in an epoch of a trial.
        held_out_images: Images that a trial is scored on.
    """

    number: int
    steps: int
    held_out_images: int

    def count_steps(self, epochs: int) -> int:
        """Return the steps of all trials before a training of this number of epochs."""
        return self.number * trial_epochs(epochs, self.steps) * self.steps

    def seconds(self, speed: Speed, epochs: int) -> float:
        """Return the seconds of all trials before a training of this number of epochs."""
        own = trial_epochs(epochs, self.steps) * self.steps * speed.step
        saved = speed.save * (1 + own / SAVE_EVERY)
        return self.number * (own + saved + speed.build + self.held_out_images * speed.image)


@dataclass(frozen=True)
class Work:
    """One training, as far as its time depends on it.

    Args:
        model: The architecture.
        steps: Training steps of an epoch.
        val_images: Images of the validation after each epoch.
        scored_images: Images that are scored at the end.
        epochs: Epochs that are left, if it is not stopped early.
        trials: The trials of --tune that come before it; None where there are none, or all are finished.
    """

    model: str
    steps: int
    val_images: int
    scored_images: int
    epochs: int
    trials: Trials | None = None

    def seconds(self, speed: Speed) -> float:
        """Return the seconds of the epochs that are left, and of the trials before them."""
        return self.epochs * self.epoch_seconds(speed) + self.trial_seconds(speed)

    def trial_seconds(self, speed: Speed) -> float:
        """Return the seconds of the trials before the training."""
        return 0.0 if self.trials is None else self.trials.seconds(speed, self.epochs)

    def epoch_seconds(self, speed: Speed) -> float:
        """Return the seconds of an epoch, with its validation and its share of the saved states."""
        seconds = self.steps * speed.step + self.val_images * speed.image
        return seconds + speed.save * min(1.0, seconds / SAVE_EVERY)

    def end_seconds(self, speed: Speed) -> float:
        """Return the seconds of the training outside of its epochs."""
        end = self.scored_images * speed.image + LATENCY_IMAGES * speed.latency
        return speed.build + end + speed.save + PER_TRAINING

    def latency_seconds(self, speed: Speed) -> float:
        """Return the seconds after several trainings at a time in which the costs of this one are measured, alone."""
        return speed.build + LATENCY_IMAGES * speed.latency

    def side_seconds(self, speed: Speed) -> float:
        """Return the seconds of the training in a process of its own, beside others, without what is measured alone."""
        own = self.epochs * self.epoch_seconds(speed) + self.end_seconds(speed)
        return PROCESS + own - LATENCY_IMAGES * speed.latency


@dataclass(frozen=True)
class Prediction:
    """What a command will take, if no training is stopped early.

    Args:
        models: Seconds of all trainings of each model, with the test and the trials of --tune.
        after: Seconds after the trainings: latency, resolution ceilings, gallery, statistics, page.
        peak_memory_bytes: Peak memory of the process on a CPU, of PyTorch on a GPU; None where it is unknown.
        trials: Seconds of the trials of --tune, which `models` contains.
        side_by_side: Seconds of all trainings where several run at a time; None where one does.
    """

    models: Mapping[str, float]
    after: float
    peak_memory_bytes: int | None
    trials: float = 0.0
    side_by_side: float | None = None

    @property
    def seconds(self) -> float:
        """Seconds of everything."""
        return (sum(self.models.values()) if self.side_by_side is None else self.side_by_side) + self.after


@dataclass(frozen=True)
class Forecast:
    """The measured models and the work: all that is needed to predict the time of any number of epochs or seeds.

    Args:
        speeds: What each model was measured to cost.
        works: The trainings that are not finished.
        after: Seconds after the trainings.
        memory_before: Memory of the process without a network, in MiB; None where it is unknown or does not count.
        load: Processor cores that other programs used during the measurement.
        jobs: Trainings at a time.
        process_mib: Memory of each further process without a network, in MiB; None where it does not count.
    """

    speeds: Mapping[str, Speed]
    works: tuple[Work, ...]
    after: float = 0.0
    memory_before: float | None = 0.0
    load: float = 0.0
    jobs: int = 1
    process_mib: float | None = None

    def predict(self, *, epochs: Mapping[str, int] | int | None = None, seeds: int | None = None) -> Prediction:
        """Predict the time and the memory.

        Args:
            epochs: Epochs of each model, or of all; None for those of the trainings.
            seeds: How often the trainings are done; None for once. Of a command with one seed it is --seeds.
                The trials of --tune are done once.
        """
        models = dict.fromkeys((work.model for work in self.works), 0.0)
        trials = 0.0
        works = self.with_epochs(epochs).works
        for work in works:
            speed = self.speeds[work.model]
            training = work.epochs * work.epoch_seconds(speed) + work.end_seconds(speed)
            models[work.model] += training * (seeds or 1) + work.trial_seconds(speed)
            trials += work.trial_seconds(speed)
        beside = None
        if self.jobs > 1:
            each = [work.side_seconds(self.speeds[work.model]) for work in works] * (seeds or 1)
            alone = sum(work.latency_seconds(self.speeds[work.model]) for work in works) * (seeds or 1)
            beside = trials + makespan(each, self.jobs) + alone
        return Prediction(models, self.after, self._peak_memory(), trials, beside)

    @property
    def cpu_share(self) -> float | None:
        """The share of the processor time that the steps got, over all models; None where it is unknown."""
        shares = [(self.speeds[work.model].cpu_share, work) for work in self.works]
        total = sum(work.epochs * work.steps for _, work in shares)
        if not total or any(share is None for share, _ in shares):
            return None
        return sum((share or 0.0) * work.epochs * work.steps for share, work in shares) / total

    def with_epochs(self, epochs: Mapping[str, int] | int | None) -> Forecast:
        """Return the forecast with other epochs of each training."""
        if epochs is None:
            return self
        works = [replace(work, epochs=epochs if isinstance(epochs, int) else epochs[work.model]) for work in self.works]
        return replace(self, works=tuple(works))

    @property
    def all_epochs_seconds(self) -> float:
        """Seconds of the epochs of all trainings."""
        return sum(work.epochs * work.epoch_seconds(self.speeds[work.model]) for work in self.works)

    def epoch_seconds(self, model: str) -> float:
        """Return the mean seconds of an epoch of a model, over its trainings."""
        own = [work.epoch_seconds(self.speeds[model]) for work in self.works if work.model == model]
        return sum(own) / len(own)

    def _peak_memory(self) -> int | None:
        peaks = [speed.peak_memory_mib for speed in self.speeds.values()]
        known = [peak for peak in peaks if peak is not None]
        if not known or len(known) < len(peaks) or self.memory_before is None:
            return None
        trainings = max(known)
        if self.jobs > 1 and self.process_mib is not None:
            trainings = min(self.jobs, len(self.works)) * (self.process_mib + trainings)
        return round((self.memory_before + trainings) * 1024 * 1024)
