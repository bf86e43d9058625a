"""The probabilities of predicted and true classes at some pixels of each image, while its labels are computed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from segarena.classes import IGNORE_INDEX
from segarena.kernels.upsample_argmax import grid_positions
from segarena.scoring.calibration import grid_lines, grid_step
from segarena.training.blending import Part


class Confidence(NamedTuple):
    """Of one image, at the pixels of `grid_lines`."""

    predicted: Tensor
    """Probability of the predicted class, float32 (rows, columns), 0..1."""
    surprise: Tensor
    """-ln of the probability of the true class, float32 (rows, columns), from 0; 0 where the truth is void."""


class ConfidenceSampler:
    """Computes the confidence of a batch from what its labels are computed from.

    Args:
        truth: Class indices of the masks, uint8 (N, H, W), 255 for void, on the device.
    """

    def __init__(self, truth: Tensor) -> None:
        self.size = (truth.shape[1], truth.shape[2])
        self.rows, self.columns = grid_lines(*self.size)
        self.truth = truth[:, self.rows, self.columns]
        #: The confidence of each image; empty where the images are labelled in tiles.
        self.found: list[Confidence] = []

    def add_logits(self, logits: Tensor, extent: tuple[float, float]) -> None:
        """Compute the confidence from native logits, with the interpolation that makes the labels.

        Args:
            logits: (N, C, h, w).
            extent: Rows and columns of the logits, from the upper left, that cover the masks.
        """
        for image, truth in zip(logits, self.truth, strict=True):  # one at a time: these are the largest tensors
            values = image.float()
            for dim, lines, length, cells in (
                (1, self.rows, self.size[0], extent[0]),
                (2, self.columns, self.size[1], extent[1]),
            ):
                grid = values.shape[dim]
                before, share = (
                    part[lines] for part in grid_positions(grid, length, cells, torch.float32, values.device)
                )
                after = (before + 1).clamp(max=grid - 1)
                share = share[:, None] if dim == 1 else share
                values = torch.lerp(values.index_select(dim, before), values.index_select(dim, after), share)
            total = values.logsumexp(dim=0)
            true = values.gather(0, _class_of(truth)[None])[0]
            self.found.append(
                Confidence((values.amax(dim=0) - total).exp(), (total - true).masked_fill(truth == IGNORE_INDEX, 0))
            )

    def watch(self, parts: Iterable[Part]) -> Iterator[Part]:
        """Pass on the probabilities of one image, part by part, and compute the confidence from them."""
        predicted = torch.zeros(self.truth.shape[1:], device=self.truth.device)
        surprise = torch.zeros_like(predicted)
        tiny = torch.finfo(torch.float32).tiny
        step = grid_step(*self.size)
        for part in parts:
            rows, columns = part.values.shape[1:]
            # The first of the lines inside of the part, as a number of the line and a place in the part.
            (line, y), (column, x) = (
                _first(lines.start, step, begin) for lines, begin in ((self.rows, part.top), (self.columns, part.left))
            )
            values = part.values[:, y:rows:step, x:columns:step]
            if values.numel():
                place = (slice(line, line + values.shape[1]), slice(column, column + values.shape[2]))
                truth = self.truth[0][place].to(values.device)
                true = values.gather(0, _class_of(truth)[None])[0]
                predicted[place] = values.amax(dim=0).to(predicted.device)
                found = -true.clamp(min=tiny).log().masked_fill(truth == IGNORE_INDEX, 0)
                surprise[place] = found.to(surprise.device)
            yield part
        self.found.append(Confidence(predicted, surprise))


def _class_of(truth: Tensor) -> Tensor:
    """The class of each pixel as an index; any class where it is void."""
    return truth.masked_fill(truth == IGNORE_INDEX, 0).long()


def _first(start: int, step: int, begin: int) -> tuple[int, int]:
    """The number of the first line at or after `begin`, and how far after it is."""
    number = max(0, -(-(begin - start) // step))
    return number, start + number * step - begin
