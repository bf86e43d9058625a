"""The built-in scenes: where each class is, the mask of that, and the picture."""
