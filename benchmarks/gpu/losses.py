"""Time and memory of the loss and its gradient from native logits, in several forms."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from session import DEVICE, HAS_GPU, Report, alternate, batch, peak_mib, spread
from torch import Tensor
from torch.nn import functional as F

from segarena.training.losses import SegmentationLoss, cross_entropy, dice_loss

Loss = Callable[[Tensor, Tensor], Tensor]


def as_peers(logits: Tensor, mask: Tensor) -> Tensor:
    """Cross-entropy of enlarged logits as in torchvision's reference script."""
    return F.cross_entropy(_enlarged(logits, mask), mask.long(), ignore_index=255)


def plain(logits: Tensor, mask: Tensor) -> Tensor:
    """Cross-entropy and Dice of enlarged logits."""
    enlarged = _enlarged(logits, mask)
    return cross_entropy(enlarged, mask) + dice_loss(enlarged, mask)


def _enlarged(logits: Tensor, mask: Tensor) -> Tensor:
    return F.interpolate(logits.float(), mask.shape[1:], mode="bilinear", align_corners=False)


def ours(kind: str, logits: Tensor, mask: Tensor) -> Tensor:
    """The loss of a training."""
    return SegmentationLoss(kind)(logits, None, mask)[0]  # type: ignore[arg-type]


FORMS: dict[str, Loss] = {
    "ours, cross-entropy": partial(ours, "ce"),
    "ours, cross-entropy + Dice": partial(ours, "ce+dice"),
    "plain, cross-entropy (peers)": as_peers,
    "plain, cross-entropy + Dice": plain,
}


def main() -> None:
    report = Report("losses")
    for classes, count, stride in ((12, 16, 8), (21, 16, 8), (21, 16, 1), (21, 16, 16), (150, 16, 8)):
        images, masks = batch(count=count if HAS_GPU else 1, classes=classes)
        side = masks.shape[1] // stride
        logits = torch.randn(len(images), classes, side, side, device=DEVICE)
        logits = logits.contiguous(memory_format=torch.channels_last).requires_grad_()

        def both(loss: Loss, logits: Tensor = logits, masks: Tensor = masks) -> Tensor:
            total = loss(logits, masks)
            (gradient,) = torch.autograd.grad(total, logits)
            return gradient

        ways = {name: partial(both, loss) for name, loss in FORMS.items()}
        error = None
        try:
            reference, found = (ways[f"{kind}, cross-entropy + Dice"]() for kind in ("plain", "ours"))
            error = float((found - reference).norm() / reference.norm())
            del reference, found
        except RuntimeError as failure:
            print(failure)
        for name, spent in alternate(ways).items():
            report.add(
                case=f"{len(images)} x {classes} classes, stride {stride}",
                form=name,
                ms=spread(spent),
                peak_mib=peak_mib(ways[name]),
                gradient_error=error,
            )


if __name__ == "__main__":
    main()
