"""The command line as a user meets it: quick help, one message, the right exit status."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from segarena import cli, config
from segarena.config import CompareOptions, TrainOptions, to_command
from segarena.errors import ConfigError


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "segarena", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def test_help_is_instant_and_names_each_verb() -> None:
    run("--help")  # the first call may compile the modules
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        done = run("--help")
        seconds.append(time.perf_counter() - start)
    assert done.returncode == 0
    for verb in ("compare", "train", "evaluate", "predict", "check", "report", "synth", "convert", "models"):
        assert verb in done.stdout
    # half a second on an idle machine; a busy one is given the time of a bare interpreter on top
    bare = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import json"], check=True)
    bare = time.perf_counter() - bare
    assert min(seconds) < 0.5 + 5 * bare


def test_help_does_not_import_torch() -> None:
    code = "import sys\nfrom segarena.cli import main\ntry: main()\nexcept SystemExit: print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("False")


def test_version() -> None:
    assert run("--version").stdout.startswith("segarena ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--model", "segformer"], "segformer"),
        (["compare", "--models", "unet", "transformer"], "transformer"),
        (["paint"], "paint"),
        (["train", "--model", "unet", "--epochs", "many"], "many"),
        (["train", "--model", "unet", "--epochs", "0"], "--epochs: 0 is too small"),
        (["train", "--model", "unet", "--split", "80"], "--split: 80.0 is not between 0 and 1"),
        (["train", "--model", "unet", "--resume"], "--out"),
        (["compare", "--models", "unet", "unet"], "named twice"),
        (["check", "no/such/folder"], "no/such/folder"),
        (["report", "no/such/folder"], "no/such/folder"),
        (["predict", "no/such/run", "image.jpg"], "no/such/run"),
        (["evaluate", "no/such/run"], "no/such/run"),
    ],
)
def test_wrong_input_is_status_2_and_one_message(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["segarena", *arguments])
    try:
        status: object = cli.main()
    except SystemExit as stop:  # tyro's way to leave
        status = stop.code
    assert status == 2
    said = capsys.readouterr()
    assert message in said.err + said.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "compare --models unet fcn9",
            "--models: unknown model 'fcn9'. Choose from fcn, unet, pspnet, deeplabv3, fcn8s",
        ),
        ("compare --encoder resnet19", "--encoder: unknown encoder 'resnet19'. Choose from resnet18, resnet34, "),
        ("train --model unet --output-stride 4", "--output-stride: unknown output stride '4'. Choose from 8, 16.\n"),
        ("train --model unet --encoder None", "--encoder: unknown encoder 'None'. Choose from resnet18, "),
        ("models --track both", "--track: unknown track 'both'. Choose from encoder, paper.\n"),
        (
            "convert a b --from yolo",
            "--from: unknown source 'yolo'. Choose from coco, labelme, cvat, voc, instances.\n",
        ),
        ("evaluate run --split dev", "--split: unknown split 'dev'. Choose from train, val, test, all.\n"),
        ("predict run a.png --device tpu", "--device: unknown device 'tpu'. Choose from auto, cpu, cuda.\n"),
    ],
)
def test_an_unknown_choice_is_one_line_with_the_choices_in_their_order(
    arguments: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["segarena", *arguments.split()])
    assert cli.main() == 2
    error = capsys.readouterr().err
    assert error.startswith(f"segarena: {message}")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("verb", "shown"),
    [
        ("compare", "{encoder,paper}"),
        ("train", "--output-stride {8,16}"),
        ("evaluate", "{train,val,test,all}"),
        ("predict", "{auto,cpu,cuda}"),
        ("check", "--splits PATH"),
        ("report", "PATH"),
        ("synth", "--size INT"),
        ("convert", "{coco,labelme,cvat,voc,instances}"),
        ("models", "--track {encoder,paper}"),
    ],
)
def test_help_shows_what_can_be_typed_and_no_none(
    verb: str, shown: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["segarena", verb, "--help"])
    with pytest.raises(SystemExit):
        cli.main()
    text = capsys.readouterr().out
    assert text.startswith(f"usage: segarena {verb}")
    assert shown in text
    assert "None" not in text


def test_status_and_message_are_those_of_the_process() -> None:
    done = run("report", "no/such/folder")
    assert done.returncode == 2
    assert done.stderr.startswith("segarena: no/such/folder")
    assert "Traceback" not in done.stderr


def test_an_unexpected_error_is_a_bug_and_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["segarena", "check", "folder"])
    monkeypatch.setattr("segarena.commands.check.run", lambda options: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main()


def test_keyboard_interrupt_is_status_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def press(options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["segarena", "check", "folder"])
    monkeypatch.setattr("segarena.commands.check.run", press)
    assert cli.main() == 130
    assert "interrupted" in capsys.readouterr().err


def test_options_are_checked_in_python_too() -> None:
    with pytest.raises(ConfigError, match=r"unknown model .segformer.*unet"):
        TrainOptions(model="segformer")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="unknown encoder"):
        CompareOptions(encoder="vgg")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="--learning-rate"):
        CompareOptions(learning_rate=float("nan"))


def test_paths_may_be_strings_in_python() -> None:
    options = CompareOptions(data="images", out="runs/x")  # type: ignore[arg-type]
    assert (options.data, options.out) == (Path("images"), Path("runs/x"))


def test_to_command_gives_the_options_back(monkeypatch: pytest.MonkeyPatch) -> None:
    options = CompareOptions(data=Path("my data"), models=("unet", "fcn"), epochs=3, loss="ce+dice")
    assert to_command(options) == "segarena compare 'my data' --epochs 3 --loss ce+dice --models unet fcn"
    seen = []
    monkeypatch.setattr(sys, "argv", ["segarena", "compare", "my data", *to_command(options).split("'")[2].split()])
    monkeypatch.setattr("segarena.commands.compare.run", seen.append)
    cli.main()
    assert seen == [options]


def test_saved_options_are_plain() -> None:
    content = config.to_dict(TrainOptions(data=Path("x"), model="unet", out=Path("y"), resume=True))
    assert content["data"] == "x"
    assert not {"out", "resume"} & set(content)
