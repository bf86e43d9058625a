"""A comparison folder such as `segarena compare` writes, from small drawn scenes and made-up mistakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sample_records import COSTS, PROTOCOL, model_row, sample_comparison
from segarena.classes import IGNORE_INDEX, ClassTable, name_classes
from segarena.experiment.image_counts import write_image_counts
from segarena.experiment.tables import class_rows, fold_rows, image_table, to_table
from segarena.experiment.train_all import pool_folds
from segarena.records.comparison import ComparedClass, MajorityBaseline
from segarena.records.metrics import Metrics
from segarena.records.record import field_names
from segarena.records.run import Costs
from segarena.records.statistics import FEWEST_UNITS
from segarena.records.tables import EpochRow, columns
from segarena.records.values import EpochChoice, MeanScores
from segarena.reporting import fonts
from segarena.reporting.label_maps import PICTURES, PREDICTIONS, encode_labels, encode_photo, writing_pictures
from segarena.reporting.page import build_report
from segarena.runs import Run
from segarena.scoring.ranking import rank
from segarena.scoring.scores import score, to_metrics
from segarena.scoring.statistics import analyse
from support import build_page

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
    """The truth, shifted by some pixels and with some boxes wrong: the less skill, the more."""
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


def save_labels(path: Path, labels: np.ndarray, classes: ClassTable) -> None:
    image = Image.fromarray(labels)
    image.putpalette(classes.palette())
    image.save(path)


def keep_pictures(folder: Path, truths: dict[str, np.ndarray], classes: ClassTable) -> None:
    """pictures.zip of the images in the gallery."""
    with writing_pictures(folder / PICTURES) as writer:
        for name, truth in truths.items():
            photo = np.asarray(Image.open(folder / "gallery" / name / "image.png"))
            writer.add(f"{name}.jpg", encode_photo(photo))
            writer.add(f"{name}.png", encode_labels(truth, classes.palette()))


def keep_labels(folders: list[Path], guesses: dict[str, np.ndarray], classes: ClassTable) -> None:
    """predictions.zip of a run, or of each of its folds."""
    for number, folder in enumerate(folders):
        with writing_pictures(folder / PREDICTIONS) as writer:
            for name, guess in list(guesses.items())[number :: len(folders)]:
                writer.add(f"{name}.png", encode_labels(guess, classes.palette()))


def write_run(
    folder: Path, rng: np.random.Generator, names: list[str], classes: ClassTable, confusions: np.ndarray, epochs: int
) -> None:
    """The files of a run that a report reads, but for its costs."""
    folder.mkdir(parents=True, exist_ok=True)
    scores, t = score(confusions), np.arange(1, epochs + 1)
    miou = np.clip(scores.miou * (1 - 0.85 * np.exp(-t / 6)) + rng.normal(0, 0.012, epochs), 0, 1)
    loss = 0.15 + 2 * np.exp(-t / 7) + rng.normal(0, 0.01, epochs)
    values = (
        t,
        loss,
        1.2 * loss,
        miou,
        miou**0.5,
        1e-3 * (1 - (t - 1) / epochs),
        0 * t + 3.2,
        0 * t + 110.0,
        0 * t + 0.02,
    )
    pd.DataFrame(dict(zip(columns(EpochRow), values, strict=True))).to_csv(folder / "history.csv", index=False)
    trained = {"best_epoch": int(miou.argmax()) + 1, "epochs": epochs, "val_miou": float(miou.max())}
    replace(to_metrics(scores, classes.names, split="test"), **trained).write(folder)
    write_image_counts(folder / "images.csv", names, ["test"] * len(names), classes.names, confusions)


def write_comparison(
    folder: Path,
    *,
    models: Sequence[str] = FOUR,
    seeds: Sequence[int] = (0,),
    classes: Sequence[str] = STREET,
    undefined: Sequence[int] = (),
    images: int = FEWEST_UNITS,
    epochs: int = 30,
    folds: int | None = None,
    pictures: bool = True,
    **changes: Any,
) -> Path:
    """Write the folder; `changes` replace keys of comparison.json. `undefined` class indices appear nowhere.

    Without `pictures` it is as earlier versions wrote it, with labels of the gallery alone.

    With `folds`, an image is tested in the fold of its number, and there are as many as images or fewer.
    """
    rng = np.random.default_rng(0)
    table = name_classes(range(len(classes)), classes)
    truths = [draw_scene(rng, len(classes), undefined) for _ in range(images)]
    names = [f"scene_{i:02d}" for i in range(images)]
    for name, truth in zip(names, truths, strict=True):
        (folder / "gallery" / name).mkdir(parents=True)
        grey = 60 + 12 * truth.astype(int) % 150 + rng.integers(0, 40, truth.shape)
        photo = Image.fromarray(np.stack([grey, grey + 10, grey + 20], -1).astype(np.uint8))
        photo.save(folder / "gallery" / name / "image.png")
        save_labels(folder / "gallery" / name / "truth.png", truth, table)

    if pictures:
        keep_pictures(folder, dict(zip(names, truths, strict=True)), table)
    wholes = [Run(model, seed) for model in models for seed in seeds]
    for whole in wholes:
        place = list(models).index(whole.model)
        guesses = [predict(rng, truth, 0.9 - 0.13 * place + 0.02 * rng.random(), undefined) for truth in truths]
        if whole.seed == seeds[0]:
            for name, guess in zip(names, guesses, strict=True):
                save_labels(folder / "gallery" / name / f"{whole.model}.png", guess, table)
        confusions = np.array([count(*pair, len(classes)) for pair in zip(truths, guesses, strict=True)])
        costs = replace(
            COSTS,
            params=COSTS.params + 2_400_000 * place,
            flops=COSTS.flops + place * 10**10,
            latency_ms=COSTS.latency_ms / (1 + 0.5 * place),
            train_seconds=(COSTS.train_seconds - 75 * place) / (folds or 1),
        )
        runs = whole.folds(folds)
        if pictures:
            keep_labels([folder / run.path for run in runs], dict(zip(names, guesses, strict=True)), table)
        for number, run in enumerate(runs):
            part, length = slice(number, None, len(runs)), epochs - 3 * place if epochs > 12 else epochs
            write_run(folder / run.path, rng, names[part], table, confusions[part], length)
            costs.write(folder / run.path)
        if folds is not None:
            pool_folds(folder / whole.path, [folder / run.path for run in runs], table)

    rows = []
    for whole in wholes:
        metrics, costs = Metrics.read(folder / whole.path), Costs.read(folder / whole.path)
        scores = {name: getattr(metrics, name) for name in (*field_names(MeanScores), *field_names(EpochChoice))}
        rows.append(model_row(whole.model, whole.seed, **scores, **asdict(costs)))
    tables = {
        "models": to_table(rows),
        "classes": to_table(class_rows(folder, wholes, classes)),
        "images": image_table(folder, wholes),
    }
    if folds is not None:
        tables["folds"] = to_table(fold_rows(folder, wholes, folds))
    for name, content in tables.items():
        content.to_csv(folder / f"{name}.csv", index=False)

    record = sample_comparison(
        ranking=tuple(rank(rows)),
        statistics=analyse(tables["images"]),
        majority_baseline=MajorityBaseline(class_name=classes[0], miou=0.05, pixel_accuracy=0.31),
        protocol=replace(PROTOCOL, epochs=epochs),
        seeds=len(seeds),
        folds=folds,
        notes=("batch size 8: this machine has no GPU", "device cpu: no CUDA device was found"),
        gallery=tuple(names),
    )
    data = replace(
        record.data,
        classes=tuple(
            ComparedClass(index=i, name=entry.name, color=entry.color) for i, entry in enumerate(table.classes)
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
    """Three models, five folds, five classes, and its report with empty figures. Read it, do not change it."""
    folder = make_comparison(models=FOUR[:3], classes=STREET[:5], images=5, folds=5)
    build_page(folder)
    return folder


@pytest.fixture
def only_dejavu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No other font is installed than the one that matplotlib brings."""
    first = list(fonts._files())[:1]
    monkeypatch.setattr(fonts, "_files", lambda: iter(first))
    fonts.find_font.cache_clear()
    yield
    fonts.find_font.cache_clear()
