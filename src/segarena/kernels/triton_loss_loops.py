"""Loops of `grid_loss` that Triton compiles for a GPU. Importing this needs Triton, so it is imported inside functions.

A cell of the grid is between the centres of four of its points: its pixels are interpolated from these corners alone,
which are loaded once. Nothing is added atomically, so the same input gives the same bits.
"""

import triton
import triton.language as tl


@triton.jit
def softmax_terms(values, classes, channels):
    """Exponentials of each pixel's logits minus the largest one, their sum, and the largest one."""
    values = tl.where((classes < channels)[None, :], values, float("-inf"))
    largest = tl.max(values, axis=1)
    exponentials = tl.exp(values - largest[:, None])
    return exponentials, tl.sum(exponentials, axis=1), largest


@triton.jit
def pixel_sums(values, labels, classes, channels, weights):
    """Of a block of pixels: weighted cross-entropy, sum of weights, and of each class the three areas of Dice."""
    counted = labels != 255
    exponentials, total, largest = softmax_terms(values, classes, channels)
    is_true = (classes[None, :] == labels[:, None]) & counted[:, None]
    of_truth = tl.sum(tl.where(is_true, values, 0.0), axis=1)
    weight = tl.load(weights + labels, mask=counted & (labels < channels), other=0.0)
    losses = weight * (tl.log(total) + largest - of_truth)
    losses = tl.where(counted & (labels >= channels), float("nan"), losses)  # a label without a class
    shares = tl.where(counted[:, None], exponentials / total[:, None], 0.0)
    overlap = tl.sum(tl.where(is_true, shares, 0.0), axis=0)
    pixels = tl.sum(tl.where(is_true, 1.0, 0.0), axis=0)
    return tl.sum(tl.where(counted, losses, 0.0)), tl.sum(weight), overlap, tl.sum(shares, axis=0), pixels


@triton.jit
def pixel_gradient(values, labels, classes, channels, derivatives, CLASSES: tl.constexpr):
    """Derivatives of the loss by the logits of a block of pixels; see `spread_gradient` in `loss_loops`."""
    counted = labels != 255
    exponentials, total, _ = softmax_terms(values, classes, channels)
    shares = exponentials / total[:, None]
    everywhere = tl.load(derivatives + 2 * CLASSES + classes)
    known = counted & (labels < channels)
    weight = tl.load(derivatives + labels, mask=known, other=0.0)
    on_truth = tl.load(derivatives + CLASSES + labels, mask=known, other=0.0)
    is_true = (classes[None, :] == labels[:, None]) & known[:, None]
    mean = tl.sum(shares * everywhere[None, :], axis=1)
    extra = tl.sum(tl.where(is_true, shares, 0.0), axis=1) * on_truth
    result = shares * ((weight - mean - extra)[:, None] + everywhere[None, :])
    result += tl.where(is_true, (extra - weight)[:, None], 0.0)
    return tl.where(known[:, None], result, 0.0)


@triton.jit
def load_corners(logits, n, i, j, classes, channels, height, width, step_n, step_c, step_h, step_w):
    """The four corners of a cell, each of one number per class."""
    below, beside = tl.minimum(i + 1, height - 1), tl.minimum(j + 1, width - 1)
    start = logits + n.to(tl.int64) * step_n + classes * step_c
    inside = classes < channels
    a = tl.load(start + i * step_h + j * step_w, mask=inside, other=0.0)
    b = tl.load(start + i * step_h + beside * step_w, mask=inside, other=0.0)
    c = tl.load(start + below * step_h + j * step_w, mask=inside, other=0.0)
    d = tl.load(start + below * step_h + beside * step_w, mask=inside, other=0.0)
    return a, b, c, d


@triton.jit
def interpolate_pixels(a, b, c, d, along, across):
    """Values of pixels at places of a cell, (pixels, classes), in the order of operations of `interpolate_row`."""
    right, down = across[:, None], along[:, None]
    upper = a[None, :] * (1.0 - right) + b[None, :] * right
    lower = c[None, :] * (1.0 - right) + d[None, :] * right
    return upper * (1.0 - down) + lower * down


