"""The decoded images of a source, kept in memory as far as they fit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np
import PIL
import torch
from numpy.typing import NDArray
from torch import Tensor

from segarena._version import __version__
from segarena.data.source import Source
from segarena.image_files.channel_format import ChannelFormat
from segarena.loading.disk_cache import DiskCache
from segarena.loading.processes import check_shared_memory
from segarena.threads import at_a_time, thread_pool

Pair = tuple[NDArray[Any], NDArray[np.uint8]]
#: Whether pixels are left out where decoded images are pickled.
_by_reference: ContextVar[bool] = ContextVar("by_reference", default=False)
#: Images in shared memory begin at a multiple of this number of bytes.
_ALIGNED = 8


@contextmanager
def by_reference() -> Iterator[None]:
    """Pickle decoded images without their pixels in the block: where they are unpickled, their files are read again."""
    token = _by_reference.set(True)
    try:
        yield
    finally:
        _by_reference.reset(token)


class DecodedImages:
    """Images and masks of a source, decoded once and kept in memory up to a limit.

    Others are kept on disk, if `disk` is set, or decoded each time.

    They are decoded at construction, in threads, so that processes that are forked later share the memory.
    """

    def __init__(
        self,
        source: Source,
        indices: Sequence[int],
        *,
        limit_bytes: float,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Decode as many of the samples as fit.

        Args:
            source: The source.
            indices: The samples to keep; if not all fit, the first of them.
            limit_bytes: The size of all that is kept; 0 keeps nothing.
            on_progress: Called with (samples decoded, samples in all).

        Raises:
            DataError: A file cannot be read.
        """
        self.source, self.indices = source, indices
        self.kept: dict[int, Pair] = {}
        #: Copies in the memory of a device, see `segarena.loading.pixel_store`.
        self.stores: dict[str, Any] = {}
        #: Where samples are kept that do not fit; None where they are decoded each time.
        self.disk: DiskCache | None = None
        self._keys: dict[int, str] = {}
        self._shared: _Shared | None = None
        self._sizes: dict[int, tuple[int, int]] = {}
        self.bytes = 0
        largest = self.most_pixels(indices)
        step = at_a_time(largest, 32)
        with thread_pool(largest) as threads:
            for start in range(0, len(indices) if limit_bytes > 0 else 0, step):
                chunk = indices[start : start + step]
                for index, pair in zip(chunk, threads.map(source.read, chunk), strict=True):
                    size = pair[0].nbytes + pair[1].nbytes
                    if self.bytes + size <= limit_bytes:
                        self.kept[index] = pair
                        self.bytes += size
                if on_progress is not None:
                    on_progress(start + len(chunk), len(indices))
                if len(self.kept) < start + len(chunk):
                    break  # full

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return the image uint8 (3, H, W), a view of (H, W, 3), and the mask uint8 (H, W). Raises DataError.

        An image of other channels is (C, H, W), and float32 unless it has 8 bits.
        """
        image, mask = self.pair(index)
        return to_tensor(image), torch.from_numpy(mask)

    @property
    def pixel_bytes(self) -> int:
        """The bytes of a pixel of an image as `__getitem__` gives it: 3 of RGB."""
        form: ChannelFormat | None = getattr(self.source, "format", None)
        return 3 if form is None else len(form.numbers) * (1 if form.dtype == "uint8" else 4)

    def pair(self, index: int) -> Pair:
        """Return the image uint8 (H, W, 3), or as it is stored, and the mask uint8 (H, W). Raises DataError."""
        if index in self.kept:
            return self.kept[index]
        if self.disk is None:
            return self.source.read(index)
        if index not in self._keys:
            versions = f"{__version__} {PIL.__version__}"  # decoders may differ by a level
            content = f"{self.source.digest(index)} {self.source.decoding_digest} {versions}"
            self._keys[index] = hashlib.sha256(content.encode()).hexdigest()
        return self.disk.recall(self._keys[index], lambda: self.source.read(index))

    def size(self, index: int) -> tuple[int, int]:
        """Return (height, width) of a sample in pixels; it is decoded where nothing else has them. Raises DataError."""
        if index not in self._sizes:
            height, width = self.known_size(index) or self.pair(index)[1].shape
            self._sizes[index] = height, width
        return self._sizes[index]

    def labels(self, index: int) -> NDArray[np.uint8]:
        """Return the mask alone, uint8 (H, W), without decoding the image. Raises DataError."""
        return self.kept[index][1] if index in self.kept else self.source.read_labels(index)

    def most_pixels(self, indices: Iterable[int]) -> int:
        """Return the pixels of the largest image that would have to be decoded, 0 where no size is known."""
        sizes = [self.known_size(index) for index in indices if index not in self.kept]
        return max((height * width for height, width in filter(None, sizes)), default=0)

    def known_size(self, index: int) -> tuple[int, int] | None:
        """Return (height, width) of a sample in pixels, None where it would have to be decoded."""
        if index in self._sizes:
            return self._sizes[index]
        if index in self.kept:
            height, width = self.kept[index][1].shape
            return height, width
        sizes: Sequence[tuple[int, int]] | None = getattr(self.source, "sizes", None)
        return None if sizes is None else sizes[index]  # a folder has read them from the files' headers

    def __getstate__(self) -> dict[str, Any]:
        """What a process that is not forked gets: the pixels as one piece of shared memory, which is not copied.

        Another machine gets no pixels, and decodes the files again, see `by_reference`.
        """
        if _by_reference.get():
            return {**vars(self), "kept": {}, "stores": {}, "_shared": None, "_again": tuple(self.kept)}
        if self._shared is None and self.kept:
            self._share()
        return {**vars(self), "kept": {}, "stores": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        again = state.pop("_again", ())
        vars(self).update(state)
        step = at_a_time(largest := self.most_pixels(again), 32)
        with thread_pool(largest) as threads:
            for start in range(0, len(again), step):
                chunk = again[start : start + step]
                self.kept.update(zip(chunk, threads.map(self.source.read, chunk), strict=True))
        if self._shared is not None:
            self.kept = self._shared.views()

    def _share(self) -> None:
        """Move the pixels into shared memory, for this process too, one image after the other."""
        size = self.bytes + _ALIGNED * len(self.kept)
        check_shared_memory(size)
        pixels = torch.empty(size, dtype=torch.uint8)
        self._shared = _Shared(pixels.share_memory_(), {})  # type: ignore[no-untyped-call]
        start = 0
        for index, (image, mask) in self.kept.items():
            self._shared.places[index] = (start, image.shape, image.dtype.str)
            start += -(-(image.nbytes + mask.nbytes) // _ALIGNED) * _ALIGNED
            for old, new in zip((image, mask), self._shared.view(index), strict=True):
                new[:] = old
            self.kept[index] = self._shared.view(index)


def to_tensor(image: NDArray[Any]) -> Tensor:
    """Return an image (H, W, C) as (C, H, W): a view of 8 bits and of float32, float32 of 16 bits."""
    return torch.from_numpy(image.astype(np.float32) if image.dtype == np.uint16 else image).permute(2, 0, 1)


class _Shared(NamedTuple):
    """Pixels of images and masks in shared memory: of each its image, then its mask."""

    pixels: Tensor
    places: dict[int, tuple[int, tuple[int, ...], str]]
    """Of each image where it begins, its shape and its type."""

    def view(self, index: int) -> Pair:
        """Return the image and the mask of a sample."""
        start, (height, width, channels), dtype = self.places[index]
        pixels, split = self.pixels.numpy(), start + height * width * channels * np.dtype(dtype).itemsize
        image = pixels[start:split].view(dtype).reshape(height, width, channels)
        return image, pixels[split : split + height * width].reshape(height, width)

    def views(self) -> dict[int, Pair]:
        """Return all of them, by sample."""
        return {index: self.view(index) for index in self.places}
