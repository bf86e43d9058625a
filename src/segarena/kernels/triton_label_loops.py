"""Loops of labels and counts that Triton compiles for a GPU. Importing this needs Triton."""

import triton
import triton.language as tl


@triton.jit
def add_one(number):
    """The smallest kernel, which shows whether Triton compiles here."""
    tl.store(number, tl.load(number) + 1)


@triton.jit
def lowest(one, two, three, four):
    """The least of four tensors, element by element."""
    return tl.minimum(tl.minimum(one, two), tl.minimum(three, four))


@triton.jit
def label_cells(
    logits, rows, columns, down, right, labels,
    height, width, tall, wide, channels, step_n, step_c, step_h, step_w,
    PIXELS: tl.constexpr, CLASSES: tl.constexpr,
):  # fmt: skip
    """`label_cells` of `segarena.kernels.loops`, one program a cell of the grid.

    The operations and their order are the same. So are the labels, where the compiler fuses no product with a sum. A
    cell with a number that is not finite is interpolated whole, and NaN wins.
    """
    cell = tl.program_id(0)
    n = (cell // (height * width)).to(tl.int64)
    i = cell // width % height
    j = cell % width
    top, left = tl.load(rows + i), tl.load(columns + j)
    across = tl.load(columns + j + 1) - left
    count = (tl.load(rows + i + 1) - top) * across
    if count > 0:
        below, beside = tl.minimum(i + 1, height - 1), tl.minimum(j + 1, width - 1)
        classes = tl.arange(0, CLASSES)
        known = classes < channels
        start = logits + n * step_n + classes * step_c
        a = tl.load(start + i * step_h + j * step_w, mask=known, other=0.0)
        b = tl.load(start + i * step_h + beside * step_w, mask=known, other=0.0)
        c = tl.load(start + below * step_h + j * step_w, mask=known, other=0.0)
        d = tl.load(start + below * step_h + beside * step_w, mask=known, other=0.0)
        bound = tl.max(tl.where(known, lowest(a, b, c, d), float("-inf")), axis=0)
        can_win = known & (-lowest(-a, -b, -c, -d) >= bound)
        finite = (a - a == 0.0) & (b - b == 0.0) & (c - c == 0.0) & (d - d == 0.0)
        is_odd = tl.sum(tl.where(finite, 0, 1), axis=0) > 0
        can_win = can_win | (known & is_odd)
        winner = tl.min(tl.where(can_win, classes, CLASSES), axis=0)
        is_filled = tl.sum(tl.where(can_win, 1, 0), axis=0) == 1
        for first in range(0, count, PIXELS):
            place = first + tl.arange(0, PIXELS)
            inside = place < count
            y = top + place // across
            x = left + place % across
            at = labels + n * tall * wide + y * wide + x
            if is_filled:
                tl.store(at, (tl.zeros([PIXELS], tl.int32) + winner).to(tl.uint8), mask=inside)
            else:
                u = tl.load(right + x, mask=inside, other=0.0)[:, None]
                v = tl.load(down + y, mask=inside, other=0.0)[:, None]
                upper = a[None, :] * (1.0 - u) + b[None, :] * u
                lower = c[None, :] * (1.0 - u) + d[None, :] * u
                values = upper * (1.0 - v) + lower * v
                values = tl.where(can_win[None, :], values, float("-inf"))
                is_nan = values != values  # noqa: PLR0124
                best = tl.max(tl.where(is_nan, float("-inf"), values), axis=1)
                is_best = can_win[None, :] & (values == best[:, None])
                first_best = tl.min(tl.where(is_best, classes[None, :], CLASSES), axis=1)
                first_nan = tl.min(tl.where(is_nan, classes[None, :], CLASSES), axis=1)
                label = tl.where(first_nan < CLASSES, first_nan, first_best)
                tl.store(at, label.to(tl.uint8), mask=inside)


@triton.jit
def count_by_histogram(
    truth, prediction, counts, pixels, blocks, classes, BINS: tl.constexpr, PIXELS: tl.constexpr,
):  # fmt: skip
    """Pairs of labels of an image, added up in `blocks` blocks of pixels before they go to memory.

    `counts` (images, classes + 1, classes + 1) has the labels beyond the last class in its last row and column. Void
    is not counted. Integers are added, so that their order does not matter. One program for some blocks of one image.
    """
    image = tl.program_id(1).to(tl.int64)
    side = classes + 1
    found = tl.zeros([BINS], tl.int32)
    for block in range(tl.program_id(0) * blocks, tl.program_id(0) * blocks + blocks):
        place = block * PIXELS + tl.arange(0, PIXELS)
        inside = place < pixels
        row = tl.load(truth + image * pixels + place, mask=inside, other=255).to(tl.int32)
        column = tl.load(prediction + image * pixels + place, mask=inside, other=0).to(tl.int32)
        pair = tl.minimum(row, classes) * side + tl.minimum(column, classes)
        found += tl.histogram(tl.where(row == 255, BINS - 1, pair), BINS)
    bins = tl.arange(0, BINS)
    tl.atomic_add(counts + image * side * side + bins, found, mask=(bins < side * side) & (found > 0))


@triton.jit
def count_in_memory(truth, prediction, counts, pixels, classes, PIXELS: tl.constexpr):
    """`count_by_histogram` where there are too many pairs for a histogram: each pixel goes to memory."""
    image = tl.program_id(1).to(tl.int64)
    side = classes + 1
    place = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    inside = place < pixels
    row = tl.load(truth + image * pixels + place, mask=inside, other=255).to(tl.int32)
    column = tl.load(prediction + image * pixels + place, mask=inside, other=0).to(tl.int32)
    pair = tl.minimum(row, classes) * side + tl.minimum(column, classes)
    one = tl.zeros([PIXELS], tl.int32) + 1
    tl.atomic_add(counts + image * side * side + pair, one, mask=inside & (row != 255))
