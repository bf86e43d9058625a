"""The training loop, the same for all architectures.

Everything random in a step is derived from (seed, epoch, step), and the learning rate from the number of completed
steps. So the state to save is small, and a run that was killed and resumed ends with the same bits.
"""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from segarena.config import Protocol
from segarena.errors import DataError, Interrupted, WorkerError
from segarena.launched import size_of
from segarena.loading.dataset import TrainingBatches
from segarena.models import SegmentationModel
from segarena.seeding import derive_seed
from segarena.training.accumulation import MicroBatches
from segarena.training.averaging import WeightAverage
from segarena.training.cpu_time import CpuClock
from segarena.training.devices import on_gpu, place, sum_type
from segarena.training.distributed.ranks import ALONE, Ranks
from segarena.training.divergence import WatchedOutput, describe_divergence, is_finite, is_seen_at_once
from segarena.training.early_stopping import EarlyStopping
from segarena.training.listener import IGNORED, Recovery, TrainerListener
from segarena.training.losses import SegmentationLoss
from segarena.training.optimization import SCHEDULES, build_optimizer, build_scaler, encoder_batchnorm, set_rates
from segarena.training.state import Step, TrainingState
from segarena.training.steps import TrainingStep, make_step
from segarena.training.waiting import WaitingTime

#: Factor of the learning rate after a restart.
RESTART_FACTOR = 1 / 3
#: Seconds between two reports of the loss; reading the loss blocks the GPU.
REPORT_EVERY = 1.0
#: The scores of an epoch where no image is held out.
NO_SCORES = {"val_miou": math.nan, "val_pixel_accuracy": math.nan}


