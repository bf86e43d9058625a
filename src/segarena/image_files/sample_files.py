"""One read of an image and its mask: their hashes, sizes, values and thumbnail. Bytes and pixels are not kept."""

from __future__ import annotations

import hashlib
import os
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from segarena.errors import DataError
from segarena.image_files import band_facts, image_facts, mask_facts
from segarena.image_files.band_facts import BandFacts
from segarena.image_files.cache import FactCache
from segarena.image_files.decoded_size import decoded_bytes
from segarena.image_files.image_facts import ImageFacts
from segarena.image_files.image_io import reading
from segarena.image_files.layers import LayerFiles, count_layers
from segarena.image_files.mask_facts import MaskFacts
from segarena.threads import Room, thread_pool

#: Called with the number of samples read and their total.
Progress = Callable[[int, int], None]

#: Samples that a thread reads at a time.
_CHUNK = 8
#: Memory that the files take which are decoded at the same time; one that needs more is decoded alone.
_ROOM = Room(1 << 30)
#: A file that was written so shortly before it was read, in seconds, can change again without a new time of change.
_TICK = 2.0

Facts = TypeVar("Facts", ImageFacts, MaskFacts)


@dataclass(frozen=True)
class ReadFile(Generic[Facts]):
    """A file that was read.

    Attributes:
        path: The file.
        sha256: SHA-256 of its bytes, in hex; "" where they could not be read.
        facts: What decoding it showed; None where there is a fault.
        fault: Why it could not be read or decoded.
    """

    path: Path
    sha256: str
    facts: Facts | None
    fault: DataError | None

    def checked(self) -> Facts:
        """Return the facts. Raises the fault."""
        if self.facts is None:
            assert self.fault is not None
            raise self.fault
        return self.facts


class FileState(NamedTuple):
    """What differs after a file has been changed: inode, size in bytes, time of the change in nanoseconds."""

    inode: int
    size: int
    changed: int


@dataclass(frozen=True)
class PairDigest:
    """The hash of an image and its mask, and the states that show whether the files have changed since.

    Attributes:
        image: The image's file.
        mask: The mask's file, or those of its layers.
        sha256: `hash_files` of them; "" where one could not be read.
        states: The state of each file when it was read; None where a later change might not show in it.
        parts: The SHA-256 of each file; empty where one could not be read.
    """

    image: Path
    mask: Path | LayerFiles
    sha256: str
    states: tuple[FileState | None, ...]
    parts: tuple[str, ...] = ()

    def current(self) -> str:
        """`sha256` of the files as they are now: they are read again where they have changed. Raises DataError."""
        paths = [self.image, *_paths(self.mask)]
        unchanged = all(_is_unchanged(path, state) for path, state in zip(paths, self.states, strict=True))
        return self.sha256 if unchanged else hash_files(self.image, self.mask)

    def check_unchanged(self) -> None:
        """Raise DataError if a file does not have the content any more that it had when it was first read."""
        if self.current() == self.sha256:
            return
        for path, part in zip([self.image, *_paths(self.mask)], self.parts, strict=False):
            with reading(path):
                if hashlib.sha256(path.read_bytes()).hexdigest() != part:
                    raise DataError(
                        "has been changed since it was first read",
                        where=path,
                        remedy="Put the earlier file back and resume, or start again in a new folder",
                    )


class SampleFiles(NamedTuple):
    """An image and its mask as they were read. A mask of several files has the path of the first, or of the fault."""

    image: ReadFile[ImageFacts]
    mask: ReadFile[MaskFacts]
    digest: PairDigest


def read_samples(
    pairs: Sequence[tuple[Path, Path | LayerFiles]], on_progress: Progress | None = None, *, as_stored: bool = False
) -> Iterator[SampleFiles]:
    """Read each image and mask once, and decode those whose content is not in the cache.

    Args:
        pairs: The file of each image, and that of its mask or those of the mask's layers.
        on_progress: Called with (samples read, samples).
        as_stored: Whether images are read with their own channels, not as RGB: then their facts are `BandFacts`.

    Yields:
        What was found, in the order of `pairs`. A file that cannot be read raises nothing: it has a `fault`.
    """
    chunks = [pairs[start : start + _CHUNK] for start in range(0, len(pairs), _CHUNK)]
    decoder = _BANDS if as_stored else _IMAGES
    done = 0
    with FactCache() as cache, thread_pool() as threads:
        for samples in threads.map(lambda chunk: [_read_sample(cache, pair, decoder) for pair in chunk], chunks):
            yield from samples
            done += len(samples)
            if on_progress is not None:
                on_progress(done, len(pairs))


def hash_files(image: Path, mask: Path | LayerFiles) -> str:
    """Return the SHA-256, in hex, of the image's bytes and then the mask's. Raises DataError.

    For layers: of the number of each layer's class, and the layer's bytes.
    """
    digest = hashlib.sha256()
    for prefix, path in [(b"", image), *_labelled(mask)]:
        with reading(path):
            digest.update(prefix + path.read_bytes())
    return digest.hexdigest()


class _Loaded(NamedTuple):
    content: bytes
    hash: hashlib._Hash
    state: FileState | None


