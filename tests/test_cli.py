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


@pytest.mark.parametrize("arguments", ["paint", "train --model unet --epochs many", "compare --colour red"])
def test_usage_errors_are_status_2_and_name_the_word(
    arguments: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["segarena", *arguments.split()])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 2
    assert arguments.rsplit(maxsplit=1)[-1] in capsys.readouterr().err


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
