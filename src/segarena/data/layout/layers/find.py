"""Masks in layers: several mask files for one image, a class in each, by the names of folders or of files."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement, pairwise
from pathlib import Path

from segarena.data.layout.candidates import Collection, make_collection
from segarena.data.layout.fuzzy_pairing import Pair
from segarena.data.layout.layers.label_studio import is_label_studio, read_export
from segarena.data.layout.layers.names import ONLY_CLASS, name_classes_of_files, name_classes_of_folders
from segarena.data.layout.layers.open_images import read_tables
from segarena.data.layout.layers.parts import (
    OF_ONE_IMAGE,
    WAYS,
    ByKey,
    Parts,
    beginnings,
    by_core,
    has_digit,
    with_bare_numbers,
    with_class_folders,
)
from segarena.data.layout.pairing import compare_folders
from segarena.data.layout.search import Match
from segarena.data.layout.tree import File, Tree
from segarena.data.layout.vocabulary import is_preview, strip_kind_words, to_nfc
from segarena.data.source import Layer
from segarena.errors import DataError
from segarena.image_files.headers import fit, image_size
from segarena.image_files.image_io import reading
from segarena.image_files.layers import read_layers

#: Number of images that are examined.
_EXAMINED = 6
#: Two layers that share a larger part of what they mark are two versions of one mask, not two classes.
_TWINS = 0.7
#: Number of ways of naming that are compared with the pixels.
_TRIED = 4
_FURTHER = "a mask has its image's stem, and those of further objects have numbers"


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
        return tuple(Layer(number, file.path) for number, file in self._by_path[image])

    @cached_property
    def _by_path(self) -> dict[Path, list[tuple[int, File]]]:
        return {image.path: layers for image, layers in self.layers.items()}


def find_layers(
    root: Path,
    files: Sequence[File],
    images: Collection | None = None,
    masks: Collection | None = None,
    found: Match | None = None,
) -> LayerMatch | None:
    """Find images whose masks are several files each.

    These names are understood, and the same with folders for groups and splits around them:

    - `masks/CLASS/IMAGE.png`, `CLASS_masks/IMAGE.png`, and `CLASS/IMAGE.png` beside a folder named for images;
    - `IMAGE_CLASS.png` or `CLASS_IMAGE.png`, in the folder of masks or beside the images, with a number if a class has
      several files;
    - `ID/masks/CLASS.png` or `ID/masks/CLASS/*.png`, with the one image in `ID/` or in `ID/images/`;
    - `masks/IMAGE/CLASS.png` or `masks/IMAGE/CLASS/*.png`;
    - `IMAGE_mask.png`, with `IMAGE_mask_1.png`, ... for further objects, of one class, `foreground`.

    In the two before, names that do not recur are such objects too.

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

    Raises:
        DataError: The files are segments without a class.
    """
    candidates = list(_candidates(files, images.files if images else (), masks.files if masks else ()))
    if found and all(len(some_masks) <= len(found.pairs) for _, some_masks in candidates):
        return None  # before the names are compared
    matches = list(_find_matches(root, candidates))
    if found:
        matches = [match for match in matches if len(match.pairs) == len(match.masks.files) > len(found.pairs)]
    matches.sort(key=lambda match: -len(match.pairs))
    match = next((match for match in matches[:_TRIED] if _are_layers(match)), None)
    if match is not None and match.classes == (ONLY_CLASS,):
        _refuse_segments(match)
    return match


def _refuse_segments(match: LayerMatch) -> None:
    """Raise DataError for the output of Segment Anything, whose segments are of any class, background included."""
    for folder in {mask.folder for _, mask in match.first_pairs}:
        table = folder / "metadata.csv"
        if table.is_file():
            with reading(table):
                head = table.read_bytes().partition(b"\n")[0]
            if b"stability_score" in head:
                raise DataError(
                    "has segments of Segment Anything, which have no class: background is among them",
                    where=folder,
                    remedy="Choose those that are objects, e.g. by giving them a class in a labelling tool such as CVAT"
                    " or Label Studio. If all of them are objects of one class, remove each metadata.csv",
                )


def find_export(
    root: Path, files: Sequence[File], images: Collection | None = None, masks: Collection | None = None
) -> LayerMatch | None:
    """Find masks with Label Studio's names, wherever they are, and all other images; None if there are none.

    Raises DataError if it is not clear which images they belong to.
    """
    own_masks = [file for file in (masks.files if masks else files) if is_label_studio(file)]
    own_images = list(images.files) if images else [file for file in files if not is_label_studio(file)]
    if not own_masks or not own_images:
        return None
    if not images and any(file.location.kind == "image" for file in own_images):
        own_images = [file for file in own_images if file.location.kind == "image"]
    export = read_export(root, own_images, own_masks)
    collections = make_collection(root, own_images, "image"), make_collection(root, own_masks, "mask")
    return _number_classes(*collections, export.layers, export.rule)


def find_listed_objects(
    root: Path, tree: Tree, images: Collection | None = None, masks: Collection | None = None
) -> LayerMatch | None:
    """Find masks that a table gives an image and a class, see `open_images`; None if there are none. Raises DataError.

    Args:
        root: The data folder.
        tree: What is in it.
        images: The images that the user chose.
        masks: The same for the masks.
    """
    folders = [folder for folder, counts in tree.endings.items() if counts[".csv"]]
    if not folders:
        return None
    table = read_tables(folders, images.files if images else tree.files, masks.files if masks else tree.files)
    if table is None:
        return None
    used = {mask for some in table.layers.values() for _, mask in some}
    places = {file.folder for file in used}, {file.folder for file in table.layers}
    own_masks = list(masks.files) if masks else [file for file in tree.files if file.folder in places[0]]
    own_images = list(images.files) if images else [file for file in tree.files if file.folder in places[1] - places[0]]
    if not own_images:
        return None
    collections = make_collection(root, own_images, "image"), make_collection(root, own_masks, "mask")
    return _number_classes(*collections, table.layers, table.rule)


def _find_matches(root: Path, candidates: Sequence[tuple[list[File], list[File]]]) -> Iterator[LayerMatch]:
    for are_bare in (False, True):
        matches = []
        for some_images, some_masks in candidates:
            if some_images and some_masks:
                collections = make_collection(root, some_images, "image"), make_collection(root, some_masks, "mask")
                for view in compare_folders(some_images, some_masks):
                    renamed = with_class_folders(view[1], root)
                    by_key: ByKey | None = None
                    for own_masks in [view[1]] if renamed == view[1] else [view[1], renamed]:
                        names = with_bare_numbers(view[0], own_masks) if are_bare else (view[0], own_masks)
                        by_key = by_core(names[0]) if by_key is None else by_key
                        for way, find in WAYS.items():
                            parts = find(names[0], by_key, names[1])
                            if are_bare:  # with a number left in what is to be the class, it may be the image's
                                parts = {
                                    m: part for m, part in parts.items() if part.is_folder or not has_digit(part.label)
                                }
                            match = _match(*collections, parts, way)
                            matches += [match] if match else []
        if matches:
            yield from matches
            return


def _candidates(
    files: Sequence[File], images: Sequence[File], masks: Sequence[File]
) -> Iterator[tuple[list[File], list[File]]]:
    """Images and masks by the names of folders; by names of files that begin with another's; by one image per folder.

    A folder named for images may have folders for classes beside it that are named for nothing else.
    """
    chosen = {file.path for file in (*images, *masks)}
    rest = [file for file in files if file.path not in chosen and not is_preview(file.stem)]
    own_masks = list(masks) or [file for file in rest if file.location.kind == "mask"]
    own_images = list(images) or [file for file in rest if file.location.kind == "image"]
    unnamed = [file for file in rest if file.location.kind is None]
    if own_masks:
        yield own_images or unnamed, own_masks
    elif own_images:
        yield own_images, unnamed
    if not masks and not own_masks:
        pool = own_images or unnamed
        stems = {file.stem for file in pool}
        longer = {file for file in pool if not stems.isdisjoint(beginnings(file.stem))}
        alone = {file for file in pool if _is_named_for_images(file)}
        for some in ({file for file in pool if file not in longer}, alone):
            yield [file for file in pool if file in some], [file for file in pool if file not in some]


def _is_named_for_images(file: File) -> bool:
    """Whether a file is named `image`, or as its folder."""
    return file.stem == to_nfc(file.folder.name) or not strip_kind_words(file.stem, "image")[-1].core


def _match(images: Collection, masks: Collection, found: Parts, way: str) -> LayerMatch | None:
    """The layers, if the parts of most masks are clearly classes."""
    counts = Counter(part.image for part in found.values())
    are_named = len({part.label for part in found.values()}) > 1 and not any(part.is_folder for part in found.values())
    if (
        not found
        or 2 * len(found) < len(masks.files)
        or (max(counts.values()) < 2 and not (are_named and way not in OF_ONE_IMAGE))
    ):
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
    if not is_alone and set(names.values()) == {ONLY_CLASS}:
        way = _FURTHER
    layers: dict[File, list[tuple[str, File]]] = defaultdict(list)
    folders: dict[tuple[File, str], set[Path]] = defaultdict(set)
    for mask, part in found.items():
        layers[part.image].append((names[part.label], mask))
        folders[part.image, names[part.label]].add(mask.folder)
    if is_folder == {False} and max(map(len, folders.values())) > 1:
        return None  # what the files are named is not their class
    return _number_classes(images, masks, layers, way)


def _number_classes(
    images: Collection, masks: Collection, named: dict[File, list[tuple[str, File]]], way: str
) -> LayerMatch:
    """Number the classes by their names."""
    names = {name for some in named.values() for name, _ in some}
    classes = tuple(sorted(names, key=lambda name: (name.casefold(), name)))
    layers = {
        image: sorted(((classes.index(name), mask) for name, mask in some), key=lambda layer: (layer[0], layer[1].path))
        for image, some in named.items()
    }
    return LayerMatch(images, masks, layers, classes, way)


# By pixels


def _are_layers(match: LayerMatch) -> bool:
    """Whether the masks of most of six images are binary, of the image's size, and mark different pixels.

    Two masks of one class in an image mark different pixels too: they are two objects, not two versions.
    """
    shared: Counter[tuple[int, int]] = Counter()
    objects = Counter[str]()
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
        for first, second in pairwise(match.layers[image]):
            if first[0] == second[0]:
                both = read_layers([(0, first[1].path), (1, second[1].path)]).values
                objects.update(shared=int((both == 3).sum()), marked=int((both > 0).sum()))
        for one, other in combinations_with_replacement(range(len(match.classes)), 2):
            sides = (plane.values >> one & 1, plane.values >> other & 1)
            shared[one, other] += int((sides[0] & sides[1]).sum())
    pairs = [(shared[a, a] + shared[b, b] - both, both) for (a, b), both in shared.items() if a != b]
    pairs.append((objects["marked"], objects["shared"]))
    return 2 * readable > len(examined) and not any(both > _TWINS * union for union, both in pairs)
