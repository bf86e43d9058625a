"""Time of a training step with the loss from the grid of logits, beside the one from enlarged logits.

Both alternate on the same network and batch, on one thread, in processor time, so that other work on the machine has
less effect on the ratio; the result is the median of the ratios within a round, with its range.
"""

from __future__ import annotations

import json
import time
from statistics import median

import torch
from torch import Tensor

import segarena
from segarena.models import SegmentationModel
from segarena.training.losses import AUXILIARY_WEIGHT, SegmentationLoss, cross_entropy, dice_loss

#: Classes, images, side of the images in pixels, models.
SETS = [
    (8, 16, 96, ("fcn", "unet", "pspnet", "deeplabv3")),
    (12, 8, 256, ("fcn", "unet", "pspnet", "deeplabv3")),
    (150, 2, 256, ("fcn", "pspnet")),
]
ROUNDS = 5


def plain_loss(model: SegmentationModel, images: Tensor, mask: Tensor) -> Tensor:
    """Cross-entropy and Dice of logits at the size of the images."""
    with torch.autocast("cpu", torch.bfloat16):
        output = model(images)
    total = cross_entropy(output.logits, mask) + dice_loss(output.logits, mask)
    return total if output.auxiliary is None else total + AUXILIARY_WEIGHT * cross_entropy(output.auxiliary, mask)


def grid_loss(model: SegmentationModel, images: Tensor, mask: Tensor) -> Tensor:
    """The same of native logits, as in a training."""
    with torch.autocast("cpu", torch.bfloat16):
        output = model(images, size="native")
    return SegmentationLoss("ce+dice")(output.logits, output.auxiliary, mask)[0]


def main() -> None:
    torch.set_num_threads(1)
    for classes, count, side, names in SETS:
        images = torch.randn(count, 3, side, side).to(memory_format=torch.channels_last)
        mask = torch.randint(0, classes, (count, side, side), dtype=torch.uint8)
        for name in names:
            model = segarena.build_model(name, classes, encoder="resnet18").to(memory_format=torch.channels_last)
            ratios = []
            for turn in range(ROUNDS + 1):
                seconds = []
                for loss in (plain_loss, grid_loss):
                    start = time.process_time()
                    loss(model.train(), images, mask).backward()  # type: ignore[no-untyped-call]
                    seconds.append(time.process_time() - start)
                    model.zero_grad()
                if turn:  # the first one compiles
                    ratios.append(seconds[0] / seconds[1])
            row = {"model": name, "classes": classes, "batch": count, "side": side}
            print(json.dumps(row | {"plain / grid": [round(f(ratios), 2) for f in (median, min, max)]}), flush=True)


if __name__ == "__main__":
    main()
