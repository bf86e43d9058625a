"""The encoding of mask files: which class each value is, inferred from all masks of a set or declared."""
