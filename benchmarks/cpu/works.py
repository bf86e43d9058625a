"""Works that are compared on a CPU: a training step, the latency of one image, an evaluation, counting, memory."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from turns import DOCUMENTED, OURS, TUNED, Row, compare, take_turns
from twins import Twins, make_twins

from segarena.config import CheckOptions
from segarena.data.folder import FolderSource
from segarena.experiment.inputs import make_splits
from segarena.loading.dataset import EvaluationSet, evaluation_loader
from segarena.loading.decoded import DecodedImages
from segarena.training.costs import noise_images, noise_masks
from segarena.training.counting import evaluate
from segarena.training.evaluation import predict_masks, prepared
from segarena.training.losses import SegmentationLoss
from segarena.training.memory import PeakMemory
from segarena.training.optimization import build_optimizer, build_scaler
from segarena.training.steps import TrainingStep

sys.path.append(str(Path(__file__).parents[1]))
from labels import as_torchvision, plain, scenes
from labels import ours as our_counts

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def peer_loss(output: Any, masks: Tensor) -> Tensor:
    """Cross-entropy of logits at the size of the images, as in torchvision's reference scripts."""
    if isinstance(output, Tensor):
        return F.cross_entropy(output, masks, ignore_index=255)
    total = F.cross_entropy(output["out"], masks, ignore_index=255)
    return total + 0.4 * F.cross_entropy(output["aux"], masks, ignore_index=255) if "aux" in output else total


def peer_step(model: nn.Module, images: Tensor, masks: Tensor, *, tuned: bool) -> Callable[[], object]:
    """A training step of a peer: float32, or bf16 with channels last and the fused optimizer."""
    layout = torch.channels_last if tuned else torch.contiguous_format
    model = model.train().to(memory_format=layout)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=tuned)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=tuned):
            loss = peer_loss(model(images.contiguous(memory_format=layout)), masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def our_step(model: Any, images: Tensor, masks: Tensor) -> Callable[[], object]:
    """A training step as `train` takes it: bf16, channels last, gradients clipped."""
    model = model.train().to(memory_format=torch.channels_last)
    optimizer, scaler = build_optimizer(model, "adamw", 1e-5, 1e-2), build_scaler("cpu", "bf16")
    step = TrainingStep(
        model, SegmentationLoss("ce"), optimizer, scaler, parts=1, clip_norm=5.0, device="cpu", precision="bf16"
    )
    return partial(step, images, masks)


def describe(twins: Twins) -> Row:
    """What the row of a network has in any case."""
    return {
        "peer": twins.library,
        "gflops": list(twins.gflops),
        "difference": None if twins.difference is None else float(f"{twins.difference:.1e}"),
    }


def training_step(name: str, encoder: str, *, images: int, side: int, rounds: int) -> Row:
    """Compare training steps. Ours also normalises its images, of 8 bits, and clips gradients.

    Args:
        name: The architecture.
        encoder: Its encoder.
        images: Images of a step.
        side: Their sides, in pixels.
        rounds: Turns.
    """
    twins = make_twins(name, encoder, 12, side=side)
    other = make_twins(name, encoder, 12, side=side)
    pixels, masks = noise_images(twins.ours, images, (side, side)), noise_masks(12, images, (side, side))
    inputs = F.batch_norm(pixels.float() / 255, torch.tensor(MEAN), torch.tensor(STD) ** 2)
    ways = {
        OURS: our_step(twins.ours, pixels, masks),
        DOCUMENTED: peer_step(twins.peer, inputs, masks.long(), tuned=False),
        TUNED: peer_step(other.peer, inputs, masks.long(), tuned=True),
    }
    row = compare(take_turns(ways, rounds=rounds))
    row["flops"] = 3e9 * twins.gflops[0] * images
    what = f"{encoder}, {images} x {side} x {side}"
    return {"work": "training step", "model": name, "case": what, **describe(twins), **row}


def latency(name: str, encoder: str, *, side: int, rounds: int) -> Row:
    """Compare the time from one image in memory to its labels in memory."""
    twins = make_twins(name, encoder, 12, side=side)
    pixels = noise_images(twins.ours, 1, (side, side))
    ours: Any = prepared(twins.ours.eval().to(memory_format=torch.channels_last), "cpu", "bf16")
    tuned = make_twins(name, encoder, 12, side=side).peer.eval().to(memory_format=torch.channels_last)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))

    @torch.inference_mode()
    def label(model: nn.Module, is_tuned: bool) -> Tensor:
        inputs = (pixels.float() / 255 - mean) / std
        if is_tuned:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=is_tuned):
            output = model(inputs)
        return (output if isinstance(output, Tensor) else output["out"]).argmax(1)

    ways = {
        OURS: partial(predict_masks, ours, pixels, (side, side), device="cpu", precision="bf16"),
        DOCUMENTED: partial(label, twins.peer.eval(), False),
        TUNED: partial(label, tuned, True),
    }
    row = compare(take_turns(ways, rounds=rounds))
    row["flops"] = 1e9 * twins.gflops[0]
    what = f"{encoder}, {side} x {side}"
    return {"work": "latency, one image", "model": name, "case": what, **describe(twins), **row}


