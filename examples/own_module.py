"""A network of another library beside segarena's: here U-Net++ of segmentation-models-pytorch, which is not installed
with segarena (`pip install segmentation-models-pytorch`).

    python examples/own_module.py my_data new_image.jpg --out runs/own

docs/own_models.md has what the function is called with, and what the module may return.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import segmentation_models_pytorch as smp
from PIL import Image
from torch import nn

import segarena


def build(num_classes: int, *, encoder: str, weights: str | None) -> nn.Module:
    """Return a new module. Its submodule `encoder` has the learning rate itself, the rest a multiple of it."""
    return smp.UnetPlusPlus(encoder, encoder_weights=weights, classes=num_classes)


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare U-Net with U-Net++ of segmentation-models-pytorch.")
    parser.add_argument("data", type=Path, help="folder of images and masks")
    parser.add_argument("new_image", type=Path, help="an image to label")
    parser.add_argument("--out", type=Path, default=Path("runs/own"), help="folder of the comparison")
    parser.add_argument("--encoder", default="resnet18", help="of both networks")
    parser.add_argument("--weights", choices=["imagenet", "none"], default="imagenet", help="of both encoders")
    parser.add_argument("--epochs", type=int, help="default: chosen for the data and the machine")
    parser.add_argument("--size", type=int, help="length of the images' shorter side while training")
    options = parser.parse_args()

    pretrained = None if options.weights == "none" else options.weights
    own = partial(build, encoder=options.encoder, weights=pretrained)
    result = segarena.compare(
        options.data,
        models=["unet", ("unet++", own)],
        encoder=options.encoder,
        weights=options.weights,
        epochs=options.epochs,
        size=options.size,
        out=options.out,
    )
    print(f"\n{result.verdict}")
    print(result.ranking[["model", "miou", "params", "latency_ms"]])

    # The run has the weights, not the code: the function is given again.
    mask = result.predictor("unet++", build=own).predict(options.new_image)
    Image.fromarray(mask).save(options.out / "new_mask.png")


if __name__ == "__main__":
    main()
