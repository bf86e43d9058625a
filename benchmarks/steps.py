"""Time of a training step, beside segmentation-models-pytorch: `make bench`.

The implementations alternate, so that other work of the machine affects all of them; the result is the median of the
ratios within a round, with its range. There are three: the peer as its documentation shows it (float32), the peer as
its users could tune it (bf16, channels-last), and ours as it trains. Architectures of one name are not the same
network (see docs/models.md), so parameters and GFLOPs are printed with the times.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from dataclasses import asdict
from statistics import median

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn

import segarena
from segarena.training.costs import count_flops, count_parameters
from segarena.training.evaluation import autocast
from segarena.training.losses import SegmentationLoss, cross_entropy
from segarena.training.machine import computes_bf16, describe_environment
from segarena.training.optimization import build_optimizer

PEERS = {"unet": smp.Unet, "pspnet": smp.PSPNet, "deeplabv3": smp.DeepLabV3}
CLASSES = 12


class Contestant:
    """A model, its optimizer and how it is trained."""

    def __init__(self, model: nn.Module, precision: str, *, channels_last: bool, device: str) -> None:
        self.memory = torch.channels_last if channels_last else torch.contiguous_format
        self.model = model.to(device).to(memory_format=self.memory).train()
        self.precision, self.device = precision, device
        self.optimizer = build_optimizer(self.model, "adamw", 1e-3, 1e-2)
        self.loss = SegmentationLoss("ce")

    def step(self, image: Tensor, mask: Tensor) -> float:
        """Time one training step, in seconds."""
        start = time.perf_counter()
        with autocast(self.device, self.precision):
            output = self.model(image.contiguous(memory_format=self.memory))
        if isinstance(output, Tensor):  # the peers return logits alone
            total = cross_entropy(output, mask)
        else:
            total, _ = self.loss(output.logits, output.auxiliary, mask)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        self.optimizer.step()
        if self.device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start


def build_peer(name: str) -> nn.Module:
    """Build the peer's architecture of this name on an untrained ResNet-18."""
    peer: nn.Module = PEERS[name]("resnet18", encoder_weights=None, classes=CLASSES)
    return peer


def main() -> None:
    """Measure and print one JSON object per architecture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    fast = "bf16" if computes_bf16(device) else "fp32"
    print(json.dumps({"machine": platform.machine(), **asdict(describe_environment())}))
    generator = torch.Generator().manual_seed(0)
    shape = (arguments.batch_size, arguments.size, arguments.size)
    image = torch.randn(shape[0], 3, *shape[1:], generator=generator).to(device)
    mask = torch.randint(0, CLASSES, shape, generator=generator).to(device)
    for name in PEERS:
        ours = segarena.build_model(name, CLASSES, encoder="resnet18")
        networks = {"ours": ours, "peer": build_peer(name)}
        contestants = {
            "peer": Contestant(build_peer(name), "fp32", channels_last=False, device=device),
            "peer tuned": Contestant(build_peer(name), fast, channels_last=True, device=device),
            "ours": Contestant(ours, fast, channels_last=True, device=device),
        }
        seconds: dict[str, list[float]] = {key: [] for key in contestants}
        for _ in range(arguments.rounds + 1):
            for key, contestant in contestants.items():
                seconds[key].append(contestant.step(image, mask))
        rounds = [{key: values[i] for key, values in seconds.items()} for i in range(1, arguments.rounds + 1)]
        ratios = {key: [one[key] / one["ours"] for one in rounds] for key in ("peer", "peer tuned")}
        print(
            json.dumps(
                {
                    "model": name,
                    "ours_ms": round(1000 * median(seconds["ours"][1:])),
                    **{
                        f"{key} / ours": f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"
                        for key, values in ratios.items()
                    },
                    "params": {key: count_parameters(model) for key, model in networks.items()},
                    "gflops": {key: round(count_flops(model, shape[1:]) / 1e9, 1) for key, model in networks.items()},
                    "settings": f"resnet18, batch {shape[0]}, {shape[1]}x{shape[2]}, {fast}",
                }
            )
        )


if __name__ == "__main__":
    main()
