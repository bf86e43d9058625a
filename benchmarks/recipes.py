"""A study of training recipes: variants of the options against a baseline, on several data sets.

    python benchmarks/recipes.py run --weights WEIGHTS built-in camvid=DIR isbi=DIR epfl-roads=DIR cwfid=DIR
    python benchmarks/recipes.py table

`run` trains each variant with each model, seed and set, and appends a line to recipes.csv for each finished training.
It can be killed at any time and started again with the same arguments: finished trainings are not repeated, and one
that was interrupted is resumed. All variants are trained with the first seed, then with the next one.
`table` compares them, and with --write puts the tables into docs/recipes.md.

Scores are of validation images; there is no test split, since the test images of a set are left out (but for CWFID,
whose 60 images are divided without the authors' list). Sizes and batches are about the defaults of `compare` on a
CPU, with 4,000 crops or 60 epochs, without early stopping. Weights are of MobileNetV2 for the sets of photographs;
without --weights they start from random weights, like the built-in scenes. A training is computed on the GPU where
there is one, and takes a few seconds there; on a CPU, with its one thread, it takes some ten minutes. With --jobs N,
N trainings run at a time. SEGARENA_STUDY may hold the arguments of `run`.
It does not run on Windows.
"""

from __future__ import annotations

import argparse
import csv
import fcntl
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recipe_tables import make_tables

from segarena.config import TrainOptions, defaults, make_options
from segarena.errors import SegarenaError
from segarena.experiment.prepare import prepare
from segarena.experiment.progress import Reporter
from segarena.experiment.train_all import train_all
from segarena.records.metrics import Metrics
from segarena.records.run import Costs, Data, Environment
from segarena.runs import Run as TrainedRun
from segarena.runs import open_folder
from segarena.scenes.scenery import VERSION
from segarena.scenes.synthetic import DEFAULT_COUNTS, SyntheticSource, write_scenes

RESULTS = Path(__file__).parent / "recipes.csv"
PAGE = Path(__file__).parents[1] / "docs" / "recipes.md"
MODELS = ("unet", "deeplabv3", "fcn", "pspnet")
COLUMNS = (
    *("set", "variant", "model", "seed", "val_miou", "lowest_iou", "lowest_class", "classes_at_zero"),
    *("best_epoch", "train_seconds", "device", "error", "data", "commit", "options"),
)


@dataclass(frozen=True)
class StudySet:
    """A data set with its size, epochs and batch.

    Args:
        size: Working size, in pixels.
        epochs: Number of epochs.
        batch_size: Images per step.
        encoder: Name of the encoder.
        parts: Folders and files to use, where the set has test images too; empty for all.
        options: Further options of `train`.
    """

    size: int
    epochs: int
    batch_size: int
    encoder: str = "mobilenet_v2"
    parts: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


SETS: dict[str, StudySet] = {
    "built-in": StudySet(128, 42, 16, "resnet18"),
    "camvid": StudySet(256, 11, 8, parts=("train", "trainannot", "val", "valannot", "classes.yaml")),
    "isbi": StudySet(512, 60, 6, options={"group_by": "blocks"}),
    "epfl-roads": StudySet(256, 50, 8),
    "cwfid": StudySet(256, 60, 8, parts=("images", "annotations"), options={"masks": "annotations"}),
    # Short trainings of small crops, about 240 steps: those of `make demo`, and what --budget chooses on a CPU.
    "built-in-short": StudySet(128, 10, 4, "resnet18"),
    "isbi-short": StudySet(256, 40, 4, options={"group_by": "blocks"}),
    "camvid-short": StudySet(128, 10, 16, parts=("train", "trainannot", "val", "valannot", "classes.yaml")),
    "epfl-roads-short": StudySet(128, 29, 16),
    "cwfid-short": StudySet(128, 40, 7, parts=("images", "annotations"), options={"masks": "annotations"}),
}


def is_built_in(name: str) -> bool:
    """Whether a set is the built-in scenes."""
    return name.startswith("built-in")


@dataclass(frozen=True)
class Times:
    """An option that is the baseline's value times a factor."""

    factor: float

    def of(self, value: float) -> float:
        """The value; for a whole number a whole one, 2 or more."""
        return max(2, round(value * self.factor)) if isinstance(value, int) else float(f"{value * self.factor:.3g}")


def change(value: Any, to: Any) -> Any:
    """The value of an option in a variant: another one, a multiple of it, or the same where `to` is None."""
    return value if to is None else to.of(value) if isinstance(to, Times) else to


