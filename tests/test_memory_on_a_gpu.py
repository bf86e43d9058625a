"""On an NVIDIA GPU with little memory: parts of a batch, what is freed after a failure, and very large images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import nn

import segarena
from segarena.classes import IGNORE_INDEX
from segarena.errors import OutOfMemoryError
from segarena.models import SegmentationModel, build_model
from segarena.records.config import Config
from segarena.records.run import Costs
from segarena.training.accumulation import add_gradients
from segarena.training.evaluation import predict_masks
from segarena.training.losses import SegmentationLoss
from segarena.training.memory import fits, release_memory
from segarena.units import GIB, MIB
from support import real_encoders, refuses, write_pair

pytestmark = pytest.mark.gpu
CLASSES = 21


@contextmanager
def limited_to(gibibytes: float) -> Iterator[None]:
    """PyTorch may use this much of the GPU."""
    release_memory("cuda")
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, gibibytes * GIB / total))
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        release_memory("cuda")


def network(name: str) -> SegmentationModel:
    torch.manual_seed(0)
    with real_encoders():
        return build_model(name, CLASSES, encoder="resnet18", weights="none").cuda()


@pytest.mark.parametrize("limit", [5.5, 2.5])
def test_a_batch_that_does_not_fit_is_computed_in_parts(tmp_path: Path, limit: float) -> None:
    for number in range(20):
        write_pair(tmp_path / "data", f"image{number:02}", size=512, seed=number)
    options = {"encoder": "resnet50", "weights": "none", "epochs": 1, "size": 512, "batch_size": 16, "workers": 2}
    with real_encoders(), limited_to(limit):
        run = segarena.train(tmp_path / "data", model="unet", out=tmp_path / "run", device="cuda", **options).folder
        peak = Costs.read(run).peak_memory_mib
    protocol = Config.read(run).protocol
    assert protocol.batch_size == 16
    assert protocol.micro_batch in (0, 8, 4, 2)
    assert limit > 2.5 or 0 < protocol.micro_batch < 16  # 16 images of ResNet-50 alone need more
    assert peak is not None
    assert 500 < peak <= limit * 1024


def test_a_network_that_never_fits_is_refused_before_the_training(tmp_path: Path) -> None:
    for number in range(8):
        write_pair(tmp_path / "data", f"image{number:02}", size=512, seed=number)
    options = {"encoder": "resnet50", "weights": "none", "epochs": 1, "size": 512, "batch_size": 4, "workers": 0}
    with real_encoders(), limited_to(0.3), refuses(OutOfMemoryError, where="unet", value="2 images"):
        segarena.train(tmp_path / "data", model="unet", out=tmp_path / "run", device="cuda", **options)
    assert not (tmp_path / "run").exists()


def test_what_a_failed_step_had_computed_is_free_for_the_next() -> None:
    release_memory("cuda")
    before = torch.cuda.memory_allocated()

    def step(images: int) -> None:
        model = network("unet").train()
        pixels = torch.zeros(images, 3, 512, 512, dtype=torch.uint8)
        mask = torch.zeros(images, 512, 512, dtype=torch.uint8)
        loss = SegmentationLoss("ce+dice")
        add_gradients(model, loss, pixels, mask, parts=1, device="cuda", precision="fp32")

    with limited_to(2.0):
        assert not fits(lambda: step(64), "cuda")
        assert torch.cuda.memory_allocated() <= before + MIB
        assert torch.cuda.memory_reserved() <= before + 64 * MIB
        assert fits(lambda: step(2), "cuda")


def test_the_gradients_of_parts_add_up_on_a_gpu() -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (6, 3, 64, 64), dtype=torch.uint8, generator=generator)
    mask = torch.randint(0, CLASSES, (6, 64, 64), dtype=torch.uint8, generator=generator)
    mask[:2, :50] = IGNORE_INDEX
    found = []
    for parts in (1, 3):
        model = network("fcn").train()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()  # it would normalise each part by its own statistics
            if isinstance(module, nn.modules.dropout._DropoutNd):
                module.p = 0.0
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            add_gradients(model, SegmentationLoss("ce"), images, mask, parts=parts, device="cuda", precision="fp32")
        found.append(torch.cat([weight.grad.flatten() for weight in model.parameters() if weight.grad is not None]))
    assert float((found[0] - found[1]).norm() / found[0].norm()) < 1e-4


@pytest.mark.parametrize("name", ["fcn", "unet"])
def test_labels_of_a_very_large_image_need_little_memory(name: str) -> None:
    """6000 x 4000 pixels and 21 classes are 1.9 GiB of logits in float32."""
    model = network(name).eval()
    image = torch.randint(0, 256, (1, 3, 512, 768), dtype=torch.uint8)
    release_memory("cuda")
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    labels = predict_masks(model, image, (4000, 6000), device="cuda", precision="bf16")
    assert labels.shape == (1, 4000, 6000)
    assert (torch.cuda.max_memory_allocated() - before) / MIB < 1500