class Trainer:
    """Train a model until the epochs or the patience run out, and select the epoch with the best validation mIoU.

    Without a validation all epochs are trained, and the weights of the last one are kept.

    Args:
        model: The untrained model; it is moved to the protocol's device.
        loader: The training data.
        loss: The loss.
        validate: Scores the model, and returns val_miou and val_pixel_accuracy, both 0..1. None: no image is held out.
        protocol: The settings.
        seed: The seed of dropout.
        folder: Where history.csv, best.safetensors and last/state.pt are written.
        listener: Receives the progress.
        recovery: What the training needs to recover from a failure; None if each failure is an error.
        should_stop: Called after each step; the training stops where it returns True.
        read_peak_memory: Called after each epoch; returns MiB, None where they are unknown.
        ranks: The processes that train together.
    """

    def __init__(
        self,
        model: SegmentationModel,
        loader: TrainingBatches,
        loss: SegmentationLoss,
        validate: Callable[[SegmentationModel], dict[str, float]] | None,
        protocol: Protocol,
        seed: int,
        folder: Path,
        *,
        listener: TrainerListener = IGNORED,
        recovery: Recovery | None = None,
        should_stop: Callable[[], bool] = lambda: False,
        read_peak_memory: Callable[[], float | None] = lambda: None,
        ranks: Ranks = ALONE,
    ) -> None:
        # before the optimizer is built, so that its moments have the same layout
        self.model = place(model, protocol.device)
        self.loader, self.loss, self.validate, self.protocol, self.folder = loader, loss, validate, protocol, folder
        self.listener, self.recovery = listener, recovery
        baseline = recovery.baseline if recovery is not None and validate is not None else None
        self.early_stopping = EarlyStopping(protocol.epochs, protocol.patience, len(loader), baseline)
        self.seed, self.should_stop, self.read_peak_memory, self.ranks = seed, should_stop, read_peak_memory, ranks
        own = size_of(protocol.batch_size, 0, ranks.number)
        self.micro_batches = MicroBatches(self.model, own, protocol.micro_batch)
        ranks.join(self.model)
        self.state, self.has_diverged, self.checked_until = TrainingState(), False, (0, 0)
        self._begin()
        self.saved, self.waiting = ranks.saved_state(folder), WaitingTime(protocol.device)
        self.cpu_clock = CpuClock()

    def _begin(self) -> None:
        """Build what depends on the model's initial weights."""
        protocol = self.protocol
        self.optimizer = build_optimizer(
            self.model, protocol.optimizer, protocol.learning_rate, protocol.weight_decay, protocol.decoder_factor
        )
        self.average = WeightAverage(self.model, protocol.ema_decay) if protocol.ema_decay else None
        self.scaler = build_scaler(protocol.device, protocol.precision)
        trainer = weakref.ref(self)  # its step must not keep it: with it, the processes of the loader would stay

        def split_further() -> int | None:
            owner = trainer()
            return None if owner is None else owner._split_further()

        step = TrainingStep(
            self.model,
            self.loss,
            self.optimizer,
            self.scaler,
            parts=self.micro_batches.parts,
            clip_norm=protocol.clip_norm,
            device=protocol.device,
            precision=protocol.precision,
            ranks=self.ranks,
            split_further=split_further if self.recovery is not None and self.ranks.number == 1 else None,
        )
        self.checks = is_seen_at_once(protocol.device, self.scaler)
        self.step = make_step(step)

    @property
    def learning_rate(self) -> float:
        """The peak learning rate of the encoder: the protocol's, a third of it after a restart."""
        return self.protocol.learning_rate * (1.0 if self.state.restart is None else RESTART_FACTOR)

    def fit(self) -> TrainingState:
        """Train to the end, from the saved state where the folder has one.

        A step whose loss or gradient is NaN or infinite is left out. Three of them one after the other, or weights that
        are not finite, are a training that diverged. It is restarted from its initial weights at a third of the
        learning rate, as is one that ends hardly better than the majority baseline: once, and nothing of it is kept
        but its time.

        Raises:
            Interrupted: `should_stop` returned True; the state has been saved.
            ConfigError: The training diverged, and a restart did not help or is not possible.
            DataError: A file cannot be read any more, or was changed; the state has been saved.
            WorkerError: A process that loads images is lost; the state has been saved.
            RunError: A file cannot be read or written.
        """
        with on_gpu(self.protocol.device):
            self.saved.restore(self._load)
            while not self.is_finished or self._is_useless():
                if self.is_finished:
                    self._restart("majority")
                elif not ((self._train_epoch() and self._finish_epoch()) or self._repeat_with_checks()):
                    self._restart("diverged")
        if self.state.epoch <= self.protocol.epochs:
            self.listener.on_early_stop(self.state)
        return self.state

    @property
    def is_finished(self) -> bool:
        """Whether the epochs or the patience have run out."""
        return self.early_stopping.is_finished(self.state)

    def _is_useless(self) -> bool:
        return self.recovery is not None and self.state.restart is None and self.early_stopping.is_useless(self.state)

    def _restart(self, why: Literal["diverged", "majority"]) -> None:
        before = self.state
        if self.recovery is None or before.restart is not None:
            self.has_diverged = True
            raise describe_divergence(before, self.protocol, self.folder.name)
        self._start_again()
        self.state.restart, self.state.lost_seconds = why, before.lost_seconds + before.all_seconds
        self.saved.forget()
        self._save()
        self.listener.on_restart(self.state, self.learning_rate)

    def _start_again(self) -> None:
        """Return to the initial weights, and forget the progress."""
        before = self.state
        if self.recovery is not None:
            self.model.load_state_dict(self.recovery.rebuild().state_dict())
        self._begin()
        self.state = before.again()

    def _split_further(self) -> int | None:
        """Compute fewer images at a time from now on. Returns into how many parts a batch is split; None if no more."""
        if (smaller := self.micro_batches.next_smaller) is None:
            return None
        parts = self.micro_batches.use(smaller)
        self.state.micro_batch = self.micro_batches.largest
        self.listener.on_split(self.state)
        return parts

    def _repeat_with_checks(self) -> bool:
        """Return to the last saved state, to repeat the steps since then with a check of each; False if they had it."""
        before = self.state
        if self.step.is_checked or self.recovery is None or self.scaler.is_enabled():
            return False
        self._start_again()
        self.saved.restore(self._load)
        self.state.count_repeated(before)
        self.checked_until = (before.epoch, before.step)
        return True

    def _train_epoch(self) -> bool:
        """Train to the end of the epoch. Returns whether all is finite; otherwise the training diverged."""
        state, steps = self.state, len(self.loader)
        place: dict[str, Any] = {"dtype": sum_type(self.protocol.device), "device": self.protocol.device}
        loss_sum, auxiliary_sum = (torch.tensor(value, **place) for value in (state.loss_sum, state.auxiliary_sum))
        self._begin_to_train()
        start = reported = time.perf_counter()
        first, before = state.step, state.seconds
        self.cpu_clock = CpuClock()

        def take_stock() -> None:
            state.loss_sum, state.auxiliary_sum = float(loss_sum), float(auxiliary_sum)
            self._count_time(before, start)

        try:
            for images, mask in self.waiting.over(self.ranks.together(self.loader.epoch(state.epoch, first=first))):
                self.step.is_checked = self.checks or (state.epoch, state.step) < self.checked_until
                total, auxiliary = self._train_step(images, mask)
                state.step += 1
                if self.step.is_checked and not math.isfinite(total):
                    state.count_skipped()
                    self.listener.on_skip(state)
                    if state.has_diverged(steps):
                        take_stock()
                        return False
                else:
                    state.skipped_in_row = 0
                    loss_sum += total.detach()
                    if auxiliary is not None:
                        auxiliary_sum += auxiliary.detach()
                now = time.perf_counter()
                if now - reported >= REPORT_EVERY or state.step == steps:
                    rate = (state.step - first) * self.loader.batch_size / (now - start)
                    mean = float(loss_sum) / max(1, state.step - state.skipped_in_epoch)
                    self.listener.on_step(Step(state.epoch, state.step, steps, mean, rate))
                    reported = now
                stop, is_due = self.ranks.agree(self.should_stop(), self.saved.is_due)
                if stop or is_due:
                    take_stock()
                    if not self._is_sound():
                        return False
                    self._save()
                if stop:
                    raise Interrupted(f"stopped in epoch {state.epoch} after step {state.step} of {steps}")
        except (DataError, WorkerError):
            take_stock()
            if self._is_sound():
                self._save()
            raise
        take_stock()
        return self._is_sound()

    def _is_sound(self) -> bool:
        """Whether the sum of the losses and the weights are finite; of unchecked steps none has been skipped then."""
        return self.ranks.all(math.isfinite(self.state.loss_sum) and is_finite(self.model))

    def _begin_to_train(self) -> None:
        self.model.train()
        if self.protocol.freeze_batchnorm:
            for layer in encoder_batchnorm(self.model):
                layer.eval()  # the statistics stay; scale and shift are learned

    def _train_step(self, images: Tensor, mask: Tensor) -> tuple[Tensor, Tensor | None]:
        protocol, state = self.protocol, self.state
        done = (state.epoch - 1) * len(self.loader) + state.step
        share = SCHEDULES[protocol.schedule](done / (protocol.epochs * len(self.loader)))
        set_rates(self.optimizer, self.learning_rate * share)
        self.ranks.seed(derive_seed("step", self.seed, state.epoch, state.step), protocol.device)
        total, auxiliary = self.step(images, mask)
        if self.average is not None and not (self.step.is_checked and not math.isfinite(total)):
            self.average.update(done)
        return total, auxiliary

    def try_step(self, images: Tensor, mask: Tensor) -> None:
        """Take a step that is not counted, to see whether there is enough memory for it.

        Args:
            images: (N, C, H, W), as the loader gives them.
            mask: Class indices, or 255 for void, (N, H, W).
        """
        self._begin_to_train()
        self._train_step(images, mask)

    def _finish_epoch(self) -> bool:
        """Score the epoch, keep its weights if they are the best. Returns whether all logits were finite."""
        state, steps = self.state, len(self.loader)
        start = time.perf_counter()
        scored = self.model if self.average is None else self.average.model
        try:
            with WatchedOutput(scored) as output:
                scores = NO_SCORES if self.validate is None else self.ranks.of_first(self.validate(scored))
        except Exception:  # stopped, a file cannot be read, memory is short
            self._save()  # the epoch's steps are done; it is validated again after resuming
            raise
        if not self.ranks.all(output.is_finite):
            return False
        is_best = scores["val_miou"] > state.best_miou  # NaN is never better
        if is_best or state.best_epoch == 0 or self.validate is None:
            state.best_epoch = state.epoch
            state.best_miou = scores["val_miou"] if is_best else -1.0
            self.saved.keep_best(scored)
        self._count_cpu_time()
        seconds = state.seconds + time.perf_counter() - start  # with the validation
        row = state.row(steps, self.loader.batch_size, scores, self.optimizer.param_groups[0]["lr"], seconds)
        state.history.append(row)
        peak = self.read_peak_memory()
        state.peak_memory_mib = max(peak, state.peak_memory_mib or 0.0) if peak is not None else None
        state.epoch, state.step, state.skipped_in_epoch = state.epoch + 1, 0, 0
        state.loss_sum = state.auxiliary_sum = state.seconds = state.waiting = 0.0
        is_finished, (stop, is_due) = self.is_finished, self.ranks.agree(self.should_stop(), self.saved.is_due)
        if is_finished or stop or is_due:
            self._save()
        self.listener.on_epoch(row, is_best)
        if stop and not is_finished:
            raise Interrupted(f"stopped after epoch {row['epoch']}")
        return True

    def _count_time(self, before: float, start: float) -> None:
        self.state.seconds = before + time.perf_counter() - start
        self.state.waiting += self.waiting.take()
        self._count_cpu_time()

    def _count_cpu_time(self) -> None:
        """Add the processor time since the last call, or since the epoch began."""
        seconds, total = self.cpu_clock.read(), self.state.cpu_seconds
        self.state.cpu_seconds = None if seconds is None or total is None else total + self.ranks.total(seconds)

    def _saved_parts(self) -> dict[str, Any]:
        """What has a state of its own, by its name in the file."""
        average = {} if self.average is None else {"average": self.average.model}
        scaler = {"scaler": self.scaler} if self.scaler.is_enabled() else {}
        return {"model": self.model, "optimizer": self.optimizer, **average, **scaler}

    def _save(self) -> None:
        parts = {name: part.state_dict() for name, part in self._saved_parts().items()}
        self.saved.save({**parts, "progress": vars(self.state)})

    def _load(self, content: dict[str, Any]) -> None:
        """Take over what `_save` saved."""
        less = self.state.micro_batch  # of this call: the memory has become too small since the state was saved
        self.state = TrainingState.restored(content["progress"], self.protocol.epochs, len(self.loader))
        if less := less or self.state.micro_batch:
            self.state.micro_batch, self.step.parts = less, self.micro_batches.use(less)
        for name, part in self._saved_parts().items():
            part.load_state_dict(content[name])