@dataclass(frozen=True)
class Variant:
    """A recipe, and the one that it is compared with.

    Args:
        options: The options in which it differs from `BASELINE`.
        over: The variant whose scores are subtracted from its own.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    over: str = "baseline"


#: What the defaults were when the study began: `clip_norm` is 1 now, by its result.
BASELINE: dict[str, Any] = {"loss": "ce+dice", "clip_norm": 5.0}
#: `scale_jitter` of the variants that do not name it, until the study changed its default too.
SCALE_JITTER = 2.0
#: What the defaults were since `clip_norm` is 1, and what they are since `scale_jitter` is 1.25.
CLIPPED, JITTERED = "clip norm: 1", "scale jitter: 1.25"


def clipped(**options: Any) -> Variant:
    """A variant of the defaults since `clip_norm` is 1."""
    return Variant({"clip_norm": 1.0, **options}, CLIPPED)


def jittered(**options: Any) -> Variant:
    """A variant of the defaults since `scale_jitter` is 1.25."""
    return Variant({"clip_norm": 1.0, "scale_jitter": 1.25, **options}, JITTERED)


#: The variants, in the order of the tables.
VARIANTS: dict[str, Variant] = {
    "baseline": Variant(),
    "learning rate: x 3": Variant({"learning_rate": Times(3)}),
    "learning rate: / 3": Variant({"learning_rate": Times(1 / 3)}),
    "learning rate: / 10": Variant({"learning_rate": Times(1 / 10)}),
    "decoder factor: / 3": Variant({"decoder_factor": Times(1 / 3)}),
    "learning rate: / 3, decoder factor: x 3": Variant({"learning_rate": Times(1 / 3), "decoder_factor": Times(3)}),
    "twice the epochs": Variant({"epochs": Times(2)}),
    CLIPPED: Variant({"clip_norm": 1.0}),
    "loss: ce": clipped(loss="ce"),
    "class weights: sqrt-inverse": clipped(class_weights="sqrt-inverse"),
    "label smoothing: 0.1": clipped(label_smoothing=0.1),
    "EMA: 0.98": clipped(ema_decay=0.98),
    "schedule: poly": clipped(schedule="poly"),
    "weight decay: 0.05": clipped(weight_decay=0.05),
    "optimizer: SGD": Variant({"optimizer": "sgd"}, CLIPPED),  # 5 is the default clip norm of SGD
    "optimizer: SGD, weight decay: 1e-4": Variant({"optimizer": "sgd", "weight_decay": 1e-4}, CLIPPED),
    "scale jitter: 1.5": clipped(scale_jitter=1.5),
    JITTERED: clipped(scale_jitter=1.25),
    "scale jitter: 1": clipped(scale_jitter=1.0),
    "loss: ce, class weights: median": jittered(loss="ce", class_weights="median"),
    "class weights: effective": jittered(class_weights="effective"),
    "class weights: median": jittered(class_weights="median"),
    "hard pixels: 0.25": jittered(hard_pixels=0.25),
    "schedule: poly, EMA: 0.98": jittered(schedule="poly", ema_decay=0.98),
    "crop foreground: 0.5": jittered(crop_foreground=0.5),
    "rotation: 20, elastic: 0.02": jittered(rotation=20.0, elastic=0.02),
    "rotation: 180": jittered(rotation=180.0),
    "flip: both": jittered(flip="both"),
    "learning rate: x 3, scale jitter: 1.25": jittered(learning_rate=Times(3)),
    "decoder factor: x 3": jittered(decoder_factor=Times(3)),
    "clip norm: 0.3": jittered(clip_norm=0.3),
    "frozen BatchNorm": jittered(freeze_batchnorm=True),
    "batch size: half": jittered(batch_size=Times(0.5)),
    "four times the epochs": jittered(epochs=Times(4)),
    "half the pixels, twice the epochs": jittered(size=Times(0.71), epochs=Times(2)),
    "twice the pixels, half the epochs": jittered(size=Times(1.41), epochs=Times(0.5)),
}


@dataclass(frozen=True)
class Run:
    """One training of the study."""

    set: str
    variant: str
    model: str
    seed: int
    pretrained: bool

    @property
    def options(self) -> dict[str, Any]:
        """The options of `train` in the results."""
        kind, pretrained = SETS[self.set], self.pretrained and not is_built_in(self.set)
        recipe = VARIANTS[self.variant].options
        values: dict[str, Any] = {
            **{"size": kind.size, "epochs": kind.epochs, "batch_size": kind.batch_size, "encoder": kind.encoder},
            **kind.options,
            **BASELINE,
            "decoder_factor": defaults.decoder_factor(pretrained, "encoder")[0],
        }
        batch_size = change(values["batch_size"], recipe.get("batch_size"))
        optimizer = recipe.get("optimizer", "adamw")
        values["learning_rate"] = defaults.learning_rate(optimizer, batch_size, pretrained, "encoder")[0]
        values |= {name: change(values.get(name), value) for name, value in recipe.items()}
        values["patience"] = values["epochs"]
        if self.model in ("pspnet", "deeplabv3"):
            values["output_stride"] = 8
        return values

    @property
    def settings(self) -> dict[str, Any]:
        """All that a score depends on, so that no new default can change it; the results do not name each of them."""
        return {"scale_jitter": SCALE_JITTER, **self.options}

    @property
    def is_possible(self) -> bool:
        """Whether the set has what the variant needs: only pretrained weights have statistics to keep."""
        return "freeze_batchnorm" not in self.options or (self.pretrained and not is_built_in(self.set))

    @property
    def folder(self) -> str:
        """The name of its folder while it is in progress."""
        name = f"{self.set}-{self.variant}-{self.model}-{self.seed}"
        return name.replace(" ", "-").replace("/", "").replace(":", "")

    @property
    def key(self) -> tuple[str, ...]:
        """What a line of the results is found by: a variant whose options were changed is trained again."""
        data = f" scenes={VERSION}" if is_built_in(self.set) else f" pretrained={self.pretrained}"
        options = " ".join(f"{name}={value}" for name, value in sorted(self.options.items())) + data
        return self.set, self.variant, self.model, str(self.seed), options


def main(words: Sequence[str] | None = None) -> None:
    """Parse the arguments, then run or print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    run, table = commands.add_parser("run"), commands.add_parser("table")
    run.add_argument("sets", nargs="*", metavar="SET[=DIR]", help=f"of {', '.join(SETS)}; default: built-in")
    run.add_argument("--weights", type=Path, help="torchvision's weights of MobileNetV2, for all sets but built-in")
    run.add_argument("--models", nargs="+", choices=MODELS, default=MODELS[:2])
    run.add_argument("--seeds", nargs="+", type=int, default=(0, 1))
    run.add_argument("--variants", nargs="+", choices=VARIANTS, default=tuple(VARIANTS), metavar="VARIANT")
    run.add_argument("--jobs", type=int, default=1, help="trainings at a time; many fit on one GPU")
    run.add_argument("--work", type=Path, default=Path("runs/recipes"), help="folder of the runs in progress")
    for each in (run, table):
        each.add_argument("--results", type=Path, default=RESULTS)
    table.add_argument("--write", action="store_true", help="write the tables into docs/recipes.md")
    words = list(sys.argv[1:] if words is None else words)
    given = parser.parse_args(words + shlex.split(os.environ.get("SEGARENA_STUDY", "")) * (words[:1] == ["run"]))
    if given.command == "table":
        show(given.results, write=given.write)
        return
    places = dict(word.partition("=")[::2] for word in given.sets or ["built-in"])
    if unknown := set(places) - set(SETS):
        parser.error(f"unknown set {', '.join(sorted(unknown))}: choose from {', '.join(SETS)}")
    if missing := [name for name, place in places.items() if not is_built_in(name) and not Path(place).is_dir()]:
        parser.error(f"{missing[0]}={places[missing[0]]} is not a folder")
    folders = {name: make_folder(name, Path(place), given.work) for name, place in places.items()}
    others = [
        subprocess.Popen([sys.executable, __file__, *words, "--jobs", "1"])  # the last --jobs counts
        for _ in range(given.jobs - 1)
    ]
    try:
        for one in plan(given, list(places)):
            with claim(one, given.work) as is_free:
                if is_free and one.key not in keys(given.results):
                    append(train(one, folders[one.set], given.weights, given.work), given.results)
        for other in others:
            other.wait()
    except KeyboardInterrupt:
        parser.exit(130, "\nstopped: the same command resumes it\n")


