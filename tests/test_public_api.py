"""The names that others build on."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

import segarena
from segarena import config

PUBLIC = (
    "Benchmark Callback Comparison ConfigError DataError Evaluation Findings Interrupted Queued RunError SegarenaError "
    "Suite TrainedRun WeightsError bench build_model check compare convert evaluate export load predict report suite "
    "synth train"
).split()


def test_public_names() -> None:
    assert segarena.__all__ == PUBLIC
    assert all(callable(getattr(segarena, name)) for name in PUBLIC)


def test_build_model_is_the_registrys_and_torch_is_imported_for_it() -> None:
    code = "import segarena, sys; assert 'torch' not in sys.modules; from segarena import build_model, models"
    subprocess.run([sys.executable, "-c", f"{code}; assert build_model is models.build_model"], check=True)
    assert "output_stride" in inspect.signature(segarena.build_model).parameters
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        segarena.nothing  # noqa: B018


def test_report_is_a_function_also_after_the_page_was_built() -> None:
    """A package named `report` would take the function's place as soon as it is imported."""
    import segarena.reporting.page

    assert segarena.reporting.page
    assert not isinstance(segarena.report, type(pytest))
    assert callable(segarena.report)


@pytest.mark.parametrize("images", ["a.jpg", Path("a.jpg"), ["a.jpg"]])
def test_predict_takes_one_image_or_several(monkeypatch: pytest.MonkeyPatch, images: str | Path | list[str]) -> None:
    monkeypatch.setattr("segarena.commands.predict.run", lambda options: options.images)
    assert segarena.predict("run", images) == (Path("a.jpg"),)  # type: ignore[comparison-overlap]


def test_changelog_names_the_version() -> None:
    changelog = (Path(__file__).parents[1] / "CHANGELOG.md").read_text()
    assert f"[{segarena.__version__}]" in changelog


def test_every_option_has_a_help_text() -> None:
    for path in Path(config.__file__).parent.glob("*.py"):
        for kind in [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)]:
            for field, text in pairwise(kind.body) if kind.name.endswith("Options") else ():
                if isinstance(field, ast.AnnAssign):
                    assert isinstance(text, ast.Expr), f"{kind.name}.{ast.unparse(field.target)} is not explained"
