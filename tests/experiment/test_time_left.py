"""The time that is left for all trainings of a command: from epochs, from steps, from earlier calls, and guessed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from segarena.experiment.time_left import Lateness, TimeLeft, TrainingTimeLeft
from segarena.experiment.train_all import epochs_left
from segarena.training.state import Step

FLOPS = {"fcn": 1.0, "unet": 3.0}


def step(number: int, images_per_second: float) -> Step:
    return Step(epoch=1, step=number, steps=10, loss=1.0, images_per_second=images_per_second)


def test_every_training_counts_with_what_its_model_took() -> None:
    left = TimeLeft([("fcn", 4), ("unet", 4), ("fcn", 4)], FLOPS)
    own = TrainingTimeLeft(left, 0, epochs=4, batch_size=8, val_images=24)
    assert (
        own.after_epoch({"epoch": 1, "seconds": 10.0}) == 3 * 10 + 4 * 20 + 4 * 10
    )  # unet: half fixed, half three times
    assert own.after_epoch({"epoch": 2, "seconds": 20.0}) == 2 * 15 + 4 * 30 + 4 * 15
    left.finish(0)  # stopped early
    assert left.seconds() == 4 * 30 + 4 * 15
    own = TrainingTimeLeft(left, 1, epochs=4, batch_size=8, val_images=24)
    assert own.after_epoch({"epoch": 1, "seconds": 50.0}) == 3 * 50 + 4 * 15  # measured now


def test_the_first_steps_give_a_first_estimate_and_then_only_the_progress() -> None:
    left = TimeLeft([("fcn", 2)], FLOPS)
    own = TrainingTimeLeft(left, 0, epochs=2, batch_size=8, val_images=24)
    assert left.seconds() is None
    assert own.after_step(step(5, images_per_second=4.0)) == pytest.approx(
        1.5 * (20 + 2)
    )  # 80 images of an epoch, then 24 in a third of the time each
    assert own.after_epoch({"epoch": 1, "seconds": 30.0}) == 30.0  # with the validation
    assert own.after_step(step(5, images_per_second=4.0)) == pytest.approx(15.0)
    assert own.after_epoch({"epoch": 2, "seconds": 30.0}) == 0.0


def test_trainings_side_by_side_take_as_long_as_their_places_are_taken() -> None:
    left = TimeLeft([("fcn", 4), ("unet", 4), ("fcn", 2)], {"fcn": 1.0, "unet": 1.0}, jobs=2)
    left.add_epoch(0, 3, seconds=10.0)
    left.add_step(1, 0.5, seconds=20.0)
    assert left.seconds() == 3.5 * 20  # beside it 30 of the first, and 20 of the third
    assert left.work() == 3 * 10 + 3.5 * 20 + 2 * 10
    left.finish(1)
    assert left.seconds() == 30.0


def test_epochs_of_an_earlier_call_count_until_one_is_measured() -> None:
    left = TimeLeft([("fcn", 0), ("unet", 2)], FLOPS)
    left.add_earlier("fcn", 10.0)
    assert left.seconds() == 2 * 20
    left.add_earlier("unet", 12.0)
    assert left.seconds() == 2 * 12
    left.add_epoch(1, 1, seconds=40.0)
    assert left.seconds() == 40


def test_a_delay_is_reported_once_it_is_sure_and_again_once_it_has_grown() -> None:
    left = TimeLeft([("fcn", 100)], FLOPS)
    reports: list[tuple[float, float]] = []
    late = Lateness(100 * 10.0, lambda *seconds: reports.append(seconds))
    own = TrainingTimeLeft(left, 0, epochs=100, batch_size=8, val_images=24, model="fcn", lateness=late)
    for epoch in (1, 2):
        own.after_epoch({"epoch": epoch, "seconds": 20.0})
        assert not reports  # a single epoch can be slow
    own.after_epoch({"epoch": 3, "seconds": 20.0})
    own.after_epoch({"epoch": 4, "seconds": 20.0})
    assert reports == [(2000.0, 1000.0)]
    for epoch in range(5, 9):
        own.after_epoch({"epoch": epoch, "seconds": 40.0})
    assert [seconds for seconds, _ in reports] == pytest.approx([2000.0, 100 * 120 / 5, 100 * 200 / 7])


def test_what_is_as_fast_as_predicted_is_not_late() -> None:
    left = TimeLeft([("fcn", 5)], FLOPS)
    late = Lateness(50.0, lambda *_: pytest.fail("it is not late"))
    own = TrainingTimeLeft(left, 0, epochs=5, batch_size=8, val_images=24, model="fcn", lateness=late)
    for epoch in range(1, 6):
        own.after_epoch({"epoch": epoch, "seconds": 11.0})


@pytest.mark.parametrize(
    ("is_finished", "is_scored", "epochs"), [(False, False, 3), (False, True, 0), (True, False, 0)]
)
def test_nothing_is_left_of_a_training_that_was_stopped_early(
    is_finished: bool, is_scored: bool, epochs: int, tmp_path: Path
) -> None:
    (tmp_path / "history.csv").write_text("epoch,seconds\n1,2.0\n2,2.0\n")
    protocol = SimpleNamespace(epochs=5)
    training: Any = SimpleNamespace(folder=tmp_path, protocol=protocol, is_finished=is_finished, is_scored=is_scored)
    assert epochs_left(training) == epochs
