"""Images with their masks: as lists have them, by names, by pixels, or with a mask for each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from segarena.data.layout.alternatives import Alternative, UnclearError
from segarena.data.layout.candidates import apart, file_pattern, make_collection
from segarena.data.layout.chosen import choose_files
from segarena.data.layout.doubtful_pairs import check_numbers
from segarena.data.layout.errors import find_several_masks, nothing_paired
from segarena.data.layout.layers.find import LayerMatch, find_export, find_layers, find_listed_objects
from segarena.data.layout.lists.listed_pairs import ListedPair, contradiction
from segarena.data.layout.pairing import Pairing
from segarena.data.layout.search import Match, Search, are_masks
from segarena.data.layout.tree import File, Tree
from segarena.data.layout.vocabulary import MASK_WORDS, VARIANT_WORDS, is_preview, word_edges, words_in
from segarena.errors import DataError
from segarena.formats import join_words


def find_match(
    root: Path, tree: Tree, images: Path | None, masks: Path | None, listed: Sequence[ListedPair] = ()
) -> Match | LayerMatch:
    """Find images with one mask or several for each.

    Args:
        root: The data folder.
        tree: What is in it.
        images: What the user named with --images; they are searched for if that is None.
        masks: The same for the masks.
        listed: The pairs of lists that name an image and its mask on each line.

    Raises:
        DataError: No image has a mask, or files could belong to several; an UnclearError where an option may choose.
    """
    chosen_images = choose_files(root, tree, images, "image") if images else None
    chosen_masks = choose_files(root, tree, masks, "mask") if masks else None
    chosen_images, chosen_masks = apart(root, chosen_images, chosen_masks)
    exported = find_export(root, tree.files, chosen_images, chosen_masks)
    exported = exported or find_listed_objects(root, tree, chosen_images, chosen_masks)
    if exported:
        return exported
    search = Search(root, tree.files, chosen_images, chosen_masks)
    if listed:
        return _pair_as_listed(root, tree.files, listed, search)
    found: Match | None = None
    problem: DataError | None = None
    try:
        found = search.run()
    except DataError as error:
        problem = error
    if found is None or len(found.pairs) < max(len(found.masks.files), len(found.images.files)):
        # Several masks for one image are not pairs: they were refused, not found, or only some of them were. Those of a
        # rare class may have been taken for images.
        layered = find_layers(root, tree.files, chosen_images, chosen_masks, found)
        # With one mask for each image, the names of a few are mistyped rather than those of classes.
        is_each = layered is None or (found and all(len(layers) == 1 for layers in layered.layers.values()))
        if layered and not is_each and not _are_groups(layered, tree.files):
            return layered
    if found is None:
        if problem is None:
            problem = nothing_paired(root, tree, chosen_images, chosen_masks)
            problem.code = "nothing-paired"
        raise problem
    if several := find_several_masks(root, found.images, found.masks, len(found.pairs)):
        raise several
    if not chosen_masks:
        check_rivals(root, found)
    return found if chosen_images else _with_unmarked(found, tree.files)


def _are_groups(layered: LayerMatch, files: Sequence[File]) -> bool:
    """Whether folders of masks are groups, not classes: ground_truth/crack/ has the masks of test/crack/."""
    masks = {mask for _, mask in layered.pairs} | set(layered.masks.files)
    others = {
        file.location.context[-1].casefold()
        for file in (*files, *layered.images.files)
        if file not in masks and file.location.context
    }
    return len(layered.classes) > 1 and any(name.casefold() in others for name in layered.classes)


def _with_unmarked(match: Match, files: Sequence[File]) -> Match:
    """The match with the images beside its own folders that have no masks: test/good/ beside test/crack/.

    It is so where masks are in a folder of the name of their images': ground_truth/crack/.
    """
    folders = {image.location.context[-1:] for image, _ in match.pairs}
    are_parallel = all(image.location.context == mask.location.context for image, mask in match.pairs)
    if match.images.kind or () in folders or not are_parallel:
        return match
    own = {file.folder for file in (*match.images.files, *match.masks.files)}
    places = {file.folder.parent for file in match.images.files}
    patterns = {file.location.pattern for file in match.images.files if file.location.split}
    unmarked = [
        file
        for file in files
        if file.folder not in own
        and file.location.kind is None
        and not is_preview(file.stem)
        and (file.folder.parent in places or file.location.pattern in patterns)
        and len(file.location.context) == len(match.pairs[0][0].location.context)
    ]
    images = replace(match.images, files=(*match.images.files, *unmarked))
    return replace(match, images=images)


def _pair_as_listed(root: Path, files: Sequence[File], listed: Sequence[ListedPair], search: Search) -> Match:
    """What the names give if lists of pairs agree with it, else the listed pairs. Raises DataError.

    Equal names that pair the listed files in another way are an error. Names that are only similar give way, and so do
    equal numbers that seem to be shifted.
    """
    try:
        by_name = search.run()
    except DataError:
        by_name = None
    if by_name is not None:
        pairs = by_name.pairing.pairs
        if {(pair.image, pair.mask) for pair in listed} <= set(pairs):
            return replace(by_name, is_listed=True)
        problem = contradiction(root, listed, pairs) if by_name.pairing.is_by_stem else None
        if problem and not _is_shifted(root, by_name):
            raise problem
    images, masks = [pair.image for pair in listed], [pair.mask for pair in listed]
    listed_files = {*images, *masks}
    sides = []
    for own, other in ((images, masks), (masks, images)):
        folders = {file.folder for file in own} - {file.folder for file in other}
        unlisted = [file for file in files if file.folder in folders and file not in listed_files]
        sides.append([*own, *unlisted])
    lists = join_words(list(dict.fromkeys(pair.path.name for pair in listed)))
    return Match(
        make_collection(root, sides[0], "image"),
        make_collection(root, sides[1], "mask"),
        Pairing(tuple((pair.image, pair.mask) for pair in listed), f"as listed in {lists}"),
        is_listed=True,
    )


def _is_shifted(root: Path, match: Match) -> bool:
    try:
        check_numbers(root, match.pairs, match.images.files, match.masks.files)
    except DataError:
        return True
    return False


def check_rivals(root: Path, match: Match) -> None:
    """Raise UnclearError if images without a mask are other masks: a_label.png and a_label_semantic.png beside a.jpg.

    They are if half of the images have one, with the image's stem and an ending that has a word for masks, and their
    pixels are clearly those of masks. Files in colours or of objects, by their names, are no rivals.
    """
    shared = {mask.folder for _, mask in match.pairs} & {image.folder for image, _ in match.pairs}
    paired = {(image.folder, image.stem): image for image, _ in match.pairs}
    by_ending: dict[str, list[tuple[File, File]]] = {}
    for file in match.images.files:
        if file.folder in shared and (file.folder, file.stem) not in paired:
            cuts = word_edges(file.stem)
            found = [cut for cut in cuts if (file.folder, file.stem[:cut]) in paired]
            words = set(words_in(file.stem[found[-1] :])) if found else set()
            if words & MASK_WORDS and not words & VARIANT_WORDS:
                image = paired[file.folder, file.stem[: found[-1]]]
                by_ending.setdefault(file.stem[found[-1] :], []).append((image, file))
    for rivals in by_ending.values():
        paths = [(image.path, file.path) for image, file in rivals]
        if 2 * len(rivals) < len(match.pairs) or not are_masks(paths):
            continue
        patterns = [file_pattern([mask for _, mask in some]) for some in (match.pairs, rivals)]
        error = UnclearError(
            f"has files {patterns[0]} and {patterns[1]}, which could both be the masks",
            where=root,
            remedy="Move one of the two out of the data folder",
            alternatives=tuple(
                Alternative(None, Path(pattern), frozenset(pairs[:1]), is_exact=False)
                for pattern, pairs in zip(patterns, (match.paths, paths), strict=True)
                if pattern
            ),
        )
        error.least = len(rivals) // 2
        raise error
