"""Check that a tag may be released, and print the release notes: `python .ci/check_release.py v1.2.3`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def release_notes(tag: str, root: Path = ROOT) -> str:
    """Return the changelog's section for `tag`.

    Raises:
        ValueError: The tag, `_version.py` and CITATION.cff do not have the same version, or CHANGELOG.md has no section
            with a date and content for it.
    """
    version = find(r'^__version__ = "(.+)"$', root / "src" / "segarena" / "_version.py")
    cited = find(r"^version: (.+)$", root / "CITATION.cff")
    if tag != f"v{version}" or cited != version:
        raise ValueError(f"the tag is {tag}, _version.py has {version}, CITATION.cff has {cited}")
    section = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d\n([\s\S]*?)(?=^## |\Z)"
    notes = find(section, root / "CHANGELOG.md").strip()
    if not notes:
        raise ValueError(f"CHANGELOG.md has no section {version} with a date and content")
    return notes


def find(pattern: str, path: Path) -> str:
    """The pattern's group in the file; empty where it is not there."""
    match = re.search(pattern, path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return match[1] if match else ""


if __name__ == "__main__":
    try:
        print(release_notes(*sys.argv[1:]))
    except (TypeError, ValueError) as error:
        sys.exit(f"not released: {error}")
