"""Too little memory is one message with a remedy that works, whatever was computed. A stand-in raises the error."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import segarena
from segarena import cli
from segarena.commands.terminal import _describe_shortage
from segarena.config import PredictOptions
from segarena.errors import OutOfMemoryError, is_out_of_memory
from segarena.training import accumulation, evaluation
from segarena.training.memory import fits
from support import QUICK, refuses

OPTIONS = {**QUICK, "model": "fcn"}
MESSAGE = "CUDA out of memory. Tried to allocate 5.00 GiB. GPU 0 has a total capacity of 5.50 GiB"


@contextmanager
def memory_for(images: int, where: object = accumulation) -> Iterator[None]:
    """Raise PyTorch's error where more images are computed at a time."""
    convert = evaluation.to_input

    def limited(batch: Tensor, device: str, *rest: Any) -> Tensor:
        if len(batch) > images:
            raise torch.OutOfMemoryError(MESSAGE)
        return convert(batch, device, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(where, "to_input", limited)
        yield


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError(MESSAGE), True),
        (MemoryError(), True),
        (np.exceptions.AxisError(3, 2), False),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: 12 bytes"),
            True,
        ),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9.05 GB, max allowed: 9.07 GB)"), True),
        (RuntimeError("could not create a primitive"), True),
        (RuntimeError("Sizes of tensors must match"), False),
        (OSError(12, "Cannot allocate memory"), False),  # of a file or a process: it has a path
    ],
)
def test_errors_of_memory_are_recognised(error: BaseException, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def test_the_remedy_resumes_the_training(squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """During the validation another program needs the memory."""
    words = ["train", str(squares), "--out", str(tmp_path / "run")]
    words += [word for name, value in OPTIONS.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    with (
        memory_for(0, evaluation),
        refuses(OutOfMemoryError, where=tmp_path / "run", value="evaluation of FCN") as caught,
    ):
        monkeypatch.setattr("sys.argv", ["segarena", *words])
        segarena.train(squares, out=tmp_path / "run", **OPTIONS)
    command = caught.value.remedy.partition("resume: ")[2]
    assert shlex.split(command)[:3] == ["segarena", "train", "--resume"]
    monkeypatch.setattr("sys.argv", shlex.split(command))
    assert cli.main() == 0
    assert (tmp_path / "run" / "costs.json").exists()


def test_in_the_folder_of_a_comparison_its_own_training_is_resumed(squares: Path, tmp_path: Path) -> None:
    """That of a model on all images is beside the runs of the comparison, which is resumed by another command."""
    out = segarena.compare(squares, models="fcn", seeds=1, out=tmp_path / "out", **QUICK).folder
    with memory_for(1), refuses(OutOfMemoryError, value="FCN with 2 images") as caught:
        segarena.train(like=out, model="fcn", all_images=True)
    command = shlex.split(caught.value.remedy.partition("resume: ")[2])
    assert command == ["segarena", "train", "--resume", str(caught.value.where)]
    assert Path(command[-1]).parent == out


def test_the_command_line_ends_with_status_2_and_one_message(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = segarena.train(squares, out=tmp_path / "run", **OPTIONS).folder
    image = squares / "images" / "square00.png"
    for words in (["predict", str(run), str(image)], ["evaluate", str(run), str(squares)]):
        monkeypatch.setattr("sys.argv", ["segarena", *words, "--out", str(tmp_path / words[0]), "--device", "cpu"])
        with memory_for(0, evaluation):
            assert cli.main() == 2
        message = capsys.readouterr().err
        assert "Traceback" not in message
        assert str(run) in message
        assert "out of memory" in message


def test_a_shortage_anywhere_else_is_a_message_too(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise torch.OutOfMemoryError(MESSAGE)

    monkeypatch.setattr("segarena.experiment.costs.measure_latency", fail)
    with refuses(OutOfMemoryError, value="CUDA out of memory") as caught:
        segarena.train(squares, out=tmp_path / "run", **OPTIONS)
    assert "\n" not in str(caught.value)
    log = (tmp_path / "run" / "log.txt").read_text()
    assert "error: CUDA out of memory" in log  # with its traceback, for a report
    assert "bug:" not in log


@pytest.mark.parametrize(("error", "helps"), [(MemoryError(), False), (torch.OutOfMemoryError(MESSAGE), True)])
def test_another_device_is_advised_for_the_memory_of_a_gpu_only(error: BaseException, helps: bool) -> None:
    found = _describe_shortage(error, PredictOptions(run=Path("run"), images=(Path("a.png"),)))
    assert ("--device" in found.remedy) == helps


def test_memory_of_work_that_did_not_fit_is_free_afterwards() -> None:
    alive: list[object] = []

    class Kept:
        """What the failed work had computed."""

        def __init__(self) -> None:
            alive.append(None)

        def __del__(self) -> None:
            alive.pop()

    def work() -> None:
        held = Kept()
        try:
            raise torch.OutOfMemoryError(MESSAGE)
        finally:
            assert held is not None

    assert not fits(work, "cpu")
    assert not alive
    assert fits(lambda: None, "cpu")
    with pytest.raises(RuntimeError, match="another"):
        fits(lambda: (_ for _ in ()).throw(RuntimeError("another error")), "cpu")
