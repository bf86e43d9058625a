"""Annotations of other formats, read and written as images, index masks and a classes.yaml."""
