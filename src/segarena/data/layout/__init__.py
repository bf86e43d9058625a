"""Which files below a folder are images, which are masks, which are a pair, and which split each pair is in.

Read in this order:

- `layout`: `find_pairs`, the only function that other packages need; `find_match`: the ways to find pairs, in turn
- `vocabulary`, `tree`: what names mean; all image files below a folder, with what the names of its folders mean
- `candidates`, `chosen`, `search`: sets of files that may be the images or the masks, and the choice
- `pairing`, `fuzzy_pairing`: which mask belongs to which image, by equal stems or by weaker rules
- `doubtful_pairs`: names that such a rule pairs wrongly, or not
- `lists`: lists of splits and of pairs that come with data; `assign_splits`: the split that each pair gets
- `layers`: masks of several files, a class in each
- `errors`, `alternatives`, `unread_files`: what is raised if any of this fails, with what helps
- `new_images`: the images that are given to `predict`
"""
