"""When a training is said to have been slowed by other programs."""

from dataclasses import replace
from typing import Any

import pytest

from sample_records import ENVIRONMENT, PROTOCOL, ranked_model, sample_comparison
from segarena.records.comparison import ComparisonRecord
from segarena.reporting.load import load_note, slowed_models

LABELS = {"unet": "U-Net", "fcn": "FCN"}


def compared(times: dict[str, tuple[float, float | None]], threads: int = 2, device: str = "cpu") -> ComparisonRecord:
    """Models with the seconds that passed and those of the processor."""
    ranking = [ranked_model(name, train_seconds=wall, train_cpu_seconds=cpu) for name, (wall, cpu) in times.items()]
    changes: dict[str, Any] = {"environment": replace(ENVIRONMENT, threads=threads)}
    return sample_comparison(ranking=tuple(ranking), protocol=replace(PROTOCOL, device=device), **changes)


@pytest.mark.parametrize(
    ("times", "machine", "slowed"),
    [
        ({"unet": (100.0, 180.0), "fcn": (50.0, 60.0)}, {}, []),
        ({"unet": (100.0, 180.0), "fcn": (720.0, 204.0)}, {}, ["fcn"]),  # measured beside other programs
        ({"unet": (28.0, 34.0)}, {}, []),  # the same comparison on an idle machine
        ({"unet": (100.0, 97.0)}, {"threads": 1}, []),
        ({"unet": (100.0, 60.0)}, {"threads": 1}, ["unet"]),
        ({"unet": (100.0, 500.0)}, {"threads": 8}, []),
        ({"unet": (100.0, 200.0)}, {"threads": 8}, []),
        ({"unet": (100.0, 250.0)}, {"threads": 32}, []),  # an idle machine with many cores
        ({"unet": (100.0, 150.0)}, {"threads": 32}, ["unet"]),
        ({"unet": (100.0, 150.0)}, {"threads": 3}, []),
        ({"unet": (100.0, None)}, {}, []),
        ({"unet": (100.0, 10.0)}, {"device": "cuda"}, []),
        ({"unet": (0.0, 0.0)}, {}, []),
    ],
)
def test_a_training_is_slowed_if_it_got_few_cores(times: Any, machine: dict[str, Any], slowed: list[str]) -> None:
    record = compared(times, **machine)
    assert slowed_models(record) == slowed
    assert bool(load_note(record, LABELS)) is bool(slowed)


def test_the_note_has_both_times_of_the_model_slowed_most() -> None:
    note = load_note(compared({"unet": (100.0, 50.0), "fcn": (720.0, 204.0)}), LABELS)
    assert "FCN got 3 min 24 s of processor time in 12 min 00 s" in note
