"""Masks of several files, a class in each: `find`, by names of files (`parts`, `names`) or by Label Studio's tasks."""
