"""Any content in the files of labelling tools: it is read, or a DataError describes it, never another exception."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_converters_any_content import JUNK, places, replace

from annotated import write_json
from drawn_annotations import SIZE, WRITERS, draw_scene
from segarena.converters.registry import FORMATS, recognise
from segarena.errors import DataError

SETTINGS = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PIECES = ["", '"', ",", "-1", "nan", "1e999", "0", "7", ";", "[", "}", "ü", "\n", "null", "9" * 30]


def annotation_file(root: Path) -> Path:
    """The largest annotation file below a folder: the one with objects."""
    paths = [path for path in root.rglob("*") if path.suffix in (".json", ".geojson", ".csv", ".txt")]
    return max(paths, key=lambda path: (path.stat().st_size, path))


def try_reading(name: str, root: Path) -> None:
    with suppress(DataError):
        recognise(root)
        annotations = FORMATS[name].read(root)
        assert all(image.labels().shape == SIZE for image in annotations.images)


@pytest.mark.parametrize("title", WRITERS)
def test_a_part_replaced_by_anything(title: str, tmp_path: Path) -> None:
    name, write, _ = WRITERS[title]
    write(tmp_path, {"a": draw_scene(0)[0]})
    path = annotation_file(tmp_path)
    text = path.read_text(encoding="utf-8")
    content: Any = json.loads(text) if path.suffix in (".json", ".geojson") else None

    @given(data=st.data())
    @SETTINGS
    def check(data: st.DataObject) -> None:
        if content is not None:
            place = data.draw(st.sampled_from(places(content)))
            write_json(path, replace(content, place, data.draw(JUNK)))
        else:
            first = data.draw(st.integers(0, len(text) - 1))
            last = data.draw(st.integers(first, min(len(text), first + 12)))
            path.write_text(text[:first] + data.draw(st.sampled_from(PIECES)) + text[last:], encoding="utf-8")
        try_reading(name, tmp_path)

    check()
