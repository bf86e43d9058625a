"""Which image belongs to which mask: the folder layouts that people use, one rule each, paired by stem."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from segarena.data.pairing import entries, files_by_stem, folders, image_files, pair_files
from segarena.data.source import Sample, Split
from segarena.errors import DataError

#: Folder names, in lower case and without separators.
IMAGE_WORDS = frozenset({"image", "images", "img", "imgs", "input", "inputs", "jpegimages", "photos", "rgb"})
MASK_WORDS = frozenset(
    {"mask", "masks", "label", "labels", "annot", "annots", "annotation", "annotations", "target", "targets"}
    | {"gt", "gts", "groundtruth", "groundtruths", "segmentation", "segmentations", "segmentationclass"}
)
SPLIT_WORDS: dict[Split, frozenset[str]] = {
    "train": frozenset({"train", "training"}),
    "val": frozenset({"val", "valid", "validation"}),
    "test": frozenset({"test", "testing"}),
}
_EXPECTED = (
    "Lay it out as images/ and masks/, with or without train/, val/ and test/ inside either or around both, "
    "and name the folder that holds them all"
)


@dataclass(frozen=True)
class Layout:
    """How a folder was read: `sentence` says it, `pairing` how stems were matched, `samples` what was paired."""

    sentence: str
    pairing: str
    samples: tuple[Sample, ...]
    images_without_mask: tuple[Path, ...]
    masks_without_image: tuple[Path, ...]


@dataclass(frozen=True)
class _Part:
    """The image and the mask folder of one split; None where a split has only the other."""

    split: Split | None
    images: Path | None
    masks: Path | None


def find_pairs(root: Path) -> Layout:
    """Find the layout of `root` and pair each image with the mask of its stem, never by position in a listing.

    Hidden files and files that are no images are passed over. Raises DataError where the folder is missing, empty,
    of no known layout, of two at once, where it has no pair, or where two files claim the same stem.
    """
    _check_folder(root)
    found = [parts for parts in (rule(root) for rule in RULES) if any(part.images and part.masks for part in parts)]
    if not found:
        raise _unknown_layout(root)
    if len(found) > 1:
        raise DataError(
            f"holds two layouts: ({_show(root, found[0])}) and ({_show(root, found[1])})",
            where=root,
            remedy="Move one of them to another folder",
        )
    samples, lonely_images, lonely_masks = [], [], []
    for part in found[0]:
        images = files_by_stem(part.images) if part.images else {}
        masks = files_by_stem(part.masks) if part.masks else {}
        pairs = pair_files(images, masks)
        samples += [Sample(stem, part.split, images[stem], masks[mask]) for stem, mask in pairs.items()]
        lonely_images += [path for stem, path in images.items() if stem not in pairs]
        lonely_masks += [path for stem, path in masks.items() if stem not in set(pairs.values())]
    if not samples:
        raise DataError(
            f"no image has a mask: e.g. {_example(root, lonely_images)} and {_example(root, lonely_masks)}",
            where=root,
            remedy="Give each mask the file name of its image; it may end in another suffix, or in _mask before it",
        )
    same = all(sample.image and sample.mask and sample.image.stem == sample.mask.stem for sample in samples)
    return Layout(
        sentence=_show(root, found[0]),
        pairing="a mask has its image's stem" + ("" if same else ", but for an ending such as _image or _mask"),
        samples=tuple(_name_apart(samples)),
        images_without_mask=tuple(sorted(lonely_images)),
        masks_without_image=tuple(sorted(lonely_masks)),
    )


# The rules: each takes the root and returns the parts it sees, complete or not.


def _images_beside_masks(root: Path) -> list[_Part]:
    """images/ + masks/"""
    images = _pick(root, IMAGE_WORDS, _has_images)
    masks = _pick(root, MASK_WORDS, _has_images)
    return [_Part(None, images, masks)]


def _splits_inside(root: Path) -> list[_Part]:
    """images/train + masks/train"""
    images = _pick(root, IMAGE_WORDS, _has_splits)
    masks = _pick(root, MASK_WORDS, _has_splits)
    if images is None or masks is None:
        return []
    return [
        _Part(split, _pick(images, words, _has_images), _pick(masks, words, _has_images))
        for split, words in SPLIT_WORDS.items()
    ]


def _splits_outside(root: Path) -> list[_Part]:
    """train/images + train/masks"""
    parts = []
    for split, words in SPLIT_WORDS.items():
        folder = _pick(root, words, _has_folders)
        if folder is not None:
            parts.append(_Part(split, _pick(folder, IMAGE_WORDS, _has_images), _pick(folder, MASK_WORDS, _has_images)))
    return parts


def _split_and_annotation(root: Path) -> list[_Part]:
    """train/ + trainannot/, as CamVid comes"""
    return [
        _Part(
            split,
            _pick(root, words, _has_images),
            _pick(root, frozenset(word + mask for word in words for mask in MASK_WORDS), _has_images),
        )
        for split, words in SPLIT_WORDS.items()
    ]


RULES: tuple[Callable[[Path], list[_Part]], ...] = (
    _images_beside_masks,
    _splits_inside,
    _splits_outside,
    _split_and_annotation,
)


def _pick(folder: Path, words: frozenset[str], is_candidate: Callable[[Path], bool]) -> Path | None:
    """The one folder inside `folder` that bears one of `words`; two are the user's to choose from."""
    found = [path for path in folders(folder) if _word(path) in words and is_candidate(path)]
    if len(found) > 1:
        raise DataError(
            f"holds {found[0].name}/ and {found[1].name}/, and either could be meant",
            where=folder,
            remedy="Name a folder that has only one of them, e.g. a copy or a folder of links",
        )
    return found[0] if found else None


