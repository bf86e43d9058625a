"""The README's commands and snippets, and the snippets of docs/start.md, run as written."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import pytest
from PIL import Image

from segarena import cli
from support import write_pair

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
START = (ROOT / "docs" / "start.md").read_text()
pytestmark = pytest.mark.usefixtures("quick_runs")


def fences(page: str, kinds: str) -> list[tuple[str, str]]:
    """The fenced code of a page, from top to bottom: (kind, text)."""
    return re.findall(rf"^```({kinds})\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)


def work_in(folder: Path) -> list[tuple[str, str]]:
    """Data as the README describes it; returns the commands and snippets, from top to bottom."""
    for number in range(12):
        write_pair(folder / "my_data", f"photo{number}", size=72, seed=number)
    Image.new("RGB", (90, 70), (120, 60, 30)).save(folder / "new_image.jpg")
    (folder / "runs" / "quick").mkdir(parents=True)
    (folder / "runs" / "mine").symlink_to("quick")  # the result of the longer command, on the page of the first steps
    found = [*fences(README, "bash|python"), *fences(START, "python")]
    assert {kind for kind, _ in found} == {"bash", "python"}
    return found


def check_results(folder: Path) -> None:
    assert (folder / "runs" / "quick" / "report.html").exists()
    with Image.open(folder / "new_mask.png") as mask:
        assert mask.size == (90, 70)


@pytest.mark.long
def test_commands_and_snippets_work_in_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for kind, text in work_in(tmp_path):
        if kind == "python":
            exec(text, names)
            continue
        for line in text.splitlines():
            monkeypatch.setattr(sys, "argv", shlex.split(line))
            assert cli.main() == 0, line
    check_results(tmp_path)


@pytest.mark.slow
def test_commands_and_snippets_run_as_written(tmp_path: Path) -> None:
    command = tmp_path / "bin" / "segarena"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m segarena "$@"\n')
    command.chmod(0o755)
    path = os.pathsep.join([str(command.parent), os.environ["PATH"]])
    for kind, group in groupby(work_in(tmp_path), key=itemgetter(0)):  # one interpreter for snippets in a row
        text = "\n".join(text for _, text in group)
        program = ["bash", "-euo", "pipefail", "-c"] if kind == "bash" else [sys.executable, "-c"]
        done = subprocess.run(
            [*program, text],
            cwd=tmp_path,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    check_results(tmp_path)


def test_links_and_pictures_exist() -> None:
    for link in re.findall(r"\]\(([^)#]+)", README):
        assert link.startswith("http") or (ROOT / link).exists(), f"{link} does not exist"


def test_every_option_in_it_exists() -> None:
    config = "".join(path.read_text() for path in (ROOT / "src" / "segarena" / "config").glob("*.py"))
    for option in set(re.findall(r"--([a-z][a-z-]+)", README)) - {"help"}:
        assert f"    {option.replace('-', '_')}: " in config, f"--{option} does not exist"
