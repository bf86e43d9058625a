"""What names of folders and files mean: images or masks, which split, and what remains without such words.

A name is taken apart into words at separators, at changes of case, and between letters and digits.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from segarena.data.source import Split

FileKind = Literal["image", "mask"]

#: Words of a folder's or a file's name, in lower case.
IMAGE_WORDS = frozenset(
    "image images img imgs input inputs photo photos photograph photographs picture pictures rgb raw frame frames "
    "still stills original originals orig sat".split()
)
MASK_WORDS = frozenset(
    "mask masks label labels labeled labelled lbl lbls annot annots anno annos annotation annotations target targets "
    "gt gts groundtruth groundtruths truth seg segs segm segmentation segmentations matte mattes trimap trimaps "
    "manual".split()
)
SPLIT_WORDS: dict[Split, frozenset[str]] = {
    "train": frozenset(
        "train training trainings trn treino treinamento entrenamiento entrainement apprentissage 训练 训练集".split()
    ),
    "val": frozenset(
        "val valid validation validate validating dev devel development eval evaluation validierung validacao "
        "validação validacion validación 验证 验证集".split()
    ),
    "test": frozenset("test tests testing tst holdout heldout teste testes prueba pruebas 测试 测试集".split()),
}
#: A mask file or folder with these words holds the labels of another one in another form: in colours, or per object.
VARIANT_WORDS = frozenset(
    "color colors colour colours colored coloured colormap colormaps rgb "
    "instance instances object objects panoptic".split()
)

#: The same, of a folder that is named for nothing else than splits: `ann_dir` of MMSegmentation. Ann is a name, too.
_ANNOTATIONS = frozenset({"ann", "anns"})

_SPLIT_OF = {word: split for split, words in SPLIT_WORDS.items() for word in words}
#: Abbreviations of splits that count only beside a word for images or masks: imagesTr, labelsTr.
_SHORT_SPLITS: dict[str, Split] = {"tr": "train", "ts": "test", "te": "test"}
#: Words that may accompany a word for images or masks in a file's name: x_leftImg8bit, x_gtFine_labelTrainIds.
_COMPANIONS: dict[FileKind, frozenset[str]] = {
    "image": frozenset("left right 8bit 16bit".split()),
    "mask": VARIANT_WORDS | frozenset("ground fine coarse id ids train class binary image img".split()),
}
#: What SuperAnnotate adds to the name of the image over which it draws its polygons.
_SUPERANNOTATE = "___save"
#: Folders and files that were made from the data, whatever else is in their names.
_DERIVED = frozenset(
    "overlay overlays overlaid preview previews prediction predictions predicted pred preds checkpoint checkpoints "
    "ckpt ckpts thumb thumbs thumbnail thumbnails vis viz visual visuals visualization visualizations visualisation "
    "visualisations wandb".split()
)
#: The same, if nothing but numbers and words for images, masks or splits are beside them: `old_masks`, not `old_town`.
_DERIVED_IF_ALONE = frozenset(
    "run runs log logs cache tmp temp old backup backups bak trash result results figure figures plot plots debug "
    "heatmap heatmaps unused weights".split()
)
#: Beside a word for masks: the folder holds objects or boxes, not classes.
_OBJECT_WORDS = frozenset("instance instances box boxes bbox bboxes".split())
#: The folder in which MATLAB's Image Labeler keeps its masks, Label_1.png, Label_2.png, ...
_OF_MATLAB = ("pixel", "label", "data")
_SYSTEM_FOLDERS = frozenset(
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
#: Words that may be beside a split's in the name of a folder or a list without changing its meaning.
_NEUTRAL = frozenset(
    "set data dataset split splits part aug v stage list lists id ids file files filename filenames name names index "
    "indices".split()
)
#: The same for splits alone: train_tiles, test_512x512.
_NEUTRAL_FOR_SPLITS = _NEUTRAL | frozenset(
    "sets augmented augmentation resized cropped crop crops tile tiles patch patches full final new all small large "
    "public private release processed preprocessed clean x px png jpg tif".split()
)
#: Words that may be written together with a split's: trainset, testdata.
_OF_SETS = frozenset("set sets data dataset split".split())
_KNOWN = IMAGE_WORDS | MASK_WORDS | frozenset(_SPLIT_OF)

_TOKEN = re.compile(r"(?:8|16)bit|\d+|[^\W\d_]+", re.IGNORECASE)
_CASE_CHANGE = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NUMBERED = re.compile(r"(.+?)[ _-]?\(?\d{1,3}\)?")
#: Characters between the words of a name.
SEPARATORS = " _-.+"
#: Names whose words are remembered: all of a large folder, as each rule of pairing asks for them.
_MANY_NAMES = 2**17


def to_nfc(name: str) -> str:
    """Return the name in Unicode's composed form: disks and archives differ in how they write é."""
    return unicodedata.normalize("NFC", name)


