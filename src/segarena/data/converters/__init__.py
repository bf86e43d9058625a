"""Annotations of other formats, read and written as images, index masks and a classes.yaml.

Read in this order:

- `annotations`: what each reader returns, and how it checks what it reads
- `image_index`: which files are below a folder, and which image an annotation refers to
- `rasterize` and `painting`: shapes, and how the objects of an image are painted onto a mask
- `coco` and `panoptic`, `labelme`, `cvat`, `voc`, `instances`: a reader for each format
- `registry` and `peek`: the table of formats, and which of them a folder has
- `write`: the folder that is written
"""
