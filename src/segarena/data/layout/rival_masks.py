"""Files beside images and masks that look like other masks of the same images: none of the two is chosen."""

from __future__ import annotations

from pathlib import Path

from segarena.data.layout.alternatives import Alternative, UnclearError
from segarena.data.layout.candidates import file_pattern
from segarena.data.layout.search import Match, are_masks
from segarena.data.layout.tree import File
from segarena.data.layout.vocabulary import MASK_WORDS, VARIANT_WORDS, word_edges, words_in


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
