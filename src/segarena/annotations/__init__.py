"""Annotations of any format, between reading and writing: images with shapes, painted as index masks.

Read in this order:

- `annotations`: what each reader in `converters` returns, the notes on what is left out, and how it checks entries
- `reading`: files as JSON, XML or CSV; what is wrong in many files or entries, as one error
- `image_index`: which files are below a folder, and which image an annotation refers to
- `rasterize` and `painting`: shapes, and how the objects of an image are painted onto a mask
- `drawn`: images with objects whose classes are names
- `peek`: a cheap look at the files of a folder
- `write`: the folder that is written
"""
