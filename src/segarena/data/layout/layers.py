"""Masks in layers: several mask files for one image, a class in each, by the names of folders or of files."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from pathlib import Path

from segarena.data.files.headers import fit, image_size
from segarena.data.files.layers import read_layers
from segarena.data.layout.candidates import Collection, make_collection
from segarena.data.layout.fuzzy_pairing import Pair
from segarena.data.layout.layer_names import name_classes_of_files, name_classes_of_folders
from segarena.data.layout.layer_parts import OF_ONE_IMAGE, WAYS, Parts, beginnings
from segarena.data.layout.pairing import compare_folders
from segarena.data.layout.search import Match
from segarena.data.layout.tree import File
from segarena.data.layout.vocabulary import is_preview
from segarena.data.source import Layer
from segarena.errors import DataError

#: So many images are examined.
_EXAMINED = 6
#: Two layers that share a larger part of what they mark are two versions of one mask, not two classes.
_TWINS = 0.7


@dataclass(frozen=True)
class LayerMatch:
    """Images with the layers of their masks.

    Attributes:
        images: All images, those without a layer too.
        masks: All masks, those without an image too.
        layers: The files of each image, with the number of their class.
        classes: The names of the classes.
        way: How they were paired, as a sentence.
    """

    images: Collection
    masks: Collection
    layers: dict[File, list[tuple[int, File]]]
    classes: tuple[str, ...]
    way: str

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Each image with each of its masks."""
        return tuple((image, mask) for image, layers in self.layers.items() for _, mask in layers)

    @property
    def first_pairs(self) -> tuple[Pair, ...]:
        """Each image with the first of its masks."""
        return tuple((image, layers[0][1]) for image, layers in self.layers.items())

    @property
    def rule(self) -> str:
        """How they were paired, as a sentence."""
        return f"several masks for each image: {self.way}"

    def layers_of(self, image: Path) -> tuple[Layer, ...]:
        """The layers of an image, by its path."""
        found = next(layers for file, layers in self.layers.items() if file.path == image)
        return tuple(Layer(number, file.path) for number, file in found)


def find_layers(
    root: Path,
    files: Sequence[File],
    images: Collection | None = None,
    masks: Collection | None = None,
    found: Match | None = None,
) -> LayerMatch | None:
    """Find images whose masks are several files each.

    These names are understood, and the same with folders for groups and splits around them:

    - `masks/CLASS/IMAGE.png`;
    - `IMAGE_CLASS.png` or `CLASS_IMAGE.png`, in the folder of masks or beside the images, with a number if a class has
      several files;
    - `ID/masks/CLASS.png` or `ID/masks/CLASS/*.png`, with the one image in `ID/` or in `ID/images/`;
    - `masks/IMAGE/CLASS.png` or `masks/IMAGE/CLASS/*.png`.

    In the last two, names that do not recur are objects of one class, `foreground`.

    Args:
        root: The data folder.
        files: All files.
        images: The images that the user chose; they are searched for if there are none.
        masks: The same for the masks.
        found: Pairs of one image and one mask that leave masks over.

    Returns:
        None if the names or the pixels are not clearly of these kinds: at least half of the masks have an image, one
        image has several, the names of the classes recur, and the masks are binary and mark different pixels. Where
        there are pairs already, all masks must have an image.
    """
    matches = list(_find_matches(root, files, images, masks))
    if found:
        matches = [match for match in matches if len(match.pairs) == len(match.masks.files) > len(found.pairs)]
    best = max(matches, key=lambda match: len(match.pairs), default=None)
    return best if best and _are_layers(best) else None


def _find_matches(
    root: Path, files: Sequence[File], images: Collection | None, masks: Collection | None
) -> Iterator[LayerMatch]:
    for some_images, some_masks in _candidates(files, images.files if images else (), masks.files if masks else ()):
        if not some_images or not some_masks:
            continue
        collections = make_collection(root, some_images, "image"), make_collection(root, some_masks, "mask")
        for view in compare_folders(some_images, some_masks):
            for way, find in WAYS.items():
                match = _match(*collections, find(*view), way)
                if match:
                    yield match


def _candidates(
    files: Sequence[File], images: Sequence[File], masks: Sequence[File]
) -> Iterator[tuple[list[File], list[File]]]:
    """Images and masks by the names of their folders; else, by the names of files that begin with another's."""
    chosen = {file.path for file in (*images, *masks)}
    rest = [file for file in files if file.path not in chosen and not is_preview(file.stem)]
    own_masks = list(masks) or [file for file in rest if file.location.kind == "mask"]
    own_images = list(images) or [file for file in rest if file.location.kind == "image"]
    yield own_images or [file for file in rest if file.location.kind is None], own_masks
    if not masks and not own_masks:
        pool = own_images or rest
        stems = {(file.path.parent, file.stem) for file in pool}
        longer = {file for file in pool if any((file.path.parent, start) in stems for start in beginnings(file.stem))}
        yield [file for file in pool if file not in longer], [file for file in pool if file in longer]


def _match(images: Collection, masks: Collection, found: Parts, way: str) -> LayerMatch | None:
    """The layers, if the parts of most masks are clearly classes."""
    counts = Counter(part.image for part in found.values())
    if 2 * len(found) < len(masks.files) or max(counts.values()) < 2:
        return None
    labels: dict[File, list[str]] = defaultdict(list)
    for part in found.values():
        labels[part.image].append(part.label)
    is_folder = {part.is_folder for part in found.values()}
    if len(is_folder) > 1:
        return None
    is_alone = way in OF_ONE_IMAGE
    names = name_classes_of_folders(labels) if is_folder == {True} else name_classes_of_files(labels, is_alone)
    if names is None:
        return None
    classes = tuple(sorted(set(names.values()), key=lambda name: (name.casefold(), name)))
    layers: dict[File, list[tuple[int, File]]] = defaultdict(list)
    for mask, part in found.items():
        layers[part.image].append((classes.index(names[part.label]), mask))
    ordered = {image: sorted(some, key=lambda layer: (layer[0], layer[1].path)) for image, some in layers.items()}
    return LayerMatch(images, masks, ordered, classes, way)


# By pixels


def _are_layers(match: LayerMatch) -> bool:
    """Whether the masks of most of six images are binary, of the image's size, and mark different pixels."""
    shared: Counter[tuple[int, int]] = Counter()
    images = sorted(match.layers, key=lambda image: -len({number for number, _ in match.layers[image]}))
    examined = [images[place] for place in sorted({len(images) * step // 12 for step in range(_EXAMINED)})]
    readable = 0
    for image in examined:
        try:
            size = image_size(image.path)
            plane = read_layers([(number, file.path) for number, file in match.layers[image]])
            fit(image.path, size, image.path, plane.values.shape)
        except DataError:
            continue
        readable += 1
        for one, other in combinations_with_replacement(range(len(match.classes)), 2):
            sides = (plane.values >> one & 1, plane.values >> other & 1)
            shared[one, other] += int((sides[0] & sides[1]).sum())
    pairs = [(shared[a, a] + shared[b, b] - both, both) for (a, b), both in shared.items() if a != b]
    return 2 * readable > len(examined) and not any(both > _TWINS * union for union, both in pairs)
