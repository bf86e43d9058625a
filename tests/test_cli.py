"""The command line as a user meets it: quick help, one message, the right exit status."""

from __future__ import annotations

import importlib
import os
import shlex
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from segarena import cli, commands
from segarena.commands.signals import SYSTEM
from segarena.commands.terminal import shown
from segarena.config import CompareOptions, PredictOptions, ProtocolOptions, TrainOptions, make_options, to_command
from segarena.errors import ConfigError
from segarena.files import write_text
from support import refuses


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "segarena", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def test_help_names_each_verb() -> None:
    done = run("--help")
    assert done.returncode == 0
    for verb in cli.COMMANDS:
        assert verb in done.stdout


def processor_seconds(*words: str) -> float:
    """The processor time of a program, which does not depend on what else the machine does; the least of three."""

    def spent() -> float:
        times = os.times()
        return times.children_user + times.children_system

    found = []
    for _ in range(3):
        before = spent()
        subprocess.run([sys.executable, *words], check=True, capture_output=True)
        found.append(spent() - before)
    return min(found)


@pytest.mark.skipif(sys.platform == "win32", reason="does not count the processor time of programs that have ended")
def test_help_is_instant() -> None:
    """Half a second on a fast machine; a slow one is given the time of a bare interpreter on top."""
    assert processor_seconds("-m", "segarena", "--help") < 0.5 + 5 * processor_seconds("-c", "import json")


def test_help_does_not_import_torch() -> None:
    code = "import sys\nfrom segarena.cli import main\nmain()\nprint('torch' in sys.modules or 'rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("False")


