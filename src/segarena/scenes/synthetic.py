"""The built-in data set: scenes drawn from a seed, with exact masks, designed so that the models score differently."""

from __future__ import annotations

import functools
import hashlib
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image

from segarena.data.source import Sample, Source, Split
from segarena.errors import ConfigError
from segarena.files import write_text, write_with
from segarena.runs import check_out, remove_if_empty
from segarena.scenes.scenery import CLASSES, VERSION, generate_scene

__all__ = ["CLASSES", "DEFAULT_COUNTS", "SyntheticSource", "generate_scene", "write_scenes"]

#: Scenes in each split.
DEFAULT_COUNTS: Mapping[Split, int] = MappingProxyType({"train": 96, "val": 32, "test": 40})

_SMALLEST = 64  # pixels; a smaller scene has no room for a lake
#: Bytes of the scenes that are kept in memory, and of a pixel of a scene: its colour and its label.
_KEPT, _BYTES = 1 << 30, 4


class SyntheticSource:
    """A `Source` of scenes, each drawn when it is read first; as many as fit in 1 GiB are kept.

    Sample k is scene k of the seed; train has the first scenes, then val, then test, so that no scene is in two splits.
    """

    name = "built-in scenes"
    classes = CLASSES

    def __init__(self, seed: int = 0, size: int = 128, counts: Mapping[Split, int] = DEFAULT_COUNTS) -> None:
        """Prepare the samples; nothing is drawn yet.

        Args:
            seed: The seed of all scenes, 0 or more.
            size: Pixels along each side, at least 64.
            counts: The number of scenes in each split; a split that is left out has none.

        Raises:
            ConfigError: The seed or a count is negative, the size is below 64, or there is no scene at all.
        """
        if seed < 0:
            raise ConfigError(f"the seed of the scenes is {seed}", remedy="Give 0 or more")
        if size < _SMALLEST:
            raise ConfigError(f"scenes of {size} pixels have no room for a lake", remedy=f"Give {_SMALLEST} or more")
        if not set(counts) <= set(get_args(Split)) or min(counts.values(), default=0) < 0 or not sum(counts.values()):
            raise ConfigError(
                f"the counts of scenes are {dict(counts)}",
                remedy="Give train, val and test numbers of 0 or more, not all 0",
            )
        self.seed, self.size = seed, size
        self.counts: dict[Split, int] = {split: counts.get(split, 0) for split in get_args(Split)}
        splits = [split for split, count in self.counts.items() for _ in range(count)]
        digits = max(4, len(str(len(splits) - 1)))
        # A scene is needed for its digest, too, and costs more time to draw than memory to keep.
        kept = max(1, _KEPT // (_BYTES * size**2))
        self._draw = functools.lru_cache(kept)(lambda number: generate_scene(seed, number, size))
        self.samples = tuple(Sample(f"scene-{k:0{digits}}", split, None, None) for k, split in enumerate(splits))

    def __reduce__(self) -> tuple[type[SyntheticSource], tuple[int, int, Mapping[Split, int]]]:
        """Make it picklable, for another process: the scenes that it needs are drawn there."""
        return type(self), (self.seed, self.size, self.counts)

    def read(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return the image (size, size, 3), RGB 0..255, and its mask (size, size) of labels 0..7; no pixel is void."""
        return self._draw(range(len(self.samples))[index])

    def read_labels(self, index: int) -> NDArray[np.uint8]:
        """Return the mask alone, as `read` gives it."""
        return self.read(index)[1]

    def shown(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        """Return an image that `read` gave as it is: it is RGB."""
        return image

    def digest(self, index: int) -> str:
        """Return the SHA-256, in hex, of the image's bytes followed by the mask's."""
        image, mask = self.read(index)
        return hashlib.sha256(image.tobytes() + mask.tobytes()).hexdigest()

    @property
    def decoding_digest(self) -> str:
        """The SHA-256, in hex, of the class table: decoding depends on nothing else."""
        return self.classes.digest

    def describe(self) -> dict[str, Any]:
        """Return what is needed to draw the same scenes again, as plain values."""
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

    Masks are palette PNGs: the value of a pixel is its label, its colour that of the class. The same source gives the
    same bytes. If writing fails or is interrupted, nothing is left.

    Args:
        folder: A folder that does not exist or is empty.
        source: Any source, usually a `SyntheticSource`.
        on_progress: Called with (scenes written, scenes in all).

    Raises:
        RunError: The folder is not empty or cannot be written.
        DataError: An image or a mask of the source cannot be read.
    """
    check_out(folder)
    was_there = folder.exists()
    try:
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
    except BaseException:  # part of a data set must not be mistaken for all of it
        for place in {sample.split or kind for sample in source.samples for kind in ("images", "masks")}:
            shutil.rmtree(folder / place, ignore_errors=True)
        if not was_there:
            remove_if_empty(folder)
        raise
