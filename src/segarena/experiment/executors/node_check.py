"""What a machine needs before a training begins on it: the same versions, and the same files at the same paths.

It imports nothing of segarena, so that it also runs where segarena is missing.
"""

from __future__ import annotations

import hashlib
import os
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

#: What must have the same version everywhere: another one may give other results, or cannot read what is sent to it.
PACKAGES = ("segarena", "torch", "torchvision", "numpy", "pillow")
#: Seconds in which a file that was written just now appears on another machine.
APPEARS = 15.0


def find_versions() -> dict[str, str]:
    """Return the version of Python and of each of `PACKAGES`, without what follows a "+"; "" where it is missing."""
    found = {"Python": ".".join(platform.python_version_tuple()[:2])}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package).partition("+")[0]
        except metadata.PackageNotFoundError:
            found[package] = ""
    return found


@dataclass(frozen=True)
class Place:
    """What a machine is compared with.

    Args:
        folder: The working directory of the command: paths are relative to it.
        probe: A file that was written into the folder of the results, and its content.
        files: Files of the data and their SHA-256, in hex.
        versions: What `find_versions` returned where the command runs.
    """

    folder: str
    probe: tuple[str, str]
    files: Mapping[str, str]
    versions: Mapping[str, str]

    def check(self) -> tuple[str, str] | None:
        """Compare this machine, and go to the working directory.

        Returns:
            The kind of the first difference, "versions", "folder" or "data", and a phrase; None where there is none.
        """
        for name, version in find_versions().items():
            if version != self.versions[name]:
                has = f"has {name} {version}" if version else f"does not have {name}"
                return "versions", f"{has}, and {self.versions[name] or 'no such package'} is used here"
        path, content = self.probe
        if not Path(self.folder).is_dir():
            return "folder", f"does not have the folder {self.folder}"
        if not _appears(Path(self.folder, path), content):
            return "folder", f"does not see a file that was written to {Path(self.folder, path).parent}"
        for name, digest in self.files.items():
            file = Path(self.folder, name)
            if not file.is_file():
                return "data", f"does not have {file}"
            if hashlib.sha256(file.read_bytes()).hexdigest() != digest:
                return "data", f"has another {file}"
        os.chdir(self.folder)
        return None


def check(place: Place) -> tuple[str, str] | None:
    """Return what `Place.check` returns, on this machine."""
    return place.check()


def _appears(path: Path, content: str) -> bool:
    end = time.monotonic() + APPEARS
    while True:
        try:
            if path.read_text() == content:
                return True
        except OSError:
            pass
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
