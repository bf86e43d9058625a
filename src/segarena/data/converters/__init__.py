"""Annotations of other formats, read and written as images, index masks and a classes.yaml.

Read in this order:

- `annotations`: what each reader returns, and how it checks what it reads
- `image_index`: which files are below a folder, and which image an annotation refers to
- `rasterize`: shapes, and how they are painted onto a mask
- `coco` and `panoptic`, `labelme`, `cvat`, `voc`, `instances`: a reader for each format
- `write`: the folder that is written
"""
