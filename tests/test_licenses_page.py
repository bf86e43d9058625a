"""docs/licenses.md has every package of the locks, with the licence that its metadata state."""

from __future__ import annotations

import re
from importlib.metadata import version

import build_licenses_page
import pytest

PAGE = build_licenses_page.PAGE.read_text(encoding="utf-8")
ROWS = build_licenses_page.rows(PAGE)
#: What may be installed with a program under Apache-2.0 without asking anyone.
PERMISSIVE = {
    *("MIT", "MIT-CMU", "BSD", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "ISC", "Zlib", "CC0-1.0", "PSF-2.0", "BSL-1.0"),
    *("Apache-2.0", "Apache-2.0 WITH LLVM-exception"),
    "MPL-2.0",  # of whole files, which are not changed
}


def test_the_workflow_runs_the_command_of_the_page() -> None:
    workflow = (build_licenses_page.ROOT / ".github" / "workflows" / "audit.yml").read_text(encoding="utf-8")
    (command,) = re.findall(r"`(python -m pip_audit [^`]*)`", PAGE)
    assert f"- run: {command}\n" in workflow
    assert all(lock in command.split() for lock in build_licenses_page.LOCKS.values())


@pytest.mark.parametrize("lock", build_licenses_page.LOCKS.values())
def test_no_package_has_an_unknown_licence(lock: str) -> None:
    names = build_licenses_page.packages(lock)
    assert len(names) > 40
    unknown = [
        name
        for name in names
        for part in ROWS.get(name, "missing: run `make docs`").replace(" OR ", " AND ").split(" AND ")
        if part.strip("()") not in PERMISSIVE and not (name.startswith(("nvidia-", "cuda-")) and "NVIDIA" in part)
    ]
    assert not unknown


def test_the_rows_are_those_of_the_installed_packages() -> None:
    """Of those in the version of the lock: others may have another licence."""
    lock = (build_licenses_page.ROOT / "requirements-dev.lock").read_text(encoding="utf-8")
    found = {name: build_licenses_page.license_of(name) for name in ROWS}
    same = {name: text for name, text in found.items() if text and f"{name}=={version(name)}" in lock.split()}
    assert same
    assert {name: ROWS[name] for name in same} == same
