"""The functions of the Python API have each option of the commands, with its type, default and help text."""

from __future__ import annotations

import dataclasses
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from build_files_page import docstrings
from build_signatures import FILES, SHOWN

import segarena
from segarena.api.calls import in_python
from segarena.config.checks import flag

VERBS = {name: verb for verbs in FILES.values() for name, verb in verbs.items()}
every_verb = pytest.mark.parametrize("name", VERBS)


@every_verb
def test_signature_is_that_of_the_options(name: str) -> None:
    parameters = inspect.signature(getattr(segarena, name)).parameters
    options = {item.name: item for item in dataclasses.fields(VERBS[name].options)}
    own = ({"build"} if VERBS[name].builds else set()) | ({"callbacks"} if VERBS[name].trains else set())
    assert set(parameters) == (set(options) - set(SHOWN.get(VERBS[name].options, ()))) | own
    for parameter in [parameter for parameter in parameters.values() if parameter.name not in own]:
        default = options[parameter.name].default
        if "config" in options and default is dataclasses.MISSING:  # a file or a folder may give it
            default = None
        missing = parameter.default is parameter.empty
        assert missing or parameter.default == default
        assert missing == (default is dataclasses.MISSING)
        assert parameter.annotation is not parameter.empty


@every_verb
def test_help_has_the_text_of_each_option(name: str) -> None:
    text = " ".join((inspect.getdoc(getattr(segarena, name)) or "").split())
    for option, words in docstrings(VERBS[name].options).items():
        if option in SHOWN.get(VERBS[name].options, ()):
            continue  # of the command line alone
        assert f" {option}: {in_python(words).replace('DATA', '`data`')}" in text
    for option in dataclasses.fields(VERBS[name].options):
        assert flag(option.name) not in text, "an option is spelled as on the command line"


@every_verb
def test_help_gives_no_word_of_a_sentence_to_an_option_of_numbers(name: str) -> None:
    function = getattr(segarena, name)
    types = {option: str(item.annotation) for option, item in inspect.signature(function).parameters.items()}
    of_numbers = re.compile(r"(int|float|bool|None|Literal\[[\d, ]+\]|[| ])+")
    numbers = {option for option, written in types.items() if of_numbers.fullmatch(written)}
    quoted = re.findall(r'(\w+)="(\w+)"', inspect.getdoc(function) or "")
    assert not [(option, word) for option, word in quoted if option in numbers]


@pytest.mark.parametrize(
    ("text", "python"),
    [
        ("Add --track paper, or choose from fcn", 'Add track="paper", or choose from fcn'),
        ("Leave out --splits and --test-fraction", "Leave out splits and test_fraction"),
        ("Use --weights none, or --weights FILE", 'Use weights="none", or weights=FILE'),
        ("Name the folder of the run: --out DIR", "Name the folder of the run: out=DIR"),
        ("use --images images/train --masks masks/train", 'use images="images/train" masks="masks/train"'),
        ("Name it: --resume DIR", "Name it: resume=DIR"),
        ("run `segarena check data --masks labels`", "run `segarena check data --masks labels`"),
        ("Resume with: segarena train a --out b --resume", "Resume with: segarena train a --out b --resume"),
        ("--batch-size", "batch_size"),
        ("Leave out --epochs, or add --all-images for use", "Leave out epochs, or add all_images=True for use"),
        ("Give --probabilities png8, or leave out --int8", 'Give probabilities="png8", or leave out int8=True'),
        ("--from", "source"),
    ],
)
def test_messages_spell_options_as_python_does(text: str, python: str) -> None:
    assert in_python(text) == python


@pytest.mark.slow
def test_type_checkers_check_the_calls_of_users(tmp_path: Path) -> None:
    good = """
        import segarena
        result = segarena.compare("my_data", models="unet", seeds=[0, 1], epochs=2, weights="none", out="x")
        segarena.compare(models=["unet", "fcn"], config="a.yaml")
        segarena.compare(resume=result)
        print(result.verdict, result.ranking.head(), result / "report.html", open(result / "models.csv"))
        run = segarena.train("my_data", model="unet", size=64)
        print(run.metrics["miou"], run.history, segarena.load(run).predict("a.jpg").shape)
        print(segarena.predict(run, "a.jpg").name, segarena.evaluate(result).classes, segarena.check("a").problems)
    """
    bad = """
        import segarena
        segarena.compare("my_data", epoch=2)
        segarena.compare("my_data", epochs="2")
        segarena.train("my_data", model="segformer")
        segarena.compare("my_data").rankng
    """
    for name, text in (("good", good), ("bad", bad)):
        (tmp_path / f"{name}.py").write_text("\n".join(line.strip() for line in text.splitlines()))
    command = [sys.executable, "-m", "mypy", "--no-incremental", "good.py", "bad.py"]
    done: Any = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    found = [line.split(":")[:2] for line in done.stdout.splitlines() if ": error:" in line]
    assert found == [["bad.py", str(line)] for line in range(3, 7)], done.stdout
