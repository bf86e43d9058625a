"""The built-in scenes: what lies where, and the picture of it."""
