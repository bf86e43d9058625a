"""What the steps of a GPU session share: a results file written after each row, times by events, random batches.

Without a GPU, each step runs on the CPU at a tiny size: a check of the scripts, whose numbers mean nothing.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from segarena.training.costs import count_flops
from segarena.training.devices import autocast
from segarena.training.evaluation import to_input
from segarena.training.losses import SegmentationLoss
from segarena.training.optimization import build_optimizer

HAS_GPU = torch.cuda.is_available()
DEVICE = "cuda" if HAS_GPU else "cpu"
#: Height and width of the images in pixels, images in a batch, encoder.
SIDE, BATCH, ENCODER = (512, 16, "resnet50") if HAS_GPU else (64, 2, "resnet18")
CLASSES = 21

Way = Callable[[], object]


class Report:
    """The rows of one step, in FOLDER/NAME.json; FOLDER is the first argument of the script."""

    def __init__(self, name: str) -> None:
        self.folder = Path(sys.argv[1])
        self.path = self.folder / f"{name}.json"
        self.rows: list[dict[str, Any]] = []

    def add(self, **row: Any) -> None:
        """Write one more row, and print it."""
        self.rows.append(row)
        partial = self.path.with_suffix(".part")
        partial.write_text(json.dumps(self.rows, indent=1))
        partial.replace(self.path)
        print(json.dumps(row), flush=True)


def rate(folder: Path, name: str) -> float | None:
    """A rate that the environment step measured; None where it has not run."""
    path = folder / "environment.json"
    rows = json.loads(path.read_text()) if path.exists() else []
    return next((row[name] for row in rows if name in row), None)


def synchronize() -> None:
    """Wait for the GPU."""
    if HAS_GPU:
        torch.cuda.synchronize()


def milliseconds(way: Way, repeats: int) -> float:
    """Time of one call, in milliseconds: the mean of some calls in a row, by events on the GPU."""
    if not HAS_GPU:
        start = time.perf_counter()
        for _ in range(repeats):
            way()
        return 1000 * (time.perf_counter() - start) / repeats
    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    first.record()
    for _ in range(repeats):
        way()
    last.record()
    last.synchronize()
    return float(first.elapsed_time(last)) / repeats


def alternate(ways: Mapping[str, Way], rounds: int = 5, repeats: int = 4) -> dict[str, list[float]]:
    """Time several ways in turn, so that clocks and other work affect all of them; the first round is not counted.

    A way that fails is left out of further rounds, and has no times.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    failed: set[str] = set()
    for turn in range(rounds + 1):
        for name, way in ways.items():
            if name in failed:
                continue
            try:
                synchronize()
                spent = milliseconds(way, repeats if turn else 2)
            except (RuntimeError, TypeError, ValueError) as error:
                print(f"{name}: {type(error).__name__}: {str(error)[:500]}", flush=True)
                failed.add(name)
                times[name] = []
                continue
            if turn:
                times[name].append(spent)
    return {name: spent for name, spent in times.items() if spent}


def spread(values: list[float]) -> list[float]:
    """Median, minimum and maximum."""
    return [round(f(values), 3) for f in (median, min, max)]


def batch(side: int = SIDE, count: int = BATCH, classes: int = CLASSES) -> tuple[Tensor, Tensor]:
    """A random batch on the device: images uint8 (N, 3, H, W), masks uint8 (N, H, W) of large regions, some void."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, generator=generator)
    coarse = torch.randint(0, classes, (count, side // 16, side // 16), dtype=torch.uint8, generator=generator)
    masks = coarse.repeat_interleave(16, 1).repeat_interleave(16, 2)
    masks[:, :3] = 255
    return images.to(DEVICE), masks.to(DEVICE)


class Contestant:
    """A network with its optimizer, and how it is trained.

    Args:
        model: A network of segarena, or a peer's, which returns logits or a dictionary with "out".
        precision: "fp32" or "bf16".
        channels_last: Memory layout of weights and images.
        tuned: `cudnn.benchmark` is on.
        loss: From the output and the masks to a scalar; None for the default loss of a training, from native logits.
        native: The network computes native logits: ours.
    """

    def __init__(
        self,
        model: nn.Module,
        precision: str,
        *,
        channels_last: bool,
        tuned: bool = False,
        loss: Callable[[Any, Tensor], Tensor] | None = None,
        native: bool = True,
    ) -> None:
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        self.model = model.to(DEVICE).to(memory_format=self.layout).train()
        self.precision, self.tuned = precision, tuned
        self.optimizer = build_optimizer(self.model, "adamw", 1e-5, 1e-2)
        self.loss = loss or our_loss
        self.arguments = {"size": "native"} if native else {}

    def step(self, images: Tensor, masks: Tensor) -> Tensor:
        """One training step, as in `Trainer`, without the schedule."""
        torch.backends.cudnn.benchmark = self.tuned
        inputs = to_input(images, DEVICE).contiguous(memory_format=self.layout)
        with autocast(DEVICE, self.precision):
            output = self.model(inputs, **self.arguments)
        total = self.loss(output, masks)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        return total.detach()


OUR_LOSS = SegmentationLoss("ce+dice")


def our_loss(output: Any, masks: Tensor) -> Tensor:
    """The default loss of a training, from native logits."""
    return OUR_LOSS(output.logits, output.auxiliary, masks)[0]


def peak_mib(way: Way) -> int:
    """The most memory that tensors took during one call, in MiB; 0 without a GPU."""
    if not HAS_GPU:
        way()
        return 0
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    way()
    torch.cuda.synchronize()
    return int(torch.cuda.max_memory_allocated() >> 20)


def training_flops(model: nn.Module, side: int = SIDE) -> float:
    """Operations of one image's training step: three times those of the forward pass in eval mode."""
    return 3.0 * count_flops(model, (side, side))
