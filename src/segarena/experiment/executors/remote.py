"""Tasks on other machines: what is sent to them, and what is checked there before they begin."""

from __future__ import annotations

import hashlib
import pickle
import platform
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from segarena.errors import ConfigError
from segarena.experiment.executors.node_check import Place, find_versions
from segarena.experiment.executors.task import Channel, Task
from segarena.files import write_text

if TYPE_CHECKING:
    from segarena.data.source import Sample

#: How the name of a file in the folder of the results begins that every machine must see. Each command writes its own:
#: jobs of an earlier one may still be in a queue.
PROBE = ".shared-folder-check-"
#: Images of the data that are compared on every machine.
COMPARED = 4
_REMEDIES = {
    "versions": "Install the same versions on every machine",
    "folder": "Use storage that every machine has at the same path, such as NFS, for --out and the working directory",
    "data": "Put the data on storage that every machine has at the same path, such as NFS",
}


def describe_place(folder: Path, samples: Sequence[Sample]) -> Place:
    """Write a file into the folder of the results, and return what another machine is compared with.

    Args:
        folder: The folder of the results.
        samples: The images of the data with their masks; some of their files are compared.

    Raises:
        RunError: The folder cannot be written.
    """
    token = secrets.token_hex(16)
    probe = folder / f"{PROBE}{token[:8]}"
    write_text(probe, token)
    chosen = samples[:: max(1, len(samples) // COMPARED)][:COMPARED]
    paths = [path for sample in chosen if sample.image is not None for path in sample.files]
    files = {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    return Place(str(Path.cwd()), (str(probe), token), files, find_versions())


def remove_probe(place: Place) -> None:
    """Remove the file that `describe_place` wrote."""
    Path(place.folder, place.probe[0]).unlink(missing_ok=True)


def difference(found: tuple[str, str], machine: str) -> ConfigError:
    """Return the error for what `Place.check` found.

    Args:
        found: The kind and the phrase.
        machine: The name or address of the machine.
    """
    kind, text = found
    return ConfigError(text, where=f"machine {machine}", remedy=_REMEDIES[kind])


def pack(task: Task) -> bytes:
    """Return a task without the pixels of its images, which are decoded again where it runs."""
    from segarena.loading.decoded import by_reference  # PyTorch, which what collects the progress does without

    with by_reference():
        return pickle.dumps(task)


def run_packed(content: bytes, place: Place, channel: Channel) -> None:
    """Do a task on this machine.

    Args:
        content: What `pack` returned.
        place: What this machine is compared with.
        channel: Of the task.

    Raises:
        ConfigError: The machine has other versions, or not the files.
        Exception: What the task raises.
    """
    found = place.check()
    if found is not None:
        raise difference(found, platform.node())
    pickle.loads(content)(channel)
