"""Which images a shard labels: chosen by the path of each, so that further images move none."""

from __future__ import annotations

import hashlib


def shard_of(location: str, shards: int) -> int:
    """Return the shard of an image, 0..shards - 1.

    Args:
        location: Path of the image below the folder that was named, `/` between folders.
        shards: Number of shards.

    >>> [shard_of(f"{number}.jpg", 4) for number in range(6)]
    [0, 1, 0, 0, 3, 3]
    """
    digest = hashlib.sha256(location.encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") % shards
