"""`segarena doctor`: versions, the machine, and a self-test in seconds; what a report of a bug needs."""

from __future__ import annotations

import locale
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import gettempdir

from segarena.commands.terminal import console, shown
from segarena.config import DoctorOptions
from segarena.config.devices import device_type
from segarena.errors import RunError, SegarenaError
from segarena.experiment.self_test import check_files, check_folder, check_training
from segarena.formats import plural
from segarena.free_disk import free_disk, nearest_folder
from segarena.free_memory import free_memory
from segarena.image_files.cache import cache_folder
from segarena.loading.processes import SHARED_MEMORY
from segarena.records.run import Environment
from segarena.training.machine import choose_device, describe_environment
from segarena.units import GIB

#: Libraries whose versions matter most in a report, and optional ones.
LIBRARIES = ("numpy", "pillow", "numba", "pandas", "matplotlib", "safetensors", "tifffile", "onnxruntime", "rasterio")
#: Variables of the environment that change what segarena does.
VARIABLES = (
    "SEGARENA_CACHE",
    "SEGARENA_KERNELS",
    "SEGARENA_GRAPHS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "CUDA_VISIBLE_DEVICES",
    "NUMBA_CACHE_DIR",
    "TMPDIR",
    "LANG",
    "LC_ALL",
    "PYTHONUTF8",
)


@shown
def run(options: DoctorOptions) -> dict[str, str]:
    """Show the facts, then run the tests.

    Args:
        options: The options as typed.

    Returns:
        What was shown, by name.

    Raises:
        ConfigError: The device is not there.
        RunError: A test failed; all others have been run.
    """
    device = choose_device(options.device)
    found: dict[str, str] = {}
    for name, text in _facts(describe_environment(device)):
        found[name] = text
        console.result(f"{name}: {text}", markup=False)
    tests: dict[str, Callable[[], str]] = {
        "test of files": check_files,
        "test of the disk": check_folder,
        "test of a training": lambda: check_training(device),
    }
    failed = []
    for name, test in tests.items():
        try:
            found[name] = test()
        except (SegarenaError, RuntimeError, OSError, MemoryError) as error:
            found[name] = f"FAILED: {str(error).strip().partition(chr(10))[0] or type(error).__name__}"
            failed.append(name)
        console.result(f"{name}: {found[name]}", markup=False)
    if failed:
        raise RunError(
            f"{plural(len(failed), 'test')} of {len(tests)} failed",
            where="doctor",
            remedy="Check the lines with FAILED. If they do not explain it, report it with all of this output",
        )
    console.result("All tests passed.")
    return found


def _facts(machine: Environment) -> Iterator[tuple[str, str]]:
    yield "segarena", machine.segarena + (f" ({machine.commit})" if machine.commit else "")
    yield "python", f"{machine.python}, {machine.platform}"
    yield "torch", f"{machine.torch}, torchvision {machine.torchvision}"
    yield "libraries", ", ".join(f"{name} {_version(name)}" for name in LIBRARIES)
    yield "processor", f"{machine.cpu}, {plural(machine.cores, 'core')}, {plural(machine.threads, 'thread')}"
    yield "device", _describe_device(machine)
    memory = free_memory()
    yield "free memory", "unknown" if memory is None else f"{memory / GIB:.1f} GiB"
    yield "shared memory", _room(SHARED_MEMORY)
    yield "free disk here", _room(Path.cwd())
    yield "free disk for temporary files", f"{_room(Path(gettempdir()))} in {gettempdir()}"
    yield "cache", _describe_cache()
    encoding = getattr(sys.stdout, "encoding", None) or "unknown"
    yield "text", f"output in {encoding}, files in {sys.getfilesystemencoding()}, {locale.setlocale(locale.LC_CTYPE)}"
    yield "variables", ", ".join(f"{name}={os.environ[name]}" for name in VARIABLES if name in os.environ) or "none"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _describe_device(machine: Environment) -> str:
    if device_type(str(machine.device)) != "cuda":
        return f"{machine.device}"
    import torch

    free, total = torch.cuda.mem_get_info(machine.device)
    memory = f"{free / GIB:.1f} of {total / GIB:.1f} GiB free"
    return f"{machine.device}, {machine.gpu}, {memory}, CUDA {machine.cuda}, cuDNN {machine.cudnn}"


def _room(folder: Path) -> str:
    free = free_disk(folder)
    return "not there" if free is None else f"{free / GIB:.1f} GiB"


def _describe_cache() -> str:
    with suppress(RuntimeError):
        folder = cache_folder()
        place = nearest_folder(folder) or folder
        return f"{folder}, {'writable' if os.access(place, os.W_OK) else 'not writable'}, {_room(place)} free"
    return "none, as the user has no home folder"
