"""`segarena export --push-to`: a stand-in for the hub gets the folder; what is missing is named before any work."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import segarena
from segarena.config import ExportOptions
from segarena.errors import ConfigError, RunError
from support import refuses

hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed: it comes with the extra hub")


class Hub:
    """A hub that has one public repository."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.failure: Exception | None = None

    def create_repo(self, name: str, **options: Any) -> str:
        self.calls.append(("create", {"name": name, **options}))
        if self.failure is not None:
            raise self.failure
        return f"https://hub.example/{name}"

    def repo_info(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(private=name != "me/shown" and self.calls[0][1]["private"])

    def upload_folder(self, **options: Any) -> None:
        self.calls.append(
            ("upload", {**options, "files": {path.name for path in Path(options["folder_path"]).iterdir()}})
        )


class RefusedError(OSError):
    """An answer of the hub, as huggingface_hub raises it."""

    response = SimpleNamespace(status_code=403)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Hub:
    found = Hub()
    monkeypatch.setattr(hub, "HfApi", lambda **_: found)
    monkeypatch.setattr(hub, "get_token", lambda: "a token")
    return found


@pytest.mark.parametrize("public", [False, True])
def test_a_folder_is_uploaded_and_its_address_printed(
    public: bool, trained: Path, tmp_path: Path, fake: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = segarena.export(trained, push_to="me/new", public=public, out=tmp_path / "hub")
    (created, options), (uploaded, sent) = fake.calls
    assert (created, options) == ("create", {"name": "me/new", "private": not public, "exist_ok": True})
    assert (uploaded, sent["repo_id"], sent["folder_path"]) == ("upload", "me/new", str(folder))
    assert sent["files"] == {"README.md", "config.json", "model.safetensors"}
    printed = "".join(capsys.readouterr())
    assert "https://hub.example/me/new" in printed
    assert ("(private)" in printed) != public
    assert "(public)" not in printed, "a private repository that exists stays private"
    assert "a token" not in printed


def test_a_public_repository_needs_the_option(trained: Path, tmp_path: Path, fake: Hub) -> None:
    with refuses(RunError, where=tmp_path / "hub", value="me/shown") as caught:
        segarena.export(trained, push_to="me/shown", out=tmp_path / "hub", quiet=True)
    assert "add public" in caught.value.remedy
    assert [call for call, _ in fake.calls] == ["create"]


@pytest.mark.parametrize(
    ("failure", "value", "public"), [(RefusedError(), "403", False), (ConnectionError("no route"), "no route", True)]
)
def test_a_failed_upload_leaves_the_folder(
    failure: Exception, value: str, public: bool, trained: Path, tmp_path: Path, fake: Hub
) -> None:
    fake.failure = failure
    with refuses(RunError, where=tmp_path / "hub", value=value) as caught:
        segarena.export(trained, push_to="me/new", public=public, out=tmp_path / "hub", quiet=True)
    assert "hf upload me/new" in caught.value.remedy
    assert ("--private" in caught.value.remedy) != public
    assert (tmp_path / "hub" / "model.safetensors").exists()


def test_what_is_missing_is_named_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run, which does not exist, is not looked at."""
    monkeypatch.setattr(hub, "get_token", lambda: None)
    with refuses(ConfigError, where="push_to", value="no token") as caught:
        segarena.export(tmp_path / "run", push_to="me/new")
    assert "HF_TOKEN" in caught.value.remedy
    with refuses(ConfigError, where="push_to", value="name"):
        segarena.export(tmp_path / "run", push_to="name")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with refuses(ConfigError, value="huggingface_hub") as caught:
        segarena.export(tmp_path / "run", push_to="me/new")
    assert 'python -m pip install "segarena[hub]"' in caught.value.remedy


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"format": "torch", "push_to": "a/b"}, "--push-to"),
        ({"int8": True, "push_to": "a/b"}, "--push-to"),
        ({"public": True}, "--public"),
    ],
)
def test_options_that_are_not_for_an_upload_are_refused(options: dict[str, Any], place: str) -> None:
    with refuses(ConfigError, where=place):
        ExportOptions(run=Path("run"), **options)
