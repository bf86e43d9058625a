"""Annotations of any format, between reading and writing: images with shapes, painted as index masks.

Read in this order:

- `annotations`: what each reader in `converters` returns, and how it checks what it reads; `faults`: what is wrong in
  many files or entries, as one error
- `image_index`: which files are below a folder, and which image an annotation refers to
- `rasterize` and `painting`: shapes, and how the objects of an image are painted onto a mask
- `drawn`: images with objects whose classes are names; `tables`: CSV; `left_out`: what is counted and not converted
- `peek`: a cheap look at the files of a folder
- `write`: the folder that is written
"""
