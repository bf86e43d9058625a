"""Published data sets as sources, by name: `segarena compare voc2012 --root DIR`. torchvision finds the files.

    name         images of         splits                      classes
    voc2012      PASCAL VOC 2012   train, val                  21; 255 (object borders) is void
    sbd          SBD               train, val                  VOC's 21; no void
    cityscapes   Cityscapes        train, val                  the 19 that are scored, of 34; the others are void
    oxford-pets  Oxford-IIIT Pet   trainval as train, test     background, pet; the unclassified border is void

The test labels of VOC and Cityscapes are not public; papers report scores on val.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from segarena.classes import IGNORE_INDEX, ClassTable
from segarena.converters.voc import read_indices, voc_classes
from segarena.data.source import Sample, Source, Split
from segarena.errors import ConfigError, DataError
from segarena.formats import join_words, plural
from segarena.image_files.images import read_image
from segarena.image_files.sample_files import hash_files

Labels = NDArray[np.uint8]
#: Image files and their mask files.
Pairs = Sequence[tuple[Path, Path]]

_UNPACK = "Unpack the data set again"


class ListedSource:
    """A `Source` of given pairs of files: nothing is searched for or inferred."""

    def __init__(
        self,
        name: str,
        root: Path,
        pairs: Mapping[Split, Pairs],
        classes: ClassTable,
        read_values: Callable[[Path], Labels],
    ) -> None:
        """Make the samples; no file is opened.

        Args:
            name: The name of the data set.
            root: Its folder, for `describe`.
            pairs: The image and mask files of each split; the stems of the images must differ.
            classes: The classes, and the values in the masks that are void.
            read_values: Reads a mask file -> (H, W) uint8, values of `classes`.
        """
        self.name, self.root, self.classes = name, root, classes
        self._read_values = read_values
        self.samples: tuple[Sample, ...] = tuple(
            sorted(
                (Sample(image.stem, split, image, mask) for split, found in pairs.items() for image, mask in found),
                key=lambda sample: (get_args(Split).index(sample.split), sample.name),
            )
        )
        self._labels = np.full(256, -1, dtype=np.int16)
        for value in classes.ignore:
            self._labels[value] = IGNORE_INDEX
        for label, entry in enumerate(classes.classes):
            self._labels[entry.value] = label

    def read(self, index: int) -> tuple[NDArray[np.uint8], Labels]:
        """Return the image (H, W, 3), RGB 0..255, and its mask (H, W): labels 0..num_classes-1, 255 = void.

        Raises DataError if a file is damaged, a mask has a value of no class, or the two differ in size.
        """
        image_path, mask_path = self.samples[index].files
        image, values = read_image(image_path), self._read_values(mask_path)
        if image.shape[:2] != values.shape:
            raise DataError(f"does not have the size of its image {image_path}", where=mask_path, remedy=_UNPACK)
        labels = self._labels[values]
        if labels.min() < 0:
            raise DataError(
                f"has the value {values[labels < 0][0]}, which is neither a class nor void",
                where=mask_path,
                remedy=_UNPACK,
            )
        return image, labels.astype(np.uint8)

    def read_labels(self, index: int) -> NDArray[np.uint8]:
        """Return the mask alone, as `read` gives it, and raise what it raises."""
        return self.read(index)[1]

    def shown(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        """Return an image that `read` gave as it is: it is RGB."""
        return image

    def digest(self, index: int) -> str:
        """Return the SHA-256, in hex, of the image file's bytes followed by the mask file's. Raises DataError."""
        return hash_files(*self.samples[index].files)

    @property
    def decoding_digest(self) -> str:
        """The SHA-256, in hex, of the class table: decoding depends on nothing else."""
        return self.classes.digest

    def describe(self) -> dict[str, Any]:
        """Return the data set's name, folder, splits and classes, as plain values."""
        return {
            "name": self.name,
            "origin": str(self.root),
            "layout": f"{self.name}, as published",
            "pairing": "the data set's own lists",
            "num_samples": len(self.samples),
            "splits": dict(Counter(str(sample.split) for sample in self.samples)),
            **self.classes.to_dict(),
        }


@dataclass(frozen=True)
class _DataSet:
    """How the files of one data set are found and read.

    Attributes:
        holds: What the folder given with --root must have, for messages.
        splits: torchvision's name of each split.
        find: Returns the pairs of files, from the root, torchvision's name of a split, and whether to download.
        read_values: Reads a mask file -> (H, W) uint8.
        classes: Returns the classes and the values that are void.
        by_hand: Where to get a data set that torchvision cannot download; None if it can.
    """

    holds: str
    splits: Mapping[Split, str]
    find: Callable[[Path, str, bool], Pairs]
    read_values: Callable[[Path], Labels]
    classes: Callable[[], ClassTable]
    by_hand: str | None = None


def open_published(name: str, root: Path | None, download: bool | None = None) -> Source:
    """Open a published data set.

    Args:
        name: One of `PUBLISHED`.
        root: The folder that has the files, as the data set's archives unpack them.
        download: Whether to download the data set to `root` if it is not there. None: no, and errors do not suggest it.

    Raises:
        ConfigError: The name is unknown, or the data set cannot be downloaded without an account.
        DataError: No folder is given, files are missing or damaged, or the download fails.
    """
    if name not in _DATA_SETS:
        raise ConfigError(f"unknown data set {name!r}", remedy=f"Choose from {', '.join(PUBLISHED)}, or name a folder")
    data_set = _DATA_SETS[name]
    otherwise = f". {data_set.by_hand}" if data_set.by_hand else "" if download is None else ", or add --download"
    if root is None:
        raise DataError(
            f"{name} needs the folder of its files",
            remedy=f"Name the folder that has {data_set.holds} with --root DIR{otherwise}",
        )
    try:
        pairs = _find(name, data_set, root, otherwise)
    except DataError:
        if not download:
            raise
        if data_set.by_hand:
            raise ConfigError(
                f"{name} cannot be downloaded without an account",
                where=root,
                remedy=data_set.by_hand,
            ) from None
        pairs = _find(name, data_set, root, otherwise, download=True)
    return ListedSource(name, root, pairs, data_set.classes(), data_set.read_values)


