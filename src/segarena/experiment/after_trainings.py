"""The time of a comparison after its trainings: latency, gallery, statistics and page."""

from __future__ import annotations

import time
from collections.abc import Mapping
from statistics import fmean

from segarena.experiment.examples import GALLERY
from segarena.experiment.prediction import Speed
from segarena.experiment.prepared import Prepared
from segarena.training.costs import ROUNDS, WARM_ROUNDS

#: Turns in which the latency of the models is measured, with those that are not counted.
_TURNS = WARM_ROUNDS + ROUNDS
#: Seconds of a picture of the gallery; of the page, for each model, and for each model and class. Measured on one core
#: of an AMD EPYC (2 classes and 2 models: 1.8 s; 8 classes and 4 models: 4.8 s).
_PICTURE, _PAGE = 0.02, (1.0, 0.4, 0.07)
#: Seconds of a loop of Python on the same core.
_LOOP = 0.022


def after_trainings(prepared: Prepared, speeds: Mapping[str, Speed], share: float | None) -> float:
    """Return the seconds after the trainings of a comparison.

    Args:
        prepared: The data.
        speeds: What each model was measured to cost; those that are trained already take as long as these on average.
        share: The share of the processor time that this process gets, see `Forecast.cpu_share`.
    """
    models = max(len(speeds), len(prepared.options.model_names))
    classes = prepared.source.classes.num_classes
    build = models * fmean(speed.build for speed in speeds.values())
    latency = models * fmean(speed.latency for speed in speeds.values())
    gallery = min(len(prepared.splits), GALLERY) * build + GALLERY * (latency + (models + 2) * _PICTURE)
    slow = _slowness() / max(share or 1.0, 0.1)
    return build + _TURNS * latency + gallery + slow * (_PAGE[0] + models * (_PAGE[1] + classes * _PAGE[2]))


def _slowness() -> float:
    """The processor time of a loop of Python, relative to the machine on which the time of a page was measured."""
    start = time.process_time()
    sum(number * number for number in range(500_000))
    return (time.process_time() - start) / _LOOP