@lru_cache(maxsize=_MANY_NAMES)
def words_in(name: str) -> tuple[str, ...]:
    """Return the words and numbers of a name in lower case.

    >>> words_in("trainannot_v2")
    ('train', 'annot', 'v', '2')
    """
    found: list[str] = []
    for match in _TOKEN.finditer(to_nfc(name)):
        for piece in _CASE_CHANGE.split(match.group()):
            found += _split_compound(piece.lower())
    return tuple(found)


# Folders


@lru_cache(maxsize=4096)
def folder_kind(name: str) -> FileKind | None:
    """Return what a folder is named for; None if it is neither images nor masks, or both together."""
    found = words_in(name)
    if found == _OF_MATLAB:
        return "mask"
    if found[:1] and found[0] in _ANNOTATIONS and all(w in _SPLIT_OF or w.isdigit() or w == "dir" for w in found[1:]):
        return "mask"
    masks, images = MASK_WORDS & set(found), IMAGE_WORDS & set(found)
    if found[-1:] in (("data",), ("dataset",), ("datasets",)) or (masks and images and {"and", "with"} & set(found)):
        return None
    if any(one == "with" and other in MASK_WORDS for one, other in pairwise(found)):  # Dataset_BUSI_with_GT
        return None
    return "mask" if masks else "image" if images else None


def is_numbered_kind(name: str) -> bool:
    """Whether a folder's name is a number and words for images or masks alone: `img12`, `frame_0007`."""
    numbers = [word.isdigit() for word in words_in(name)]
    known = all(word.isdigit() or word in IMAGE_WORDS | MASK_WORDS for word in words_in(name))
    return known and any(numbers) and not all(numbers)


@lru_cache(maxsize=4096)
def split_of_name(name: str) -> Split | None:
    """Return the split that a folder or a list is named for: `val2017`, `training_set`, but not `Test Site`."""
    found = [word for word in words_in(name) if not word.isdigit()]
    meanings = _SPLIT_OF | _SHORT_SPLITS if folder_kind(name) else _SPLIT_OF
    splits = {meanings[word] for word in found if word in meanings}
    if splits == {"train", "val"} and is_train_and_val(name):
        return "train"
    if len(splits) != 1:
        return None
    is_known = all(word in _SPLIT_OF or word in _NEUTRAL_FOR_SPLITS for word in found)
    last = next((word for word in reversed(found) if word not in _OF_SETS), "")
    return splits.pop() if last in _SPLIT_OF or folder_kind(name) or is_known else None


def is_train_and_val(name: str) -> bool:
    """Whether a name means train and val together: trainval, train_val_images."""
    found = [word for word in words_in(name) if not word.isdigit()]
    pairs = {(_SPLIT_OF.get(one), _SPLIT_OF.get(other)) for one, other in pairwise(found)}
    return ("train", "val") in pairs and "test" not in {_SPLIT_OF.get(word) for word in found}


def without_split(name: str) -> str:
    """Return a folder's words in lower case, {split} for those of its split if it has one: `{split}_annot`."""
    split_words = _SPLIT_OF | _SHORT_SPLITS if split_of_name(name) else {}
    words = ["{split}" if word in split_words else word for word in words_in(name)]
    repeated = {"{split}", "set", "sets"}  # of trainval and trainset
    return "_".join(w for i, w in enumerate(words) if not (i and words[i - 1] == "{split}" and w in repeated))


def split_of_word(word: str) -> Split | None:
    """Return the split that a whole word means: `train` or `Testing`, but not `Ts`."""
    return _SPLIT_OF.get(word.lower())


def is_skipped_folder(name: str) -> bool:
    """Whether a folder is not part of the data: previews, predictions, system folders, masks of single objects."""
    found = {word for word in words_in(name) if not word.isdigit()}
    if name in _SYSTEM_FOLDERS or found & _DERIVED or (found & MASK_WORDS and found & _OBJECT_WORDS):
        return True
    return bool(found & _DERIVED_IF_ALONE) and found <= _DERIVED_IF_ALONE | _KNOWN | _NEUTRAL


def may_be_class(name: str) -> bool:
    """Whether the name of a skipped folder is a single word that a class could have too: `trash`, `log`."""
    return len(words_in(name)) == 1 and words_in(name)[0] in _DERIVED_IF_ALONE


# Stems: names of files without their last ending


def is_preview(stem: str) -> bool:
    """Whether a file was made from another one, by its name: `a_overlay`, `a_pred`."""
    return bool(set(words_in(stem)) & _DERIVED) or stem.endswith(_SUPERANNOTATE)


@dataclass(frozen=True)
class StrippedStem:
    """A stem without words at its ends: `core` remains, `ending` and `beginning` were removed; each may be empty."""

    core: str
    ending: str
    beginning: str


