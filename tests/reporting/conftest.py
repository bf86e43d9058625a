"""A comparison folder such as `segarena compare` writes, from small drawn scenes and made-up mistakes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from segarena.classes import DEFAULT_COLORS, IGNORE_INDEX, name_classes
from segarena.reporting.page import build_report
from segarena.runs import Run

STREET = ("sky", "building", "road", "pavement", "tree", "car", "fence", "pole", "sign", "pedestrian", "bicyclist")
FOUR = ("unet", "deeplabv3", "pspnet", "fcn")
HEIGHT, WIDTH = 90, 120

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


def scores_of(confusion: np.ndarray) -> dict[str, Any]:
    tp = np.diag(confusion).astype(float)
    fp, fn = confusion.sum(0) - tp, confusion.sum(1) - tp
    with np.errstate(invalid="ignore"):
        each = {"iou": tp / (tp + fp + fn), "precision": tp / (tp + fp), "recall": tp / (tp + fn)}
        each["f1"] = 2 * tp / (2 * tp + fp + fn)
    means = {f"mean_{key}": float(np.nanmean(values)) for key, values in each.items() if key != "iou"}
    accuracy = float(tp.sum() / confusion.sum())
    return {
        "miou": float(np.nanmean(each["iou"])),
        **means,
        "pixel_accuracy": accuracy,
        "each": each | locals_of(tp, fp, fn),
    }


def locals_of(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> dict[str, np.ndarray]:
    return {"tp": tp.astype(int), "fp": fp.astype(int), "fn": fn.astype(int)}


def write_history(rng: np.random.Generator, run: Path, epochs: int, miou: float, with_loss: bool) -> int:
    """Write history.csv; return the best epoch."""
    t = np.arange(1, epochs + 1)
    scores = np.clip(miou * (1 - 0.85 * np.exp(-t / 6)) + rng.normal(0, 0.012, epochs), 0, 1)
    loss = 0.15 + 2 * np.exp(-t / 7) + rng.normal(0, 0.01, epochs)
    table = pd.DataFrame({"epoch": t, "train_loss": loss, "auxiliary_loss": 1.2 * loss})
    table["val_loss"] = 1.1 * loss + 0.004 * t if with_loss else np.nan
    table["val_miou"], table["val_pixel_accuracy"] = scores, scores**0.5
    table["learning_rate"], table["seconds"], table["images_per_second"] = 1e-3 * (1 - (t - 1) / epochs), 3.2, 110.0
    table.to_csv(run / "history.csv", index=False)
    return int(scores.argmax()) + 1


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
        for seed in seeds:
            runs = Run(model, seed).folds(folds)
            totals = np.zeros((len(runs), size, size), dtype=int)
            for number, (name, truth) in enumerate(zip(names, truths, strict=True)):
                guess = predict(rng, truth, 0.9 - 0.13 * place + 0.02 * rng.random(), undefined)
                if seed == seeds[0]:
                    save_labels(folder / "gallery" / name / f"{model}.png", guess)
                counted = truth != IGNORE_INDEX
                pairs = truth[counted].astype(int) * size + guess[counted]
                confusion = np.bincount(pairs, minlength=size * size).reshape(size, size)
                totals[number % len(runs)] += confusion
                each = scores_of(confusion)["each"]
                image_rows += [
                    {"model": model, "seed": seed, "image": name, "class_index": i, "class": classes[i]}
                    | {key: each[key][i] for key in ("tp", "fp", "fn")}
                    for i in range(size)
                ]
            length = epochs - 3 * place if epochs > 12 else epochs
            for run, total in zip(runs, totals, strict=True):
                (folder / run.path).mkdir(parents=True)
                scores = {key: value for key, value in scores_of(total).items() if key != "each"}
                best = write_history(rng, folder / run.path, length, scores["miou"], with_loss=place != 1)
                metrics = {"split": "test", "best_epoch": best, **scores, "confusion": total.tolist()}
                (folder / run.path / "metrics.json").write_text(json.dumps(metrics))
                fold_rows.append({**run._asdict(), "images": 1, "best_epoch": best, "epochs": length, **scores})
            scores = scores_of(totals.sum(axis=0))
            each = scores.pop("each")
            class_rows += [
                {"model": model, "seed": seed, "class_index": i, "class": classes[i]}
                | {key: values[i] for key, values in each.items()}
                for i in range(size)
            ]
            model_rows.append(
                {"model": model, "seed": seed, "encoder": "resnet18", "output_stride": 8, **scores}
                | {"best_epoch": best, "epochs": length, "train_seconds": 512.0 - 75 * place, "images_per_second": 98.0}
                | {"params": 14_328_209 + 2_400_000 * place, "flops": int(2.35e10 + 1e10 * place)}
                | {"latency_ms": 21.3 / (1 + 0.5 * place), "peak_memory_mib": np.nan}
            )
    tables = {
        "models": pd.DataFrame(model_rows),
        "classes": pd.DataFrame(class_rows),
        "images": pd.DataFrame(image_rows),
    }
    if folds is not None:
        tables["folds"] = pd.DataFrame(fold_rows)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)

    ranking = []
    for model, rows in tables["models"].groupby("model"):
        means = rows.select_dtypes("number").mean().to_dict()
        kept = {key: means[key] for key in ("miou", "mean_f1", "mean_precision", "mean_recall", "pixel_accuracy")}
        kept |= {key: means[key] for key in ("params", "flops", "latency_ms", "train_seconds")}
        bounds = {"lowest_miou": rows["miou"].min(), "highest_miou": rows["miou"].max(), "seeds": list(seeds)}
        ranking.append({"model": model, **kept, **bounds, "peak_memory_mib": None})
    ranking.sort(key=lambda entry: -entry["miou"])
    content = {
        "format": 1,
        "name": "street scenes",
        "created": "2026-11-22T10:15:00+00:00",
        "track": "encoder",
        "verdict": "U-Net is the best of the four: 4.1 points of mIoU before DeepLabv3, "
        "more than chance explains (95% interval 2.0 to 6.3).",
        "ranking": ranking,
        "trivial_miou": 0.05,
        "trivial": {"class": classes[0], "miou": 0.05, "pixel_accuracy": 0.31},
        "scored_split": "test",
        "command": "segarena compare street --epochs 30",
        "protocol": {"encoder": "resnet18", "weights": "imagenet", "epochs": epochs, "patience": 10, "batch_size": 8}
        | {"size": 360, "learning_rate": 0.001, "optimizer": "adamw", "precision": "fp32", "device": "cpu"}
        | {"seeds": list(seeds), "folds": folds, "input_size": [HEIGHT, WIDTH]},
        "notes": ["batch size 8: this machine has no GPU", "device cpu: no CUDA device was found"],
        "data": {
            "name": "street scenes",
            "origin": "street",
            "fingerprint": "9f2c" * 16,
            "classes": [
                {"index": i, "name": name, "color": list(DEFAULT_COLORS[i % len(DEFAULT_COLORS)])}
                for i, name in enumerate(classes)
            ],
            "counts": {"train": 367, "val": 101, "test": 233} if folds is None else {"test": images},
        },
        "environment": {"segarena": "0.1.0", "python": "3.11.7", "torch": "2.15.0", "torchvision": "0.29.0"}
        | {"platform": "Linux x86_64", "cpu": "a small processor", "cores": 2, "gpu": None, "commit": None},
        "gallery": names,
    }
    (folder / "comparison.json").write_text(json.dumps(content | changes))
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
