"""What many tests use: where real data lies, options that train in seconds, small images with masks."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import re
import shlex
import struct
import sys
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segarena import cli, config
from segarena.api.calls import in_python
from segarena.config.checks import flag
from segarena.errors import DataError, SegarenaError

SHARED = Path(__file__).parents[2] / "shared"
"""Real data and weights, where a checkout has them beside it; see CONTRIBUTING."""
DATA_SETS = ("camvid", "cwfid", "epfl-roads", "isbi")
REAL_WEIGHTS = SHARED / "weights" / "mobilenet_v2_imagenet.pth"

_MISSING = [name for name in DATA_SETS if not (SHARED / "data" / name).is_dir()]
needs_real_data = pytest.mark.skipif(bool(_MISSING), reason=f"{SHARED / 'data'} has no {', '.join(_MISSING)}")
needs_real_weights = pytest.mark.skipif(not REAL_WEIGHTS.is_file(), reason=f"{REAL_WEIGHTS} is not there")

#: Options of `train` and `compare` that make a training take a second: a machine without bf16 gives the same.
QUICK: dict[str, Any] = {
    "encoder": "mobilenet_v2",
    "weights": "none",
    "epochs": 2,
    "size": 32,
    "batch_size": 4,
    "device": "cpu",
    "precision": "fp32",
}


#: MobileNetV2's blocks of the tests: expansion, channels (times a quarter), blocks, first stride.
_BLOCKS = [[1, 16, 1, 1], [2, 24, 1, 2], [2, 32, 1, 2], [2, 96, 1, 2], [2, 160, 1, 2]]


@contextmanager
def small_encoders() -> Iterator[None]:
    """ResNet-18 and MobileNetV2 are built as a MobileNetV2 of few blocks and channels: half the time of a training."""
    from torchvision.models import get_model

    def get_small(name: str, **options: Any) -> Any:
        if name in ("resnet18", "mobilenet_v2"):
            return get_model("mobilenet_v2", width_mult=0.25, inverted_residual_setting=_BLOCKS, **options)
        return get_model(name, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("segarena.models.encoders.build.get_model", get_small)
        yield


@contextmanager
def real_encoders() -> Iterator[None]:
    """The encoders of torchvision, where `small_encoders` is in force."""
    from torchvision.models import get_model

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("segarena.models.encoders.build.get_model", get_model)
        yield


@contextmanager
def waiting_is_an_error() -> Iterator[None]:
    """A call that waits for the GPU raises a RuntimeError at its place. PyTorch warns that it may miss some."""
    import torch

    torch.cuda.synchronize()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            torch.cuda.set_sync_debug_mode("error")
            yield
        finally:
            torch.cuda.set_sync_debug_mode("default")


def write_pair(folder: Path, name: str, *, size: int = 48, seed: int = 0, high: int = 255) -> None:
    """An image with a bright square on noise, and its 0/`high` mask, into folder/images and folder/masks."""
    random = np.random.default_rng(seed)
    image = random.integers(0, 90, (size, size, 3), dtype=np.uint8)
    mask = np.zeros((size, size), dtype=np.uint8)
    top, left = random.integers(2, size // 2, 2)
    image[top : top + size // 3, left : left + size // 3] += 140
    mask[top : top + size // 3, left : left + size // 3] = high
    for kind, pixels in (("images", image), ("masks", mask)):
        path = folder / kind / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)


def write_squares(folder: Path, number: int) -> Path:
    """Pairs square00, square01, ... as of `write_pair`, each with its number as the seed. Returns the folder."""
    for seed in range(number):
        write_pair(folder, f"square{seed:02}", seed=seed)
    return folder


def scene(seed: int, size: int = 96) -> Image.Image:
    """Soft random blobs of colour: like a photograph, all of it differs from any other seed's."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (7, 7, 3), dtype=np.uint8))
    return coarse.resize((size, size), Image.Resampling.BICUBIC)


def write_scene(root: Path, name: str, image: Image.Image, suffix: str = ".png", seed: int = 0) -> None:
    """A scene in root/images, and a mask with one rectangle in root/masks."""
    for kind in ("images", "masks"):
        (root / kind).mkdir(parents=True, exist_ok=True)
    image.save(root / "images" / f"{name}{suffix}")
    labels = np.zeros((image.height, image.width), dtype=np.uint8)
    labels[10 + seed % 30 : 60 + seed % 30, 20:70] = 255
    Image.fromarray(labels).save(root / "masks" / f"{name}.png")


