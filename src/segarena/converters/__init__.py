"""A reader for each format of annotations; `annotations` has what they share.

Read in this order:

- `registry` and `foreign`: the table of formats, which of them a folder has, and formats that are not read
- `coco` and `panoptic`, `labelme`, `cvat`, `voc`, `instances` and `label_images`: formats with an identifier or a mask
  for each class
- `yolo`, `yolo_names` and `yolo_splits`, `via` and `via_files`, `supervisely`, `geojson`: shapes whose classes are
  names; `class_attribute`: which attribute is the class
- `label_studio` and `brush`, `rle_csv`, `pixel_runs`: run lengths
"""
