"""mIoU lost by resizing a coarse map to an image of any size: `python benchmarks/odd_sizes.py runs/demo`.

The trained models of a comparison on the built-in scenes label the test images, whole and cropped, in two ways:
*resized*, as `network(image)` and torchvision's networks do, and *aligned*, as `segarena evaluate` does: the image is
padded and the logits are cropped. All are scored on the pixels of the smallest crop, so that only the image's size
differs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from segarena.files import read_json
from segarena.loading.decoded import DecodedImages
from segarena.models import SegmentationModel
from segarena.scenes.synthetic import SyntheticSource
from segarena.scoring.counts import confusion_per_image, predict_labels
from segarena.scoring.scores import score
from segarena.training.evaluation import predict_masks, to_input
from segarena.training.predictor import load

SIDES = (128, 124, 120, 116, 113)


@torch.inference_mode()
def resized(model: SegmentationModel, image: Tensor) -> Tensor:
    """Label uint8 (1, 3, h, w): (1, h, w), the logits resized to the image."""
    return predict_labels(model(to_input(image, "cpu")).logits)


def aligned(model: SegmentationModel, image: Tensor) -> Tensor:
    """Label uint8 (1, 3, h, w): (1, h, w), each cell of the logits where it was computed."""
    return predict_masks(model, image, (image.shape[2], image.shape[3]), device="cpu", precision="fp32")


def main(folder: Path) -> None:
    source = SyntheticSource()
    indices = [index for index, sample in enumerate(source.samples) if sample.split == "test"]
    images = DecodedImages(source, indices, limit_bytes=1 << 30)
    least = min(SIDES)
    ways: dict[str, Callable[[SegmentationModel, Tensor], Tensor]] = {"resized": resized, "aligned": aligned}
    print("model | way | " + " | ".join(f"{side} px" for side in SIDES))
    for entry in read_json(folder / "comparison.json")["ranking"]:
        predictor = load(folder / f"{entry['model']}-seed0", device="cpu")
        for name, way in ways.items():
            found = []
            for side in SIDES:
                counts = []
                for index in indices:
                    image, mask = images[index]
                    labels = way(predictor.model, image[None, :, :side, :side])[:, :least, :least]
                    counts.append(confusion_per_image(labels, mask[None, :least, :least], len(source.classes.names)))
                found.append(100 * score(torch.cat(counts).numpy()).miou)
            print(f"{entry['model']} | {name} | " + " | ".join(f"{value:.1f}" for value in found), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