@cache
def huge_png(side: int) -> bytes:
    """A valid 1-bit PNG of side x side pixels, packed row by row so that no bitmap of that size is ever made."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    packer = zlib.compressobj(1)
    row = bytes(1 + (side + 7) // 8)
    pixels = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@contextmanager
def refuses(
    kind: type[SegarenaError] = DataError, *, where: str | os.PathLike[str] = "", value: object = ""
) -> Iterator[pytest.ExceptionInfo[SegarenaError]]:
    """The block raises exactly `kind`, and its parts say what a test needs to know; the wording is left free.

    `where`: the place that the error names, equal for a Path, a part of it for a string; an option may be written as
    on the command line. `value`: the offending value, somewhere in what is wrong.
    """
    with pytest.raises(SegarenaError) as caught:
        yield caught
    error = caught.value
    assert type(error) is kind
    if isinstance(where, os.PathLike):
        assert error.where == Path(where)
    else:
        assert where in str(error.where) or in_python(where) in str(error.where)
    assert str(value) in error.what or in_python(str(value)) in error.what
    assert error.remedy


def refused(command: str, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> SegarenaError:
    """Run `segarena COMMAND`, which has to end with status 2 and one message. Returns the error of that message.

    The options that it names are those of the command, or of another one that it names before them.
    """
    shown: list[SegarenaError] = []

    def show(error: SegarenaError) -> str:
        shown.append(error)
        return Exception.__str__(error)

    patch.setattr(SegarenaError, "__str__", show)
    patch.setattr(sys, "argv", ["segarena", *shlex.split(command)])
    assert cli.main() == 2
    text = capsys.readouterr().err
    error = shown[-1]
    assert text == f"segarena: {error}\n"
    assert text.count("\n") == 1, "more than one message"
    assert error.remedy
    for verb, option in named_options(text, command.split(maxsplit=1)[0]):
        assert option in options_of(verb), f"`segarena {verb}` has no {option}"
    return error


def named_options(text: str, verb: str) -> Iterator[tuple[str, str]]:
    """Each option in a text with its command: another one that is named before it, or `verb`."""
    other = r"segarena ([a-z]+)([^`.;]*)"
    for name, words in [*re.findall(other, text), (verb, re.sub(other, "", text))]:
        yield from ((name, option) for option in re.findall(r"--[a-z][a-z0-9-]*", words))


@cache
def options_of(verb: str) -> set[str]:
    """The options of a command as they are typed, without what has its place and no name."""
    options = getattr(config, f"{verb.title()}Options")
    return {flag(item.name) for item in dataclasses.fields(options) if "Positional" not in str(item.type)}


def load_script(path: Path) -> ModuleType:
    """Import a script that is in no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # where a dataclass of the script looks for it
    spec.loader.exec_module(module)
    return module


@contextmanager
def drawing_nothing() -> Iterator[None]:
    """In the block, the figures of a page and the sheet of `check` are empty. Drawing those of a page takes seconds."""
    from matplotlib.figure import Figure

    from segarena.files import write_bytes
    from segarena.reporting.error_slices import describe_errors

    def nothing(*_: object) -> Figure:
        return Figure(figsize=(0.2, 0.2))

    with pytest.MonkeyPatch.context() as patch:
        for name in ("ranking", "accuracy_latency", "learning_curves", "class_iou", "confusion"):
            patch.setattr(f"segarena.reporting.page.draw_{name}", nothing)
        patch.setattr("segarena.reporting.page.draw_errors", lambda one: nothing() if describe_errors(one) else None)
        patch.setattr("segarena.reporting.gallery.draw_gallery", nothing)
        patch.setattr("segarena.commands.check.save_sheet", lambda sheet, path: write_bytes(path, b""))
        yield


def build_page(folder: Path) -> Path:
    """`build_report` with empty figures: for tests of the page's words and tables."""
    from segarena.reporting.page import build_report

    with drawing_nothing():
        return build_report(folder)


def find_violations(page: Any) -> list[tuple[str, str]]:
    """The serious violations that axe-core finds on a page of Playwright: the rule, and the first element."""
    axe = pytest.importorskip("axe_playwright_python", reason="axe_playwright_python is not installed")
    page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
    return [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")]
