"""Loops along the boundaries of masks that Numba compiles; see `segarena.scoring.boundaries`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segarena.kernels.loops import compiled


@compiled
def _nearer(other: NDArray[np.uint16], row: NDArray[np.uint16]) -> None:
    """Reduce the distances of a row (W,) to those of its neighbours in another row, plus 1."""
    one, left, right = np.uint16(1), other[:-2], other[2:]
    middle, reduced = other[1:-1], row[1:-1]
    for x in range(len(reduced)):  # slices and one type: this loop is computed in vectors
        near = np.uint16(min(left[x], middle[x], right[x]) + one)
        reduced[x] = min(reduced[x], near)
    last = len(row) - 1
    row[0] = min(row[0], min(other[0], other[min(1, last)]) + 1)
    row[last] = min(row[last], min(other[last], other[max(0, last - 1)]) + 1)


@compiled
def _mark_edges(labels: NDArray[np.uint8], distances: NDArray[np.uint16]) -> None:
    """Write 1 at each pixel that has one of 8 neighbours of another label."""
    height, width = labels.shape
    for y in range(height):
        for x in range(width - 1):
            if labels[y, x] != labels[y, x + 1]:
                distances[y, x] = distances[y, x + 1] = 1
    for y in range(height - 1):
        for x in range(width):
            low, high = max(0, x - 1), min(width - 1, x + 1)
            label = labels[y, x]
            if labels[y + 1, low] != label:
                distances[y, x] = distances[y + 1, low] = 1
            if labels[y + 1, x] != label:
                distances[y, x] = distances[y + 1, x] = 1
            if labels[y + 1, high] != label:
                distances[y, x] = distances[y + 1, high] = 1


@compiled
def distance_to_other(labels: NDArray[np.uint8], most: int, distances: NDArray[np.uint16]) -> None:
    """Compute the distance of each pixel to the nearest pixel of another label, in steps to any of 8 neighbours.

    A shortest path to another label leaves its own label once, so the distance is 1 more than that to the nearest pixel
    which has a neighbour of another label. Two passes compute that exactly (Rosenfeld and Pfaltz 1968).

    Args:
        labels: (H, W). Beyond the image there is no other label.
        most: Larger distances are written as this number.
        distances: (H, W), written: 1..most.
    """
    height, width = labels.shape
    distances[:] = most
    _mark_edges(labels, distances)
    for y in range(height):
        if y > 0:
            _nearer(distances[y - 1], distances[y])
        left = most
        for x in range(width):
            left = min(left + 1, distances[y, x])
            distances[y, x] = left
    for y in range(height - 1, -1, -1):
        if y + 1 < height:
            _nearer(distances[y + 1], distances[y])
        right = most
        for x in range(width - 1, -1, -1):
            right = min(right + 1, distances[y, x])
            distances[y, x] = right


@compiled
def count_bands(
    truth: NDArray[np.uint8],
    prediction: NDArray[np.uint8],
    of_truth: NDArray[np.uint16],
    of_prediction: NDArray[np.uint16],
    width: int,
    places: NDArray[np.int64],
    boundary: NDArray[np.int64],
    bands: NDArray[np.int64],
) -> None:
    """Count the pixels of the boundary regions of both masks, and the correct pixels at each distance in the truth.

    Args:
        truth: Class indices, (H, W); 255 is void and not counted.
        prediction: Class indices, (H, W); void where the truth is.
        of_truth: (H, W), `distance_to_other` of the truth.
        of_prediction: (H, W), of the prediction.
        width: The width of a boundary region, in pixels; the edge of the image is a boundary.
        places: (most + 1,): the band of each distance.
        boundary: (C, 3), added to: pixels of each class in the boundary regions of both masks, of the prediction, and
            of the truth.
        bands: (K, 2), added to: pixels in each band, and those that are correct.
    """
    rows, columns = truth.shape
    for y in range(rows):
        for x in range(columns):
            label, found = truth[y, x], prediction[y, x]
            if label == 255:
                continue
            band = places[of_truth[y, x]]
            bands[band, 0] += 1
            bands[band, 1] += label == found
            to_edge = min(y + 1, x + 1, rows - y, columns - x)
            is_true = min(to_edge, of_truth[y, x]) <= width
            is_predicted = min(to_edge, of_prediction[y, x]) <= width
            boundary[label, 2] += is_true
            boundary[found, 1] += is_predicted
            boundary[label, 0] += label == found and is_true and is_predicted


@compiled
def _mark_contours(labels: NDArray[np.uint8], marks: NDArray[np.bool_]) -> None:
    """Mark the pixels that share an edge with a pixel of another label. Slices, so that it is computed in vectors."""
    height, width = labels.shape
    marks[:] = False
    for y in range(height):
        row, following = labels[y, :-1], labels[y, 1:]
        marked, marked_following = marks[y, :-1], marks[y, 1:]
        for x in range(width - 1):
            marked[x] = row[x] != following[x]
        for x in range(width - 1):
            marked_following[x] |= row[x] != following[x]
    for y in range(height - 1):
        row, following = labels[y], labels[y + 1]
        marked, marked_following = marks[y], marks[y + 1]
        for x in range(width):
            differs = row[x] != following[x]
            marked[x] |= differs
            marked_following[x] |= differs


@compiled
def index_contours(labels: NDArray[np.uint8], begins: NDArray[np.int64]) -> NDArray[np.int32]:
    """List the contour pixels of each class, row by row: those that share an edge with a pixel of another label.

    Args:
        labels: Class indices, (H, W); 255 is void and has no contour.
        begins: (H, C + 1), written: where the pixels of each row and class begin in the list.

    Returns:
        Their columns, rising within each row and class.
    """
    height, width = labels.shape
    classes = begins.shape[1] - 1
    marks = np.empty((height, width), np.bool_)
    _mark_contours(labels, marks)
    columns = np.empty(marks.sum(), np.int32)
    of_row, counts = np.empty(width, np.int32), np.empty(classes, np.int64)
    total = 0
    for y in range(height):
        found = 0
        for x in range(width):
            if marks[y, x] and labels[y, x] != 255:
                of_row[found] = x
                found += 1
        counts[:] = 0
        for place in range(found):
            counts[labels[y, of_row[place]]] += 1
        for k in range(classes):
            begins[y, k] = total
            total += counts[k]
            counts[k] = begins[y, k]
        begins[y, classes] = total
        for place in range(found):
            label = labels[y, of_row[place]]
            columns[counts[label]] = of_row[place]
            counts[label] += 1
    return columns[:total]


@compiled
def match_contours(
    begins: NDArray[np.int64],
    columns: NDArray[np.int32],
    other_begins: NDArray[np.int64],
    other_columns: NDArray[np.int32],
    reaches: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> None:
    """Count the contour pixels that have one of the same class in the other mask within the tolerance.

    Args:
        begins: (H, C + 1), of `index_contours`.
        columns: What it returned.
        other_begins: (H, C + 1), of the other mask.
        other_columns: Likewise.
        reaches: (rows + 1,): how many columns away a pixel may be that is this number of rows away.
        counts: (C, 2), added to: contour pixels of each class, and those that are matched.
    """
    height = len(begins)
    for y in range(height):
        for k in range(begins.shape[1] - 1):
            for place in range(begins[y, k], begins[y, k + 1]):
                x = columns[place]
                counts[k, 0] += 1
                found = False
                for step in range(2 * len(reaches) - 1):
                    away = (step + 1) // 2  # 0, then 1 row below and above, then 2, ...
                    row = y + away if step % 2 else y - away
                    if row < 0 or row >= height:
                        continue
                    low, high = other_begins[row, k], other_begins[row, k + 1]
                    end = high
                    while low < high:  # the first one that is not too far to the left
                        middle = (low + high) // 2
                        if other_columns[middle] < x - reaches[away]:
                            low = middle + 1
                        else:
                            high = middle
                    if low < end and other_columns[low] <= x + reaches[away]:
                        found = True
                        break
                counts[k, 1] += found
