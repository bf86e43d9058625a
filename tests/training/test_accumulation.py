"""Gradients of a batch that is computed part by part are those of the whole batch, as far as the loss allows it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import segarena
from segarena.classes import IGNORE_INDEX
from segarena.config.protocol import count_parts
from segarena.errors import ConfigError, Interrupted
from segarena.experiment import run as run_module
from segarena.records.config import Config
from segarena.training import accumulation
from segarena.training.accumulation import add_gradients, micro_batches, slow_statistics
from segarena.training.losses import SegmentationLoss
from support import QUICK, refuses

CLASSES = 4


class Network(nn.Module):
    """Logits and auxiliary logits at half the size, without BatchNorm."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.main = nn.Conv2d(3, CLASSES, 3, stride=2, padding=1)
        self.side = nn.Conv2d(3, CLASSES, 3, stride=2, padding=1)
        self.batches: list[int] = []

    def forward(self, image: Tensor, size: str) -> Any:
        self.batches.append(len(image))
        return SimpleNamespace(logits=self.main(image), auxiliary=self.side(image))


def make_batch(count: int) -> tuple[Tensor, Tensor]:
    """Images of which each has another share of void pixels; the last but one is void altogether."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (count, 3, 16, 12), generator=generator, dtype=torch.uint8)
    mask = torch.randint(0, CLASSES, (count, 16, 12), generator=generator, dtype=torch.uint8)
    for number in range(count):
        mask[number, : number * 14 // count] = IGNORE_INDEX
    mask[-2] = IGNORE_INDEX
    return images, mask


def gradients(loss: SegmentationLoss, count: int, parts: int) -> tuple[Tensor, list[Tensor], list[int]]:
    network = Network()
    total, auxiliary = add_gradients(
        network,  # type: ignore[arg-type]
        loss,
        *make_batch(count),
        parts=parts,
        device="cpu",
        precision="fp32",
    )
    assert auxiliary is not None
    found = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    return torch.stack([total, auxiliary]), found, network.batches


WEIGHTS = torch.tensor([1.0, 0.0, 3.0, 0.2])


@pytest.mark.parametrize(("count", "parts", "sizes"), [(8, 4, [2, 2, 2, 2]), (7, 3, [3, 2, 2]), (4, 2, [2, 2])])
@pytest.mark.parametrize(
    "loss",
    [
        SegmentationLoss("ce"),
        SegmentationLoss("ce", WEIGHTS),
        SegmentationLoss("ce", WEIGHTS, label_smoothing=0.1),
    ],
    ids=["plain", "class weights", "label smoothing"],
)
def test_the_parts_add_up_to_the_batch(loss: SegmentationLoss, count: int, parts: int, sizes: list[int]) -> None:
    whole, expected, _ = gradients(loss, count, 1)
    losses, found, batches = gradients(loss, count, parts)
    assert batches == sizes
    torch.testing.assert_close(losses, whole, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("loss", [SegmentationLoss("ce+dice"), SegmentationLoss("ce", hard_pixels=0.3)])
def test_other_losses_are_a_mean_over_the_parts(loss: SegmentationLoss) -> None:
    images, mask = make_batch(6)
    network, counted = Network(), (mask != IGNORE_INDEX).sum()
    expected = 0.0
    for part in (slice(0, 3), slice(3, 6)):
        output = network(accumulation.to_input(images[part], "cpu"), size="native")
        total, _ = loss(output.logits, output.auxiliary, mask[part])
        expected += float(total.detach() * (mask[part] != IGNORE_INDEX).sum() / counted)
    losses, _, _ = gradients(loss, 6, 2)
    assert float(losses[0]) == pytest.approx(expected, rel=1e-5)


def test_a_batch_of_void_pixels_has_no_gradient() -> None:
    images, mask = make_batch(4)
    network = Network()
    losses = add_gradients(
        network,  # type: ignore[arg-type]
        SegmentationLoss("ce+dice", WEIGHTS),
        images,
        torch.full_like(mask, IGNORE_INDEX),
        parts=2,
        device="cpu",
        precision="fp32",
    )
    assert [float(value) for value in losses if value is not None] == [0, 0]
    assert all(not parameter.grad.any() for parameter in network.parameters() if parameter.grad is not None)


@pytest.mark.parametrize(
    ("batch", "micro", "parts"), [(16, 0, 1), (16, 16, 1), (16, 32, 1), (16, 5, 4), (5, 2, 2), (3, 2, 1), (2, 2, 1)]
)
def test_no_part_has_one_image(batch: int, micro: int, parts: int) -> None:
    assert count_parts(batch, micro) == parts
    sizes = [len(part) for part in torch.zeros(batch).tensor_split(parts)]
    assert min(sizes) >= 2
    assert max(sizes) <= max(micro or batch, 3)


@pytest.mark.parametrize("batch", [2, 3, 6, 7, 16, 24])
def test_the_sizes_that_are_tried_are_the_sizes_of_parts(batch: int) -> None:
    for size in micro_batches(batch):
        parts = count_parts(batch, size)
        assert max(len(part) for part in torch.zeros(batch).tensor_split(parts)) == size


def test_running_statistics_move_as_far_as_with_the_whole_batch() -> None:
    whole, split = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
    slow_statistics(split, 4)
    images = torch.randn(2, 3, 8, 8).repeat(4, 1, 1, 1)  # each part has the statistics of the batch
    whole(images)
    for part in images.tensor_split(4):
        split(part)
    torch.testing.assert_close(split.running_mean, whole.running_mean)
    torch.testing.assert_close(split.running_var, whole.running_var, rtol=0.01, atol=0)  # n - 1 in place of n


def test_the_micro_batch_is_used_and_recorded(squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    convert = accumulation.to_input

    def count(images: Tensor, device: str, *rest: Any) -> Tensor:
        seen.append(len(images))
        return convert(images, device, *rest)

    monkeypatch.setattr(accumulation, "to_input", count)
    options = {**QUICK, "model": "fcn"}
    run = segarena.train(squares, out=tmp_path / "run", micro_batch=2, **options).folder
    assert seen == [2] * 8  # two epochs of two steps of four images
    config = Config.read(run)
    assert (config.protocol.batch_size, config.protocol.micro_batch) == (4, 2)
    assert "--micro-batch 2" in config.command
    seen.clear()
    whole = segarena.train(squares, out=tmp_path / "whole", micro_batch=4, **options).folder
    assert seen == [4] * 4
    assert Config.read(whole).protocol.micro_batch == 0  # it is the whole batch


@pytest.mark.long
def test_a_run_with_parts_is_resumed_exactly(squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {**QUICK, "model": "fcn", "micro_batch": 2}
    whole = segarena.train(squares, out=tmp_path / "whole", **options).folder

    def stop_after_one(training: Any, start: Any, should_stop: Any, reporter: Any, **_: Any) -> None:
        run_module.train_run(training, start, lambda: True, reporter)

    with monkeypatch.context() as patch:
        patch.setattr("segarena.experiment.training_task.train_run", stop_after_one)
        with pytest.raises(Interrupted):
            segarena.train(squares, out=tmp_path / "part", **options)
    segarena.train(resume=tmp_path / "part")
    for name in ("metrics.json", "best.safetensors"):
        assert (tmp_path / "part" / name).read_bytes() == (whole / name).read_bytes()


def test_a_micro_batch_of_one_image_is_refused(tmp_path: Path) -> None:
    with refuses(ConfigError, where="--micro-batch", value=1):
        segarena.train("data", model="fcn", micro_batch=1, out=tmp_path / "run")
