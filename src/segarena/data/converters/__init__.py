"""Annotations of other formats, read and written as images, index masks and a classes.yaml.

Read in this order:

- `annotations`: what each reader returns, and how it checks what it reads
- `image_index`: which files are below a folder, and which image an annotation refers to
- `rasterize` and `painting`: shapes, and how the objects of an image are painted onto a mask
- `drawn`: images with objects whose classes are names; `class_attribute`: which attribute is the class; `tables`: CSV
- `coco` and `panoptic`, `labelme`, `cvat`, `voc`, `instances` and `label_images`: a reader for each format
- `yolo` and `yolo_names`, `via` and `via_files`, `supervisely`, `geojson`: further ones
- `label_studio` and `brush`, `rle_csv`, `pixel_runs` and `run_direction`: and those that have run lengths of their own
- `registry`, `peek` and `foreign`: the table of formats, and which of them a folder has
- `write`: the folder that is written
"""
