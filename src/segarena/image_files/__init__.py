"""Bytes to arrays: image and mask files, their headers, and a cache of what was found in them."""
