"""Trained networks as files that other programs run: written, checked against PyTorch, and loaded again."""
