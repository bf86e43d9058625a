"""What the names of folders and files say: images or masks, which split, and what is left when that is taken away."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from segarena.data.source import Split

Kind = Literal["image", "mask"]

#: Words of a folder's or a file's name, in lower case.
IMAGE_WORDS = frozenset(
    {"image", "images", "img", "imgs", "input", "inputs", "photo", "photos", "photograph", "photographs", "picture"}
    | {"pictures", "rgb", "raw", "frame", "frames", "still", "stills", "original", "originals", "orig", "sat"}
)
MASK_WORDS = frozenset(
    {"mask", "masks", "label", "labels", "labeled", "labelled", "lbl", "lbls", "annot", "annots", "anno", "annos"}
    | {"annotation", "annotations", "target", "targets", "gt", "gts", "groundtruth", "groundtruths", "truth", "seg"}
    | {"segs", "segm", "segmentation", "segmentations", "matte", "mattes", "trimap", "trimaps", "manual"}
)
SPLIT_WORDS: dict[Split, frozenset[str]] = {
    "train": frozenset({"train", "training"}),
    "val": frozenset({"val", "valid", "validation"}),
    "test": frozenset({"test", "testing"}),
}
_SPLITS = {word: split for split, words in SPLIT_WORDS.items() for word in words}
#: Short for a split beside a kind's word alone: imagesTr and labelsTr.
_SHORT_SPLITS: dict[str, Split] = {"tr": "train", "ts": "test"}
#: Words that may stand beside a kind's word in a file's name: x_gtFine_labelTrainIds, x_leftImg8bit.
_BESIDE: dict[Kind, frozenset[str]] = {
    "image": frozenset({"left", "right", "8bit", "16bit"}),
    "mask": frozenset({"ground", "fine", "coarse", "id", "ids", "train", "class", "binary", "image", "img"}),
}
#: A mask of these words shows what another one holds, in colours or object by object.
SHOWN_WORDS = frozenset(
    {"color", "colors", "colour", "colours", "colored", "coloured", "rgb"}
    | {"instance", "instances", "object", "objects", "panoptic"}
)
#: Folders and files that belong to the work on the data, whatever else their names say.
_ASIDE = frozenset(
    {"overlay", "overlays", "overlaid", "preview", "previews", "prediction", "predictions", "predicted", "pred"}
    | {"preds", "checkpoint", "checkpoints", "ckpt", "ckpts", "thumb", "thumbs", "thumbnail", "thumbnails", "vis"}
    | {"viz", "visual", "visuals", "visualization", "visualizations", "visualisation", "visualisations", "wandb"}
)
#: The same, where they and words of a kind or a number are all of the name: `old_masks`, not `old_town`.
_ASIDE_ALONE = frozenset(
    {"run", "runs", "log", "logs", "cache", "tmp", "temp", "old", "backup", "backups", "bak", "trash", "result"}
    | {"results", "figure", "figures", "plot", "plots", "debug", "heatmap", "heatmaps", "unused", "weights"}
)
#: Beside a mask's word: what it holds are objects or boxes, not classes.
_OBJECT_WORDS = frozenset({"instance", "instances", "box", "boxes", "bbox", "bboxes"})
_NEVER = frozenset(
    {
        "__MACOSX",
        "SegmentationObject",
        "lost+found",
        "$RECYCLE.BIN",
        "System Volume Information",
        "@eaDir",
        "__pycache__",
    }
)
#: Words beside a split's in the name of a folder or a list that do not change what it says.
_NEUTRAL = frozenset(
    {"set", "data", "dataset", "split", "splits", "part", "aug", "v", "stage", "list", "lists"}
    | {"id", "ids", "file", "files", "filename", "filenames", "name", "names", "index", "indices"}
)
_KNOWN = IMAGE_WORDS | MASK_WORDS | frozenset(_SPLITS)
#: A word of a file's name; a change of case, or from letters to digits, begins a new one.
_TOKEN = re.compile(r"(?:8|16)bit|\d+|[^\W\d_]+", re.IGNORECASE)
_SEPARATORS = " _-.+"
_CASE = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True)
class Place:
    """What the folders between the root and a file say.

    `kind` is the nearest folder's that says one, `split` likewise, `context` the folders that say neither. `pattern`
    is the same for all folders of one collection: `masks/{split}`, or `*/masks` with any folders for the star.
    """

    kind: Kind | None
    split: Split | None
    context: tuple[str, ...]
    pattern: str


@dataclass(frozen=True)
class Form:
    """A stem without words at its ends: `core` is what is left, `ending` and `beginning` what was taken, or empty."""

    core: str
    ending: str
    beginning: str


def normal(name: str) -> str:
    """Return the name in Unicode's composed form: disks and archives differ in how they write é."""
    return unicodedata.normalize("NFC", name)


@lru_cache(maxsize=4096)
def words(name: str) -> tuple[str, ...]:
    """Split a name into words and numbers in lower case: `trainannot_v2` -> train, annot, v, 2."""
    found: list[str] = []
    for match in _TOKEN.finditer(normal(name)):
        for piece in _CASE.split(match.group()):
            found += _split_joined(piece.lower())
    return tuple(found)


