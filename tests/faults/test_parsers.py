"""Text files with damaged bytes: they are read, or refused with a DataError, within seconds.

`make test` tries some, `make test-faults` many of each.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotated import coco, cvat, cvat_image, labelme, write_image
from faults.killer import TIMES
from segarena.converters.coco import read_coco
from segarena.converters.cvat import read_cvat
from segarena.converters.labelme import read_labelme
from segarena.data.folder import FolderSource
from segarena.errors import SegarenaError
from support import write_pair

#: No file may take longer, on a machine that does other things too.
MOST_SECONDS = 5.0
#: What parsers trip over.
PIECES = (
    *(
        b"",
        b"\0",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\r",
        b"\t",
        b"&a ",
        b"*a",
        b"!!python/object:os.system",
        b"<<: ",
        b"---",
    ),
    *(
        b"[" * 2000,
        b"{",
        b"}",
        b'"',
        b"'",
        b"-1",
        b"1e999",
        b"NaN",
        b"9" * 400,
        b"../../x",
        b"\xed\xa0\x80",
        b"<!DOCTYPE",
    ),
)
CLASSES = b"classes:\n- {name: ground, value: 0, color: '#101010'}\n- name: square\n  value: 255\nignore: [7]\n"
TARGETS: dict[str, tuple[str, bytes, Callable[[Path], Any]]] = {
    "classes.yaml": ("classes.yaml", CLASSES, FolderSource),
    "list of a split": ("train.txt", b"square0\nsquare1.png\n# two\n", FolderSource),
    "lists of VOC": ("ImageSets/Segmentation/val.txt", b"square0\nsquare1\n", FolderSource),
    "names of values": (
        "labelmap.txt",
        b"# label:color_rgb:parts:actions\nsquare:255,255,255::\nrest:0,0,0::\n",
        FolderSource,
    ),
    "COCO": ("a.json", json.dumps(coco()).encode(), read_coco),
    "LabelMe": (
        "a.json",
        json.dumps(labelme({"label": "x", "points": [[0, 0], [3, 3], [0, 3]]})).encode(),
        read_labelme,
    ),
    "CVAT": ("a.xml", cvat(cvat_image('<polygon label="car" points="0,0;1,1;2,0"/>')).encode(), read_cvat),
}


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """The content with one to four pieces removed, repeated, or replaced by another."""
    for _ in range(draw(st.integers(1, 4))):
        first, last = sorted((draw(st.integers(0, len(content))), draw(st.integers(0, len(content)))))
        piece = draw(st.sampled_from(PIECES) | st.binary(max_size=4) | st.just(content[first:last] * 2))
        content = content[:first] + piece + content[min(last, first + draw(st.integers(0, 12))) :]
    return content


def read_damaged(name: str, content: bytes, root: Path) -> None:
    file, _, read = TARGETS[name]
    (root / file).write_bytes(content)
    begun = time.process_time()
    with suppress(SegarenaError):
        read(root)
    assert time.process_time() - begun < MOST_SECONDS


@pytest.fixture
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    file, _, read = TARGETS[request.getfixturevalue("name")]
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    if read is FolderSource:
        for number in range(3):
            write_pair(tmp_path, f"square{number}", size=8, seed=number)
    else:
        write_image(tmp_path / "a.png")
    return tmp_path


def settings_for(examples: int) -> settings:
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=examples, deadline=None, suppress_health_check=checks)


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.data())
@settings_for(15)
def test_a_damaged_text_file_is_read_or_refused(name: str, root: Path, data: st.DataObject) -> None:
    read_damaged(name, data.draw(damaged(TARGETS[name][1])), root)


@pytest.mark.faults
@pytest.mark.parametrize("name", TARGETS)
@given(data=st.data())
@settings_for(50 * TIMES)
def test_many_damaged_text_files_are_read_or_refused(name: str, root: Path, data: st.DataObject) -> None:
    read_damaged(name, data.draw(damaged(TARGETS[name][1])), root)