@triton.jit
def sum_cells(
    logits, mask, weights, rows, columns, down, right, sums,
    cells, programs, height, width, tall, wide, channels, step_n, step_c, step_h, step_w,
    PIXELS: tl.constexpr, CLASSES: tl.constexpr, DICE: tl.constexpr,
):  # fmt: skip
    """Add up what the losses are made of, over every `programs`-th cell of all images; one row of `sums` each.

    A row has the weighted cross-entropy, the sum of the weights and, for each class, the overlap, the predicted area
    and the true one.
    """
    program = tl.program_id(0)
    classes = tl.arange(0, CLASSES)
    entropy, weight = 0.0, 0.0
    overlap = tl.zeros([CLASSES], tl.float32)
    area = tl.zeros([CLASSES], tl.float32)
    truth = tl.zeros([CLASSES], tl.float32)
    for cell in range(program, cells, programs):
        n = cell // (height * width)
        i = cell // width % height
        j = cell % width
        a, b, c, d = load_corners(
            logits, n, i, j, classes, channels, height, width, step_n, step_c, step_h, step_w
        )  # fmt: skip
        top, left = tl.load(rows + i), tl.load(columns + j)
        across = tl.load(columns + j + 1) - left
        count = (tl.load(rows + i + 1) - top) * across
        for start in range(0, count, PIXELS):
            place = start + tl.arange(0, PIXELS)
            inside = place < count
            y = top + place // across
            x = left + place % across
            labels = tl.load(mask + n.to(tl.int64) * tall * wide + y * wide + x, mask=inside, other=255).to(tl.int32)
            values = interpolate_pixels(
                a, b, c, d, tl.load(down + y, mask=inside, other=0.0), tl.load(right + x, mask=inside, other=0.0)
            )  # fmt: skip
            more_entropy, more_weight, more_overlap, more_area, more_truth = pixel_sums(
                values, labels, classes, channels, weights
            )  # fmt: skip
            entropy += more_entropy
            weight += more_weight
            if DICE:
                overlap += more_overlap
                area += more_area
                truth += more_truth
    row = sums + program * (2 + 3 * CLASSES)
    tl.store(row, entropy)
    tl.store(row + 1, weight)
    tl.store(row + 2 + classes, overlap)
    tl.store(row + 2 + CLASSES + classes, area)
    tl.store(row + 2 + 2 * CLASSES + classes, truth)


