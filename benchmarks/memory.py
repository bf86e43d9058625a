"""Peak memory of a training step with 12 and 150 classes, beside that of the plain forms and of a peer.

    python benchmarks/memory.py [--device cuda]

Each number is of a process of its own, on the second of two steps, with the optimizer's state. On a CPU it is the peak
of the resident memory (VmHWM) above that of the imported libraries, on a GPU what PyTorch allocated. The forms are

- segarena: the network, the loss and the precision of a training, from native logits;
- plain: the same network and precision, cross-entropy and Dice of logits at the size of the images;
- smp tuned, smp: the network of segmentation-models-pytorch that is closest, with its Dice loss and cross-entropy, in
  bf16 with channels last, and in float32 as documented.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

import segarena
from segarena.training.losses import AUXILIARY_WEIGHT, SegmentationLoss, cross_entropy, dice_loss
from segarena.training.memory import PeakMemory

MODELS, CLASSES, FORMS = ("fcn", "unet", "pspnet", "deeplabv3"), (12, 150), ("segarena", "plain", "smp tuned", "smp")
#: The networks of segmentation-models-pytorch. It has no FCN.
PEERS = {"unet": "Unet", "pspnet": "PSPNet", "deeplabv3": "DeepLabV3"}
IMAGES, SIDE, ENCODER = 2, 512, "resnet18"
Loss = Callable[[Any, Tensor], Tensor]


def native_loss(output: Any, mask: Tensor) -> Tensor:
    """The default loss of a training."""
    return SegmentationLoss("ce+dice")(output.logits, output.auxiliary, mask)[0]


def plain_loss(output: Any, mask: Tensor) -> Tensor:
    """The same of logits at the size of the images."""
    total = cross_entropy(output.logits, mask) + dice_loss(output.logits, mask)
    return total if output.auxiliary is None else total + AUXILIARY_WEIGHT * cross_entropy(output.auxiliary, mask)


def peer_loss(output: Any, mask: Tensor) -> Tensor:
    """Cross-entropy, and the peer's Dice loss."""
    from segmentation_models_pytorch.losses import DiceLoss

    labels = mask.long()
    return F.cross_entropy(output, labels) + DiceLoss("multiclass")(output, labels)


def build(name: str, classes: int, form: str) -> tuple[torch.nn.Module, Loss]:
    """The network and the loss of a form."""
    if form in ("segarena", "plain"):
        network = segarena.build_model(name, classes, encoder=ENCODER, weights="none")
        return network, native_loss if form == "segarena" else plain_loss
    import segmentation_models_pytorch as smp

    return getattr(smp, PEERS[name])(ENCODER, encoder_weights=None, classes=classes), peer_loss


def measure(name: str, classes: int, form: str, device: str) -> float | None:
    """The peak memory of a step in MiB, in this process; None where the system does not report it."""
    images = torch.rand(IMAGES, 3, SIDE, SIDE, device=device)
    mask = torch.randint(0, classes, (IMAGES, SIDE, SIDE), dtype=torch.uint8, device=device)
    is_tuned = form != "smp"
    for count in (1, 2):  # the first time kernels are compiled and libraries loaded
        memory = PeakMemory(device)
        network, loss = build(name, classes, form)
        network = network.to(device).train()
        if is_tuned:
            network, images = (part.to(memory_format=torch.channels_last) for part in (network, images))
        optimizer = torch.optim.AdamW(network.parameters(), fused=is_tuned)
        for _ in range(count):
            optimizer.zero_grad()
            with torch.autocast(device, torch.bfloat16) if is_tuned else nullcontext():
                output = network(images, size="native") if form == "segarena" else network(images)
            loss(output, mask).backward()  # type: ignore[no-untyped-call]
            del output
            optimizer.step()
        found = memory.read()
        del network, optimizer
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--one", nargs=3, metavar=("MODEL", "CLASSES", "FORM"))
    options = parser.parse_args()
    if options.one is not None:
        name, classes, form = options.one
        print(json.dumps(measure(name, int(classes), form, options.device)))
        return
    print(f"{IMAGES} images of {SIDE} × {SIDE}, {ENCODER}, on {options.device}, MiB above the imported libraries")
    print(f"{'model':10} {'classes':>7}" + "".join(f"{form:>12}" for form in FORMS))
    for classes in CLASSES:
        for name in MODELS:
            row: list[str] = []
            for form in FORMS:
                if form.startswith("smp") and name not in PEERS:
                    row.append("")
                    continue
                command = [sys.executable, __file__, "--device", options.device, "--one", name, str(classes), form]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                peak = json.loads(done.stdout)
                row.append("unknown" if peak is None else f"{peak:,.0f}")
            print(f"{name:10} {classes:7}" + "".join(f"{text:>12}" for text in row), flush=True)


if __name__ == "__main__":
    main()
