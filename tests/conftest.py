"""What all tests share."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, settings

from crashes import pytest_handlecrashitem, pytest_report_teststatus  # noqa: F401  # hooks
from support import drawing_nothing, real_encoders, small_encoders, write_squares

CHROMIUM = Path("/usr/bin/chromium")

# The fast tests draw the same cases each time, so that a change is judged by what it changes; `make test-slow` draws
# new ones, and what it finds becomes an example of its own. How long an example takes is no fault: the machine may do
# other things.
PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("same", derandomize=True, **PATIENT)
settings.register_profile("new", print_blob=True, **PATIENT)
settings.load_profile("same")


#: The files that take longest, without ending.
LONGEST = tuple(
    (
        "model_export models model_training train compare remedies_work check_and_synth resume"
        " cross_validation coming_from wrong_input pipes printed_commands evaluate remedies_encoding"
        " parity_torchvision receptive_field encoders remedies_files remedies_refused evaluate_moved"
    ).split()
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: processes that share the files between them then end together."""
    place = {f"test_{name}.py": number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.name, len(place)))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip the tests marked `gpu` where there is no NVIDIA GPU."""
    if item.get_closest_marker("gpu") is not None:
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs an NVIDIA GPU")


# What is imported and collected stays until the end. The garbage collector is kept from searching it again and again,
# which took an eighth of the time of all tests.
gc.disable()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Leave out of the search what there is, and search what the tests make.

    Where no test is one of a GPU, none is seen: the bits of two trainings are the same on a processor only.
    """
    if not any(item.get_closest_marker("gpu") for item in session.items):
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    gc.freeze()
    gc.enable()


def pytest_sessionfinish() -> None:
    """Let all be collected: nanobind, which is in Triton, reports what is left at exit as leaks."""
    gc.unfreeze()


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of the tests' own, so that they neither see the user's nor fill it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGARENA_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def called_as_segarena() -> Iterator[None]:
    """Messages name the program as it was called; in tests, whoever runs them, it is `segarena`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["segarena"])
        yield


@pytest.fixture(scope="session", autouse=True)
def _small_encoders() -> Iterator[None]:
    """Trainings take half the time; a module that uses `their_own_encoders` has torchvision's."""
    with small_encoders() if "torch" in sys.modules else nullcontext():  # not imported for tests that need none
        yield


@pytest.fixture(scope="module")
def their_own_encoders() -> Iterator[None]:
    """The encoders of torchvision."""
    with real_encoders():
        yield


@pytest.fixture(scope="session", autouse=True)
def _quick_trainings() -> Iterator[None]:
    """What takes longer than a training of the tests, and no test looks at, is left out.

    Garbage is not collected before a training, which takes long in a process of many tests. The latency is measured in
    one round. The first estimate of the time that is left does not build every network to count its FLOPs. No step is
    tried before a training because other programs have taken most of the memory.
    """
    with pytest.MonkeyPatch.context() as patch:
        if "torch" in sys.modules:  # not imported for tests that need none
            from segarena.training.costs import measure_latency

            patch.setattr("segarena.training.memory.gc", SimpleNamespace(collect=lambda: 0))
            patch.setitem(measure_latency.__kwdefaults__, "rounds", 1)
            patch.setattr("segarena.experiment.train_all.relative_cost", lambda protocol, model: 1.0)
            patch.setattr("segarena.experiment.memory_trial.free_memory", lambda: None)
        yield


@pytest.fixture(scope="module")
def quick_runs() -> Iterator[None]:
    """Figures are coarse."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("segarena.reporting.figure_files.DPI", 10)
        yield


@pytest.fixture(scope="module")
def blank_figures() -> Iterator[None]:
    """The figures of a page are empty: drawing takes as long as a training. Tests of `reporting` and README draw."""
    with drawing_nothing():
        yield


@pytest.fixture
def squares(tmp_path: Path) -> Path:
    """A folder of twelve images with bright squares and their 0/255 masks."""
    folder = tmp_path / "squares"
    return write_squares(folder, 12)


@pytest.fixture
def usual_signals() -> Iterator[None]:
    """Signals as a terminal leaves them: `nohup` ignores SIGHUP, and a shell SIGINT of what it starts with `&`."""
    usual = {"SIGINT": signal.default_int_handler, "SIGTERM": signal.SIG_DFL, "SIGHUP": signal.SIG_DFL}
    numbers = {getattr(signal, name): handler for name, handler in usual.items() if hasattr(signal, name)}
    before = {number: signal.signal(number, handler) for number, handler in numbers.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """Debian's Chromium, driven by Playwright; without it the test is skipped."""
    if not os.access(CHROMIUM, os.X_OK):
        pytest.skip(f"{CHROMIUM} is not installed, or cannot be run")
    sync_api = pytest.importorskip("playwright.sync_api")
    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=options, timeout=180_000)
        yield browser
        browser.close()