class _Decoder(NamedTuple, Generic[Facts]):
    """How facts are found: their kind in the cache, from the bytes of a file, and from the bytes in the cache."""

    kind: str
    decode: Callable[[Path, bytes], Facts]
    from_bytes: Callable[[bytes], Facts]


_IMAGES = _Decoder(image_facts.KIND, image_facts.read_image_facts, ImageFacts.from_bytes)
_BANDS: _Decoder[ImageFacts] = _Decoder(band_facts.KIND, band_facts.read_band_facts, BandFacts.from_bytes)
_MASKS = _Decoder(mask_facts.KIND, mask_facts.read_mask_facts, MaskFacts.from_bytes)


def _read_sample(cache: FactCache, pair: tuple[Path, Path | LayerFiles], decoder: _Decoder[ImageFacts]) -> SampleFiles:
    path, mask = pair
    image, masks = _load(path), [_load(part) for part in _paths(mask)]
    image_file = _find_facts(cache, path, image, decoder)
    if isinstance(mask, Path):
        mask_file = _find_facts(cache, mask, masks[0], _MASKS)
    else:
        mask_file = _find_layer_facts(cache, mask, masks)
    loaded = [part for part in (image, *masks) if not isinstance(part, DataError)]
    if len(loaded) <= len(masks):
        return SampleFiles(image_file, mask_file, PairDigest(path, mask, "", (None,) * (1 + len(masks))))
    whole = loaded[0].hash.copy()
    for (prefix, _), part in zip(_labelled(mask), loaded[1:], strict=True):
        whole.update(prefix)
        whole.update(part.content)
    parts = tuple(part.hash.hexdigest() for part in loaded)
    digest = PairDigest(path, mask, whole.hexdigest(), tuple(part.state for part in loaded), parts)
    return SampleFiles(image_file, mask_file, digest)


def _paths(mask: Path | LayerFiles) -> list[Path]:
    return [path for _, path in _labelled(mask)]


def _labelled(mask: Path | LayerFiles) -> list[tuple[bytes, Path]]:
    """Each file with what its hash begins with: its class's number, if it is a layer."""
    return [(b"", mask)] if isinstance(mask, Path) else [(b"%d:" % number, path) for number, path in mask]


def _load(path: Path) -> _Loaded | DataError:
    try:
        with reading(path), path.open("rb", buffering=0) as stream:
            state = _state(os.fstat(stream.fileno()))
            content = stream.read()
    except DataError as error:
        return error
    settled = time.time() - state.changed / 1e9 > _TICK
    return _Loaded(content, hashlib.sha256(content), state if settled else None)


def _find_facts(cache: FactCache, path: Path, loaded: _Loaded | DataError, decoder: _Decoder[Facts]) -> ReadFile[Facts]:
    if isinstance(loaded, DataError):
        return ReadFile(path, "", None, loaded)
    key = loaded.hash.hexdigest()
    cached = _recall(cache, decoder.kind, key, decoder.from_bytes)
    if cached is not None:
        return ReadFile(path, key, cached, None)
    try:
        with _ROOM.take(decoded_bytes(path, loaded.content)):
            facts = decoder.decode(path, loaded.content)
    except DataError as error:
        return ReadFile(path, key, None, error)
    if facts.is_worth_keeping:
        cache.add(decoder.kind, key, facts.to_bytes())
    return ReadFile(path, key, facts, None)


def _recall(cache: FactCache, kind: str, key: str, from_bytes: Callable[[bytes], Facts]) -> Facts | None:
    """Facts from the cache; None where it has none, or some in the form of another version."""
    content = cache.get(kind, key)
    with suppress(ValueError, TypeError, LookupError, struct.error):
        return None if content is None else from_bytes(content)
    return None


def _find_layer_facts(
    cache: FactCache, layers: LayerFiles, loaded: Sequence[_Loaded | DataError]
) -> ReadFile[MaskFacts]:
    """The facts of the mask that the layers are together, under the hash of their classes and contents."""
    files: list[tuple[int, Path, bytes]] = []
    key = hashlib.sha256()
    for (number, path), part in zip(layers, loaded, strict=True):
        if isinstance(part, DataError):
            return ReadFile(path, "", None, part)
        files.append((number, path, part.content))
        key.update(b"%d:%s " % (number, part.hash.hexdigest().encode()))
    name, first = key.hexdigest(), layers[0][1]
    cached = _recall(cache, mask_facts.KIND, name, MaskFacts.from_bytes)
    if cached is not None:
        return ReadFile(first, name, cached, None)
    try:
        with _ROOM.take(max(decoded_bytes(path, content) for _, path, content in files)):
            facts = count_layers(files)
    except DataError as error:
        return ReadFile(error.where if isinstance(error.where, Path) else first, name, None, error)
    cache.add(mask_facts.KIND, name, facts.to_bytes())
    return ReadFile(first, name, facts, None)


def _state(status: os.stat_result) -> FileState:
    return FileState(status.st_ino, status.st_size, status.st_mtime_ns)


def _is_unchanged(path: Path, state: FileState | None) -> bool:
    try:
        return state is not None and state == _state(path.stat())
    except OSError:
        return False
