"""Files that an ONNX file refers to: only those of its own folder are opened, wherever in the graph they are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from segarena.errors import RunError
from segarena.exporting.onnx_bytes import check_external_data, read_metadata
from support import refuses


def tensor(place: str, name: str = "w") -> onnx.TensorProto:
    found = onnx.numpy_helper.from_array(np.ones(4, np.float32), name)
    found.ClearField("raw_data")
    found.data_location = onnx.TensorProto.EXTERNAL
    found.external_data.add(key="location", value=place)
    found.external_data.add(key="length", value="16")
    return found


def model(*, initializer: str = "", constant: str = "", inner: str = "") -> bytes:
    """A file that names another one in an initialiser, in a constant, or in the branch of a condition."""
    nodes, weights = [], []
    if initializer:
        weights.append(tensor(initializer))
    if constant:
        nodes.append(helper.make_node("Constant", [], ["c"], value=tensor(constant)))
    if inner:
        branch = helper.make_graph([], "branch", [], [], [tensor(inner)])
        nodes.append(helper.make_node("If", ["condition"], [], then_branch=branch, else_branch=branch))
    whole = helper.make_model(helper.make_graph(nodes, "g", [], [], weights))
    helper.set_model_props(whole, {"a": "1", "ä": "☃"})
    return whole.SerializeToString()


@pytest.mark.parametrize("place", ["initializer", "constant", "inner"])
@pytest.mark.parametrize("path", ["../weights.bin", "/etc/passwd", "a/../../b", "link/weights.bin"])
def test_files_outside_the_folder_are_refused(place: str, path: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    with refuses(RunError, where=folder / "model.onnx", value=path):
        check_external_data(model(**{place: path}), folder / "model.onnx")


@pytest.mark.parametrize("path", ["weights.bin", "data/weights.bin", "./a"])
def test_files_in_the_folder_are_allowed(path: str, tmp_path: Path) -> None:
    content = model(initializer=path, constant=path, inner=path)
    check_external_data(content, tmp_path / "model.onnx")
    assert read_metadata(content, tmp_path) == {"a": "1", "ä": "☃"}


def test_damaged_files_are_refused_wherever_they_are_cut(tmp_path: Path) -> None:
    """A cut that leaves whole fields is a shorter file; any other is an error, and never another exception."""
    content = model(initializer="a", inner="b")
    refused = 0
    for length in range(len(content)):
        try:
            check_external_data(content[:length], tmp_path)
            read_metadata(content[:length], tmp_path)
        except RunError:
            refused += 1
    assert refused > 0.9 * len(content)


def test_graphs_within_graphs_without_end_are_refused(tmp_path: Path) -> None:
    def field(number: int, content: bytes) -> bytes:
        length, size = len(content), b""
        while length > 127:
            size, length = size + bytes([length & 127 | 128]), length >> 7
        return bytes([number << 3 | 2]) + size + bytes([length]) + content

    graph = b""
    for _ in range(200):
        graph = field(1, field(5, field(6, graph)))  # a graph of a node of an attribute of a graph
    with refuses(RunError, where=tmp_path):
        check_external_data(field(7, graph), tmp_path)


def test_a_name_with_a_null_byte_is_damage(tmp_path: Path) -> None:
    with refuses(RunError, where=tmp_path / "model.onnx"):
        check_external_data(model(initializer="a\0b"), tmp_path / "model.onnx")
