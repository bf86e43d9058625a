"""The files around the code: the release check, the citation."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from segarena import __version__
from support import load_script

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def check_release() -> ModuleType:
    return load_script(ROOT / ".ci" / "check_release.py")


def write_project(root: Path, *, version: str = "1.2.3", cited: str = "1.2.3", changelog: str = "") -> None:
    (root / "src" / "segarena").mkdir(parents=True)
    (root / "src" / "segarena" / "_version.py").write_text(f'__version__ = "{version}"\n')
    (root / "CITATION.cff").write_text(f"cff-version: 1.2.0\nversion: {cited}\n")
    (root / "CHANGELOG.md").write_text(changelog)


DATED = "# Changelog\n\n## [1.2.3] - 2026-01-31\n\n- A change.\n\n## [1.2.2] - 2026-01-01\n\n- An old one.\n"


def test_the_release_notes_are_the_section_of_the_tag(check_release: ModuleType, tmp_path: Path) -> None:
    write_project(tmp_path, changelog=DATED)
    assert check_release.release_notes("v1.2.3", tmp_path) == "- A change."


@pytest.mark.parametrize(
    ("tag", "files"),
    [
        pytest.param("v1.2.4", {"changelog": DATED}, id="another version"),
        pytest.param("v1.2.3", {"changelog": DATED, "cited": "1.2.2"}, id="an old citation"),
        pytest.param("v1.2.3", {"changelog": DATED.replace(" - 2026-01-31", "")}, id="no date"),
        pytest.param("v1.2.3", {"changelog": DATED.replace("- A change.", "")}, id="no notes"),
    ],
)
def test_a_release_that_does_not_agree_is_refused(
    check_release: ModuleType, tmp_path: Path, tag: str, files: dict[str, str]
) -> None:
    write_project(tmp_path, **files)
    with pytest.raises(ValueError, match=r"1\.2\.[34]"):
        check_release.release_notes(tag, tmp_path)


def test_the_install_page_has_the_versions_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pythons = [line.rpartition(" ")[2] for line in project["classifiers"] if ":: Python :: 3" in line]
    install = (ROOT / "docs" / "install.md").read_text()
    assert pythons == sorted(set(re.findall(r"^\| (3\.\d+)\.\d+ \|", install, re.MULTILINE)))
    words = f"{', '.join(pythons[:-1])} or {pythons[-1]}"
    assert f"Python {words}" in install
    assert f"Python {words}" in (ROOT / "README.md").read_text()
    assert next(each for each in project["dependencies"] if each.startswith("torch>")) in install


def test_the_citation_has_the_version_of_the_code() -> None:
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text()


@pytest.mark.parametrize(("lock", "extras"), [("requirements.lock", []), ("requirements-dev.lock", ["dev"])])
def test_the_lock_has_every_package_that_is_required(lock: str, extras: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required, optional = list(project["dependencies"]), project["optional-dependencies"]
    while extras:
        required += optional[extras.pop()]
        extras += [extra for own in required if own.startswith("segarena[") for extra in own[9:-1].split(",")]
        required = [name for name in required if not name.startswith("segarena[")]
    names = {re.split(r"[^\w.-]", line)[0] for line in required}
    locked = {line.split("==")[0] for line in (ROOT / lock).read_text().splitlines()}
    assert {name.lower().replace("_", "-") for name in names} <= locked


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_package_of_the_lock_has_hashes(lock: str) -> None:
    packages = re.split(r"\n(?=\S)", (ROOT / lock).read_text())
    assert len(packages) > 50
    assert all(re.fullmatch(r"[^\n]+==[^\n]+( \\\n    --hash=sha256:[0-9a-f]{64})+\n?", each) for each in packages)
