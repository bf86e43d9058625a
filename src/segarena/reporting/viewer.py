"""The viewer of the page: each scored image with its truth, the labels of each model, and what it is sorted by."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from segarena.classes import IGNORE_INDEX
from segarena.errors import RunError
from segarena.formats import command, join_words, plural
from segarena.records.tables import ImageRow
from segarena.reporting.comparison import REPEAT, Comparison, read_table
from segarena.reporting.label_maps import PICTURES, PREDICTIONS, Pictures, encode_labels, encode_photo
from segarena.reporting.label_pictures import wrong_color
from segarena.reporting.viewer_sample import Sample, choose_sample
from segarena.runs import Run
from segarena.scoring.slices import with_iou

#: Bytes of all pictures inside the page at most.
PAGE_BYTES = 21_000_000
#: The longest side of pictures inside the page, in pixels, where those that were kept are too large together.
REDUCED_SIDE = 640


@dataclass(frozen=True)
class ScoredImage:
    """What an image is found and sorted by.

    Args:
        name: Its name.
        part: Its fold, or what the runs used it for.
        group: Its group in the statistics; empty where each image is a unit.
        miou: Mean IoU of each model over the classes that truth or prediction have; NaN where all is void.
        class_iou: IoU of each class for each model, (M, C); NaN where neither truth nor prediction have it.
    """

    name: str
    part: str
    group: str
    miou: NDArray[np.float64]
    class_iou: NDArray[np.float64]


@dataclass(frozen=True)
class Viewer:
    """The content of the viewer's section.

    Args:
        index: JSON: models, classes, and for each image what it is found and sorted by.
        images: JSON of each image: the photograph and the label maps, in base64. Empty where they are beside the page.
        notes: What is shown, in sentences.
        remedy: A command that makes the pictures, where there are none; then all else is empty.
    """

    index: Markup
    images: tuple[Markup, ...]
    notes: tuple[str, ...]
    remedy: str = ""


def describe_viewer(comparison: Comparison) -> Viewer:
    """Return the viewer of a comparison, with as many images as the page may hold.

    Args:
        comparison: The comparison.

    Raises:
        RunError: A file of pictures is damaged.
    """
    found = open_pictures(comparison)
    if found is None:
        return Viewer(Markup(), (), (), remedy(comparison, Path(comparison.folder.name)))
    truth, labels = found
    scored = score_images(comparison, list(labels), truth.names)
    details = [_details(comparison, truth, labels, image) for image in scored]
    size = sum(store.size for store in (truth, *labels.values())) * 4 / 3
    largest = max(max(detail["width"], detail["height"]) for detail in details)
    longest = REDUCED_SIDE if size > PAGE_BYTES and largest > REDUCED_SIDE else None
    expected = size if longest is None else _expected_size(truth, labels, scored, longest)
    sample = choose_sample(
        np.array([_mean(image.miou) for image in scored]),
        np.array([float(detail["differ"]) for detail in details]),
        int(len(scored) * PAGE_BYTES / expected) if expected > PAGE_BYTES else len(scored),
    )
    kept = [scored[place] for place in sample.places]
    return Viewer(
        to_json(_index(comparison, list(labels), kept, [details[place] for place in sample.places])),
        tuple(to_json(image_content(truth, labels, image.name, longest)) for image in kept),
        tuple(_notes(comparison, list(labels), scored, sample, longest)),
    )


def describe_all(comparison: Comparison) -> tuple[Viewer, list[str], Pictures, dict[str, Pictures]] | None:
    """Return the viewer of all images, without their pictures, and these; None where there are none."""
    found = open_pictures(comparison)
    if found is None:
        return None
    truth, labels = found
    scored = score_images(comparison, list(labels), truth.names)
    index = _index(comparison, list(labels), scored, [_details(comparison, truth, labels, one) for one in scored])
    notes = tuple(_notes(comparison, list(labels), scored, Sample(list(range(len(scored))), {}), None))
    return Viewer(to_json(index), (), notes), [image.name for image in scored], truth, labels


def open_pictures(comparison: Comparison) -> tuple[Pictures, dict[str, Pictures]] | None:
    """Open the images with their truth, and the labels of each model that has any; None where there are none."""
    path = comparison.folder / PICTURES
    if not path.exists():
        return None
    truth, labels = Pictures([path]), {}
    for model in comparison.names:
        whole = Run(model, comparison.seeds(model)[0])
        paths = [comparison.folder / run.path / PREDICTIONS for run in whole.folds(comparison.folds)]
        if all(one.exists() for one in paths):
            store = Pictures(paths)
            if all(f"{name}.png" in store for name in truth.names):
                labels[model] = store
    return (truth, labels) if labels and truth.names else None


def score_images(comparison: Comparison, models: Sequence[str], names: Sequence[str]) -> list[ScoredImage]:
    """Return what the images of these names are sorted by, from images.csv, for the first seed of each model.

    Args:
        comparison: The comparison.
        models: The models.
        names: The names of the images.
    """
    table = read_table(comparison.folder / "images.csv", ImageRow)
    firsts = pd.concat(
        [table[(table["model"] == model) & (table["seed"] == comparison.seeds(model)[0])] for model in models]
    )
    places = pd.MultiIndex.from_product([models, names, range(len(comparison.class_names))])
    flat = (
        with_iou(firsts).set_index(["model", "image", "class_index"])["iou"].reindex(places).to_numpy(dtype=np.float64)
    )
    ious = flat.reshape(len(models), len(names), -1)
    facts = firsts[firsts["model"] == models[0]].drop_duplicates("image").set_index("image").to_dict("index")
    return [
        ScoredImage(
            name,
            _part(facts.get(name, {})),
            _text(facts.get(name, {}).get("group")),
            np.array([_mean(row) for row in ious[:, place]]),
            ious[:, place],
        )
        for place, name in enumerate(names)
    ]


def image_content(
    truth: Pictures, labels: Mapping[str, Pictures], name: str, longest: int | None
) -> dict[str, str | list[str]]:
    """Return the photograph (JPEG) and the label maps (PNG, truth first) of an image, in base64.

    Args:
        truth: The photographs and the true labels.
        labels: The labels of each model.
        name: The image.
        longest: The longer side to which larger pictures are reduced, in pixels; None for all as they were kept.
    """
    photo = truth.read(f"{name}.jpg")
    maps = [store.read(f"{name}.png") for store in (truth, *labels.values())]
    if longest is not None:
        with Image.open(io.BytesIO(photo)) as image:
            photo = encode_photo(np.asarray(image), longest) if max(image.size) > longest else photo
        maps = [_reduce(content, longest) for content in maps]
    return {"photo": _base64(photo), "labels": [_base64(content) for content in maps]}


def remedy(comparison: Comparison, folder: Path) -> str:
    """Return the command that keeps the pictures of a comparison that was written without them.

    Args:
        comparison: The comparison.
        folder: Its folder, as the command names it.
    """
    if comparison.record.compared_runs:
        varied = comparison.record.varied
        options = ["--vary", *varied] if varied else []
        return command("segarena", "compare", *comparison.record.compared_runs, *options, program=("segarena",))
    return command("segarena", "compare", "--resume", folder, program=("segarena",))


def to_json(content: Any) -> Markup:
    """Return JSON that can stand inside a script element."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))