@pytest.mark.parametrize(
    "words",
    [
        "predict missing photo.png",
        "predict run missing.png",
        "evaluate missing",
        "bench missing",
        "evaluate run missing",
        "compare missing",
        "train missing --model unet",
        "check missing",
    ],
)
def test_a_missing_path_does_not_wait_for_torch(words: str, tmp_path: Path) -> None:
    for name in ("config.json", "metrics.json", "best.safetensors"):
        write_text(tmp_path / "run" / name, "{}")
    code = "import sys\nfrom segarena.cli import main\nprint(main(), 'torch' in sys.modules, 'scipy' in sys.modules)"
    command = [sys.executable, "-c", code, *words.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "2 False False"
    assert "missing" in done.stderr


@pytest.mark.parametrize("words", ["predict {} photo.png", "evaluate {} .", "serve {}", "bench {}"])
@pytest.mark.parametrize("exported", ["unet.onnx", "hub"])
def test_an_exported_model_takes_the_place_of_a_run(
    words: str, exported: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("unet.onnx", "hub/model.safetensors", "photo.png"):
        write_text(tmp_path / name, "")
    called: list[Any] = []
    verb, *_ = words.split()
    module = importlib.import_module(cli.COMMANDS[verb][1])
    monkeypatch.setattr(module, "run", called.append)
    monkeypatch.setattr("sys.argv", ["segarena", *words.format(exported).split()])
    assert cli.main() == 0
    assert len(called) == 1


def test_a_program_ends_with_its_status_and_without_collecting() -> None:
    """Functions of libraries for the end are called, and what they print is seen; objects are left to the system."""
    code = """
import atexit, sys
from segarena import cli

class Collected:
    def __del__(self):
        print("collected")

kept, kept_main = Collected(), cli.main
kept.itself = kept
cli.main = lambda: atexit.register(print, "called") and kept_main()
sys.exit(cli.program())
"""
    done = subprocess.run([sys.executable, "-c", code, "paint"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (2, "called")
    assert "paint" in done.stderr


def test_a_program_leaves_it_to_its_message_that_an_image_is_too_large() -> None:
    code = """
import io, sys
from PIL import Image
from segarena import cli
from support import huge_png
cli.main = lambda: Image.open(io.BytesIO(huge_png(9_600))) and 0
cli.program()
"""
    place = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=place)
    assert (done.stdout, done.stderr) == ("", "")


def test_an_error_in_a_program_has_its_traceback() -> None:
    code = "from segarena import cli\ncli.main = None\ncli.program()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


@pytest.mark.parametrize("error", ["RuntimeError('operator torchvision::nms does not exist')", "OSError('c10.dll')"])
def test_a_broken_pytorch_is_one_message(error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "torch" / "__init__.py"
    package.parent.mkdir()
    package.write_text(f"raise {error}\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = run("models")
    assert done.returncode == 2
    assert error.split("'")[1] in done.stderr
    assert "--force-reinstall torch torchvision" in done.stderr
    assert "Traceback" not in done.stderr


def test_version() -> None:
    assert run("--version").stdout.startswith("segarena ")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ("paint", "paint"),
        ("train --model unet --epochs many", "'many'"),
        ("compare --colour red", "--colour"),
        ("compare --epochs", "--epochs"),
    ],
)
def test_usage_errors_are_status_2_and_name_the_word(
    arguments: str, word: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["segarena", *arguments.split()])
    assert cli.main() == 2
    assert word in capsys.readouterr().err


@pytest.mark.parametrize(
    ("verb", "shown"),
    [
        ("compare", "{encoder,paper}"),
        ("train", "--output-stride {8,16}"),
        ("evaluate", "{train,val,test,unseen,all}"),
        ("predict", "{auto,cpu,cuda,cuda:N,mps}"),
        ("check", "--splits PATH"),
        ("report", "FOLDER"),
        ("synth", "--size INT"),
        ("convert", "auto, coco, labelme"),
        ("models", "--track {encoder,paper}"),
    ],
)
def test_help_shows_what_can_be_typed_and_no_none(
    verb: str, shown: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["segarena", verb, "--help"])
    assert cli.main() == 0
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
    monkeypatch.setattr(sys, "argv", ["segarena", "check", "."])
    monkeypatch.setattr("segarena.commands.check.run", lambda options: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main()


@pytest.mark.parametrize("number", [signal.SIGINT, *SYSTEM])
@pytest.mark.usefixtures("usual_signals")
def test_a_signal_is_the_exit_status_as_in_a_shell(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(number)
    monkeypatch.setattr(sys, "argv", ["segarena", "check", "."])
    monkeypatch.setattr("segarena.commands.check.run", shown(lambda options: os.kill(os.getpid(), number)))
    assert cli.main() == 128 + number
    assert "interrupted" in capsys.readouterr().err
    assert signal.getsignal(number) is before


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no SIGHUP on this system")
def test_a_signal_that_is_ignored_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """As under `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        monkeypatch.setattr(sys, "argv", ["segarena", "check", "."])
        monkeypatch.setattr("segarena.commands.check.run", shown(lambda options: os.kill(os.getpid(), signal.SIGHUP)))
        assert cli.main() == 0
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("prepare", "nothing was saved"),
        ("train_all", "Resume with: segarena train --resume out"),
        ("_show", "Resume with: segarena train --resume out"),
    ],
)
def test_an_interrupt_tells_what_was_saved(
    place: str, said: str, squares: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def press(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(squares)
    options = "--model fcn --encoder mobilenet_v2 --weights none --size 32 --epochs 1 --out out"
    monkeypatch.setattr(sys, "argv", ["segarena", "train", ".", *options.split()])
    monkeypatch.setattr(f"segarena.commands.train.{place}", press)
    assert cli.main() == 130
    assert said in capsys.readouterr().err
    assert (squares / "out").exists() == (place != "prepare")


@pytest.mark.parametrize("verb", cli.COMMANDS)
def test_each_command_is_in_the_table_with_its_module(verb: str) -> None:
    options, module = cli.COMMANDS[verb]
    assert module == f"segarena.commands.{verb}"
    assert get_type_hints(importlib.import_module(module).run)["options"] is options


def test_no_command_is_missing_from_the_table() -> None:
    files = {path.stem for path in Path(commands.__path__[0]).glob("*.py")}
    tables = {"ceiling_table", "plan_table", "training_table"}
    helpers = {"__init__", "completion", "log", "notebook", "paths", "progress", "signals", "terminal", "usage"}
    helpers |= {"interrupts", "plain_console", "predicted_videos", "predicting", "tables", "training_lines", "wrapping"}
    assert files - tables - helpers == set(cli.COMMANDS)


@pytest.mark.parametrize(
    ("options", "where", "value"),
    [
        ({"models": ("segformer",)}, "--models", "segformer"),
        ({"encoder": "vgg"}, "--encoder", "vgg"),
        ({"loss": "focal"}, "--loss", "unknown loss 'focal'"),
        ({"learning_rate": float("nan")}, "--learning-rate", "nan"),
        ({"clip_norm": 0}, "--clip-norm", 0),
        ({"clip_norm": float("inf")}, "--clip-norm", "inf"),
        ({"weight_decay": -1}, "--weight-decay", -1),
        ({"workers": -1}, "--workers", -1),
        ({"batch_size": 1}, "--batch-size", 1),
        ({"batch_size": "many"}, "--batch-size", "many"),
        ({"micro_batch": 1}, "--micro-batch", 1),
        ({"seeds": 0}, "--seeds", 0),
        ({"ema_decay": 1.0}, "--ema-decay", 1.0),
        ({"label_smoothing": -0.1}, "--label-smoothing", -0.1),
        ({"hard_pixels": 0}, "--hard-pixels", 0),
        ({"scale_jitter": 0.5}, "--scale-jitter", 0.5),
        ({"rotation": 181}, "--rotation", 181),
        ({"elastic": float("nan")}, "--elastic", "nan"),
    ],
)
def test_options_are_checked_in_python_too(options: dict[str, Any], where: str, value: object) -> None:
    with refuses(ConfigError, where=where, value=value):
        CompareOptions(**options)


def test_paths_may_be_strings_and_tuples_lists_in_python() -> None:
    options = make_options(CompareOptions, data="images", out="runs/x", models=["unet"], weights=Path("w.pth"))
    assert (options.data, options.out) == (Path("images"), Path("runs/x"))
    assert (options.models, options.weights) == (("unet",), "w.pth")
    assert make_options(PredictOptions, run="r", images=["a.png", Path("b")]).images == (Path("a.png"), Path("b"))


@pytest.mark.parametrize(
    ("options", "command"),
    [
        (
            CompareOptions(data=Path("my data"), models=("unet", "fcn"), epochs=3, loss="ce+dice", download=True),
            "segarena compare 'my data' --models unet fcn --epochs 3 --download --loss ce+dice",
        ),
        (
            CompareOptions(data=Path("my data"), runs=(Path("b"),), vary=("loss",), device="cpu", images=Path("left")),
            "segarena compare 'my data' b --vary loss --images left --device cpu",
        ),
        (CompareOptions(track="paper"), "segarena compare --track paper"),
        (TrainOptions(model="unet", seed=2, out=Path("x"), resume=Path("x")), "segarena train --model unet --seed 2"),
    ],
)
def test_a_command_line_gives_the_options_back(
    options: ProtocolOptions, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert to_command(options) == command
    (tmp_path / "my data").mkdir()
    monkeypatch.chdir(tmp_path)
    seen: list[ProtocolOptions] = []
    monkeypatch.setattr(sys, "argv", shlex.split(command))
    monkeypatch.setattr(f"segarena.commands.{command.split()[1]}.run", seen.append)
    assert cli.main() == 0
    assert seen == [replace(options, out=None, resume=None)]
