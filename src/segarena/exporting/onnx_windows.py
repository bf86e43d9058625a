"""Images of any size with an ONNX file: large ones in overlapping windows. No PyTorch.

The graph resizes each image that it gets to its own working size. A window is therefore cut out in pixels of the image,
as large as a typical training image at the scale that is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from segarena.classes import ClassTable
from segarena.config.views import Scale
from segarena.loading.scaling import Scaling, TrainingSides
from segarena.records.exported import ExportedModel
from segarena.training.windows import window_bounds, window_weights

#: Returns the pixels from `top` to before `bottom`, `left` to before `right`.
Read = Callable[[int, int, int, int], NDArray[Any]]


class Graph(Protocol):
    """What is needed of an `OnnxModel`."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def session(self) -> Any:
        """The loaded graph."""

    @property
    def classes(self) -> ClassTable:
        """The classes."""

    @property
    def facts(self) -> ExportedModel:
        """What the file states about the model."""

    @property
    def size(self) -> int:
        """The working size, in pixels."""

    def run(self, images: NDArray[Any]) -> NDArray[np.uint8]:
        """Label images (N, H, W, C) of one size, each as a whole: (N, H, W)."""


@dataclass(frozen=True)
class OnnxWindows:
    """Labels images of any size with a graph.

    Args:
        graph: The loaded file.
        input_size: (height, width) of the images in training, in pixels of the network.
        scale: At which scale images are labelled, as in `segarena predict --scale`.
    """

    graph: Graph
    input_size: tuple[int, int]
    scale: Scale = "auto"

    @cached_property
    def sides(self) -> TrainingSides | None:
        """The sides of the training images, in pixels of their files; None if they are not recorded."""
        return TrainingSides.recorded({"train_sides": self.graph.facts.train_sides}, self.graph.path)

    @cached_property
    def has_probabilities(self) -> bool:
        """Whether the file gives probabilities, with which windows are blended."""
        return "probabilities" in [output.name for output in self.graph.session.get_outputs()]

    def window(self, height: int, width: int) -> tuple[int, int] | None:
        """Return (height, width) of a window in pixels of an image of this size; None where it is labelled whole."""
        rule = Scaling(self.graph.size, self.input_size, self.sides, self.scale)
        if rule.plan(height, width) is None or self.sides is None:
            return None
        multiple = 1.0 if isinstance(self.scale, str) else self.scale
        pixels = self.sides.shorter / (multiple * self.graph.size)  # of the image, from one of the network to the next
        tall, wide = rule.typical
        return max(1, round(tall * pixels)), max(1, round(wide * pixels))

    def label(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        """Label an image (H, W, C): class indices, uint8 (H, W)."""
        return self.label_parts(_part_of(image), (image.shape[0], image.shape[1]))

    def label_parts(self, read: Read, size: tuple[int, int]) -> NDArray[np.uint8]:
        """Label an image of which only a part at a time is an array.

        Args:
            read: Returns a part of it.
            size: (H, W).

        Returns:
            Class indices, uint8 (H, W).
        """
        window = self.window(*size)
        if window is None:
            return self._labels(read(0, size[0], 0, size[1]))
        labels = np.empty(size, np.uint8)
        if self.has_probabilities:
            for top, rows in self._blended(read, size, window):
                labels[top : top + rows.shape[1]] = rows.argmax(axis=0)
            return labels
        (rows_of, columns_of) = (window_bounds(length, side, 1) for length, side in zip(size, window, strict=True))
        for top, first, last in _middles(rows_of):
            for left, begin, stop in _middles(columns_of):
                found = self._cut(read, (top, left), size, window, self._labels)
                labels[first:last, begin:stop] = found[first - top : last - top, begin - left : stop - left]
        return labels

    def probabilities(self, image: NDArray[Any]) -> NDArray[np.float32]:
        """Compute the probability of each class at each pixel, float32 (C, H, W), with a file that gives them."""
        height, width = image.shape[:2]
        window = self.window(height, width)
        if window is None:
            return self._probabilities(image)
        values = np.empty((self.graph.classes.num_classes, height, width), np.float32)
        for top, rows in self._blended(_part_of(image), (height, width), window):
            values[:, top : top + rows.shape[1]] = rows
        return values

    def _blended(
        self, read: Read, size: tuple[int, int], window: tuple[int, int]
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """The finished rows of probabilities (C, rows, W), from top to bottom, each with the number of its first row.

        The mean of all windows at each pixel, weighted as for a run, see `window_weights`.
        """
        rows, columns = (window_bounds(length, side, 1) for length, side in zip(size, window, strict=True))
        down, across = window_weights(rows), window_weights(columns)
        begun: NDArray[np.float32] | None = None
        for number, (top, _) in enumerate(rows):
            band = np.zeros((self.graph.classes.num_classes, len(down[number]), size[1]), np.float32)
            if begun is not None:
                band[:, : begun.shape[1]] = begun
            for (left, _), weight in zip(columns, across, strict=True):
                found = self._cut(read, (top, left), size, window, self._probabilities)
                band[:, :, left : left + len(weight)] += found * (down[number][:, None] * weight)
            end = rows[number + 1][0] if number + 1 < len(rows) else size[0]
            yield top, band[:, : end - top]
            begun = band[:, end - top :]

    def _cut(
        self,
        read: Read,
        corner: tuple[int, int],
        size: tuple[int, int],
        window: tuple[int, int],
        compute: Callable[[NDArray[Any]], NDArray[Any]],
    ) -> NDArray[Any]:
        """The result for a window; an image that is smaller gets its last rows and columns again, to keep the scale."""
        (top, left), (tall, wide) = corner, window
        pixels = read(top, min(top + tall, size[0]), left, min(left + wide, size[1]))
        rows, columns = pixels.shape[:2]
        whole = np.pad(pixels, ((0, tall - rows), (0, wide - columns), (0, 0)), mode="edge")
        return compute(whole)[..., :rows, :columns]

    def _labels(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        labels: NDArray[np.uint8] = self.graph.run(image[None])[0]
        return labels

    def _probabilities(self, image: NDArray[Any]) -> NDArray[np.float32]:
        [[found]] = self.graph.session.run(["probabilities"], {"image": np.ascontiguousarray(image[None])})
        values: NDArray[np.float32] = found
        return values


def _part_of(image: NDArray[Any]) -> Read:
    return lambda top, bottom, left, right: image[top:bottom, left:right]


def _middles(bounds: list[tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
    """The first pixel of each window, and the pixels (first, stop) that are taken from it: up to half of an overlap."""
    cuts = [0, *((stop + after) // 2 for (_, stop), (after, _) in pairwise(bounds)), bounds[-1][1]]
    yield from zip([start for start, _ in bounds], cuts, cuts[1:], strict=False)
