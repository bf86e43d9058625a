"""An image in tiles has the labels of the whole image; memory does not grow with its length, nor with the classes."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from segarena.loading.dataset import EvaluationItem
from segarena.training.counting import evaluate
from segarena.training.evaluation import predict_masks, predict_probabilities


class Output(NamedTuple):
    logits: Tensor
    auxiliary: None = None


class Network(nn.Module):
    """Logits at stride 8 that depend on pixels up to 24 away."""

    size_multiple = 16

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 8, stride=8), nn.ReLU(), nn.Conv2d(8, classes, 3, padding=1))
        self.pixels: list[int] = []

    def forward(self, image: Tensor, size: str) -> Any:
        self.pixels.append(image.shape[0] * image.shape[2] * image.shape[3])
        return Output(self.layers(image))


class AtFullSize(Network):
    """The same, enlarged to the size of the image: images of any size are taken, and pooled 32 times within."""

    size_multiple = 1

    def forward(self, image: Tensor, size: str) -> Any:
        self.pixels.append(image.shape[0] * image.shape[2] * image.shape[3])
        height, width = image.shape[-2:]
        padded = functional.pad(image, (0, -width % 32, 0, -height % 32))
        pooled = functional.interpolate(functional.avg_pool2d(padded, 32), scale_factor=32.0)
        return Output(functional.interpolate(self.layers(pooled), scale_factor=8.0)[..., :height, :width])


def labels_of(network: Network, image: Tensor, size: tuple[int, int], most_pixels: int | None) -> Tensor:
    model: Any = network
    return predict_masks(model, image, size, device="cpu", precision="fp32", most_pixels=most_pixels)


@pytest.mark.parametrize("is_tall", [False, True])
@pytest.mark.parametrize(
    ("size", "labels"),
    [((64, 1024), (64, 1024)), ((64, 1000), (130, 2031)), ((50, 999), (200, 3996)), ((61, 700), (30, 345))],
)
def test_tiles_have_the_labels_of_the_whole_image(
    size: tuple[int, int], labels: tuple[int, int], is_tall: bool
) -> None:
    if is_tall:
        size, labels = (size[1], size[0]), (labels[1], labels[0])
    image = torch.randint(0, 256, (2, 3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    network = Network()
    whole = labels_of(network, image, labels, None)
    network.pixels.clear()
    tiled = labels_of(network, image, labels, 64 * 300)
    assert len(network.pixels) >= 2 * 3
    assert max(network.pixels) <= 64 * 336  # padded to a multiple of 16
    assert tiled.shape == whole.shape
    assert (tiled == whole).float().mean() > 0.9999  # two logits may differ by rounding only


def test_tiles_begin_where_the_pooling_within_a_network_does() -> None:
    image = torch.randint(0, 256, (1, 3, 61, 700), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    network = AtFullSize()
    whole, tiled = (labels_of(network, image, (61, 700), most) for most in (None, 61 * 300))
    assert len(network.pixels) >= 1 + 3
    assert len(whole.unique()) > 1
    assert (tiled == whole).float().mean() > 0.9999


@pytest.mark.parametrize("most_pixels", [None, 64 * 300])
@pytest.mark.parametrize("size", [(61, 1000), (130, 2031), (20, 345)])
def test_the_most_probable_class_is_the_label(size: tuple[int, int], most_pixels: int | None) -> None:
    """Whole and in tiles, enlarged and reduced."""
    image = torch.randint(0, 256, (1, 3, 61, 1000), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    network: Any = Network()
    labels = labels_of(network, image, size, most_pixels)
    found = predict_probabilities(network, image, size, device="cpu", precision="fp32", most_pixels=most_pixels)
    assert found.shape == (1, 5, *size)
    assert found.dtype == torch.float32
    assert (found.sum(dim=1) - 1).abs().max() < 1e-5
    chosen = found.gather(1, labels[:, None].long())
    assert (found.amax(dim=1, keepdim=True) - chosen).max() < 1e-5
    assert (found.argmax(dim=1) == labels).float().mean() > 0.9999


def test_a_small_image_is_not_split() -> None:
    network = Network()
    labels_of(network, torch.zeros(1, 3, 64, 96, dtype=torch.uint8), (64, 96), 64 * 96)
    assert network.pixels == [64 * 96]


def test_batches_of_an_evaluation_are_limited_by_pixels() -> None:
    network = Network()
    items = [
        EvaluationItem(torch.zeros(3, 64, width, dtype=torch.uint8), torch.zeros(64, width, dtype=torch.uint8), 0)
        for width in (64, 64, 64, 64, 64, 96, 400)
    ]
    model: Any = network
    counts = evaluate(model, [items], 5, device="cpu", precision="fp32", most_pixels=64 * 64 * 3)
    assert len(counts) == len(items)
    assert [int(count.sum()) for count in counts] == [64 * item.mask.shape[1] for item in items]
    assert network.pixels[:3] == [3 * 64 * 64, 2 * 64 * 64, 64 * 96]
    assert len(network.pixels) > 4  # the last one in tiles


MEASURE = """
import torch
from segarena.models import build_model
from segarena.training.evaluation import predict_masks
from segarena.training.memory import PeakMemory
network = build_model("unet", {classes}, encoder="resnet18", weights="none").eval()
def label(shape, size):
    image = torch.randint(0, 256, (1, 3, *shape), dtype=torch.uint8)
    memory = PeakMemory("cpu")
    labels = predict_masks(network, image, size, device="cpu", precision="fp32", most_pixels=4 * 4 * 128 * 128)
    assert labels.shape == (1, *size)
    return memory.read()
label((128, 4096), (256, 8192))  # compiles, loads libraries
print(*[label(*sizes) for sizes in {sizes}])
"""


def peaks(classes: int, *sizes: tuple[tuple[int, int], tuple[int, int]]) -> list[float]:
    """Peak memory of labelling images, in MiB, in a process of its own."""
    code = MEASURE.format(classes=classes, sizes=repr(list(sizes)))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    if "None" in done.stdout:
        pytest.skip("this system does not report the peak of the resident memory")
    return [float(word) for word in done.stdout.split()]


@pytest.mark.long
def test_the_memory_of_a_large_image_is_that_of_its_labels() -> None:
    """6000 x 4000 pixels and 21 classes are 1.9 GiB of logits in float32, its labels 23 MiB."""
    half, whole = peaks(21, ((128, 192), (2000, 6000)), ((128, 192), (4000, 6000)))
    assert whole < 150
    assert whole - half < 60


@pytest.mark.slow
def test_the_memory_does_not_grow_with_the_length_of_the_image() -> None:
    short, long = peaks(21, ((128, 4096), (256, 8192)), ((128, 16384), (256, 32768)))
    assert long < 600
    assert long - short < 150  # four times the pixels
