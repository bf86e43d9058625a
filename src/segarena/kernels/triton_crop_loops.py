"""Loops of training crops that Triton compiles for a GPU. Importing this needs Triton."""

import triton
import triton.language as tl


@triton.jit
def shifted(total, bits):
    """The level of a weighted sum of levels whose weights sum up to a power of two."""
    return tl.minimum(tl.maximum(total >> bits, 0), 255)


@triton.jit
def resize_along_rows(
    images, starts, strides, heights, first, weights, shifts, wide,
    rows, width, taps, last, BLOCK: tl.constexpr,
):  # fmt: skip
    """Cut crops out of the buffer and resize each of their rows; one program a row, or a part of it."""
    row = tl.program_id(0) % rows
    n = tl.program_id(0) // rows
    if row < tl.load(heights + n):
        x = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
        inside = x < width
        begin = tl.load(starts + n) + tl.load(strides + n) * row
        place = begin + tl.load(first + n * width + x, mask=inside, other=0)
        bits = tl.load(shifts + n)
        red = tl.zeros([BLOCK], tl.int32) + (tl.full([], 1, tl.int32) << (bits - 1))
        green = red
        blue = red
        for tap in range(taps):
            weight = tl.load(weights + (n * width + x) * taps + tap, mask=inside, other=0)
            pixel = tl.minimum(place + tap, last) * 3  # beyond the image weights are 0
            red += tl.load(images + pixel, mask=inside, other=0).to(tl.int32) * weight
            green += tl.load(images + pixel + 1, mask=inside, other=0).to(tl.int32) * weight
            blue += tl.load(images + pixel + 2, mask=inside, other=0).to(tl.int32) * weight
        at = wide + ((n.to(tl.int64) * rows + row) * width + x) * 3
        tl.store(at, shifted(red, bits).to(tl.uint8), mask=inside)
        tl.store(at + 1, shifted(green, bits).to(tl.uint8), mask=inside)
        tl.store(at + 2, shifted(blue, bits).to(tl.uint8), mask=inside)


@triton.jit
def grey_of(red, green, blue):
    """The grey level, an integer; float32, each sum rounded once, as by a fused multiply-add."""
    total = (red * 0.2989).to(tl.float64)
    total = (green.to(tl.float64) * tl.full([], 0.587, tl.float32).to(tl.float64) + total).to(tl.float32).to(tl.float64)
    total = (blue.to(tl.float64) * tl.full([], 0.114, tl.float32).to(tl.float64) + total).to(tl.float32)
    return tl.floor(total)


@triton.jit
def blended(level, target, factor, rest):
    """A level between itself and its target, rounded as torchvision's `_blend` does on a CPU."""
    scaled = (level * factor).to(tl.float64)
    mixed = (target.to(tl.float64) * rest.to(tl.float64) + scaled).to(tl.float32)
    return tl.floor(tl.minimum(tl.maximum(mixed, 0.0), 255.0))


@triton.jit
def changed(red, green, blue, kind, mean, factors, rests, n):
    """The colour after one change: brightness (0), contrast (1) or saturation (2)."""
    factor = tl.load(factors + n * 3 + kind)
    rest = tl.load(rests + n * 3 + kind)
    target = tl.where(kind == 2, grey_of(red, green, blue), tl.where(kind == 1, mean, 0.0))
    return blended(red, target, factor, rest), blended(green, target, factor, rest), blended(blue, target, factor, rest)


@triton.jit
def resize_along_columns(
    wide, masks, starts, strides, first, weights, shifts, nearest_rows, nearest_columns,
    order, factors, rests, fill, crops, labels, sums,
    rows, height, width, taps, void, BLOCK: tl.constexpr,
):  # fmt: skip
    """Resize the columns, pad, and pick the labels; and sum the grey levels that a change of contrast needs."""
    y = tl.program_id(0) % height
    n = tl.program_id(0) // height
    x = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = x < width
    source = tl.load(nearest_rows + n * height + y)
    beside = tl.load(nearest_columns + n * width + x, mask=inside, other=-1)
    shown = tl.minimum(beside, source) >= 0
    bits = tl.load(shifts + n)
    begin = tl.load(first + n * height + y)
    red = tl.zeros([BLOCK], tl.int32) + (tl.full([], 1, tl.int32) << (bits - 1))
    green = red
    blue = red
    for tap in range(taps):
        weight = tl.load(weights + (n * height + y) * taps + tap)
        row = tl.minimum(begin + tap, rows - 1)  # beyond the crop weights are 0
        at = wide + ((n.to(tl.int64) * rows + row) * width + x) * 3
        red += tl.load(at, mask=shown, other=0).to(tl.int32) * weight
        green += tl.load(at + 1, mask=shown, other=0).to(tl.int32) * weight
        blue += tl.load(at + 2, mask=shown, other=0).to(tl.int32) * weight
    red = tl.where(shown, shifted(red, bits), tl.load(fill).to(tl.int32))
    green = tl.where(shown, shifted(green, bits), tl.load(fill + 1).to(tl.int32))
    blue = tl.where(shown, shifted(blue, bits), tl.load(fill + 2).to(tl.int32))
    pixel = (n.to(tl.int64) * height + y) * width + x
    tl.store(crops + pixel * 3, red.to(tl.uint8), mask=inside)
    tl.store(crops + pixel * 3 + 1, green.to(tl.uint8), mask=inside)
    tl.store(crops + pixel * 3 + 2, blue.to(tl.uint8), mask=inside)
    place = tl.load(starts + n) + tl.load(strides + n) * source + beside
    label = tl.load(masks + place, mask=shown, other=0).to(tl.int32)
    tl.store(labels + pixel, tl.where(shown, label, void).to(tl.uint8), mask=inside)
    r, g, b = red.to(tl.float32), green.to(tl.float32), blue.to(tl.float32)
    before = 1
    for step in tl.static_range(3):
        kind = tl.load(order + n * 3 + step)
        before = tl.where(kind == 1, 0, before)
        new_r, new_g, new_b = changed(r, g, b, kind, 0.0, factors, rests, n)
        r, g, b = tl.where(before == 1, new_r, r), tl.where(before == 1, new_g, g), tl.where(before == 1, new_b, b)
    total = tl.sum(tl.where(inside, grey_of(r, g, b), 0.0).to(tl.int32), axis=0)
    tl.atomic_add(sums + n, total.to(tl.int64))


@triton.jit
def recolor(crops, order, factors, rests, sums, pixels, BLOCK: tl.constexpr):
    """Change brightness, contrast and saturation of each crop in its own order, in place."""
    n = tl.program_id(1)
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = pixel < pixels
    at = crops + (n.to(tl.int64) * pixels + pixel) * 3
    mean = (tl.load(sums + n).to(tl.float64) / pixels).to(tl.float32)
    r = tl.load(at, mask=inside, other=0).to(tl.float32)
    g = tl.load(at + 1, mask=inside, other=0).to(tl.float32)
    b = tl.load(at + 2, mask=inside, other=0).to(tl.float32)
    for step in tl.static_range(3):
        r, g, b = changed(r, g, b, tl.load(order + n * 3 + step), mean, factors, rests, n)
    tl.store(at, r.to(tl.uint8), mask=inside)
    tl.store(at + 1, g.to(tl.uint8), mask=inside)
    tl.store(at + 2, b.to(tl.uint8), mask=inside)