@lru_cache(maxsize=_MANY_NAMES)
def strip_kind_words(stem: str, kind: FileKind) -> tuple[StrippedStem, ...]:
    """Return the stem itself, then without one or more words of its kind at its end, its beginning, or both.

    A word ends at a separator, a digit or a change of case. The core is empty if all of the stem are such words.

    >>> [stripped.core for stripped in strip_kind_words("a_gtFine_labelIds", "mask")]
    ['a_gtFine_labelIds', 'a_gtFine', 'a_gt', 'a']
    """
    tokens = _tokens(stem)
    starts = [0, *_cuts(tokens, kind)]
    ends = [len(stem), *_cuts(tokens, kind, backwards=True)]
    found: dict[str, StrippedStem] = {}
    for start in starts:
        for end in ends:
            is_whole = (start, end) == (0, len(stem))
            core = stem if is_whole else stem[start:end].strip(SEPARATORS) if start < end else ""
            found.setdefault(core, StrippedStem(core, stem[end:], stem[:start]))
    return tuple(found.values())


@lru_cache(maxsize=_MANY_NAMES)
def words_besides_kind(stem: str, kind: FileKind) -> tuple[str, ...]:
    """Return the stem's words and numbers as they are written, without those of its kind wherever they are."""
    removed = IMAGE_WORDS if kind == "image" else MASK_WORDS
    return tuple(text for text, _, _ in _tokens(stem) if text.lower() not in removed)


def before_number(stem: str) -> str | None:
    """Return the stem without the number at its end, as in `a_mask_1` or `a_mask (2)`; None without one."""
    match = _NUMBERED.fullmatch(stem)
    return match.group(1) if match else None


def is_word_edge(stem: str, position: int) -> bool:
    """Whether a cut before `position` divides no word: at a separator, between letter and digit, at change of case."""
    return position in (0, len(stem)) or position in word_edges(stem)


@lru_cache(maxsize=_MANY_NAMES)
def word_edges(stem: str) -> tuple[int, ...]:
    """Return the positions inside a stem where a cut divides no word.

    >>> word_edges("a7_gtFine")
    (1, 2, 3, 5)
    """
    found = (match.start() for match in _EDGE.finditer(stem.translate(_letters)))
    return tuple(position for position in found if 0 < position < len(stem))


class _Letters(dict[int, str]):
    """For `str.translate`: 0 for a digit, a for a lower and A for an upper letter, x for one without case, else _."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        kinds = ((letter.isdigit(), "0"), (not letter.isalpha(), "_"), (letter.islower(), "a"), (letter.isupper(), "A"))
        return self.setdefault(code, next((kind for fits, kind in kinds if fits), "x"))


_letters = _Letters()
_EDGE = re.compile("(?<=0)(?!0)|(?<!0)(?=0)|(?<=_)|(?=_)|(?<=a)(?=A)")


@lru_cache(maxsize=_MANY_NAMES)
def _tokens(stem: str) -> tuple[tuple[str, int, int], ...]:
    """Words and numbers of a stem with their first position and the one behind their last."""
    found = []
    for match in _TOKEN.finditer(stem):
        text, start = match.group(), match.start()
        if text.islower() or text.isdigit():  # no change of case
            found.append((text, start, match.end()))
            continue
        cuts = [0, *(cut.start() for cut in _CASE_CHANGE.finditer(text)), len(text)]
        found += [(text[begin:end], start + begin, start + end) for begin, end in pairwise(cuts)]
    return tuple(found)


def _cuts(tokens: Sequence[tuple[str, int, int]], kind: FileKind, *, backwards: bool = False) -> list[int]:
    """Where a stem may be cut so that a run of words of the kind is removed from its beginning, or its end."""
    kind_words = IMAGE_WORDS if kind == "image" else MASK_WORDS
    allowed = kind_words | _COMPANIONS[kind]
    cuts, has_kind_word = [], False
    for text, begin, end in reversed(tokens) if backwards else tokens:
        word = text.lower()
        if word not in allowed:
            break
        has_kind_word = has_kind_word or word in kind_words
        if has_kind_word:
            cuts.append(begin if backwards else end)
    return cuts


@lru_cache(maxsize=4096)
def _split_compound(word: str) -> tuple[str, ...]:
    """`trainannot` -> train, annot; `testset` -> test, set. A word that is not made of such words alone stays whole."""
    pieces = _divide(word, _KNOWN) or _divide(word, _KNOWN | _OF_SETS)
    return pieces if pieces and (set(pieces) <= _KNOWN or set(pieces) & set(_SPLIT_OF)) else (word,)


def _divide(word: str, known: frozenset[str]) -> tuple[str, ...]:
    """The known words, the first as long as possible, that make up a word; empty if there are none."""
    if word in known or word.isdigit():
        return (word,)
    for cut in range(len(word) - 2, 1, -1):
        if word[:cut] in known:
            rest = _divide(word[cut:], known)
            if rest and all(piece in known for piece in rest):
                return word[:cut], *rest
    return ()
