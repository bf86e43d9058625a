"""Which of FCN, U-Net, PSPNet and DeepLabv3 is right for your images, by how much, at what cost?

    import segarena

    result = segarena.compare("my_data")            # the options of the command line are keyword arguments
    print(result.verdict)
    mask = result.predictor().predict("new.jpg")    # by the model that is first

Wrong input raises a `SegarenaError`; a value of the wrong type one that is a TypeError too. Ctrl-C during a training
raises `Interrupted`, after the state has been saved; `executor="slurm"` raises `Queued`, once all is queued. Nothing
here imports torch before it is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from os import PathLike
from typing import TYPE_CHECKING, Any

from segarena._version import __version__ as __version__
from segarena.api.bench import bench
from segarena.api.calls import api_function as _api_function
from segarena.api.compare import compare
from segarena.api.data import check, convert, synth
from segarena.api.results import evaluate, export, predict, report
from segarena.api.suite import suite
from segarena.api.train import train
from segarena.config.arguments import expand_home as _expand_home
from segarena.config.own_models import given_builder, own_models
from segarena.errors import ConfigError, DataError, Interrupted, Queued, RunError, SegarenaError, WeightsError
from segarena.threads import limit_spinning as _limit_spinning
from segarena.tracking.callback import Callback

if TYPE_CHECKING:
    from segarena.exporting.onnx_model import OnnxModel
    from segarena.models import build_model
    from segarena.results.benchmark import Benchmark
    from segarena.results.comparison import Comparison
    from segarena.results.evaluation import Evaluation
    from segarena.results.findings import Findings
    from segarena.results.suite import Suite
    from segarena.results.trained_run import TrainedRun
    from segarena.training.predictor import Predictor

_limit_spinning()

__all__ = [
    "Benchmark",
    "Callback",
    "Comparison",
    "ConfigError",
    "DataError",
    "Evaluation",
    "Findings",
    "Interrupted",
    "Queued",
    "RunError",
    "SegarenaError",
    "Suite",
    "TrainedRun",
    "WeightsError",
    "bench",
    "build_model",
    "check",
    "compare",
    "convert",
    "evaluate",
    "export",
    "load",
    "predict",
    "report",
    "suite",
    "synth",
    "train",
]


@_api_function
def load(
    run: str | PathLike[str], *, device: str = "auto", build: Callable[..., Any] | None = None
) -> Predictor | OnnxModel:
    """Load a trained run, or what `export` made of it, to label images: `load(run).predict(image)`.

    Args:
        run: A run folder, or a comparison folder (then its run on all images, where there is one, else the model with
            the highest mIoU); an ONNX file, for which PyTorch is not needed; or a folder with model.safetensors.
        device: auto, cpu, cuda, cuda:1 (the second GPU) or mps.
        build: For a run of your own module, the function that builds it.

    Returns:
        The network with all that it needs to label an image.
    """
    from segarena.exporting.loading import load_exported

    run = _expand_home(run)
    exported = load_exported(run, device=device)
    if exported is not None:
        return exported
    from segarena.training import predictor

    with own_models(given_builder(build)):
        return predictor.load(run, device=device)


#: Where the names are that are imported when they are first used: `build_model` needs torch, the results pandas.
_LATER = {
    "build_model": "segarena.models",
    "Benchmark": "segarena.results.benchmark",
    "Comparison": "segarena.results.comparison",
    "Evaluation": "segarena.results.evaluation",
    "Findings": "segarena.results.findings",
    "Suite": "segarena.results.suite",
    "TrainedRun": "segarena.results.trained_run",
}


def __getattr__(name: str) -> Any:
    """Import a name of `_LATER`."""
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
