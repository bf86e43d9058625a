"""Which images stay together, and which of them train, validate and test."""
