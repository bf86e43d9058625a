"""A whole comparison of four models beside the same four trainings written by hand: `make bench-compare`.

    python benchmarks/cpu/whole.py [--data CAMVID] [--size 128] [--epochs 4] [--rounds 3] [--json FILE]

Ours is `segarena compare`, with everything that it does: checks, trials, validation, test, latency, figures, page. By
hand is a loop as in torchvision's reference scripts (references/segmentation: random resize, crop and flip, evaluation
image by image, a checkpoint of each epoch), with the optimizer of segmentation-models-pytorch's example (Adam at 2e-4,
cosine), for the peers' networks: as documented in float32, and tuned in bf16 with channels last. Both read the same
folder, see as many images, start from random weights, and are scored on the same test images at their own size.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory
from typing import Any

import torch
import torch.nn.functional as F
from run import CAMVID, HERE
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.io import decode_image
from torchvision.transforms import v2
from turns import DOCUMENTED, OURS, TUNED
from twins import make_twins
from works import MEAN, STD, peer_loss

from segarena.config import CheckOptions
from segarena.data.folder import FolderSource
from segarena.experiment.inputs import make_splits
from segarena.files import write_json
from segarena.training.machine import describe_environment

MODELS = ("fcn", "unet", "pspnet", "deeplabv3")
BATCH = 8
Pairs = list[tuple[Path, Path]]


class Images(Dataset[tuple[Tensor, Tensor]]):
    """Images and masks from files, each time they are needed."""

    def __init__(self, pairs: Pairs, size: int, *, augmented: bool) -> None:
        self.pairs, self.size, self.augmented = pairs, size, augmented

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image, mask = (decode_image(str(path)) for path in self.pairs[index])
        both = tv_tensors.Image(image), tv_tensors.Mask(mask[0].long())
        normalize = v2.Compose(
            [v2.ToDtype({tv_tensors.Image: torch.float32, "others": None}, scale=True), v2.Normalize(MEAN, STD)]
        )
        if self.augmented:
            padding = {tv_tensors.Image: 0, tv_tensors.Mask: 255}
            crop = (self.size, self.size * 4 // 3 // 32 * 32)
            change = v2.Compose(
                [
                    v2.RandomResize(self.size // 2, 2 * self.size, antialias=True),
                    v2.RandomHorizontalFlip(),
                    v2.RandomCrop(crop, pad_if_needed=True, fill=padding),
                ]
            )
            pixels, labels = normalize(*change(*both))
        else:
            pixels, labels = normalize(v2.functional.resize(both[0], self.size, antialias=True)), both[1]
        return pixels.as_subclass(Tensor), labels.as_subclass(Tensor)


def score(model: nn.Module, pairs: Pairs, classes: int, size: int, tuned: bool) -> float:
    """Mean IoU over the classes that occur, at the size of the masks."""
    matrix = torch.zeros(classes, classes, dtype=torch.int64)
    model.eval()
    with torch.inference_mode():
        for image, target in DataLoader(Images(pairs, size, augmented=False), batch_size=1, num_workers=1):
            height, width = image.shape[-2:]
            inputs = F.pad(image, (0, -width % 32, 0, -height % 32))
            if tuned:
                inputs = inputs.contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16, enabled=tuned):
                output = model(inputs)
            logits = (output if isinstance(output, Tensor) else output["out"])[..., :height, :width].float()
            found = F.interpolate(logits, target.shape[1:], mode="bilinear", align_corners=False).argmax(1)
            counted = target < classes
            pairs_ = classes * target[counted] + found[counted]
            matrix += torch.bincount(pairs_, minlength=classes**2).reshape(classes, classes)
    right = matrix.diag().double()
    union = matrix.sum(0) + matrix.sum(1) - matrix.diag()
    return float((right / union)[matrix.sum(1) > 0].mean())


def by_hand(data: Path, size: int, epochs: int, tuned: bool) -> dict[str, float]:
    """Train and test the four, and return their test mIoU."""
    source = FolderSource(data)
    splits = make_splits(source, CheckOptions(data=data))
    train, val, test = (
        [(source.samples[i].image, source.samples[i].mask) for i in part]
        for part in (splits.train, splits.val, splits.test)
    )
    classes, found = source.classes.num_classes, {}
    for name in MODELS:
        torch.manual_seed(0)
        model = make_twins(name, "resnet18", classes, stride=16, side=32).peer
        layout = torch.channels_last if tuned else torch.contiguous_format
        model = model.to(memory_format=layout)
        loader = DataLoader(Images(train, size, augmented=True), BATCH, shuffle=True, num_workers=2, drop_last=True)
        optimizer = torch.optim.Adam(model.parameters(), lr=2e-4)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * len(loader), eta_min=1e-5)
        with TemporaryDirectory() as folder:
            for epoch in range(epochs):
                model.train()
                for image, target in loader:
                    with torch.autocast("cpu", torch.bfloat16, enabled=tuned):
                        loss = peer_loss(
                            model(image.contiguous(memory_format=layout)), target.where(target < classes, 255)
                        )
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    schedule.step()
                score(model, val, classes, size, tuned)
                torch.save(
                    {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch},
                    Path(folder) / f"model_{epoch}.pth",
                )
        found[name] = score(model, test, classes, size, tuned)
    return found


def ours(data: Path, size: int, epochs: int) -> dict[str, float]:
    """Compare the four with segarena, and return their test mIoU."""
    with TemporaryDirectory() as folder:
        out = Path(folder) / "compared"
        command = [
            sys.executable,
            "-m",
            "segarena",
            "compare",
            data,
            "--models",
            *MODELS,
            "--size",
            size,
            "--epochs",
            epochs,
            "--patience",
            epochs,
            "--batch-size",
            BATCH,
            "--encoder",
            "resnet18",
            "--weights",
            "none",
            "--output-stride",
            16,
            "--out",
            out,
            "--quiet",
        ]
        subprocess.run([str(word) for word in command], check=True, capture_output=True)
        with (out / "models.csv").open(newline="") as file:
            return {row["model"]: float(row["miou"]) for row in csv.DictReader(file)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=CAMVID)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, default=HERE.parent / "results" / "cpu_compare.json")
    parser.add_argument("--way", choices=(OURS, DOCUMENTED, TUNED), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way is not None:
        found = (
            ours(options.data, options.size, options.epochs)
            if options.way == OURS
            else by_hand(options.data, options.size, options.epochs, options.way == TUNED)
        )
        print(json.dumps(found))
        return
    seconds: dict[str, list[float]] = {way: [] for way in (OURS, DOCUMENTED, TUNED)}
    scores: dict[str, dict[str, float]] = {}
    for turn in range(options.rounds):
        for way, spent in seconds.items():
            start = time.perf_counter()
            command = [sys.executable, __file__, "--way", way, "--data", str(options.data)]
            command += ["--size", str(options.size), "--epochs", str(options.epochs)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            spent.append(time.perf_counter() - start)
            scores[way] = json.loads(done.stdout.splitlines()[-1])
            means = f"mean test mIoU {100 * mean(scores[way].values()):.1f}%"
            print(f"turn {turn + 1}, {way}: {spent[-1]:.0f} s, {means}", flush=True)
    content: dict[str, Any] = {
        "environment": asdict(describe_environment("cpu")),
        "case": f"{options.data.name}, {options.epochs} epochs, size {options.size}, batch {BATCH}, resnet18",
        "seconds": {way: round(median(values), 1) for way, values in seconds.items()},
        "turns": options.rounds,
        "miou": {way: {name: round(value, 4) for name, value in found.items()} for way, found in scores.items()},
    }
    for way in (DOCUMENTED, TUNED):
        ratios = [a / b for a, b in zip(seconds[way], seconds[OURS], strict=True)]
        content[way] = [round(f(ratios), 3) for f in (median, min, max)]
    write_json(options.json, content)
    print(json.dumps(content, indent=1))


if __name__ == "__main__":
    main()
