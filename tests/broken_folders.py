"""What goes wrong in folders of images and masks, as functions that do it to a good one."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from drawings import label_map
from support import write_pair

SIDE = 48
IMAGE, MASK = "images/photo3.png", "masks/photo3.png"

Spoil = Callable[[Path], None]
Paint = Callable[[NDArray[np.uint8]], Image.Image]


def write_good_folder(folder: Path) -> None:
    """Six pairs, photo0 to photo5, masks of 0 and 255."""
    for number in range(6):
        write_pair(folder, f"photo{number}", size=SIDE, seed=number)


def lock(patch: pytest.MonkeyPatch, name: str) -> None:
    """Refuse to open the file or to list the folder of this name; the superuser could do it whatever its mode is."""
    scan, open_file = os.scandir, io.open

    def refuse(path: Any) -> None:
        if isinstance(path, str | Path) and Path(path).name == name:
            raise PermissionError(13, "Permission denied", str(path))

    def listing(path: Any) -> Any:
        refuse(path)
        return scan(path)

    def opening(path: Any, *arguments: Any, **options: Any) -> Any:
        refuse(path)
        return open_file(path, *arguments, **options)

    patch.setattr(os, "scandir", listing)
    patch.setattr(io, "open", opening)


def close(patch: pytest.MonkeyPatch, name: str) -> None:
    """Refuse to tell whether a path in a folder of this name exists, as if the folder were not the user's."""
    asked = {function: getattr(os, function) for function in ("stat", "lstat")}

    def refusing(function: str) -> Callable[..., Any]:
        def ask(path: Any, *arguments: Any, **options: Any) -> Any:
            if isinstance(path, str | Path) and name in Path(path).parts[:-1]:
                raise PermissionError(13, "Permission denied", str(path))
            return asked[function](path, *arguments, **options)

        return ask

    for function in asked:
        patch.setattr(os, function, refusing(function))


# What is done to a good folder


def leave(folder: Path) -> None:
    """Do nothing: something else is wrong."""


def fill(name: str, content: bytes | str) -> Spoil:
    """A file with other bytes."""

    def put(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return put


def cut(name: str) -> Spoil:
    def halve(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return halve


def save(name: str, image: Image.Image, **options: Any) -> Spoil:
    """A file with another picture, in whatever format suits it."""

    def put(folder: Path) -> None:
        kind = "TIFF" if image.mode in {"F", "CMYK", "I"} else "PNG"
        image.save(folder / name, **{"format": kind, **options})

    return put


def link(name: str, target: str) -> Spoil:
    def put(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(target)

    return put


def move(source: str, target: str) -> Spoil:
    def put(folder: Path) -> None:
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        (folder / source).rename(folder / target)

    return put


def copy(source: str, target: str) -> Spoil:
    def put(folder: Path) -> None:
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (folder / source).is_dir() else shutil.copy)(folder / source, folder / target)

    return put


def remove(*names: str) -> Spoil:
    def take(folder: Path) -> None:
        for name in names:
            path = folder / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    return take


def clear(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def hold(*names: str) -> Spoil:
    """Only these files, whose content nobody comes to look at."""

    def put(folder: Path) -> None:
        clear(folder)
        for name in names:
            fill(name, "not looked at")(folder)

    return put


def paint(*paints: Paint, suffix: str = "png") -> Spoil:
    """All masks anew from label maps of 0 to 3, in these ways by turns."""

    def put(folder: Path) -> None:
        shutil.rmtree(folder / "masks")
        (folder / "masks").mkdir()
        for number in range(6):
            image = paints[number % len(paints)](label_map(number, 4, SIDE, SIDE))
            image.save(folder / "masks" / f"photo{number}.{suffix}")

    return put


def both(*spoils: Spoil) -> Spoil:
    def put(folder: Path) -> None:
        for spoil in spoils:
            spoil(folder)

    return put


def declare(*values: object, ignore: object = "") -> Spoil:
    """A classes.yaml of the classes a, b, c, ... with these values."""
    classes = [f"{{name: {name}, value: {value}}}" for name, value in zip("abcd", values, strict=False)]
    return fill("classes.yaml", f"classes: [{', '.join(classes)}]\nignore: [{ignore}]")


def of(values: Sequence[Any], dtype: type = np.uint8) -> Paint:
    """Masks that have these values, numbers or colours, for the labels 0 to 3."""
    return lambda labels: Image.fromarray(np.array(values, dtype=dtype)[labels])


def of_1_bit(labels: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(labels > 0)


def of_random_colors(labels: NDArray[np.uint8]) -> Image.Image:
    image = Image.fromarray(labels)
    image.putpalette(np.random.default_rng(int(labels.sum())).integers(0, 256, 768, dtype=np.uint8).tobytes())
    return image


def of_objects(labels: NDArray[np.uint8]) -> Image.Image:
    """Stripes with the numbers 0, 1, 2, ... up to one that differs from mask to mask."""
    count = 4 + int(labels.sum()) % 7
    return Image.fromarray(np.repeat(np.arange(SIDE) * count // SIDE, SIDE).reshape(SIDE, SIDE).astype(np.uint8))


def mostly(value: int, speck: int) -> Image.Image:
    """One number, and another one at five pixels."""
    values = np.full((SIDE, SIDE), value, dtype=np.uint8)
    values[0, :5] = speck
    return Image.fromarray(values)


def half_transparent(labels: NDArray[np.uint8]) -> Image.Image:
    colors = np.array([(0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255)], dtype=np.uint8)[labels]
    alpha = np.full((SIDE, SIDE, 1), 255, dtype=np.uint8)
    alpha[:, ::2] = 0
    return Image.fromarray(np.concatenate([colors, alpha], axis=2))


def noise(labels: NDArray[np.uint8]) -> Image.Image:
    random = np.random.default_rng(int(labels.sum()))
    return Image.fromarray(random.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8))


def shaded(labels: NDArray[np.uint8]) -> Image.Image:
    """A depth map: levels that follow each other one by one."""
    return Image.fromarray((np.add.outer(np.arange(SIDE), np.arange(SIDE)) // 2).astype(np.uint8))


def frames(kind: str) -> bytes:
    """A file of three pages."""
    stream = io.BytesIO()
    pages = [Image.new("L", (SIDE, SIDE), level) for level in (0, 100, 255)]
    pages[0].save(stream, format=kind, save_all=True, append_images=pages[1:])
    return stream.getvalue()
