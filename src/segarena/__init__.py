"""Which of FCN, U-Net, PSPNet and DeepLabv3 is right for your images, by how much, at what cost?

    import segarena

    folder = segarena.compare("my_data")            # the options of the command line are keyword arguments
    mask = segarena.load(folder).predict(image)     # the trained winner

Nothing here imports torch before it is needed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from segarena import config as _config
from segarena._version import __version__ as __version__
from segarena.errors import ConfigError, DataError, Interrupted, RunError, SegarenaError, WeightsError

if TYPE_CHECKING:
    from segarena.models import build_model
    from segarena.training.predictor import Predictor

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
    """Train, test and compare the architectures. Options: `segarena.config.CompareOptions`. Returns the folder."""
    from segarena.commands import compare as command

    return command.run(_config.CompareOptions(data=data, **options))  # type: ignore[arg-type]


def train(data: str | Path | None = None, *, model: str, **options: Any) -> Path:
    """Train and test one architecture. Options: `segarena.config.TrainOptions`. Returns the run folder."""
    from segarena.commands import train as command

    return command.run(_config.TrainOptions(data=data, model=model, **options))  # type: ignore[arg-type]


def evaluate(run: str | Path, data: str | Path | None = None, **options: Any) -> dict[str, Any]:
    """Score a run on a split or on other data. Options: `segarena.config.EvaluateOptions`. Returns the scores."""
    from segarena.commands import evaluate as command

    return command.run(_config.EvaluateOptions(run=run, data=data, **options))  # type: ignore[arg-type]


def predict(run: str | Path, images: list[str | Path], **options: Any) -> Path:
    """Write masks and overlays. Options: `segarena.config.PredictOptions`. Returns the folder."""
    from segarena.commands import predict as command

    return command.run(_config.PredictOptions(run=run, images=tuple(images), **options))  # type: ignore[arg-type]


def check(data: str | Path, **options: Any) -> dict[str, Any]:
    """Show what the reader understood of a folder. Options: `segarena.config.CheckOptions`."""
    from segarena.commands import check as command

    return command.run(_config.CheckOptions(data=data, **options))  # type: ignore[arg-type]


def report(folder: str | Path) -> Path:
    """Rebuild the figures and the page of a comparison. Returns the page's path."""
    from segarena.commands import report as command

    return command.run(_config.ReportOptions(folder=folder))  # type: ignore[arg-type]


def synth(folder: str | Path, **options: Any) -> Path:
    """Write the built-in data set. Options: `segarena.config.SynthOptions`. Returns the folder."""
    from segarena.commands import synth as command

    return command.run(_config.SynthOptions(folder=folder, **options))  # type: ignore[arg-type]


def convert(src: str | Path, dst: str | Path, *, source: str) -> Path:
    """Write annotations of another format as a data folder. Options: `segarena.config.ConvertOptions`."""
    from segarena.commands import convert as command

    return command.run(_config.ConvertOptions(src=src, dst=dst, source=source))  # type: ignore[arg-type]


def load(run: str | Path, *, device: str = "auto") -> Predictor:
    """Load a run, or a comparison's winner, to label images: `load(run).predict(image)`."""
    from segarena.training import predictor

    return predictor.load(run, device=device)


def __getattr__(name: str) -> Any:
    """`build_model` itself, with its own signature, when it is first asked for."""
    if name == "build_model":
        from segarena.models import build_model

        return build_model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
