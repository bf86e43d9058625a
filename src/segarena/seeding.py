"""Randomness derived from names and numbers alone, so that workers, order and resume cannot change it."""

import hashlib


def derive_seed(*parts: int | str) -> int:
    """A 63-bit seed that depends on `parts` and nothing else, the same on every machine."""
    text = "/".join(str(part) for part in parts)
    digest = hashlib.sha256(text.encode(errors="surrogateescape")).digest()  # file names may be no UTF-8
    return int.from_bytes(digest[:8], "big") >> 1