def _name_apart(samples: list[Sample]) -> list[Sample]:
    """Stems as names where they differ, else split/stem; sorted by split, then name."""
    order = {split: i for i, split in enumerate(SPLIT_WORDS)}
    if len({sample.name for sample in samples}) < len(samples):
        samples = [Sample(f"{s.split}/{s.name}", s.split, s.image, s.mask) for s in samples]
    return sorted(samples, key=lambda s: (order[s.split] if s.split else 0, s.name))


def _has_images(folder: Path) -> bool:
    return bool(image_files(folder))


def _has_folders(folder: Path) -> bool:
    return any(True for _ in folders(folder))


def _has_splits(folder: Path) -> bool:
    words = frozenset().union(*SPLIT_WORDS.values())
    return any(_word(path) in words for path in folders(folder))


def _word(path: Path) -> str:
    return "".join(letter for letter in path.name.lower() if letter not in "_- .")


def _check_folder(root: Path) -> None:
    if not root.exists():
        raise DataError("does not exist", where=root, remedy="Check the path")
    if not root.is_dir():
        raise DataError("is a file, not a folder", where=root, remedy=_EXPECTED)
    if not entries(root):
        raise DataError("is empty", where=root, remedy=_EXPECTED)


def _unknown_layout(root: Path) -> DataError:
    inside = [f"{path.name}/" for path in folders(root)]
    places = [root, *folders(root)]
    pictures = [path for place in places for path in image_files(place)]
    seen = f"has {', '.join(inside[:6])}" if inside else "has no folders"
    if pictures:
        return DataError(
            f"has images (e.g. {_example(root, pictures)}) but no masks in a place that is known; it {seen}",
            where=root,
            remedy=_EXPECTED,
        )
    return DataError(f"has no images in a place that is known; it {seen}", where=root, remedy=_EXPECTED)


def _show(root: Path, parts: list[_Part]) -> str:
    shown = [
        (f"{part.split}: " if part.split else "")
        + f"images in {_place(root, part.images)}, masks in {_place(root, part.masks)}"
        for part in parts
        if part.images and part.masks
    ]
    return "; ".join(shown)


def _place(root: Path, folder: Path) -> str:
    return f"{folder.relative_to(root).as_posix()}/"


def _example(root: Path, paths: list[Path]) -> str:
    return min(paths).relative_to(root).as_posix() if paths else "none"