def _find(name: str, data_set: _DataSet, root: Path, otherwise: str, *, download: bool = False) -> dict[Split, Pairs]:
    """The pairs of each split; all files exist. `otherwise` ends the remedies: where else to get the files."""
    pairs: dict[Split, Pairs] = {}
    try:
        for split, name_there in data_set.splits.items():
            pairs[split] = data_set.find(root, name_there, download and not pairs)  # one archive has all splits
    except (RuntimeError, OSError, ValueError) as error:
        if download:
            raise DataError(
                f"{name} could not be downloaded ({error})",
                where=root,
                remedy="Check the connection, or unpack the data set there and leave out --download",
            ) from error
        raise DataError(
            f"is not the folder of {name}, or incomplete: it needs {data_set.holds}",
            where=root,
            remedy=f"Name the folder that has {data_set.holds} with --root DIR{otherwise}",
        ) from error
    paths = [path for found in pairs.values() for pair in found for path in pair]
    missing = [path for path in paths if not path.is_file()]
    empty = [data_set.splits[split] for split, found in pairs.items() if not found]
    if missing or empty:
        what = f"{missing[0]} does not exist" if missing else f"no image is listed for {join_words(empty)}"
        more = f", nor do {plural(len(missing) - 1, 'other file')} of {name}" if len(missing) > 1 else ""
        raise DataError(what + more, where=root, remedy=f"{_UNPACK}{otherwise}")
    return pairs


def _find_voc(root: Path, split: str, download: bool) -> Pairs:
    from torchvision.datasets import VOCSegmentation

    found = VOCSegmentation(root, year="2012", image_set=split, download=download)
    return _pair(found.images, found.masks)


def _find_sbd(root: Path, split: str, download: bool) -> Pairs:
    from torchvision.datasets import SBDataset

    found = SBDataset(root, image_set=split, mode="segmentation", download=download)
    return _pair(found.images, found.masks)


def _find_cityscapes(root: Path, split: str, download: bool) -> Pairs:
    from torchvision.datasets import Cityscapes

    found = Cityscapes(root, split=split, mode="fine", target_type="semantic")
    return _pair(found.images, [target for (target,) in found.targets])


def _find_pets(root: Path, split: str, download: bool) -> Pairs:
    from torchvision.datasets import OxfordIIITPet

    found = OxfordIIITPet(root, split=split, target_types="segmentation", download=download)
    return _pair(found._images, found._segs)


def _pair(images: Sequence[Any], masks: Sequence[Any]) -> Pairs:
    return [(Path(image), Path(mask)) for image, mask in zip(images, masks, strict=True)]


def _read_sbd(path: Path) -> Labels:
    """The class of each pixel from a MATLAB file."""
    from scipy.io import loadmat

    try:
        return np.asarray(loadmat(path)["GTcls"][0]["Segmentation"][0], dtype=np.uint8)
    except Exception as error:  # of a damaged file loadmat may raise anything
        raise DataError(f"cannot be read ({error})", where=path, remedy=_UNPACK) from error


def _voc_table() -> ClassTable:
    return voc_classes("voc2012")


def _cityscapes_table() -> ClassTable:
    """The 19 classes by train id (Cordts et al. 2016, arXiv:1604.01685, 3.1); other ids are void."""
    from torchvision.datasets import Cityscapes

    scored = sorted((c for c in Cityscapes.classes if 0 <= c.train_id < IGNORE_INDEX), key=lambda c: c.train_id)
    classes = [{"name": c.name, "value": c.id, "color": list(c.color)} for c in scored]
    ignore = [c.id for c in Cityscapes.classes if c.train_id == IGNORE_INDEX]
    return ClassTable.from_dict({"classes": classes, "ignore": ignore}, where="cityscapes")


def _pets_table() -> ClassTable:
    """Trimap values (the data set's README): 1 foreground, 2 background, 3 not classified."""
    classes = [{"name": "background", "value": 2}, {"name": "pet", "value": 1}]
    return ClassTable.from_dict({"classes": classes, "ignore": [3]}, where="oxford-pets")


_DATA_SETS: dict[str, _DataSet] = {
    "voc2012": _DataSet("VOCdevkit/VOC2012", {"train": "train", "val": "val"}, _find_voc, read_indices, _voc_table),
    "sbd": _DataSet(
        "img/, cls/, train.txt and val.txt", {"train": "train", "val": "val"}, _find_sbd, _read_sbd, _voc_table
    ),
    "cityscapes": _DataSet(
        "leftImg8bit/ and gtFine/",
        {"train": "train", "val": "val"},
        _find_cityscapes,
        read_indices,
        _cityscapes_table,
        by_hand="Put leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip from cityscapes-dataset.com there",
    ),
    "oxford-pets": _DataSet(
        "oxford-iiit-pet/", {"train": "trainval", "test": "test"}, _find_pets, read_indices, _pets_table
    ),
}

#: The names that `open_published` accepts.
PUBLISHED: tuple[str, ...] = tuple(_DATA_SETS)


def is_published(data: Path) -> bool:
    """Whether DATA is the name of a published data set, and no folder of that name is here."""
    return data.name == str(data) and data.name in PUBLISHED and not data.is_dir()