class Files(Dataset[tuple[Tensor, Tensor]]):
    """Images and masks from files, normalised, padded to multiples of 32, as for torchvision's reference scripts."""

    def __init__(self, pairs: Sequence[tuple[Path, Path]]) -> None:
        self.pairs = pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image, mask = (np.array(Image.open(path)) for path in self.pairs[index])
        pixels = torch.from_numpy(image).permute(2, 0, 1).float() / 255
        pixels = (pixels - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
        height, width = pixels.shape[1:]
        return F.pad(pixels, (0, -width % 32, 0, -height % 32)), torch.from_numpy(mask).long()


def evaluation(data: Path, *, most: int, rounds: int) -> Row:
    """Compare evaluations of CamVid's test images from files to a confusion matrix, from the second pass on.

    The peer is torchvision's loop, one image at a time, with one worker, around segmentation-models-pytorch's U-Net.
    Ours keeps decoded images in memory, as a training does for its validations. Both count the same pixels.
    """
    source = FolderSource(data)
    test = list(make_splits(source, CheckOptions(data=data)).test)
    indices = test[:: max(1, len(test) // most)][:most]
    twins = make_twins("unet", "resnet18", source.classes.num_classes, side=256)
    tuned = make_twins("unet", "resnet18", source.classes.num_classes, side=256).peer.eval()
    tuned = tuned.to(memory_format=torch.channels_last)
    ours: Any = twins.ours.eval().to(memory_format=torch.channels_last)
    samples = [source.samples[index] for index in indices]
    files = Files([(sample.image, sample.mask) for sample in samples])
    classes = source.classes.num_classes
    size = min(np.array(Image.open(samples[0].image)).shape[:2])
    decoded = DecodedImages(source, indices, limit_bytes=1 << 32)

    def our_pass() -> int:
        dataset = EvaluationSet(decoded, indices, size)
        batches = evaluation_loader(dataset, batch_size=8, workers=0)
        return int(evaluate(ours, batches, classes, device="cpu", precision="bf16").sum())

    @torch.inference_mode()
    def peer_pass(model: nn.Module, is_tuned: bool) -> int:
        matrix = torch.zeros(classes, classes, dtype=torch.int64)
        for image, target in DataLoader(files, batch_size=1, num_workers=1):
            inputs = image.contiguous(memory_format=torch.channels_last) if is_tuned else image
            with torch.autocast("cpu", torch.bfloat16, enabled=is_tuned):
                output = model(inputs)
            predicted = output[..., : target.shape[1], : target.shape[2]].argmax(1).flatten()
            truth = target.flatten()
            counted = (truth >= 0) & (truth < classes)
            pairs = classes * truth[counted] + predicted[counted]
            matrix += torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)
        return int(matrix.sum())

    ways = {
        OURS: our_pass,
        DOCUMENTED: partial(peer_pass, twins.peer.eval(), False),
        TUNED: partial(peer_pass, tuned, True),
    }
    counted = {way() for way in ways.values()}
    if len(counted) > 1:
        raise SystemExit(f"the evaluations count different numbers of pixels: {sorted(counted)}")
    row = compare(take_turns(ways, rounds=rounds))
    what = f"resnet18, {len(indices)} images of CamVid"
    return {"work": "evaluation, files to counts", "model": "unet", "case": what, **describe(twins), **row}


def counting(kind: str, *, rounds: int) -> Row:
    """Compare counting, from logits of stride 8 to a confusion matrix: 4 images of 512 x 512, 21 classes.

    As documented is torchvision's way; tuned is the fastest that was found in plain PyTorch.
    """
    logits, truth = scenes(4, 21, (512, 512))
    if kind == "noise":
        noise = 5 * torch.randn(logits.shape, generator=torch.Generator().manual_seed(1))
        logits = noise.contiguous(memory_format=torch.channels_last)
    ways = {OURS: our_counts, DOCUMENTED: as_torchvision, TUNED: plain}
    times = take_turns({name: partial(way, logits, truth) for name, way in ways.items()}, rounds=rounds)
    return {
        "work": "logits to counts",
        "model": kind,
        "case": "21 classes, 4 x 512 x 512",
        "peer": "torchvision",
        **compare(times),
    }


def peak_mib(name: str, classes: int, way: str) -> float | None:
    """Measure the peak memory of a training step, 2 x 512 x 512, in this process: MiB above the imported libraries.

    It is that of the second step, with the optimizer's state, after one whole step of another copy.
    """
    images, side = 2, 512
    peak = None
    for steps in (1, 2):  # the first time kernels are compiled and libraries loaded
        memory = PeakMemory("cpu")
        twins = make_twins(name, "resnet18", classes, side=32)
        pixels, masks = noise_images(twins.ours, images, (side, side)), noise_masks(classes, images, (side, side))
        if way == OURS:
            step = our_step(twins.ours, pixels, masks)
        else:
            inputs = pixels.float() / 255
            step = peer_step(twins.peer, inputs, masks.long(), tuned=way == TUNED)
        del twins
        for _ in range(steps):
            step()
        peak = memory.read()
        del step
    return peak
