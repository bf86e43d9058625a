"""What is refused before the first training, and how names are shown."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segarena
from segarena.errors import DataError
from support import QUICK, write_pair

DECLARED = "classes: [{name: ground, value: 0}, {name: square, value: 255}]\nignore: [9]"


@pytest.mark.parametrize(("part", "said"), [("train", "training"), ("val", "validation"), ("test", "test")])
def test_a_part_whose_masks_are_all_void_is_refused_before_anything_is_trained(
    tmp_path: Path, part: str, said: str
) -> None:
    """Such as the public test masks of Cityscapes: their scores would be of no pixel at all."""
    data = tmp_path / "data"
    for number, split in enumerate(("train", "val", "test")):
        for k in range(3):
            write_pair(data / split, f"{split}{k}", seed=10 * number + k)
    (data / "classes.yaml").write_text(DECLARED)
    for path in (data / part / "masks").iterdir():
        Image.fromarray(np.full((48, 48), 9, dtype=np.uint8)).save(path)
    with pytest.raises(DataError, match=f"every {said} mask is void.*`ignore`"):
        segarena.compare(data, models=("fcn",), out=tmp_path / "out", **QUICK)
    assert not (tmp_path / "out").exists()


def test_names_that_look_like_markup_are_shown_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "my data [v2] [bold]"
    for number in range(8):
        write_pair(data, f"image [{number}]", seed=number)
    (data / "classes.yaml").write_text("classes: [{name: 'bg [/a]', value: 0}, {name: '[red]', value: 255}]")
    folder = segarena.compare(data, models=("fcn",), out=tmp_path / "out", **{**QUICK, "epochs": 1})
    segarena.evaluate(folder, out=tmp_path / "scores")
    said = capsys.readouterr().out
    assert "my data [v2] [bold]: " in said
    assert "always bg [/a]" in said
    assert said.count("bg [/a]") >= 3
    assert "\n[red] " in said


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="macOS and Windows keep names in Unicode")
def test_a_name_that_is_not_utf8_is_refused_with_its_bytes(tmp_path: Path) -> None:
    for number in range(8):
        write_pair(tmp_path, f"{number}", seed=number)
    old = os.fsdecode(b"caf\xe9")
    for kind in ("images", "masks"):
        shutil.move(tmp_path / kind / "3.png", tmp_path / kind / f"{old}.png")
    with pytest.raises(DataError, match=r"caf\\xe9\.png: has a name that is not UTF-8. Rename") as raised:
        segarena.check(tmp_path)
    str(raised.value).encode()
