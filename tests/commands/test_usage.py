"""Help texts: the commonest options first, the rest in titled groups, readable at any width; mistyped words; completion
in the shell.
"""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys

import pytest

from segarena import cli
from segarena.commands.completion import completion_script
from segarena.config import CompareOptions, ConvertOptions, TrainOptions
from segarena.config.checks import flag
from segarena.config.groups import GROUPS

KINDS = {verb: kind for verb, (kind, _) in cli.COMMANDS.items()}


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Runs a command line; returns the status, and what was printed to standard output and standard error."""

    def run(line: str, columns: int = 80) -> tuple[int, str, str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr(sys, "argv", ["segarena", *line.split()])
        status = cli.main()
        return status, *capsys.readouterr()

    return run


@pytest.mark.parametrize("verb", ["", *KINDS])
@pytest.mark.parametrize(("columns", "most"), [(60, 60), (80, 80), (200, 100)])
def test_no_line_is_wider_than_the_terminal_or_100_columns(typed, verb, columns, most):
    status, text, errors = typed(f"{verb} --help", columns)
    long = [line for line in text.splitlines() if len(line) > most]
    assert (status, errors, long) == (0, "", [])


@pytest.mark.parametrize("verb", KINDS)
def test_each_option_is_shown_once_with_its_text(typed, verb):
    _, text, _ = typed(f"{verb} --help", 100)
    rows = [line.split()[0] for line in text.splitlines() if line.startswith("  ") and line[2] != " "]
    names = [item.name for item in dataclasses.fields(KINDS[verb])]
    assert sorted(rows) == sorted([*(name.upper() if flag(name) not in rows else flag(name) for name in names), "-h,"])


def test_the_commonest_options_come_first_the_rest_in_titled_groups(typed):
    _, text, _ = typed("compare --help")
    places = [
        text.index(word) for word in ("\n  DATA", "--models", "--seeds", "--out", "--size", "--epochs", "--images")
    ]
    assert places == sorted(places)
    titles = [line for line in text.splitlines()[3:] if line and not line.startswith(" ")]
    assert titles == list(GROUPS)


@pytest.mark.parametrize("kind", [CompareOptions, TrainOptions])
def test_each_option_of_a_training_is_in_one_group(kind):
    names = [item.name for item in dataclasses.fields(kind) if item.name not in ("data", "runs")]
    assert [sum(name in group for group in GROUPS.values()) for name in names] == [1] * len(names)


def test_without_a_command_the_short_help_is_shown(typed):
    status, text, errors = typed("")
    assert (status, text) == (2, "")
    assert all(verb in errors for verb in KINDS)
    assert "--version" in errors
    assert "--version" in typed("--help")[1]


@pytest.mark.parametrize(
    ("line", "word", "meant"),
    [
        ("compar data", "compar", "compare"),
        ("Train data", "Train", "train"),
        ("compar --help", "compar", "compare"),
        ("compare data --epoch 3", "--epoch", "--epochs"),
        ("compare data --epohcs=3", "--epohcs", "--epochs"),
        ("train data --model unet --seeds 3", "--seeds", "--seed"),
        ("predict run image --batch_size 3", "--batch-size", "compare, train and bench"),
        ("check data --colour red", "--colour", "segarena check --help"),
        ("frobnicate", "frobnicate", "segarena --help"),
    ],
)
def test_a_mistyped_word_is_named_with_what_it_may_have_meant(typed, line, word, meant):
    status, text, errors = typed(line)
    assert (status, text) == (2, "")
    assert errors.startswith(f"segarena: {word}: ")
    assert meant in errors.removeprefix(f"segarena: {word}: ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    "line", ["synth x --size 1.5", "compare --split half", "train --model unet --epochs --size 64"]
)
def test_a_value_that_is_no_number_is_one_message(typed, line):
    status, _, errors = typed(line)
    assert status == 2
    assert errors.startswith("segarena: --")
    assert "number" in errors


@pytest.mark.parametrize(
    ("line", "where", "words"),
    [
        ("check My Data", "Data", ["quotes"]),
        ("synth a b --size 64", "b", ["quotes"]),
        ("check", "check", ["DATA"]),
        ("check --out x", "check", ["DATA"]),
        ("convert --from via a", "convert", ["DST", "segarena convert a DST"]),
        ("train data", "train", ["--model", "segarena train data --model"]),
        ("predict --device cpu run", "predict", ["IMAGES"]),
        ("train --models fcn", "--models", ["--model"]),
    ],
)
def test_what_is_missing_or_has_no_place_is_named(typed, line, where, words):
    status, text, errors = typed(line)
    assert (status, text) == (2, "")
    assert errors.startswith(f"segarena: {where}: ")
    assert [word for word in words if word not in errors] == []
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    "line",
    [
        "compare --models fcn unet --epochs 3",
        "compare data --models=fcn --quiet --test-fraction 0.2",
        "models --size 64 96 --track paper",
        "predict run a.png b.png --device cpu",
        "predict --device=cpu run a.png",
        "evaluate run data --split all",
        "train --model unet data",
    ],
)
def test_values_in_any_order_find_their_places(typed, monkeypatch, line):
    seen = []
    monkeypatch.setattr("segarena.commands.paths.check_paths", lambda options: None)
    monkeypatch.setattr(f"segarena.commands.{line.split()[0]}.run", seen.append)
    assert typed(line) == (0, "", "")
    assert len(seen) == 1


def test_options_may_have_underscores_and_equals_signs(typed, monkeypatch):
    seen = []
    monkeypatch.setattr("segarena.commands.convert.run", seen.append)
    assert typed("convert a b --class_attribute kind --from=via --overlap=file-order")[0] == 0
    [options] = seen
    assert isinstance(options, ConvertOptions)
    assert (options.class_attribute, options.source, options.overlap) == ("kind", "via", "file-order")


def complete(script: str, words: list[str]) -> list[str]:
    """What bash offers for the last word."""
    line = " ".join(f"'{word}'" for word in words)
    code = f'{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _segarena; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "--norc", "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["com"], ["compare"]),
        (["--v"], ["--version"]),
        (["compare", "data", "--ep"], ["--epochs"]),
        (["train", "data", "--loss", "ce", "--sch"], ["--schedule"]),
        (["compare", "--models", "fcn", "u"], ["unet"]),
        (["train", "--loss", "ce"], ["ce", "ce+dice"]),
        (["convert", "--from", "la"], ["labelme", "label-studio"]),
        (["train", "--loss", "ce", "da"], []),  # files, which the shell adds
        (["check", "da"], []),
        (["compare", "--out", "r"], []),
    ],
)
def test_bash_completes_commands_options_and_choices(words, offered):
    assert complete(completion_script("bash", KINDS), ["segarena", *words]) == offered


def test_the_script_is_printed_and_other_shells_are_refused(typed):
    assert typed("--completion zsh") == (0, completion_script("zsh", KINDS), "")
    assert typed("--completion fish")[0] == typed("--completion")[0] == 2
