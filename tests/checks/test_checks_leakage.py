"""Neighbouring frames or slices that were split across train and val are found; numbers alone prove nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segarena.checks import inspect
from segarena.checks.dependence import _correlations, suggest_rule
from segarena.checks.problem import Problem
from segarena.data.folder import FolderSource
from segarena.data.splitting.splits import Splits, split_samples
from support import SHARED, needs_real_data, scene, write_scene


def find(root: Path, splits: Splits | None = None, *, grouped: bool = False) -> dict[str, Problem]:
    source = FolderSource(root)
    splits = splits or split_samples(source.samples, where=root)
    return {problem.code: problem for problem in inspect(source, splits, closely=False, grouped=grouped)}


def write_slices(root: Path, order: list[int]) -> None:
    """30 scenes, each fading into the next, numbered in `order`."""
    knots = [np.asarray(scene(seed), dtype=np.float64) for seed in range(11)]
    for place, number in enumerate(order):
        knot, share = divmod(place / 3, 1)
        mixed = (1 - share) * knots[int(knot)] + share * knots[int(knot) + 1]
        write_scene(root, f"slice{number}", Image.fromarray(mixed.astype(np.uint8)), seed=place)


def test_consecutive_slices_split_at_random_leak(tmp_path: Path) -> None:
    write_slices(tmp_path, list(range(30)))
    problem = find(tmp_path)["leak-sequence"]
    assert problem.severity == "warning"
    assert "--group-by blocks" in problem.remedy
    assert problem.files


def test_numbers_alone_make_no_sequence(tmp_path: Path) -> None:
    write_slices(tmp_path, np.random.default_rng(0).permutation(30).tolist())
    assert "leak-sequence" not in find(tmp_path)


def test_a_split_into_blocks_does_not_leak(tmp_path: Path) -> None:
    write_slices(tmp_path, list(range(100, 130)))
    assert "leak-sequence" not in find(tmp_path, Splits(tuple(range(24)), tuple(range(24, 30)), ()))


def test_groups_of_neighbours_do_not_leak(tmp_path: Path) -> None:
    """Ten blocks of three slices separate a third of the neighbours, and are what the remedy asks for."""
    write_slices(tmp_path, list(range(100, 130)))
    val = tuple(i for i in range(30) if i // 3 % 2)
    splits = Splits(tuple(i for i in range(30) if i not in val), val, ())
    assert "leak-sequence" in find(tmp_path, splits)
    assert "leak-sequence" not in find(tmp_path, splits, grouped=True)


def test_the_datas_own_splits_may_separate_neighbours(tmp_path: Path) -> None:
    write_slices(tmp_path / "all", list(range(100, 130)))
    for number in range(30):
        part = tmp_path / ("val" if number % 5 == 0 else "train")
        for kind in ("images", "masks"):
            (part / kind).mkdir(parents=True, exist_ok=True)
            (tmp_path / "all" / kind / f"slice{100 + number}.png").rename(part / kind / f"slice{100 + number}.png")
    shutil.rmtree(tmp_path / "all")
    assert "leak-sequence" not in find(tmp_path)


def frames(prefix: str, count: int, step: int = 1, first: int = 0) -> list[str]:
    return [f"{prefix}{number:05}" for number in range(first, first + count * step, step)]


@pytest.mark.parametrize(
    ("names", "rule"),
    [
        (frames("A_f", 20) + frames("B_", 12, first=7), "prefix"),
        (frames("A_f", 20, 30) + frames("B_", 12, 30, first=7), "prefix"),
        ([str(n) for n in range(30)], "blocks"),
        ([], None),
        (["a"], None),
        (["cat", "dog", "cow"] * 5, None),
        (frames("A_", 9), None),
        # photographs of a collection
        ([f"{n:012}" for n in (9, 25, 30, 34, 36, 42, 49, 61, 64, 71, 72, 73, 74, 77)], None),
        ([f"p{n}_{n * n}" for n in range(30)], None),
        (frames("A_", 20) + [f"photo{n * n}x" for n in range(20)], None),
        (frames("", 20) + frames("A_", 20), None),  # one of the two has no prefix
    ],
)
def test_names_of_sequences_suggest_a_rule(names: list[str], rule: str | None) -> None:
    assert suggest_rule(names) == rule


@needs_real_data
@pytest.mark.parametrize(
    ("folder", "rule"), [("camvid/train", "prefix"), ("camvid/test", "prefix"), ("isbi/image", "blocks")]
)
def test_the_rule_that_names_of_real_data_suggest(folder: str, rule: str) -> None:
    assert suggest_rule([path.stem for path in sorted((SHARED / "data" / folder).iterdir())]) == rule


def test_random_pairs_are_many_and_have_their_correlations() -> None:
    """Few images have few different pairs; each counts as often as it was drawn."""
    pixels = np.random.default_rng(3).integers(0, 256, (5, 32, 32), dtype=np.uint8)
    neighbours = [(0, 1), (1, 2)]
    apart = [(0, 2), (0, 3), (0, 4), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4)]
    near, far = _correlations(pixels, neighbours)

    def correlations(pairs: list[tuple[int, int]]) -> list[float]:
        return sorted(float(np.corrcoef(pixels[a].ravel(), pixels[b].ravel())[0, 1]) for a, b in pairs)

    assert sorted(near.tolist()) == pytest.approx(correlations(neighbours), abs=1e-6)
    values = correlations(apart)
    counts = np.bincount(np.abs(far[:, None] - np.array(values)).argmin(axis=1), minlength=len(values))
    assert far == pytest.approx(np.array(values)[np.abs(far[:, None] - np.array(values)).argmin(axis=1)], abs=1e-6)
    assert len(far) > 2000
    assert counts.min() > 0.7 * len(far) / len(values)
