"""Sets of images that share a frame or a plain background, drawn at random, and what copies of an image look like."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Draw = Callable[[int], Image.Image]
SIDE = 192


def _noisy(image: Image.Image, seed: int, sigma: float = 4) -> Image.Image:
    noise = np.random.default_rng(seed + 7000).normal(0, sigma, (image.height, image.width, 1))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def retina(seed: int) -> Image.Image:
    """An orange disc on black, with vessels that branch from a spot."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    shade = 1 - 0.5 * (x * x + y * y) + random.normal(0, 0.12) * x + random.normal(0, 0.12) * y
    colors = np.array([190, 95, 45]) * random.normal(1, 0.08) * shade[..., None]
    disc = Image.fromarray(np.clip(colors, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(disc)
    start = np.array([SIDE * (0.3 + 0.02 * random.normal()), SIDE * (0.5 + 0.03 * random.normal())])
    for _ in range(9):
        place, angle, width = start.copy(), random.uniform(0, 2 * np.pi), random.uniform(1.5, 4)
        for _ in range(40):
            angle += random.normal(0, 0.22)
            after = place + 4 * np.array([np.cos(angle), np.sin(angle)])
            draw.line([*place, *after], fill=(120, 45, 25), width=max(1, round(width)))
            place, width = after, width * 0.98
    draw.ellipse([*(start - 11), *(start + 11)], fill=(235, 200, 120))
    shown = np.where((x * x + y * y < 0.23)[..., None], np.asarray(disc.filter(ImageFilter.GaussianBlur(0.8))), 0)
    return _noisy(Image.fromarray(shown.astype(np.uint8)), seed, 2)


def microscopy(seed: int) -> Image.Image:
    """Dark cells on even grey."""
    random = np.random.default_rng(seed)
    image = Image.new("RGB", (SIDE, SIDE), (150, 150, 150))
    draw = ImageDraw.Draw(image)
    for _ in range(random.integers(8, 25)):
        x, y, reach = *random.uniform(0, SIDE, 2), random.uniform(5, 11)
        draw.ellipse((x - reach, y - reach, x + reach, y + reach * random.uniform(0.7, 1.2)), fill=(105, 105, 112))
    return _noisy(image.filter(ImageFilter.GaussianBlur(1.5)), seed)


def on_white(seed: int) -> Image.Image:
    """One object, photographed on white: a leaf of random outline and veins."""
    random = np.random.default_rng(seed)
    image = Image.new("RGB", (SIDE, SIDE), (255, 255, 255))
    draw = ImageDraw.Draw(image)
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    waves = sum(random.normal(0, 0.12 / k) * np.cos(k * angles + random.uniform(0, 6)) for k in range(2, 7))
    reach = SIDE * 0.34 * (1 + waves) * np.where(np.abs(np.sin(angles)) > 0.5, 1.1, 0.8)
    center = SIDE / 2 + random.normal(0, 5, 2)
    points = center + reach[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    outline = [(float(x), float(y)) for x, y in points]
    color = np.clip(np.array([70, 130, 50]) + random.normal(0, 12, 3), 0, 255).astype(int)
    draw.polygon(outline, fill=tuple(color.tolist()))
    for place in random.choice(40, 7, replace=False):
        draw.line([*center, *outline[place]], fill=tuple((color * 0.7).astype(int).tolist()), width=2)
    return image.filter(ImageFilter.GaussianBlur(0.7))


def fixed_camera(seed: int) -> Image.Image:
    """A street seen by one camera: the background is always the same, cars and light change."""
    random, street = np.random.default_rng(seed), np.random.default_rng(99)
    coarse = Image.fromarray(street.integers(40, 200, (12, 12, 3), dtype=np.uint8))
    image = coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        x, y = street.uniform(0, SIDE, 2)
        draw.rectangle((x, y, x + 18, y + 30), fill=tuple(street.integers(30, 220, 3).tolist()))
    for _ in range(random.integers(2, 7)):
        x, y, size = random.uniform(0, SIDE - 20), random.uniform(SIDE / 2, SIDE - 20), random.uniform(9, 22)
        draw.rectangle((x, y, x + 2 * size, y + size), fill=tuple(random.integers(20, 240, 3).tolist()))
    light = random.normal(1, 0.08)
    return _noisy(image.point(lambda level: light * level), seed, 3)


def document(seed: int) -> Image.Image:
    """A scanned page: lines of words on paper, with margins."""
    random = np.random.default_rng(seed)
    image = Image.new("RGB", (SIDE, SIDE), (238, 236, 228))
    draw = ImageDraw.Draw(image)
    for line in range(16, SIDE - 16, 8):
        place = 16.0 + (random.uniform(0, 12) if random.random() < 0.3 else 0)
        end = SIDE - 16 if random.random() < 0.8 else random.uniform(60, SIDE - 16)
        while place < end - 6:
            length = min(random.uniform(4, 22), end - place)
            draw.rectangle((place, line, place + length, line + 3), fill=(60, 58, 55))
            place += length + 4
    return _noisy(image.filter(ImageFilter.GaussianBlur(0.6)), seed, 3)


SETS: dict[str, Draw] = {
    "retina": retina,
    "microscopy": microscopy,
    "object on white": on_white,
    "fixed camera": fixed_camera,
    "document": document,
}


def _as_jpeg(image: Image.Image) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=60)
    return Image.open(stream).convert("RGB")


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "same": lambda image: image.copy(),
    "resized": lambda image: image.resize((130, 130), Image.Resampling.BICUBIC),
    "JPEG": _as_jpeg,
    "brighter": lambda image: image.point(lambda level: min(255, 1.2 * level + 8)),
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "cropped": lambda image: image.crop((3, 2, image.width - 2, image.height - 4)),
}


def thumbnails(images: list[Image.Image], side: int = 64) -> NDArray[np.uint8]:
    """(N, side, side), grey."""
    return np.stack([np.asarray(image.convert("L").resize((side, side), Image.Resampling.BOX)) for image in images])
