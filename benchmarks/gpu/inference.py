"""Inference: latency of one image and images per second, eager and as a CUDA graph; logits to labels and counts."""

from __future__ import annotations

import copy
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from session import BATCH, CLASSES, DEVICE, ENCODER, HAS_GPU, SIDE, Report, alternate, batch, spread, synchronize
from torch import Tensor, nn
from torch.nn import functional as F

import segarena
from segarena.kernels.upsample_argmax import plain_upsample_argmax
from segarena.training.evaluation import predict_masks, prepared

sys.path.append(str(Path(__file__).parents[1]))
from labels import as_torchvision, ours, plain


def count_synchronizations(way: Callable[[], object]) -> int:
    """How often one call waits for the GPU."""
    if not HAS_GPU:
        return 0
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            way()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(one.message) for one in found)


def measure_counts(report: Report) -> None:
    sizes = [(16, 12, (360, 480)), (16, 21, (512, 512)), (4, 150, (512, 512)), (1, 19, (1024, 2048))]
    for count, classes, size in sizes if HAS_GPU else [(2, 5, (40, 48))]:
        generator = torch.Generator(DEVICE).manual_seed(0)
        shape = (count, classes, size[0] // 8, size[1] // 8)
        rough = torch.randn(count, classes, 8, 8, generator=generator, device=DEVICE)
        smooth = 5 * F.interpolate(rough, shape[2:], mode="bilinear", align_corners=False)
        noise = torch.randn(shape, generator=generator, device=DEVICE)
        truth = plain_upsample_argmax(smooth, size)
        truth[:, :5] = 255
        for kind, logits in (("scenes", smooth + 0.5 * noise), ("noise", 5 * noise)):
            ways = {
                name: partial(way, logits, truth)
                for name, way in (("ours", ours), ("torchvision", as_torchvision), ("plain", plain))
            }
            same = ours(logits, truth)
            reference = plain(logits.cpu(), truth.cpu()).to(DEVICE)
            times = alternate(ways)
            for name, spent in times.items():
                report.add(
                    what="logits to counts",
                    case=f"{kind}, {count} x {classes}, {size[0]} x {size[1]}",
                    who=name,
                    ms=spread(spent),
                    ratio=spread([a / b for a, b in zip(spent, times["ours"], strict=True)]),
                    synchronizations=count_synchronizations(ways[name]),
                    differing_pixels=int((same - reference).abs().sum()) // 2,
                )


def measure_networks(report: Report) -> None:
    for name in ("fcn", "unet", "pspnet", "deeplabv3"):
        torch.manual_seed(0)
        model = segarena.build_model(name, CLASSES, encoder=ENCODER).eval()
        model = model.to(DEVICE).to(memory_format=torch.channels_last)
        half = copy.deepcopy(model).to(torch.bfloat16)
        folded = prepared(model, "cuda", "bf16")
        one, many = batch(count=1)[0].cpu(), batch()[0].cpu()
        ways: dict[str, Callable[[], object]] = {
            f"image in memory to labels, batch {len(images)}, {precision}": partial(
                predict_masks, model, images, (SIDE, SIDE), device=DEVICE, precision=precision
            )
            for images in (one, many)
            for precision in ("fp32", "bf16")
        }
        inputs = torch.randn(1, 3, SIDE, SIDE, device=DEVICE).contiguous(memory_format=torch.channels_last)
        ways["network, batch 1, autocast"] = partial(_network, model, inputs, True)
        ways["image in memory to labels, batch 1, prepared"] = partial(
            predict_masks, folded, one, (SIDE, SIDE), device=DEVICE, precision="bf16"
        )
        ways["network, batch 1, prepared"] = partial(_network, folded, inputs, True)
        ways["network, batch 1, bf16 weights"] = partial(_network, half, inputs.to(torch.bfloat16), False)
        if HAS_GPU:
            ways["network, batch 1, bf16 weights, graph"] = _graph(half, inputs.to(torch.bfloat16)).replay
            start = time.perf_counter()  # half a second until the clocks are up
            while time.perf_counter() - start < 0.5:
                ways["network, batch 1, autocast"]()
                synchronize()
        for way, spent in alternate(ways, rounds=5, repeats=10 if HAS_GPU else 1).items():
            images = BATCH if f"batch {BATCH}" in way else 1
            report.add(
                what=way, model=name, ms=spread(spent), images_per_second=round(1000 * images / spread(spent)[0], 1)
            )


@torch.inference_mode()
def _network(model: nn.Module, inputs: Tensor, autocast: bool) -> Any:
    with torch.autocast(DEVICE, torch.bfloat16, enabled=autocast):
        return model(inputs, size="native").logits


@torch.inference_mode()
def _graph(model: nn.Module, inputs: Tensor) -> Any:
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        for _ in range(3):
            model(inputs, size="native")
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        model(inputs, size="native")
    return graph


def main() -> None:
    report = Report("inference")
    measure_counts(report)
    measure_networks(report)


if __name__ == "__main__":
    main()