@triton.jit
def sum_pixels(
    logits, mask, weights, sums, pixels, programs, area_of_image, wide, channels, step_n, step_c, step_h, step_w,
    PIXELS: tl.constexpr, CLASSES: tl.constexpr, DICE: tl.constexpr,
):  # fmt: skip
    """`sum_cells` of logits that have the size of the mask, over every `programs`-th block of pixels."""
    program = tl.program_id(0)
    classes = tl.arange(0, CLASSES)
    entropy, weight = 0.0, 0.0
    overlap = tl.zeros([CLASSES], tl.float32)
    area = tl.zeros([CLASSES], tl.float32)
    truth = tl.zeros([CLASSES], tl.float32)
    for start in range(program * PIXELS, pixels, programs * PIXELS):
        place = start + tl.arange(0, PIXELS)
        inside = place < pixels
        n, within = place // area_of_image, place % area_of_image
        labels = tl.load(mask + place, mask=inside, other=255).to(tl.int32)
        at = n.to(tl.int64) * step_n + (within // wide) * step_h + (within % wide) * step_w
        there = inside[:, None] & (classes < channels)[None, :]
        values = tl.load(logits + at[:, None] + classes[None, :] * step_c, mask=there, other=0.0)
        more_entropy, more_weight, more_overlap, more_area, more_truth = pixel_sums(
            values, labels, classes, channels, weights
        )  # fmt: skip
        entropy += more_entropy
        weight += more_weight
        if DICE:
            overlap += more_overlap
            area += more_area
            truth += more_truth
    row = sums + program * (2 + 3 * CLASSES)
    tl.store(row, entropy)
    tl.store(row + 1, weight)
    tl.store(row + 2 + classes, overlap)
    tl.store(row + 2 + CLASSES + classes, area)
    tl.store(row + 2 + 2 * CLASSES + classes, truth)


@triton.jit
def finish_sums(
    sums, weights, loss, derivatives, programs, channels,
    ROWS: tl.constexpr, CLASSES: tl.constexpr, DICE: tl.constexpr,
):  # fmt: skip
    """From the rows of `sums` the loss and, as three rows, its derivatives; see `_dice` in `grid_loss`. One program."""
    classes = tl.arange(0, CLASSES)
    entropy = tl.zeros([ROWS], tl.float64)
    weight = tl.zeros([ROWS], tl.float64)
    overlap = tl.zeros([CLASSES], tl.float64)
    predicted = tl.zeros([CLASSES], tl.float64)
    truth = tl.zeros([CLASSES], tl.float64)
    for start in range(0, programs, ROWS):
        row = start + tl.arange(0, ROWS)
        inside = row < programs
        at = sums + row * (2 + 3 * CLASSES)
        entropy += tl.load(at, mask=inside, other=0.0).to(tl.float64)
        weight += tl.load(at + 1, mask=inside, other=0.0).to(tl.float64)
        if DICE:
            areas = at[:, None] + 2 + classes[None, :]
            there = inside[:, None] & (classes < CLASSES)[None, :]
            overlap += tl.sum(tl.load(areas, mask=there, other=0.0).to(tl.float64), axis=0)
            predicted += tl.sum(tl.load(areas + CLASSES, mask=there, other=0.0).to(tl.float64), axis=0)
            truth += tl.sum(tl.load(areas + 2 * CLASSES, mask=there, other=0.0).to(tl.float64), axis=0)
    weight_of_all = tl.maximum(tl.sum(weight), 1.1754943508222875e-38)
    value = tl.sum(entropy) / weight_of_all
    own = tl.load(weights + classes, mask=classes < channels, other=0.0)
    tl.store(derivatives + classes, (own / weight_of_all).to(tl.float32))
    on_truth = tl.zeros([CLASSES], tl.float64)
    everywhere = tl.zeros([CLASSES], tl.float64)
    if DICE:
        total = tl.maximum(predicted + truth, 1e-6)
        present = tl.where(truth > 0, 1.0, 0.0).to(tl.float64)
        share = present / tl.maximum(tl.sum(present), 1.0)
        value += tl.sum(share * (1.0 - 2.0 * overlap / total))
        on_truth = -2.0 * share / total
        everywhere = 2.0 * share * overlap / (total * total)
    tl.store(derivatives + CLASSES + classes, on_truth.to(tl.float32))
    tl.store(derivatives + 2 * CLASSES + classes, everywhere.to(tl.float32))
    tl.store(loss, value.to(tl.float32))


@triton.jit
def spread_cells(
    logits, mask, derivatives, rows, columns, down, right, parts,
    size, height, width, tall, wide, channels, step_n, step_c, step_h, step_w,
    PIXELS: tl.constexpr, CLASSES: tl.constexpr,
):  # fmt: skip
    """The gradient that the pixels of a cell give to its four corners: `parts` (4, cells, C), each of `size` numbers.

    One program a cell.
    """
    cell = tl.program_id(0)
    classes = tl.arange(0, CLASSES)
    n = cell // (height * width)
    i = cell // width % height
    j = cell % width
    a, b, c, d = load_corners(logits, n, i, j, classes, channels, height, width, step_n, step_c, step_h, step_w)
    top, left = tl.load(rows + i), tl.load(columns + j)
    across = tl.load(columns + j + 1) - left
    count = (tl.load(rows + i + 1) - top) * across
    to_a = tl.zeros([CLASSES], tl.float32)
    to_b = tl.zeros([CLASSES], tl.float32)
    to_c = tl.zeros([CLASSES], tl.float32)
    to_d = tl.zeros([CLASSES], tl.float32)
    for start in range(0, count, PIXELS):
        place = start + tl.arange(0, PIXELS)
        inside = place < count
        y = top + place // across
        x = left + place % across
        labels = tl.load(mask + n.to(tl.int64) * tall * wide + y * wide + x, mask=inside, other=255).to(tl.int32)
        v = tl.load(down + y, mask=inside, other=0.0)
        u = tl.load(right + x, mask=inside, other=0.0)
        values = interpolate_pixels(a, b, c, d, v, u)
        gradient = pixel_gradient(values, labels, classes, channels, derivatives, CLASSES)
        to_a += tl.sum(gradient * ((1.0 - u) * (1.0 - v))[:, None], axis=0)
        to_b += tl.sum(gradient * (u * (1.0 - v))[:, None], axis=0)
        to_c += tl.sum(gradient * ((1.0 - u) * v)[:, None], axis=0)
        to_d += tl.sum(gradient * (u * v)[:, None], axis=0)
    known = classes < channels
    at = parts + cell.to(tl.int64) * channels + classes
    tl.store(at, to_a, mask=known)
    tl.store(at + size, to_b, mask=known)
    tl.store(at + size + size, to_c, mask=known)
    tl.store(at + size + size + size, to_d, mask=known)


@triton.jit
def gather_corners(
    parts, scale, gradient, size, height, width, channels, step_n, step_c, step_h, step_w,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Each point of the grid adds up what the cells around it give, times `scale`; beyond the last point is itself."""
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = place < size
    k = place % channels
    point = place // channels
    j = point % width
    i = point // width % height
    n = point // (height * width)
    total = tl.zeros([BLOCK], tl.float32)
    source = parts
    for dy in tl.static_range(2):
        for dx in tl.static_range(2):
            # from the cell before; and of the last point its own, whose corner beyond the grid is the point itself
            for own_y in tl.static_range(2):
                for own_x in tl.static_range(2):
                    if own_y <= dy and own_x <= dx:
                        y = i - dy + own_y
                        x = j - dx + own_x
                        there = inside & (y >= 0) & (x >= 0)
                        if own_y == 1:
                            there = there & (i == height - 1)
                        if own_x == 1:
                            there = there & (j == width - 1)
                        at = ((n * height + y) * width + x) * channels + k
                        total += tl.load(source + at, mask=there, other=0.0)
            source += size
    tl.store(gradient + n * step_n + k * step_c + i * step_h + j * step_w, total * tl.load(scale), mask=inside)


@triton.jit
def spread_pixels(
    logits, mask, derivatives, scale, gradient, pixels, area_of_image, wide, channels,
    step_n, step_c, step_h, step_w, out_n, out_c, out_h, out_w,
    PIXELS: tl.constexpr, CLASSES: tl.constexpr,
):  # fmt: skip
    """The gradient by logits that have the size of the mask, times `scale`. One program a block of pixels."""
    classes = tl.arange(0, CLASSES)
    place = tl.program_id(0).to(tl.int64) * PIXELS + tl.arange(0, PIXELS)
    inside = place < pixels
    n, within = place // area_of_image, place % area_of_image
    labels = tl.load(mask + place, mask=inside, other=255).to(tl.int32)
    y, x = within // wide, within % wide
    there = inside[:, None] & (classes < channels)[None, :]
    at = n * step_n + y * step_h + x * step_w
    values = tl.load(logits + at[:, None] + classes[None, :] * step_c, mask=there, other=0.0)
    result = pixel_gradient(values, labels, classes, channels, derivatives, CLASSES) * tl.load(scale)
    to = n * out_n + y * out_h + x * out_w
    tl.store(gradient + to[:, None] + classes[None, :] * out_c, result, mask=there)
