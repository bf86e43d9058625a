"""A comparison folder such as `segarena compare` writes, from small drawn scenes and made-up mistakes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sample_records import COSTS, sample_comparison
from segarena.classes import DEFAULT_COLORS, IGNORE_INDEX, name_classes
from segarena.formats import is_missing
from segarena.records.comparison import ComparedClass, MajorityBaseline, RankedModel
from segarena.records.run import Metrics
from segarena.reporting.page import build_report
from segarena.runs import Run
from segarena.scoring.scores import class_counts, score, to_metrics
from segarena.scoring.verdict import rank

STREET = ("sky", "building", "road", "pavement", "tree", "car", "fence", "pole", "sign", "pedestrian", "bicyclist")
FOUR = ("unet", "deeplabv3", "pspnet", "fcn")
HEIGHT, WIDTH = 90, 120
SCORES = ("miou", "mean_f1", "mean_precision", "mean_recall", "pixel_accuracy")

MakeComparison = Callable[..., Path]


def draw_scene(rng: np.random.Generator, num_classes: int, undefined: Sequence[int]) -> np.ndarray:
    """A label map with large regions, boxes, thin lines, and a void border."""
    labels = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    labels[HEIGHT // 2 :] = min(2, num_classes - 1)
    for index in rng.permutation(num_classes):
        if index in undefined:
            continue
        high, wide = (rng.integers(15, 45), 2) if index % 4 == 3 else rng.integers(8, 34, 2)
        top, left = rng.integers(0, HEIGHT - high), rng.integers(0, WIDTH - wide)
        labels[top : top + high, left : left + wide] = index
    labels[:, :3] = IGNORE_INDEX
    return labels


def predict(rng: np.random.Generator, truth: np.ndarray, skill: float, undefined: Sequence[int]) -> np.ndarray:
    """The truth, moved by some pixels and with some boxes wrong: the less skill, the more."""
    shift = round(6 * (1 - skill))
    guess = np.roll(truth, (shift, -shift), (0, 1))
    known = [i for i in np.unique(truth) if i != IGNORE_INDEX and i not in undefined]
    for _ in range(round(14 * (1 - skill))):
        top, left = rng.integers(0, HEIGHT - 18), rng.integers(0, WIDTH - 18)
        guess[top : top + 18, left : left + 18] = rng.choice(known)
    guess[guess == IGNORE_INDEX] = known[0]
    return guess


def count(truth: np.ndarray, guess: np.ndarray, size: int) -> np.ndarray:
    """The confusion matrix of one image, rows = truth."""
    counted = truth != IGNORE_INDEX
    pairs = truth[counted].astype(int) * size + guess[counted]
    return np.bincount(pairs, minlength=size * size).reshape(size, size)


def means(metrics: Metrics) -> dict[str, float | None]:
    return {name: getattr(metrics, name) for name in SCORES}


def write_history(rng: np.random.Generator, run: Path, epochs: int, miou: float, with_loss: bool) -> tuple[int, float]:
    """Write history.csv; return the best epoch and its validation mIoU."""
    t = np.arange(1, epochs + 1)
    scores = np.clip(miou * (1 - 0.85 * np.exp(-t / 6)) + rng.normal(0, 0.012, epochs), 0, 1)
    loss = 0.15 + 2 * np.exp(-t / 7) + rng.normal(0, 0.01, epochs)
    table = pd.DataFrame({"epoch": t, "train_loss": loss, "auxiliary_loss": 1.2 * loss})
    table["val_loss"] = 1.1 * loss + 0.004 * t if with_loss else np.nan
    table["val_miou"], table["val_pixel_accuracy"] = scores, scores**0.5
    table["learning_rate"], table["seconds"], table["images_per_second"] = 1e-3 * (1 - (t - 1) / epochs), 3.2, 110.0
    table.to_csv(run / "history.csv", index=False)
    return int(scores.argmax()) + 1, float(scores.max())


def write_comparison(
    folder: Path,
    *,
    models: Sequence[str] = FOUR,
    seeds: Sequence[int] = (0,),
    classes: Sequence[str] = STREET,
    undefined: Sequence[int] = (),
    images: int = 4,
    epochs: int = 30,
    folds: int | None = None,
    **changes: Any,
) -> Path:
    """Write the folder; `changes` replace keys of comparison.json. `undefined` class indices appear nowhere.

    With `folds`, an image is tested in the fold of its number, and there are as many as images or fewer.
    """
    rng = np.random.default_rng(0)
    size = len(classes)
    truths = [draw_scene(rng, size, undefined) for _ in range(images)]
    names = [f"scene_{i:02d}" for i in range(images)]
    palette = name_classes(range(size), classes).palette()

    def save_labels(path: Path, labels: np.ndarray) -> None:
        image = Image.fromarray(labels)
        image.putpalette(palette)
        image.save(path)

    for name, truth in zip(names, truths, strict=True):
        (folder / "gallery" / name).mkdir(parents=True)
        grey = 60 + 12 * truth.astype(int) % 150 + rng.integers(0, 40, truth.shape)
        Image.fromarray(np.stack([grey, grey + 10, grey + 20], -1).astype(np.uint8)).save(
            folder / "gallery" / name / "image.png"
        )
        save_labels(folder / "gallery" / name / "truth.png", truth)

    model_rows, class_rows, image_rows, fold_rows = [], [], [], []
    for place, model in enumerate(models):
        length = epochs - 3 * place if epochs > 12 else epochs
        costs = replace(
            COSTS,
            params=COSTS.params + 2_400_000 * place,
            flops=COSTS.flops + place * 10**10,
            latency_ms=COSTS.latency_ms / (1 + 0.5 * place),
            train_seconds=COSTS.train_seconds - 75 * place,
        )
        for seed in seeds:
            guesses = [predict(rng, truth, 0.9 - 0.13 * place + 0.02 * rng.random(), undefined) for truth in truths]
            confusions = np.array([count(*pair, size) for pair in zip(truths, guesses, strict=True)])
            for name, guess in zip(names if seed == seeds[0] else (), guesses, strict=False):
                save_labels(folder / "gallery" / name / f"{model}.png", guess)
            runs = Run(model, seed).folds(folds)
            for number, run in enumerate(runs):
                tested = confusions[number :: len(runs)]
                (folder / run.path).mkdir(parents=True)
                best, val_miou = write_history(rng, folder / run.path, length, score(tested).miou, place != 1)
                about = {"best_epoch": best, "epochs": length, "val_miou": val_miou}
                metrics = replace(to_metrics(score(tested), classes, split="test"), **about)
                metrics.write(folder / run.path)
                fold_rows.append({**run._asdict(), **means(metrics), **about, "images": metrics.images})
            whole = to_metrics(score(confusions), classes, split="test")
            class_rows += [
                {"model": model, "seed": seed, "class_index": i, "class": name, **asdict(whole.per_class[name])}
                for i, name in enumerate(classes)
            ]
            counts = np.stack(class_counts(confusions), axis=-1)
            image_rows += [
                {"model": model, "seed": seed, "image": names[n], "class_index": i, "class": classes[i]}
                | dict(zip(("tp", "fp", "fn"), counts[n, i].tolist(), strict=True))
                for n in range(images)
                for i in range(size)
            ]
            built = {"encoder": "resnet18", "output_stride": 8, "best_epoch": best, "epochs": length}
            model_rows.append({"model": model, "seed": seed, **built, **means(whole), **asdict(costs)})
    tables = {"models": model_rows, "classes": class_rows, "images": image_rows}
    if folds is not None:
        tables["folds"] = fold_rows
    for name, rows in tables.items():
        pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)

    keys = [item.name for item in fields(RankedModel)]
    ranking = [
        RankedModel(**{key: None if is_missing(value) else value for key, value in entry.items() if key in keys})
        for entry in rank(model_rows)
    ]
    record = sample_comparison(
        verdict="U-Net is the best of the four: 4.1 points of mIoU before DeepLabv3, "
        "more than chance explains (95% interval 2.0 to 6.3).",
        ranking=tuple(ranking),
        majority_baseline=MajorityBaseline(class_name=classes[0], miou=0.05, pixel_accuracy=0.31),
        protocol={"encoder": "resnet18", "weights": "imagenet", "epochs": epochs, "patience": 10, "batch_size": 8}
        | {"size": 360, "learning_rate": 0.001, "optimizer": "adamw", "precision": "fp32", "device": "cpu"}
        | {"seeds": list(seeds), "folds": folds, "input_size": [HEIGHT, WIDTH]},
        notes=("batch size 8: this machine has no GPU", "device cpu: no CUDA device was found"),
        gallery=tuple(names),
    )
    data = replace(
        record.data,
        classes=tuple(
            ComparedClass(index=i, name=name, color=DEFAULT_COLORS[i % len(DEFAULT_COLORS)])
            for i, name in enumerate(classes)
        ),
        counts=record.data.counts if folds is None else {"test": images},
    )
    replace(record, **{"data": data, **changes}).write(folder)
    return folder


@pytest.fixture(scope="session")
def make_comparison(tmp_path_factory: pytest.TempPathFactory) -> MakeComparison:
    """Write a comparison folder of its own for each call; the keywords of `write_comparison`."""
    return lambda **options: write_comparison(tmp_path_factory.mktemp("comparison"), **options)


@pytest.fixture(scope="session")
def street(make_comparison: MakeComparison) -> Path:
    """Four models, one seed, eleven classes, and its report. Read it, do not change it."""
    folder = make_comparison()
    build_report(folder)
    return folder


@pytest.fixture(scope="session")
def crossed(make_comparison: MakeComparison) -> Path:
    """Three models, five folds, five classes, and its report. Read it, do not change it."""
    folder = make_comparison(models=FOUR[:3], classes=STREET[:5], images=5, folds=5)
    build_report(folder)
    return folder
