"""Units of memory, in bytes."""

from __future__ import annotations

MIB, GIB = 1 << 20, 1 << 30
