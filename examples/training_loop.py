"""A training loop of your own around `segarena.build_model`: your optimizer, your loss, exact scores.

    python examples/training_loop.py my_data --model unet --epochs 20

segarena reads and splits the folder and counts the scores; everything between is plain PyTorch. For the loop with
augmentation, early stopping, resuming and mixed precision use `segarena.train`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

import segarena
from segarena.classes import IGNORE_INDEX
from segarena.data.folder import FolderSource
from segarena.data.splitting.splits import split_samples
from segarena.loading.transforms import normalize
from segarena.models import SegmentationModel
from segarena.scoring.counts import confusion_per_image, predict_labels
from segarena.scoring.scores import Scores, score


class Crops(Dataset[tuple[Tensor, Tensor]]):
    """Random square crops of some of a source's images, flipped at random: uint8 (3, size, size) and (size, size)."""

    def __init__(self, source: FolderSource, indices: tuple[int, ...], size: int) -> None:
        self.source, self.indices = source, indices
        void = {tv_tensors.Image: 0, tv_tensors.Mask: IGNORE_INDEX}  # what is padded is in no loss
        crop = v2.RandomCrop(size, pad_if_needed=True, fill=void)
        self.transform = v2.Compose([crop, v2.RandomHorizontalFlip()])

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, position: int) -> tuple[Tensor, Tensor]:
        pixels, labels = self.source.read(self.indices[position])
        image = tv_tensors.Image(torch.from_numpy(pixels).permute(2, 0, 1))
        image, mask = self.transform(image, tv_tensors.Mask(torch.from_numpy(labels)))
        return image.as_subclass(Tensor), mask.as_subclass(Tensor)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train one network with a loop of your own.")
    parser.add_argument("data", type=Path, help="folder of images and masks")
    parser.add_argument("--model", default="unet", choices=["fcn", "unet", "pspnet", "deeplabv3"])
    parser.add_argument("--weights", default="none", help="imagenet, none, or a file")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--size", type=int, default=128, help="side of a training crop")
    parser.add_argument("--batch-size", type=int, default=4)
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"

    source = FolderSource(options.data)
    splits = split_samples(source.samples, where=options.data)
    crops = Crops(source, splits.train, options.size)
    batches = DataLoader(crops, batch_size=options.batch_size, shuffle=True, drop_last=True)

    torch.manual_seed(0)
    network = segarena.build_model(options.model, source.classes.num_classes, weights=options.weights).to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    steps = max(1, options.epochs * len(batches))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)

    for epoch in range(1, options.epochs + 1):
        network.train()
        for images, masks in batches:
            output = network(normalize(images.to(device)))
            truth = masks.to(device).long()
            loss = F.cross_entropy(output.logits, truth, ignore_index=IGNORE_INDEX)
            if output.auxiliary is not None:  # PSPNet and DeepLabv3 may have an auxiliary head
                loss = loss + 0.4 * F.cross_entropy(output.auxiliary, truth, ignore_index=IGNORE_INDEX)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch}: loss {loss.item():.3f}, val mIoU {validate(network, source, splits.val).miou:.1%}")


@torch.no_grad()
def validate(network: SegmentationModel, source: FolderSource, indices: tuple[int, ...]) -> Scores:
    """Score whole images at their own size, from the pixels of all of them together."""
    network.eval()
    device = next(network.parameters()).device
    counts = []
    for index in indices:
        pixels, labels = source.read(index)
        image = normalize(torch.from_numpy(pixels).permute(2, 0, 1)[None].to(device))
        prediction = predict_labels(network(image).logits).cpu()
        counts.append(confusion_per_image(prediction, torch.from_numpy(labels)[None], source.classes.num_classes))
    return score(np.concatenate([count.numpy() for count in counts]))


if __name__ == "__main__":
    main()
