"""Seeds derived from names and numbers, so that workers, order and resuming cannot change what is random."""

import hashlib


def derive_seed(*parts: int | str) -> int:
    """Derive a seed from names and numbers; it is the same on every machine.

    Args:
        parts: What the seed is for, e.g. ("step", seed, epoch, step). Their order counts.

    Returns:
        The first 63 bits of a SHA-256, 0 to 2**63 - 1: a seed for torch and for NumPy.

    >>> derive_seed("order", 0, 1)
    8783113041400999520
    >>> derive_seed("order", 1, 0) == derive_seed("order", 0, 1)
    False
    """
    text = "/".join(str(part) for part in parts)
    digest = hashlib.sha256(text.encode(errors="surrogateescape")).digest()  # file names may not be valid UTF-8
    return int.from_bytes(digest[:8], "big") >> 1
