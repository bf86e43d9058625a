"""Resolution ceilings of a data set: masks, sizes, advice, the cache, and the strides of the networks."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segarena
from segarena.config.training import LOGIT_STRIDES, TRACK_MODELS
from segarena.data.folder import FolderSource
from segarena.data.splitting.splits import Splits
from segarena.experiment import ceilings
from segarena.experiment.ceilings import MOST_MASKS, choose_masks, grid_sizes, measure_ceilings, survey_ceilings
from segarena.scoring.ceilings import Grid


@pytest.fixture
def stripes(tmp_path: Path) -> FolderSource:
    """Four images of 64 x 64: class 1 is lines of two pixels, class 2 a half of the image."""
    for number in range(4):
        mask = np.zeros((64, 64), dtype=np.uint8)
        mask[:, 32:] = 2
        mask[6 + number : 8 + number, :] = 1
        for folder, pixels in (("images", np.full((64, 64, 3), 40 * number, dtype=np.uint8)), ("masks", mask)):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / folder / f"{number}.png")
    return FolderSource(tmp_path)


def test_strides_are_those_of_the_networks() -> None:
    import torch

    assert set(LOGIT_STRIDES) == set(TRACK_MODELS["encoder"])
    for name, strides in LOGIT_STRIDES.items():
        for stride in strides:
            options = {"output_stride": stride} if len(strides) > 1 else {}
            with torch.device("meta"):
                model = segarena.build_model(name, 3, encoder="resnet18", **options).eval()
                native = model(torch.empty(1, 3, 64, 64), size="native").logits
            assert native.shape[-2:] == (64 // stride, 64 // stride)


def test_lines_are_lost_on_a_coarse_grid_and_the_half_is_not(stripes: FolderSource) -> None:
    grids = [Grid(64, 1), Grid(64, 16), Grid(128, 16)]
    (fine, coarse, enlarged), used = measure_ceilings(stripes, range(4), grids, stripes.mask_pixels)
    assert used == 4
    assert fine.miou == 1
    assert coarse.ious[1] == 0
    assert coarse.ious[2] > 0.9
    assert coarse.ious[2] <= enlarged.ious[2] < 1


def test_optimised_ceilings_are_between_averaged_ones_and_1(stripes: FolderSource) -> None:
    grids = [Grid(64, 8)]
    (averaged,), _ = measure_ceilings(stripes, range(4), grids, stripes.mask_pixels)
    (optimised,), _ = measure_ceilings(stripes, range(4), grids, stripes.mask_pixels, optimise=True)
    assert averaged.ious[1] == 0
    assert optimised.ious[1] > 0.1
    assert averaged.miou + 0.03 < optimised.miou <= 1


def test_the_cache_depends_on_the_masks_and_the_grids(stripes: FolderSource, monkeypatch: pytest.MonkeyPatch) -> None:
    grids = [Grid(64, 8)]
    first, used = measure_ceilings(stripes, range(4), grids, stripes.mask_pixels)
    computed = []
    real = ceilings.averaged_counts
    monkeypatch.setattr(ceilings, "averaged_counts", lambda *args: computed.append(1) or real(*args))
    again, used_again = measure_ceilings(stripes, range(4), grids, stripes.mask_pixels)
    assert (again[0].miou, used_again) == (first[0].miou, used)
    assert not computed
    measure_ceilings(stripes, range(3), grids, stripes.mask_pixels[:3])
    assert len(computed) == 3
    measure_ceilings(stripes, range(3), [Grid(64, 4)], stripes.mask_pixels[:3])
    assert len(computed) == 6


def test_each_class_is_in_the_sample_of_many_masks() -> None:
    pixels = np.zeros((1000, 5), dtype=np.int64)
    pixels[:, 0] = 100
    pixels[777, 3] = 1  # in one mask only
    pixels[[5, 6], 4] = [2, 9]
    chosen = choose_masks(range(2000, 3000), pixels)
    assert len(set(chosen)) == len(chosen) == MOST_MASKS
    assert {2777, 2006} <= set(chosen)
    assert chosen == choose_masks(range(2000, 3000), pixels)
    assert choose_masks([4, 9], pixels[:2]) == [4, 9]


@pytest.mark.parametrize(
    ("shorter", "sizes"),
    [(10, [32, 64]), (96, [96, 192]), (256, [128, 256]), (360, [128, 256, 360]), (5000, [256, 512, 1024])],
)
def test_sizes_are_the_own_one_and_usual_ones(shorter: int, sizes: list[int]) -> None:
    assert grid_sizes(shorter) == sizes


def test_nothing_is_chosen_where_the_training_masks_are_void(stripes: FolderSource) -> None:
    (stripes.root / "classes.yaml").write_text(
        "classes: [{name: a, value: 0}, {name: b, value: 1}, {name: c, value: 2}]\nignore: [9]"
    )
    Image.fromarray(np.full((64, 64), 9, np.uint8)).save(stripes.root / "masks" / "0.png")
    table = survey_ceilings(FolderSource(stripes.root), Splits(train=(0,), val=(1, 2, 3), test=()))
    assert table.advice == {}
    assert np.isnan(table.ceilings[0].miou)


def test_of_a_large_mask_pixels_at_equal_steps_are_used(stripes: FolderSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ceilings, "MOST_PIXELS", 64 * 64 // 4)
    (thinned,), _ = measure_ceilings(stripes, range(4), [Grid(64, 8)], stripes.mask_pixels)
    assert 0.5 < thinned.miou < 1
