"""A trained network as a program of `torch.export`: the same function as the ONNX graph, in a file .pt2."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.nn import functional as F

from segarena.kernels.upsample_argmax import grid_positions
from segarena.loading.transforms import IMAGENET_MEAN, IMAGENET_STD
from segarena.models import SegmentationModel
from segarena.records.run import ChannelValues


class ImageToLabels(nn.Module):
    """A network with everything around it: image (N, H, W, C), uint8 RGB or other channels, -> labels uint8 (N, H, W).

    Args:
        model: The network in eval mode, on the CPU, in float32.
        size: The working size, in pixels of the shorter side.
        probabilities: Return (labels, probabilities float32 (N, C, H, W)) instead.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, model: SegmentationModel, size: int, *, probabilities: bool) -> None:
        super().__init__()
        self.model, self.size, self.with_probabilities = model, size, probabilities
        self.multiple = model.size_multiple
        # `normalize` keeps its constants for later calls: those of a graph that is traced have no values.
        scale, (mean, std) = (1, model.normalization) if model.normalization else (255, (IMAGENET_MEAN, IMAGENET_STD))
        self.register_buffer("mean", scale * torch.tensor(mean, dtype=torch.float32).view(-1, 1, 1))
        self.register_buffer("std", scale * torch.tensor(std, dtype=torch.float32).view(-1, 1, 1))

    def forward(self, image: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        height, width = image.shape[1:3]
        rows, columns = (_resized(length, self.size, torch.sym_min(height, width)) for length in (height, width))
        whole = image if image.dtype == torch.uint8 else image.float()
        pixels = whole.permute(0, 3, 1, 2).contiguous()
        small = torch.ops.aten._upsample_bilinear2d_aa(pixels, [rows, columns], False)
        down, right = ((self.multiple - length % self.multiple) % self.multiple for length in (rows, columns))
        normalized = (small.float() - self.mean) / self.std
        logits = self.model(F.pad(normalized, (0, right, 0, down)), size="native").logits
        for dim, length, shown, padded in ((2, height, rows, rows + down), (3, width, columns, columns + right)):
            grid = logits.shape[dim]
            before, fraction = grid_positions(grid, length, shown / (padded / grid), logits.dtype)
            after = (before + 1).clamp(max=grid - 1)
            fraction = fraction[:, None] if dim == 2 else fraction
            logits = logits.index_select(dim, before) * (1 - fraction) + logits.index_select(dim, after) * fraction
        labels = logits.max(dim=1).indices.to(torch.uint8)
        return (labels, logits.softmax(dim=1)) if self.with_probabilities else labels


def _resized(length: Any, size: int, shorter: Any) -> Any:
    """A side of the working size, `working_size` in integers: a saved program has no `round` of symbolic numbers.

    Halves are rounded to even numbers, as by `round`. Where length * size / shorter is a half and its floating-point
    value is not, the two may differ by one pixel.
    """
    nearest = (2 * length * size + shorter) // (2 * shorter)
    is_no_half = torch.sym_min((2 * length * size + shorter) % (2 * shorter), 1)
    return torch.sym_max(32, nearest - (1 - is_no_half) * (nearest % 2))


def export_program(
    model: SegmentationModel, size: int, channels: ChannelValues | None = None, *, probabilities: bool
) -> ExportedProgram:
    """Export a network with everything around it, for images of any size and batches of any number.

    Args:
        model: The network in eval mode, on the CPU, in float32. It is not changed.
        size: The working size, in pixels of the shorter side.
        channels: The channels of the images; None for RGB.
        probabilities: Whether the program returns probabilities too.
    """
    whole = ImageToLabels(copy.deepcopy(model), size, probabilities=probabilities).eval()
    side = max(288, 2 * size)
    number, dtype = (3, "uint8") if channels is None else (len(channels.numbers), channels.dtype)
    example = torch.zeros(2, side, side + 32, number, dtype=getattr(torch, dtype))
    axes = dict.fromkeys((0, 1, 2), torch.export.Dim.DYNAMIC)
    with torch.no_grad():
        return torch.export.export(whole, (example,), dynamic_shapes={"image": axes})


def save_program(program: ExportedProgram, path: Path, facts: dict[str, str]) -> None:
    """Write a program.

    Args:
        program: The program.
        path: The file to write, .pt2.
        facts: Texts that the file carries, by name.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(program, path, extra_files=facts)


def load_program(path: Path) -> Callable[[NDArray[Any]], NDArray[np.uint8]]:
    """Load a program that this process has written; one from elsewhere may contain pickled objects.

    Args:
        path: The file.

    Returns:
        A function of images, (N, H, W, C), that returns their labels, uint8 (N, H, W).
    """
    program = torch.export.load(path).module()

    def label(images: NDArray[Any]) -> NDArray[np.uint8]:
        with torch.no_grad():
            found = program(torch.from_numpy(np.array(images)))
        labels: NDArray[np.uint8] = (found[0] if isinstance(found, tuple) else found).numpy()
        return labels

    return label