@lru_cache(maxsize=1024)
def read_place(folders: tuple[str, ...]) -> Place:
    """Read the names of the folders from the root down to a file."""
    kind: Kind | None = None
    split: Split | None = None
    context: list[str] = []
    pattern: list[str] = []
    for name in folders:
        own_kind, own_split = folder_kind(name), folder_split(name)
        kind, split = own_kind or kind, own_split or split
        if own_kind:
            pattern.append(
                "_".join("{split}" if own_split and word in (_SPLITS | _SHORT_SPLITS) else word for word in words(name))
            )
        elif own_split:
            pattern.append("{split}")
        else:
            context.append(normal(name))
            if pattern[-1:] != ["*"]:
                pattern.append("*")
    if pattern[-1:] == ["*"]:
        pattern.pop()
    return Place(kind, split, tuple(context), "/".join(pattern))


@lru_cache(maxsize=4096)
def folder_kind(name: str) -> Kind | None:
    """Whether a folder is named for masks, for images, or for neither, or for both together."""
    found = words(name)
    masks, images = MASK_WORDS & set(found), IMAGE_WORDS & set(found)
    if found[-1:] in (("data",), ("dataset",), ("datasets",)) or (masks and images and {"and", "with"} & set(found)):
        return None
    return "mask" if masks else "image" if images else None


def word_split(word: str) -> Split | None:
    """The split that a word of a file's name stands for, in full: `train`, `Testing`, but not `Ts`."""
    return _SPLITS.get(word.lower())


@lru_cache(maxsize=4096)
def folder_split(name: str) -> Split | None:
    """The split that a folder or a list is named for: `val2017`, `training_set`, `Test_Mask`, but not `Test Site`."""
    found = [word for word in words(name) if not word.isdigit()]
    meant = _SPLITS | _SHORT_SPLITS if folder_kind(name) else _SPLITS
    splits = {meant[word] for word in found if word in meant}
    if len(splits) != 1:
        return None
    sure = found[-1] in _SPLITS or folder_kind(name) or all(word in _SPLITS or word in _NEUTRAL for word in found)
    return splits.pop() if sure else None


def is_aside(name: str) -> bool:
    """Whether a folder is none of the data's own: previews, predictions, a system's folders, masks object by object."""
    found = {word for word in words(name) if not word.isdigit()}
    if name in _NEVER or found & _ASIDE or (found & MASK_WORDS and found & _OBJECT_WORDS):
        return True
    return bool(found & _ASIDE_ALONE) and found <= _ASIDE_ALONE | _KNOWN | _NEUTRAL


def is_preview(stem: str) -> bool:
    """Whether a file's name says that it shows another one: `a_overlay`, `a_pred`."""
    return bool(set(words(stem)) & _ASIDE)


@lru_cache(maxsize=65536)
def forms(stem: str, kind: Kind) -> tuple[Form, ...]:
    """Return the stem itself, then without one or more of its kind's words at its end, its beginning, or both.

    `a_gtFine_labelIds` of a mask gives itself, `a_gtFine` and `a`. A word ends where a separator, a digit or a change
    of case is. The core is empty where the stem is nothing but such words.
    """
    tokens = _tokens(stem)
    starts = [0, *_runs(stem, tokens, kind)]
    ends = [len(stem), *_runs(stem, tokens, kind, backwards=True)]
    found: dict[str, Form] = {}
    for start in starts:
        for end in ends:
            whole = (start, end) == (0, len(stem))
            core = stem if whole else stem[start:end].strip(_SEPARATORS) if start < end else ""
            found.setdefault(core, Form(core, stem[end:], stem[:start]))
    return tuple(found.values())


def without_words(stem: str, kind: Kind) -> tuple[str, ...]:
    """Return the stem's words and numbers without its kind's words, wherever they stand, as they are written."""
    taken = IMAGE_WORDS if kind == "image" else MASK_WORDS
    return tuple(text for text, _, _ in _tokens(stem) if text.lower() not in taken)


def _tokens(stem: str) -> list[tuple[str, int, int]]:
    """Words and numbers of a stem with where they begin and end."""
    found = []
    for match in _TOKEN.finditer(stem):
        cuts = [0, *(cut.start() for cut in _CASE.finditer(match.group())), len(match.group())]
        for begin, end in pairwise(cuts):
            found.append((match.group()[begin:end], match.start() + begin, match.start() + end))
    return found


def _runs(stem: str, tokens: list[tuple[str, int, int]], kind: Kind, *, backwards: bool = False) -> list[int]:
    """Where the stem may be cut so that a run of the kind's words falls off its end or its beginning."""
    core = IMAGE_WORDS if kind == "image" else MASK_WORDS
    cuts, named = [], False
    for text, begin, end in reversed(tokens) if backwards else tokens:
        word = text.lower()
        if word not in core and word not in _BESIDE[kind] and not (kind == "mask" and word in SHOWN_WORDS):
            break
        named = named or word in core
        if named:
            cuts.append(begin if backwards else end)
    return cuts


@lru_cache(maxsize=4096)
def _split_joined(word: str) -> tuple[str, ...]:
    """`trainannot` -> train, annot; a word that is not made of known words alone stays whole."""
    if word in _KNOWN or word.isdigit():
        return (word,)
    for cut in range(len(word) - 2, 1, -1):
        if word[:cut] in _KNOWN:
            rest = _split_joined(word[cut:])
            if all(piece in _KNOWN for piece in rest):
                return word[:cut], *rest
    return (word,)
