"""The crops of a GPU on the CPU, in Triton's interpreter: `python interpreted_crops.py` prints a JSON object."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
import torch

from segarena.classes import IGNORE_INDEX
from segarena.kernels import crop_batch as module
from segarena.loading.crop_tables import PlannedCrop, pack_tables, send_tables
from segarena.loading.transforms import Augmentation

#: (height, width) of each image, working size, crop.
CASES: dict[str, tuple[list[tuple[int, int]], int, tuple[int, int]]] = {
    "reduced": ([(60, 75), (48, 90)], 12, (9, 11)),
    "enlarged": ([(7, 9), (12, 5), (6, 6)], 24, (20, 17)),
    "padded": ([(9, 11), (3, 30)], 8, (24, 30)),
    "as they are": ([(16, 16)], 16, (16, 16)),
    "wider than a block": ([(10, 300)], 10, (8, 290)),
}


def arguments(name: str, device: str = "cpu") -> tuple[Any, ...]:
    """The arguments of `crop_batch`: images of noise, some rows of which are grey."""
    shapes, size, crop = CASES[name]
    random = np.random.default_rng(0)
    augmentation = Augmentation(size, crop, 1, jitter=1.0 if name == "as they are" else 2.0)
    images, masks, crops, start = [], [], [], 0
    for index, (height, width) in enumerate(shapes):
        image = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        image[::3] = image[::3, :, :1]
        images.append(torch.from_numpy(image).view(-1, 3))
        masks.append(torch.from_numpy(random.choice([0, 1, 2, 255], height * width).astype(np.uint8)))
        crops.append(PlannedCrop(start, width, augmentation.plan(height, width, None, epoch=1, index=index)))
        start += height * width
    tables = send_tables(pack_tables(crops, crop), device)
    cuts = [(one.plan.rows.source, one.plan.columns.source) for one in crops]
    fill = torch.tensor(augmentation.scale_crop.fill, dtype=torch.uint8, device=device)
    return torch.cat(images).to(device), torch.cat(masks).to(device), tables, cuts, fill, IGNORE_INDEX


def differences(name: str, device: str = "cpu") -> list[int]:
    """Levels and labels of the kernels that are not those of the reference."""
    found = module.crop_batch(*arguments(name, device))
    expected = module.plain_crop_batch(*arguments(name))
    assert found[0].is_contiguous(memory_format=torch.channels_last)
    return [int((one.cpu() != other).sum()) for one, other in zip(found, expected, strict=True)]


def main() -> None:
    module.can_launch = lambda tensor: True  # type: ignore[assignment]  # as on a GPU
    print(json.dumps({name: differences(name) for name in CASES}))


if __name__ == "__main__":
    assert os.environ["TRITON_INTERPRET"] == "1", "set it before Triton is imported"
    main()
