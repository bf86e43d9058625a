"""The built-in data set: scenes generated from a seed, offline, with exact masks, made to pull the models apart."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image

from segarena.data.scenes.scenery import CLASSES, VERSION, generate_scene
from segarena.data.source import Sample, Source, Split
from segarena.errors import ConfigError, RunError
from segarena.files import write_text, write_with

__all__ = ["CLASSES", "DEFAULT_COUNTS", "SyntheticSource", "generate_scene", "write_scenes"]

#: Scenes in each split.
DEFAULT_COUNTS: Mapping[Split, int] = MappingProxyType({"train": 160, "val": 40, "test": 40})

_SMALLEST = 64  # pixels; below it a scene has no room for a lake


class SyntheticSource:
    """A `Source` whose samples are drawn when they are read.

    Sample k is scene k of `seed`, and the splits follow each other, so no scene is in two of them. `counts` says how
    many scenes each split has. Raises ConfigError for a seed, a size or counts that cannot be.
    """

    name = "built-in scenes"
    classes = CLASSES

    def __init__(self, seed: int = 0, size: int = 96, counts: Mapping[Split, int] = DEFAULT_COUNTS) -> None:
        if seed < 0:
            raise ConfigError(f"the seed of the scenes is {seed}", remedy="Give 0 or more")
        if size < _SMALLEST:
            raise ConfigError(f"scenes of {size} pixels have no room for a lake", remedy=f"Give {_SMALLEST} or more")
        if not set(counts) <= set(get_args(Split)) or min(counts.values(), default=0) < 0 or not sum(counts.values()):
            raise ConfigError(
                f"the counts of scenes are {dict(counts)}", remedy="Give train, val and test numbers of 0 or more"
            )
        self.seed, self.size = seed, size
        self.counts: dict[Split, int] = {split: counts.get(split, 0) for split in get_args(Split)}
        splits = [split for split, count in self.counts.items() for _ in range(count)]
        digits = max(4, len(str(len(splits) - 1)))
        # a scene is read for its digest, too: drawn once, kept as long as the source
        self._draw = functools.cache(lambda number: generate_scene(seed, number, size))
        self.samples = tuple(Sample(f"scene-{k:0{digits}}", split, None, None) for k, split in enumerate(splits))

    def read(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Draw the image (size, size, 3), RGB 0..255, and its mask (size, size) of labels 0..7; no pixel is void."""
        return self._draw(range(len(self.samples))[index])

    def digest(self, index: int) -> str:
        """Return the SHA-256, in hex, of the image's bytes followed by the mask's."""
        image, mask = self.read(index)
        return hashlib.sha256(image.tobytes() + mask.tobytes()).hexdigest()

    @property
    def decoding_digest(self) -> str:
        """The SHA-256, in hex, of the class table: decoding depends on nothing else."""
        return self.classes.digest

    def describe(self) -> dict[str, Any]:
        """Return what draws the scenes again, as plain values."""
        return {
            "name": self.name,
            "origin": "generated",
            "generator_version": VERSION,
            "seed": self.seed,
            "size": self.size,
            "counts": dict(self.counts),
            "classes": self.classes.to_dict(),
        }


def write_scenes(folder: Path, source: Source, on_progress: Callable[[int, int], None] | None = None) -> None:
    """Write `folder`/SPLIT/images/NAME.png, `folder`/SPLIT/masks/NAME.png and, last, `folder`/classes.yaml.

    Masks are palette PNGs: a pixel's value is its label, its colour the class's. The same source gives the same
    bytes. `on_progress` hears (scenes written, scenes in all). Raises RunError where the folder has something in it
    or cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError("exists and is not an empty folder", where=folder, remedy="Name a new folder")
    for index, sample in enumerate(source.samples):
        image, mask = source.read(index)
        indexed = Image.fromarray(mask)
        indexed.putpalette(source.classes.palette())
        for kind, picture in (("images", Image.fromarray(image)), ("masks", indexed)):
            path = folder / (sample.split or "") / kind / f"{sample.name}.png"
            write_with(path, partial(picture.save, format="PNG", optimize=False))
        if on_progress is not None:
            on_progress(index + 1, len(source.samples))
    write_text(folder / "classes.yaml", yaml.safe_dump(source.classes.to_dict(), sort_keys=False))
