"""The scored images and their labels, kept for the viewer: PNG and JPEG files of limited size in one ZIP file."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from segarena.errors import RunError
from segarena.evenly import evenly_spaced
from segarena.files import open_whole

#: In the folder of a run, or of a fold: what its network predicted, IMAGE.png for each scored image.
PREDICTIONS = "predictions.zip"
#: In the folder of a comparison: each scored image, IMAGE.jpg, and its true labels, IMAGE.png.
PICTURES = "pictures.zip"
#: The longest side of what is kept, in pixels: larger labels are reduced to the nearest ones, photographs smoothly.
LONGEST_SIDE = 1024
#: Images that are kept at most, evenly spaced among the scored ones.
MOST_IMAGES = 5000

_RUN_LENGTHS = 3  # zlib's strategy for runs of equal bytes: a third of the time of the usual one, and smaller
_QUALITY = 82
_AGAIN = "Write it again with `segarena compare --resume FOLDER`"
#: ZIP cannot store a date before this one; every entry gets it, so that equal content is an equal file.
ZIP_DATE = (1980, 1, 1, 0, 0, 0)


def kept_names(names: Sequence[str]) -> list[str]:
    """Return the names of the images that are kept: all, or MOST_IMAGES of them, evenly spaced."""
    return [names[place] for place in evenly_spaced(len(names), MOST_IMAGES)]


def encode_labels(labels: NDArray[np.uint8], palette: Sequence[int], longest: int = LONGEST_SIDE) -> bytes:
    """Return labels as a palette PNG, whose indices are the labels.

    Args:
        labels: (H, W), class indices; 255 is void.
        palette: 768 numbers 0..255, the colour of each index.
        longest: The longest side, in pixels; larger labels are reduced to those of the nearest pixels.
    """
    image = Image.fromarray(labels)
    image.thumbnail((longest, longest), Image.Resampling.NEAREST)
    picture = Image.frombytes("P", image.size, image.tobytes())
    picture.putpalette(palette)
    stream = io.BytesIO()
    picture.save(stream, "PNG", compress_type=_RUN_LENGTHS)
    return stream.getvalue()


def decode_labels(content: bytes) -> NDArray[np.uint8]:
    """Return the labels, (H, W), of a PNG of `encode_labels`. Raises ValueError where it is none."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.mode not in ("P", "L"):
                raise ValueError(f"{image.mode} image, not labels")
            return np.asarray(image, dtype=np.uint8)
    except (OSError, UnidentifiedImageError) as error:
        raise ValueError(str(error)) from error


def encode_photo(image: NDArray[np.uint8], longest: int = LONGEST_SIDE) -> bytes:
    """Return an image as JPEG.

    Args:
        image: RGB, (H, W, 3), 0..255.
        longest: The longest side, in pixels; a larger image is reduced to it.
    """
    picture = Image.fromarray(image)
    picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()


class PictureWriter:
    """Adds pictures to a ZIP file that is being written."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def add(self, name: str, content: bytes) -> None:
        """Add a file; PNG and JPEG are compressed already and stored as they are."""
        self._archive.writestr(zipfile.ZipInfo(name, ZIP_DATE), content)


@contextmanager
def writing_pictures(path: Path) -> Iterator[PictureWriter]:
    """Open a ZIP file for pictures, which is there, whole, when the block ends without an error.

    Args:
        path: The file to write or replace.

    Raises:
        RunError: It cannot be written.
    """
    with open_whole(path) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        yield PictureWriter(archive)


class Pictures:
    """The files of one ZIP file of pictures, or of one for each fold."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Open the files. Raises RunError where one cannot be read."""
        self._places: dict[str, tuple[Path, zipfile.ZipFile]] = {}
        self._sizes: dict[str, int] = {}
        for path in paths:
            try:
                archive = zipfile.ZipFile(path)
            except (OSError, zipfile.BadZipFile) as error:
                raise RunError(f"cannot be read ({error})", where=path, remedy=_AGAIN) from error
            for entry in archive.infolist():
                self._places[entry.filename] = (path, archive)
                self._sizes[entry.filename] = entry.file_size

    def __contains__(self, name: str) -> bool:
        """Whether there is a file of that name."""
        return name in self._places

    @property
    def names(self) -> list[str]:
        """The names of the images, those of the PNG files without the suffix, in their order."""
        return [name.removesuffix(".png") for name in self._places if name.endswith(".png")]

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(self._sizes.values())

    def read(self, name: str) -> bytes:
        """Return the content of a file. Raises RunError where it is damaged or missing."""
        path, archive = self._places[name]
        try:
            return archive.read(name)
        except (OSError, zipfile.BadZipFile) as error:
            raise RunError(f"{name} cannot be read ({error})", where=path, remedy=_AGAIN) from error

    def labels(self, image: str) -> NDArray[np.uint8]:
        """Return the labels of an image, (H, W). Raises RunError where they are damaged."""
        try:
            return decode_labels(self.read(f"{image}.png"))
        except ValueError as error:
            path, _ = self._places[f"{image}.png"]
            raise RunError(f"{image}.png cannot be read ({error})", where=path, remedy=_AGAIN) from error
