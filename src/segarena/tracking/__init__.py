"""Callbacks, and the trackers of others: what they are called with, and where it goes."""
