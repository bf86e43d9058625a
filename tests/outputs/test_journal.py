"""The lines of what is done in an output folder, and tables of names of any bytes."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from segarena.errors import RunError
from segarena.outputs.manifest import Done, Journal, Manifest, key_of
from segarena.outputs.table import write_table
from segarena.records.tables import AreaRow


class Full:
    """A file on a disk that has room for the first bytes of a line, and then for all again."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.room = stream, 20

    def write(self, line: bytes) -> int:
        room, self.room = self.room, len(line) + 1000
        return int(self.stream.write(line[:room]))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def test_a_line_after_one_that_a_full_disk_cut_is_read(tmp_path: Path) -> None:
    """The two were one damaged line: the second image was labelled again, and resuming ended with a traceback."""
    with Journal(tmp_path, "0-of-1") as journal:
        journal.add(Done("a", "a.png", 1, 1), {"areas.csv": [1]})
        journal._stream = Full(journal._stream)  # type: ignore[assignment]
        with pytest.raises(RunError):
            journal.add(Done("b", "b.png", 1, 1), {"areas.csv": [2]})
        journal.add(Done("c", "c.png", 1, 1), {"areas.csv": [3]})
    manifest = Manifest(tmp_path)
    keys = [key_of(name, f"{name}.png") for name in "abc"]
    assert [key in manifest for key in keys] == [True, False, True]
    assert [content["areas.csv"] for _, content in manifest.lines([keys[0], keys[2]])] == [[1], [3]]


def test_parquet_has_names_of_any_bytes_as_csv_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library ends with UnicodeEncodeError at a name that is not valid UTF-8, after all images were labelled."""
    written: list[dict[str, Any]] = []

    class Writer:
        def __init__(self, *_: Any) -> None: ...

        def __enter__(self) -> Writer:
            return self

        def __exit__(self, *_: object) -> None: ...

        def write_table(self, rows: list[dict[str, Any]]) -> None:
            written.extend(rows)

    def from_pylist(rows: list[dict[str, Any]], schema: Any) -> list[dict[str, Any]]:
        for row in rows:
            row["image"].encode()
        return list(rows)

    kinds = {name: lambda: None for name in ("string", "int64", "float64")}
    parquet = SimpleNamespace(ParquetWriter=Writer)
    library = SimpleNamespace(**kinds, schema=list, Table=SimpleNamespace(from_pylist=from_pylist), parquet=parquet)
    monkeypatch.setitem(sys.modules, "pyarrow", library)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", parquet)
    row = AreaRow(image="a\udcff", class_index=0, class_="sea", pixels=1, share=1.0, objects=1)
    write_table(tmp_path / "areas.parquet", AreaRow, [row])
    assert [entry["image"] for entry in written] == ["a\\udcff"]
