"""One paper, one file: short, importing torch and encoders only, its classes documented with their shapes."""

import ast
import inspect
import re
from pathlib import Path

import pytest

from segarena.models import TRACKS

PAPERS = {"fcn": "1411.4038", "unet": "1505.04597", "pspnet": "1612.01105", "deeplabv3": "1706.05587"}
MODULES = {
    kind.__module__.rpartition(".")[2]: inspect.getmodule(kind)
    for models in TRACKS.values()
    for kind in models.values()
}
ALLOWED = {"segarena.errors", *(f"segarena.models.{m}" for m in ("base", "checks", "layers", "encoders"))}
STANDARD = {"__future__", "collections.abc", "contextlib", "typing"}
each = pytest.mark.parametrize("name", MODULES)


def source(name: str) -> str:
    return Path(inspect.getfile(MODULES[name])).read_text()


@each
def test_a_model_file_is_under_250_lines(name):
    assert len(source(name).splitlines()) < 250


@each
def test_a_model_file_imports_only_torch_encoders_and_layers(name):
    for node in ast.walk(ast.parse(source(name))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            modules = [str(node.module)]
        else:
            continue
        for module in modules:
            assert module in ALLOWED | STANDARD or module.partition(".")[0] == "torch"


@each
def test_a_model_file_names_its_paper(name):
    docstring = ast.get_docstring(ast.parse(source(name)))
    assert PAPERS[name] in docstring
    assert re.search(r"20\d\d", docstring)


@each
def test_every_class_documents_shapes_paper_and_differences(name):
    found = inspect.getmembers(MODULES[name], inspect.isclass)
    classes = [kind for _, kind in found if kind.__module__ == MODULES[name].__name__]
    assert classes
    for kind in classes:
        assert re.search(r"\(N, .*->.*\(N, ", kind.__doc__, re.DOTALL), kind.__name__
        assert re.search(r"et al\. 20\d\d", kind.__doc__), kind.__name__
        assert re.search(r"section \d|[Ff]igure \d|, \d\.\d|have neither dilation", kind.__doc__), kind.__name__
        assert "Differences from the paper:" in kind.__doc__, kind.__name__


def test_every_architecture_has_its_own_forward():
    for models in TRACKS.values():
        for kind in models.values():
            assert "forward" in vars(kind), kind.__name__
