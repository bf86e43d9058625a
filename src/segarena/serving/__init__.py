"""Trained networks behind HTTP: a page to drop images on, and an interface for programs. Needs the extra `serve`."""
