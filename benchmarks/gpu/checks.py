"""Whether a network computes on the GPU what it computes on the CPU, without waiting for it, in bounded memory."""

from __future__ import annotations

import copy
import math
import warnings
from pathlib import Path
from typing import Any

import torch
from session import BATCH, CLASSES, DEVICE, ENCODER, HAS_GPU, SIDE, Contestant, Report, batch, our_loss, peak_mib
from torch import Tensor, nn

import segarena
from segarena.loading.transforms import normalize
from segarena.training.evaluation import predict_masks

#: Memory of a card of 6 GB, of which the driver takes some, in GiB.
SMALL_CARD = 5.5


def relative(found: Tensor, expected: Tensor) -> float:
    """Norm of the difference over the norm of what is expected."""
    apart = (found.cpu().double() - expected.double()).norm() / expected.double().norm().clamp(min=1e-12)
    return float(f"{apart:.2e}")


def compare_with_cpu(model: nn.Module, dtype: torch.dtype) -> dict[str, Any]:
    """Logits, loss and gradient without TF32, of two images of 96 pixels.

    In float32 the gradient is far from that of the CPU where a BatchNorm has few values per channel: that of two images
    at stride 32 has 18, and rounding decides which ReLU are active. In float64 it must agree.
    """
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    images, masks = (part.cpu() for part in batch(96, 2))
    found: dict[str, tuple[Tensor, Tensor, Tensor]] = {}
    for device in ("cpu", DEVICE):
        network: Any = copy.deepcopy(model).to(device, dtype).train()
        for layer in network.modules():
            if isinstance(layer, (nn.Dropout, nn.Dropout2d)):
                layer.eval()
        output = network(normalize(images.to(device)).to(dtype), size="native")
        loss = our_loss(output, masks.to(device))
        loss.backward()
        gradient = torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])
        found[device if device == "cpu" else "gpu"] = (output.logits.detach(), loss.detach(), gradient)
    torch.backends.cudnn.allow_tf32 = True
    gpu, cpu = found.get("gpu", found["cpu"]), found["cpu"]
    return {
        f"{name} against the CPU, {str(dtype)[6:]}": relative(a, b)
        for name, a, b in zip(("logits", "loss", "gradient"), gpu, cpu, strict=True)
    }


def waits(step: Any, images: Tensor, masks: Tensor) -> list[str]:
    """Places at which a step waits for the GPU."""
    if not HAS_GPU:
        return []
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            step(images, masks)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return sorted({f"{Path(one.filename).name}:{one.lineno}" for one in found if "synchroniz" in str(one.message)})


def check(name: str, images: Tensor, masks: Tensor) -> dict[str, Any]:
    """Check one architecture, and return a row of results."""
    torch.manual_seed(0)
    row: dict[str, Any] = {"model": name}
    small = segarena.build_model(name, CLASSES, encoder="resnet18")
    row |= compare_with_cpu(small, torch.float32) | compare_with_cpu(small, torch.float64)
    contestant = Contestant(segarena.build_model(name, CLASSES, encoder=ENCODER), "bf16", channels_last=True)
    losses = [float(contestant.step(images, masks)) for _ in range(3)]
    row["losses of three steps"] = [round(loss, 4) for loss in losses]
    row["finite"] = all(map(math.isfinite, losses))
    pinned = [part.cpu().pin_memory() if HAS_GPU else part for part in (images, masks)]
    row["waits at"] = waits(lambda a, b: contestant.step(a, b.to(DEVICE, non_blocking=True)), *pinned)
    row["peak MiB"] = peak_mib(lambda: contestant.step(images, masks))
    model: Any = contestant.model.eval()
    settings: dict[str, Any] = {"size": (SIDE, SIDE), "device": DEVICE, "precision": "bf16"}
    together = predict_masks(model, images.cpu(), **settings)
    alone = torch.cat([predict_masks(model, image[None].cpu(), **settings) for image in images])
    row["pixels that differ, batch 1 and 16, per million"] = round(1e6 * float((together != alone).float().mean()))
    if HAS_GPU:
        row[f"batch {BATCH} in {SMALL_CARD} GiB"] = on_a_small_card(contestant, images, masks)
    return row


def on_a_small_card(contestant: Contestant, images: Tensor, masks: Tensor) -> str:
    """Whether a training step fits in the memory of a small card."""
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(SMALL_CARD * 2**30 / total)
    try:
        contestant.model.train()
        contestant.step(images, masks)
    except torch.OutOfMemoryError as error:
        return f"out of memory: {str(error)[:120]}"
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    return "fits"


def main() -> None:
    report = Report("checks")
    images, masks = batch()
    for name in ("fcn", "unet", "pspnet", "deeplabv3"):
        report.add(**check(name, images, masks))
        if HAS_GPU:
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
