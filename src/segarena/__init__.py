"""Which of FCN, U-Net, PSPNet and DeepLabv3 is right for your images, by how much, at what cost?

    import segarena

    folder = segarena.compare("my_data")            # the options of the command line are keyword arguments
    mask = segarena.load(folder).predict(image)     # the trained winner

Wrong input raises a `SegarenaError`; Ctrl-C during a training raises `Interrupted`, after the state has been saved.
Nothing here imports torch before it is needed.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segarena import config as _config
from segarena._version import __version__ as __version__
from segarena.errors import ConfigError, DataError, Interrupted, RunError, SegarenaError, WeightsError
from segarena.threads import limit_spinning as _limit_spinning

if TYPE_CHECKING:
    from segarena.models import build_model
    from segarena.training.predictor import Predictor

_limit_spinning()

__all__ = [
    "ConfigError",
    "DataError",
    "Interrupted",
    "RunError",
    "SegarenaError",
    "WeightsError",
    "build_model",
    "check",
    "compare",
    "convert",
    "evaluate",
    "load",
    "predict",
    "report",
    "synth",
    "train",
]


def compare(data: str | Path | None = None, **options: Any) -> Path:
    """Train, test and compare the architectures.

    Args:
        data: A folder of images and masks, or the name of a published data set. None: the built-in scenes.
        **options: The options of `segarena.config.CompareOptions`.

    Returns:
        The comparison folder.
    """
    from segarena.commands import compare as command

    return command.run(_config.make_options(_config.CompareOptions, data=data, **options))


def train(data: str | Path | None = None, *, model: str, **options: Any) -> Path:
    """Train and test one architecture.

    Args:
        data: A folder of images and masks, or the name of a published data set. None: the built-in scenes.
        model: The architecture.
        **options: The options of `segarena.config.TrainOptions`.

    Returns:
        The run folder.
    """
    from segarena.commands import train as command

    return command.run(_config.make_options(_config.TrainOptions, data=data, model=model, **options))


def evaluate(run: str | Path, data: str | Path | None = None, **options: Any) -> dict[str, Any]:
    """Score a run on a split of its data, or on other data.

    Args:
        run: A run folder, or a comparison folder (then its winner).
        data: Other labelled data. None: that of the training.
        **options: The options of `segarena.config.EvaluateOptions`.

    Returns:
        The content of metrics.json, which is written to a new folder in the run folder, or to `out`.
    """
    from segarena.commands import evaluate as command

    return command.run(_config.make_options(_config.EvaluateOptions, run=run, data=data, **options))


def predict(run: str | Path, images: str | Path | Iterable[str | Path], **options: Any) -> Path:
    """Write masks and overlays for images.

    Args:
        run: A run folder, or a comparison folder (then its winner).
        images: Image files, or folders of them; or a single one.
        **options: The options of `segarena.config.PredictOptions`.

    Returns:
        The folder of the masks and overlays.
    """
    from segarena.commands import predict as command

    paths = (images,) if isinstance(images, (str, Path)) else tuple(images)
    return command.run(_config.make_options(_config.PredictOptions, run=run, images=paths, **options))


def check(data: str | Path, **options: Any) -> dict[str, Any]:
    """Show what was understood of a folder of images and masks, and what looks wrong in it.

    Args:
        data: The folder.
        **options: The options of `segarena.config.CheckOptions`.

    Returns:
        The findings, as --json writes them.
    """
    from segarena.commands import check as command

    return command.run(_config.make_options(_config.CheckOptions, data=data, **options))


def report(folder: str | Path) -> Path:
    """Rebuild the figures and the page of a comparison from its files.

    Args:
        folder: A comparison folder.

    Returns:
        The page, report.html.
    """
    from segarena.commands import report as command

    return command.run(_config.make_options(_config.ReportOptions, folder=folder))


def synth(folder: str | Path, **options: Any) -> Path:
    """Write the built-in data set to a folder, as images and masks.

    Args:
        folder: The folder to write.
        **options: The options of `segarena.config.SynthOptions`.

    Returns:
        The folder.
    """
    from segarena.commands import synth as command

    return command.run(_config.make_options(_config.SynthOptions, folder=folder, **options))


def convert(src: str | Path, dst: str | Path, *, source: str = "auto", **options: Any) -> Path:
    """Write annotations of another format as images, index masks and a classes.yaml.

    Args:
        src: A folder of annotations and images, or the annotation file.
        dst: The folder to write.
        source: The format: coco, labelme, cvat, voc, yolo, via, supervisely, label-studio, rle-csv, geojson or
            instances; auto: the one that is found.
        **options: The other options of `segarena.config.ConvertOptions`.

    Returns:
        The folder that was written.
    """
    from segarena.commands import convert as command

    return command.run(_config.make_options(_config.ConvertOptions, src=src, dst=dst, source=source, **options))


def load(run: str | Path, *, device: str = "auto") -> Predictor:
    """Load a trained run to label images: `load(run).predict(image)`.

    Args:
        run: A run folder, or a comparison folder (then its winner).
        device: auto, cpu or cuda.

    Returns:
        The network with all that it needs to label an image.
    """
    from segarena.training import predictor

    return predictor.load(run, device=device)


def __getattr__(name: str) -> Any:
    """Import `build_model` when it is first used: it needs torch."""
    if name == "build_model":
        from segarena.models import build_model

        return build_model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
