"""Which files below a folder are images, which are masks, which are a pair, and which split each pair is in.

Read in this order:

- `layout`: `find_pairs`, the only function that other packages need
- `vocabulary`, `tree`: what names mean; all image files below a folder, with what the names of its folders mean
- `candidates`, `search`: sets of files that may be the images or the masks, and the choice among them
- `pairing`, `fuzzy_pairing`: which mask belongs to which image, by equal stems or by weaker rules
- `split_lists`, `assign_splits`: lists of splits that come with data, and the split that each pair gets
- `errors`: what is raised if any of this fails
"""
