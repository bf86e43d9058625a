"""Our training step and latency beside the peers', as documented (float32, NCHW) and tuned (bf16, channels-last).

torchvision's FCN and DeepLabv3 have the operations of those of the paper track here, at output stride 8, without
auxiliary heads. The networks of segmentation-models-pytorch have other decoders: their ratio compares what users get.
Peak memory is that of a training step of 12 and of 150 classes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from session import (
    BATCH,
    CLASSES,
    DEVICE,
    ENCODER,
    HAS_GPU,
    Contestant,
    Report,
    alternate,
    batch,
    peak_mib,
    spread,
)
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import segmentation

import segarena
from segarena.training.evaluation import prepared
from segarena.training.losses import SegmentationLoss

try:
    import segmentation_models_pytorch as smp
except ImportError:
    smp = None

KEYS = ("ours", "documented", "tuned")
CROSS_ENTROPY = SegmentationLoss("ce")


def peer_loss(output: Any, masks: Tensor) -> Tensor:
    """Cross-entropy as in the reference scripts: of logits at the size of the image, int64 labels."""
    logits = output["out"] if isinstance(output, dict) else output
    return F.cross_entropy(logits, masks.long(), ignore_index=255)


def ours(name: str, classes: int) -> nn.Module:
    if name in ("fcn", "deeplabv3"):  # torchvision's networks
        more: dict[str, Any] = {"multi_grid": (1, 1, 1)} if name == "deeplabv3" else {}
        encoder = "resnet50"
        return segarena.build_model(
            name, classes, track="paper", encoder=encoder, output_stride=8, auxiliary=False, **more
        )
    return segarena.build_model(name, classes, encoder=ENCODER, **({"output_stride": 8} if name == "pspnet" else {}))


def theirs(name: str, classes: int) -> nn.Module | None:
    if name in ("fcn", "deeplabv3"):
        build = getattr(segmentation, f"{name}_resnet50")
        network: nn.Module = build(weights=None, weights_backbone=None, num_classes=classes, aux_loss=False)
        return network
    if smp is None:
        return None
    kind = {"unet": smp.Unet, "pspnet": smp.PSPNet, "deeplabv3": smp.DeepLabV3}[name]
    peer: nn.Module = kind(ENCODER, encoder_weights=None, classes=classes)
    return peer


def cross_entropy_of_ours(output: Any, masks: Tensor) -> Tensor:
    return CROSS_ENTROPY(output.logits, None, masks)[0]


def contestant(key: str, name: str, classes: int) -> Contestant | None:
    """Ours, or the peer as "documented" or "tuned"; None where it is not installed."""
    if key == "ours":
        return Contestant(ours(name, classes), "bf16", channels_last=True, loss=cross_entropy_of_ours)
    peer = theirs(name, classes)
    if peer is None:
        return None
    tuned = key == "tuned"
    precision = "bf16" if tuned else "fp32"
    return Contestant(peer, precision, channels_last=tuned, tuned=tuned, loss=peer_loss, native=False)


def contestants(name: str, classes: int) -> dict[str, Contestant]:
    return {key: one for key in KEYS if (one := contestant(key, name, classes)) is not None}


def compare_steps(report: Report, name: str) -> None:
    images, masks = batch()
    found = contestants(name, CLASSES)
    times = alternate({key: partial(one.step, images, masks) for key, one in found.items()})
    base = times.get("ours")
    for key, spent in times.items():
        ratios = [theirs / mine for theirs, mine in zip(spent, base or spent, strict=True)]
        report.add(
            what="training step",
            model=name,
            who=key,
            ms=spread(spent),
            images_per_second=round(1000 * BATCH / spread(spent)[0], 1),
            ratio=spread(ratios),
        )


def compare_latency(report: Report, name: str) -> None:
    images = torch.randn(1, 3, *batch(count=1)[0].shape[2:], device=DEVICE)
    ways: dict[str, Callable[[], object]] = {}
    for key, one in contestants(name, CLASSES).items():
        one.model.eval()
        if key == "ours":
            one.model = prepared(one.model, "cuda", one.precision)
        ways[key] = partial(_forward, one, images.contiguous(memory_format=one.layout))
    times = alternate(ways, repeats=20)
    for key, spent in times.items():
        ratios = [theirs / mine for theirs, mine in zip(spent, times.get("ours", spent), strict=True)]
        report.add(what="latency, batch 1", model=name, who=key, ms=spread(spent), ratio=spread(ratios))


@torch.inference_mode()
def _forward(one: Contestant, images: Tensor) -> Tensor:
    torch.backends.cudnn.benchmark = one.tuned
    with torch.autocast(DEVICE, torch.bfloat16, enabled=one.precision == "bf16"):
        output: Any = one.model(images)
    logits = output["out"] if isinstance(output, dict) else getattr(output, "logits", output)
    return logits.argmax(1)  # type: ignore[no-any-return]


def compare_memory(report: Report, name: str, classes: int) -> None:
    images, masks = batch(classes=classes)
    base = None
    for key in KEYS:
        one = contestant(key, name, classes)
        if one is None:
            continue
        try:
            one.step(images, masks)  # the state of the optimizer
            peak = peak_mib(partial(one.step, images, masks))
        except torch.OutOfMemoryError:
            report.add(what="peak memory", model=name, classes=classes, who=key, mib="out of memory")
            continue
        base = base or peak
        report.add(
            what="peak memory", model=name, classes=classes, who=key, mib=peak, ratio=round(base / max(peak, 1), 3)
        )
        del one
        if HAS_GPU:
            torch.cuda.empty_cache()


def main() -> None:
    report = Report("peers")
    for name in ("fcn", "deeplabv3") + (("unet", "pspnet") if smp else ()):
        compare_steps(report, name)
        compare_latency(report, name)
    if smp is None:
        report.add(what="skipped: segmentation-models-pytorch is not installed")
    for classes in (12, 150):
        compare_memory(report, "deeplabv3", classes)


if __name__ == "__main__":
    main()