@contextmanager
def claim(one: Run, work: Path) -> Iterator[bool]:
    """Whether no other process trains this; until the context ends, or this process does, none will."""
    work.mkdir(parents=True, exist_ok=True)
    with (work / f"{one.folder}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
            Path(file.name).unlink()


def plan(given: argparse.Namespace, sets: Sequence[str]) -> Iterator[Run]:
    """The trainings that are not finished, in their order."""
    done = keys(given.results)
    variants = dict.fromkeys(word for variant in given.variants for word in (VARIANTS[variant].over, variant))
    for seed in given.seeds:
        for variant in variants:
            for name in sets:
                for model in given.models:
                    one = Run(name, variant, model, seed, given.weights is not None)
                    if one.key not in done and one.is_possible:
                        yield one


def make_folder(name: str, place: Path, work: Path) -> Path:
    """Return the folder of a set without its test images: the built-in scenes are drawn, of others links are made."""
    parts = SETS[name].parts
    if not is_built_in(name) and not parts:
        return place
    folder = work / "data" / (f"{name}-{VERSION}" if is_built_in(name) else name)
    if not folder.exists():
        begun = folder.with_suffix(".part")
        shutil.rmtree(begun, ignore_errors=True)
        if is_built_in(name):
            write_scenes(begun, SyntheticSource(counts={part: DEFAULT_COUNTS[part] for part in ("train", "val")}))
        for part in parts:
            source = (place / part).absolute()
            for path in [source] if source.is_file() else sorted(source.iterdir()):
                link = begun / path.relative_to(place.absolute())
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(path)
        begun.rename(folder)
    return folder


def train(one: Run, data: Path, weights: Path | None, work: Path) -> dict[str, Any]:
    """Train, or resume a training that was interrupted, remove its folder, and return its line."""
    folder = work / one.folder
    options: dict[str, Any] = {**one.settings, "threads": 1, "workers": 0, "out": folder, "resume": folder}
    if "masks" in options:
        options["masks"] = data / options["masks"]
    started = "none" if is_built_in(one.set) or weights is None else str(weights)
    row: dict[str, Any] = dict(zip(("set", "variant", "model", "seed", "options"), one.key, strict=True))
    try:  # as `segarena train` does, but for its prediction of the time
        typed = make_options(TrainOptions, data=data, model=one.model, seed=one.seed, weights=started, **options)
        reporter = Reporter()
        place = open_folder(folder, folder.name, resume=True)
        train_all(prepare(typed, reporter), place, {TrainedRun(one.model, one.seed): place}, bool, reporter)
    except SegarenaError as error:
        row["error"] = str(error).splitlines()[0]
    else:
        row |= measure(folder)
    shutil.rmtree(folder, ignore_errors=True)
    end = row.get("error") or f"{row['val_miou']:.2%} in {row['train_seconds']:.0f} s"
    print(f"{one.set}, {one.variant}, {one.model}, seed {one.seed}: {end}", flush=True)
    return row


def measure(folder: Path) -> dict[str, Any]:
    """The scores of a finished run. Raises ValueError if they are of test images."""
    metrics, costs, data = Metrics.read(folder), Costs.read(folder), Data.read(folder)
    machine = Environment.read(folder)
    if metrics.split != "val":
        raise ValueError(f"the scores of {folder} are of its {metrics.split} images")
    ious = {name: scores.iou for name, scores in metrics.per_class.items() if scores.iou is not None}
    lowest = min(ious, key=lambda name: ious[name])
    return {
        "val_miou": metrics.miou,
        "lowest_iou": ious[lowest],
        "lowest_class": lowest,
        "classes_at_zero": sum(iou < 0.005 for iou in ious.values()),
        "best_epoch": metrics.best_epoch,
        "train_seconds": round(costs.train_seconds, 1),
        "data": data.fingerprint[:12],
        "device": machine.gpu or machine.cpu,
        "commit": machine.commit or "",
    }


def keys(path: Path) -> set[tuple[str, ...]]:
    """The keys of the finished trainings."""
    return {tuple(row[name] for name in ("set", "variant", "model", "seed", "options")) for row in read(path)}


def read(path: Path) -> list[dict[str, str]]:
    """The finished trainings; a line that was cut off by a kill does not count."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row.get("options")]


def append(row: Mapping[str, Any], path: Path) -> None:
    """Add a line to the results, with the head if they are new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", newline="") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        file.seek(0)
        before = file.read()
        if not before:
            writer.writeheader()
        elif not before.endswith("\n"):  # a kill cut off the last line
            file.write("\n")
        writer.writerow(row)
        file.flush()
        os.fsync(file.fileno())


def show(results: Path, *, write: bool) -> None:
    """Print the tables, or write them into docs/recipes.md."""
    over = {name: variant.over for name, variant in VARIANTS.items()}
    sections = make_tables(read(results), over, list(SETS))
    if write:
        sys.path.insert(0, str(PAGE.parent))
        from sections import insert

        PAGE.write_text(insert(PAGE.read_text(), sections))
    else:
        print("\n".join(sections.values()))


if __name__ == "__main__":
    main()