def _index(
    comparison: Comparison, models: Sequence[str], images: Sequence[ScoredImage], details: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "models": [{"name": name, "label": comparison.styles[name].label} for name in models],
        "classes": [{"name": entry.name, "color": entry.color} for entry in comparison.record.data.classes],
        "wrong": wrong_color(comparison.class_colors),
        "images": [
            {
                "name": image.name,
                "part": image.part,
                "group": image.group,
                "miou": [_number(value) for value in image.miou],
                "classIou": [[_number(value) for value in row] for row in image.class_iou],
                **detail,
            }
            for image, detail in zip(images, details, strict=True)
        ],
    }


def _details(
    comparison: Comparison, truth: Pictures, labels: Mapping[str, Pictures], image: ScoredImage
) -> dict[str, Any]:
    """What the label maps show. Confusions of each model: truth * C + prediction, pixels, and so on."""
    target, size = truth.labels(image.name), len(comparison.class_names)
    counted = target != IGNORE_INDEX
    guesses = [store.labels(image.name) for store in labels.values()]
    for model, guess in zip(labels, guesses, strict=True):
        if guess.shape != target.shape:
            raise RunError(
                f"the labels of {model} for {image.name} are {guess.shape[1]} x {guess.shape[0]}, the truth is "
                f"{target.shape[1]} x {target.shape[0]}",
                where=comparison.folder,
                remedy=REPEAT,
            )
    differ = np.zeros(target.shape, dtype=bool)
    for guess in guesses[1:]:
        differ |= guess != guesses[0]
    pixels = int(counted.sum())
    confusions = []
    for guess in guesses:
        pairs = target[counted].astype(np.int64) * size + guess[counted]
        cells, counts = np.unique(pairs, return_counts=True)
        confusions.append(np.stack([cells, counts], axis=1).ravel().tolist())
    return {
        "width": target.shape[1],
        "height": target.shape[0],
        "pixels": pixels,
        "differ": round(float(differ[counted].mean()), 5) if pixels else 0.0,
        "confusion": confusions,
    }


def _expected_size(
    truth: Pictures, labels: Mapping[str, Pictures], images: Sequence[ScoredImage], longest: int
) -> float:
    """Bytes of all pictures in base64 if they are reduced, from every n-th one."""
    some = images[:: max(1, len(images) // 12)]
    sizes = [len(json.dumps(image_content(truth, labels, image.name, longest))) for image in some]
    return sum(sizes) / len(sizes) * len(images)


def _notes(
    comparison: Comparison, models: Sequence[str], images: Sequence[ScoredImage], sample: Sample, longest: int | None
) -> list[str]:
    record, shown = comparison.record, len(sample.places)
    total = record.data.counts.get(record.scored_split, 0)
    notes = []
    if sample.parts:
        parts = join_words([f"{number} {what}" for what, number in sample.parts.items()])
        line = command("segarena", "report", Path(comparison.folder.name), "--images", "all", program=("segarena",))
        notes.append(f"This page holds {shown:,} of {plural(len(images), 'image')}: {parts}. All of them: {line}.")
    elif len(images) < total:
        notes.append(f"{len(images):,} of {total:,} scored images, evenly spaced, were kept for this viewer.")
    if longest is not None:
        notes.append(f"Larger pictures are reduced to {longest} pixels at their longest side.")
    if comparison.has_several_seeds:
        notes.append("The labels are those of the first seed of each model.")
    if absent := [comparison.styles[name].label for name in comparison.names if name not in models]:
        notes.append(f"The labels of {join_words(absent)} were not kept.")
    return notes


def _part(facts: Mapping[Any, Any]) -> str:
    fold = facts.get("fold")
    return f"fold {int(fold)}" if fold is not None and not pd.isna(fold) else _text(facts.get("part"))


def _text(value: Any) -> str:
    return "" if value is None or pd.isna(value) else str(value)


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 5)


def _reduce(content: bytes, longest: int) -> bytes:
    with Image.open(io.BytesIO(content)) as image:
        if max(image.size) <= longest:
            return content
        return encode_labels(np.asarray(image, dtype=np.uint8), image.getpalette() or [0, 0, 0], longest)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
