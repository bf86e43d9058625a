"""Lists that come with data: `split_lists` of images for each split, `listed_pairs` of images with their masks.

`entries` reads the lines of any table; `image_index` finds the image that an entry means.
"""
