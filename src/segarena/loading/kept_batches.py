"""The batches of a validation, made once and kept on a GPU: in each epoch only the network is computed."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from torch import Tensor

from segarena.config.devices import device_type
from segarena.loading.dataset import EvaluationItem, EvaluationSet
from segarena.loading.pixel_store import free_bytes
from segarena.loading.sizes import working_size
from segarena.threads import thread_pool

#: The share of a GPU's free memory that they may take.
SHARE = 0.1


def keep_on_gpu(dataset: EvaluationSet, *, batch_size: int, device: str) -> list[list[EvaluationItem]] | None:
    """Decode and resize all images in threads, and put them on a GPU with their masks. Pixels stay as they are.

    They are put there once; those of another data set take their place.

    Args:
        dataset: The images.
        batch_size: Images in a batch.
        device: The device.

    Returns:
        The batches; None where the device is no NVIDIA GPU, or has too little memory.

    Raises:
        DataError: A file cannot be read.
    """
    images, key = dataset.images, (tuple(dataset.indices), dataset.size, dataset.scaling, batch_size, device)
    found: tuple[Hashable, list[list[EvaluationItem]] | None] | None = images.stores.get("validation")
    if found is None or found[0] != key:
        images.stores.pop("validation", None)  # before the memory is measured
        made = _make(dataset, batch_size, device) if _fits(dataset, device) else None
        images.stores["validation"] = found = (key, made)
    return found[1]


def _fits(dataset: EvaluationSet, device: str) -> bool:
    if device_type(device) != "cuda":
        return False
    needed = 0
    for index in dataset.indices:
        height, width = dataset.images.size(index)
        is_whole = dataset.plan(height, width) is None
        tall, wide = working_size(height, width, dataset.size) if is_whole else (height, width)
        needed += height * width + dataset.images.pixel_bytes * tall * wide
    return needed <= SHARE * free_bytes(device)


def _make(dataset: EvaluationSet, batch_size: int, device: str) -> list[list[EvaluationItem]]:
    def copy(pixels: Tensor) -> Tensor:
        return pixels.contiguous().to(device)

    items = []
    with thread_pool() as threads:
        for start in range(0, len(dataset), 64):  # few are on the host at a time
            part = range(start, min(start + 64, len(dataset)))
            for item in threads.map(dataset.__getitem__, part):
                items.append(replace(item, image=copy(item.image), mask=copy(item.mask)))
    return [items[start : start + batch_size] for start in range(0, len(items), batch_size)]
