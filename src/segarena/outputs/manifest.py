"""What is known to be done in an output folder: a line for each image, in the file of each process that labels.

A process appends a line to a file of its own once all files of an image are written, and one write has the whole line:
a process that is killed leaves at most a part of a line at the end, which is not read. Processes share nothing but the
folder, so that many can work on it, also on several machines. When all images of a folder are labelled, `compact` joins
the lines in the order of the images.

A line is what identifies the image and its result, a tab, and what the collectors will need, both as JSON.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import IO, Any, NamedTuple

from segarena.data.layout.new_images import NewImage
from segarena.files import open_whole, unwritable

#: The lines of all images, once all are labelled.
MANIFEST = "manifest.jsonl"
#: The folder of the lines of each process, until then.
JOURNALS = "manifest"


@dataclass(frozen=True)
class Done:
    """One image that was labelled, or that cannot be."""

    name: str
    """What its files are called, without an ending."""
    image: str
    """Its path below the folder that was named, with its ending, `/` between folders."""
    bytes: int
    """Size of the image file."""
    modified_ns: int
    """When it was modified, in nanoseconds since 1970."""
    sha256: str = ""
    """SHA-256 of its content, in hex."""
    height: int = 0
    """In pixels."""
    width: int = 0
    """In pixels."""
    files: tuple[str, ...] = ()
    """The files that were written, below the output folder."""
    fault: str = ""
    """Why it could not be labelled; empty if it was."""


def describe_file(image: NewImage, content: bytes | None = None) -> Done:
    """Return what identifies an image or a video, before it is labelled. Raises OSError.

    Args:
        image: The image.
        content: The bytes of its file, where they have been read already.
    """
    if content is None:
        with image.path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    else:
        digest = hashlib.sha256(content).hexdigest()
    state = image.path.stat()
    return Done(image.name, image.location, state.st_size, state.st_mtime_ns, digest)


class LinePlace(NamedTuple):
    """Where the line of an image is."""

    file: Path
    offset: int
    length: int


def key_of(name: str, image: str) -> str:
    """Return the key of an image's line: the name of its result and its path, since both have to be the same."""
    return f"{name}\n{image}"


class Journal(AbstractContextManager["Journal"]):
    """The file to which a process appends what it has done."""

    def __init__(self, folder: Path, label: str) -> None:
        """Name the file; it is made with its first line.

        Args:
            folder: The output folder.
            label: How its name begins, e.g. "0-of-4".
        """
        self._path = folder / JOURNALS / f"{label}-{secrets.token_hex(4)}.jsonl"
        self._stream: IO[bytes] | None = None
        self._lock = Lock()

    def add(self, done: Done, content: Mapping[str, Any]) -> None:
        """Append a line, from any thread. Raises RunError where it cannot be written."""
        try:
            with self._lock:
                if self._stream is None:
                    self._path.parent.mkdir(parents=True, exist_ok=True)
                    self._stream = self._path.open("ab", buffering=0)
                line = _write(done, content)
                if (written := self._stream.write(line)) != len(line):  # of an almost full disk, without an error
                    self._stream.truncate(self._stream.tell() - written)  # another thread may write after it
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise unwritable(self._path, error) from error

    def __exit__(self, *exception: object) -> None:
        if self._stream is not None:
            self._stream.close()


class Manifest:
    """The lines of an output folder, found by `key_of` an image."""

    def __init__(self, folder: Path) -> None:
        """Read where the lines are. Of several lines of an image, that of the journal written last counts."""
        self._folder = folder
        journals = sorted(_journals(folder), key=lambda each: each[0])
        self.journals = [path for _, path in journals]
        found: dict[str, LinePlace] = {}
        for path in self.journals:
            found.update(_index(path))
        # Read last: a process that compacts removes the journals once the manifest is there.
        self.places: dict[str, LinePlace] = {**_index(folder / MANIFEST), **found}

    def __contains__(self, key: object) -> bool:
        return key in self.places

    def done(self, key: str) -> Done | None:
        """Return what is known of an image; None if that is nothing."""
        if key not in self.places:
            return None
        [(done, _)] = self.lines([key])
        return done

    def lines(self, keys: Iterable[str]) -> Iterator[tuple[Done, dict[str, Any]]]:
        """Yield the lines of images, in their order. Raises FileNotFoundError where another process has compacted."""
        for line in self._raw(keys):
            head, _, tail = line.partition(b"\t")
            fields = json.loads(head)
            yield Done(**{**fields, "files": tuple(fields["files"])}), json.loads(tail)

    def compact(self, keys: Sequence[str]) -> None:
        """Write the lines of all images into one file, in their order, and remove the journals.

        Raises:
            FileNotFoundError: Another process has done so.
            RunError: The file cannot be written.
        """
        for path in {place.file for place in self.places.values()}:
            path.stat()
        with open_whole(self._folder / MANIFEST) as stream:
            for line in self._raw(keys):
                stream.write(line)
        for path in self.journals:
            path.unlink(missing_ok=True)
        with suppress(OSError):  # another process writes there
            (self._folder / JOURNALS).rmdir()

    def _raw(self, keys: Iterable[str]) -> Iterator[bytes]:
        with ExitStack() as stack:
            streams: dict[Path, IO[bytes]] = {}
            for key in keys:
                file, offset, length = self.places[key]
                if file not in streams:
                    streams[file] = stack.enter_context(file.open("rb"))
                streams[file].seek(offset)
                yield streams[file].read(length)


def _write(done: Done, content: Mapping[str, Any]) -> bytes:
    parts = [json.dumps(part, separators=(",", ":")) for part in (asdict(done), content)]
    return "\t".join(parts).encode() + b"\n"


def _journals(folder: Path) -> Iterator[tuple[int, Path]]:
    for path in sorted((folder / JOURNALS).glob("*.jsonl")):
        with suppress(FileNotFoundError):
            yield path.stat().st_mtime_ns, path


def _index(path: Path) -> dict[str, LinePlace]:
    """Where the lines of a file are; a last line without an end is left out."""
    found = {}
    try:
        with path.open("rb") as stream:
            offset = 0
            for line in stream:
                if line.endswith(b"\n"):
                    with suppress(ValueError, KeyError):  # damaged, e.g. by a full disk
                        head = json.loads(line.partition(b"\t")[0])
                        found[key_of(head["name"], head["image"])] = LinePlace(path, offset, len(line))
                offset += len(line)
    except FileNotFoundError:  # compacted by another process
        return {}
    return found
