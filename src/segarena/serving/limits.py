"""What one server accepts: bytes, pixels, requests at once, seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of a server."""

    max_bytes: int = 32 * 2**20
    """Bytes of a request's body."""
    max_pixels: int = 40_000_000
    """Pixels of an image, checked before it is decoded."""
    requests: int = 16
    """Requests that are accepted at once, those that wait included."""
    max_batch: int = 8
    """Images of one size that are labelled together."""
    timeout: float = 60.0
    """Seconds from the first byte of a request to its answer."""
