"""Where the time of a training step goes, ours and the tuned peer's: processor time of one thread, in ms.

    python benchmarks/cpu/parts.py [--model fcn] [--encoder resnet50] [--images 2] [--side 128]

Both are the networks, the weights and the works of `make bench`. Medians of five turns, after one.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import pairwise
from statistics import median
from typing import Any

import torch
from torch import nn
from twins import make_twins
from works import peer_loss

from segarena.training.costs import noise_images, noise_masks
from segarena.training.evaluation import to_input
from segarena.training.losses import SegmentationLoss
from segarena.training.optimization import build_optimizer

PARTS = ("forward", "loss", "backward", "clipping", "optimizer")


def step(
    forward: Callable[[], Any],
    loss: Callable[[Any], Any],
    parameters: list[nn.Parameter],
    optimizer: torch.optim.Optimizer,
    *,
    clips: bool,
) -> list[float]:
    """Take a step, and return the milliseconds of each part."""
    marks = [time.process_time()]
    with torch.autocast("cpu", torch.bfloat16):
        output = forward()
    marks.append(time.process_time())
    total = loss(output)
    marks.append(time.process_time())
    optimizer.zero_grad(set_to_none=True)
    total.backward()
    marks.append(time.process_time())
    if clips:
        nn.utils.clip_grad_norm_(parameters, 5.0)
    marks.append(time.process_time())
    optimizer.step()
    marks.append(time.process_time())
    return [1000 * (after - before) for before, after in pairwise(marks)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="fcn")
    parser.add_argument("--encoder", default="resnet50")
    parser.add_argument("--images", type=int, default=2)
    parser.add_argument("--side", type=int, default=128)
    options = parser.parse_args()
    torch.set_num_threads(1)
    twins = make_twins(options.model, options.encoder, 12, side=32)
    ours, peer = (model.train().to(memory_format=torch.channels_last) for model in (twins.ours, twins.peer))
    size = (options.side, options.side)
    pixels, masks = noise_images(ours, options.images, size), noise_masks(12, options.images, size)
    inputs, labels = to_input(pixels, "cpu"), masks.long()
    own_loss = SegmentationLoss("ce")
    own = build_optimizer(ours, "adamw", 1e-5, 1e-2)
    theirs = torch.optim.AdamW(peer.parameters(), lr=1e-5, fused=True)
    found: dict[str, list[list[float]]] = {"ours": [], "tuned": []}
    for _ in range(6):
        found["ours"].append(
            step(
                lambda: ours(to_input(pixels, "cpu"), size="native"),
                lambda output: own_loss(output.logits, output.auxiliary, masks)[0],
                list(ours.parameters()),
                own,
                clips=True,
            )
        )
        found["tuned"].append(
            step(lambda: peer(inputs), lambda output: peer_loss(output, labels), [], theirs, clips=False)
        )
    print(f"{options.model} on {options.encoder}, {options.images} x {options.side} x {options.side}, ms")
    print(" " * 6 + "".join(f"{part:>11}" for part in (*PARTS, "all")))
    for name, turns in found.items():
        parts = [median(values) for values in zip(*turns[1:], strict=True)]
        print(f"{name:6}" + "".join(f"{value:11.1f}" for value in (*parts, median(map(sum, turns[1:])))))


if __name__ == "__main__":
    main()
