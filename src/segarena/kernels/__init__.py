"""Fast versions of expensive operations, each beside its reference implementation."""
