"""Generate docs/licenses.md: the licence of each package that segarena needs, from the packages' metadata: `make docs`.

A package that is not installed here, e.g. one of another operating system, keeps the row that it has.
"""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from segarena.files import write_text

PAGE = Path(__file__).parent / "licenses.md"
ROOT = PAGE.parents[1]
LOCKS = {"To run segarena": "requirements.lock", "For extras, tests and these pages": "requirements-dev.lock"}
#: Where the metadata of a package names none, and where its licence is found.
STATED = {
    "axe-playwright-python": "MIT AND MPL-2.0",  # its LICENSE, and that of the axe-core in it
    "cuda-toolkit": "LicenseRef-NVIDIA-Proprietary",  # an empty package that requires NVIDIA's libraries
}
#: Names that older packages use, as SPDX (spdx.org/licenses) writes them.
SPDX = {
    "MIT License": "MIT",
    "BSD License": "BSD",
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "NVIDIA Proprietary Software": "LicenseRef-NVIDIA-Proprietary",
}

HEAD = """# Licences

segarena has the licence [Apache-2.0](https://github.com/segarena/segarena/blob/main/LICENSE). Its packages, at the
exact versions of `requirements.lock` and `requirements-dev.lock`, have those below, as their metadata state them. The
proprietary ones are NVIDIA's libraries for GPUs, which PyTorch requires on Linux; a build of PyTorch for CPUs needs
none of them. The lock files have the hash of each file: an installer refuses another one.

Known vulnerabilities of these versions: `python -m pip install pip-audit`, then
`python -m pip_audit --strict --no-deps --disable-pip -r requirements.lock -r requirements-dev.lock`. It asks the Python
Packaging Advisory Database, and needs a network. The workflow
[audit](https://github.com/segarena/segarena/blob/main/.github/workflows/audit.yml) runs it every week, and when the
versions change.
"""


def license_of(name: str) -> str | None:
    """Return the licence that the metadata of an installed package state; None where it is not installed."""
    try:
        facts = metadata(name)
    except PackageNotFoundError:
        return None
    classifiers = [one.split(" :: ")[-1] for one in facts.get_all("Classifier", []) if one.startswith("License ::")]
    text = (facts.get("License") or "").strip().partition("\n")[0]
    found = facts.get("License-Expression") or "; ".join(SPDX.get(one, one) for one in classifiers) or text
    return SPDX.get(found, found) or STATED.get(name, "unknown")


def packages(lock: str) -> list[str]:
    """Return the names of the packages of a lock file, each once."""
    names = re.findall(r"^([\w.-]+)==", (ROOT / lock).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return list(dict.fromkeys(names))


def rows(page: str) -> dict[str, str]:
    """Return the licence of each package of the page."""
    return dict(re.findall(r"^\| `([\w.-]+)` \| (.+) \|$", page, flags=re.MULTILINE))


def make_page() -> str:
    """Return the content of the page."""
    before = rows(PAGE.read_text(encoding="utf-8")) if PAGE.exists() else {}
    parts, seen = [HEAD], set[str]()
    for title, lock in LOCKS.items():
        names = [name for name in packages(lock) if name not in seen]
        seen.update(names)
        parts.append(f"\n## {title}\n\n| package | licence |\n|---|---|\n")
        parts += [f"| `{name}` | {license_of(name) or before.get(name, 'unknown')} |\n" for name in names]
    return "".join(parts)


if __name__ == "__main__":
    write_text(PAGE, make_page())
