"""Labels from a grid of logits: each implementation against the reference."""

import weakref
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from segarena.kernels import upsample_argmax as kernel
from segarena.kernels.upsample_argmax import plain_upsample_argmax, upsample_argmax


def smooth(count: int, channels: int, height: int, width: int, seed: int = 0) -> Tensor:
    """Logits like those of a trained network: large regions, and noise."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(count, channels, height // 4 + 1, width // 4 + 1, generator=generator)
    noise = torch.randn(count, channels, height, width, generator=generator)
    return 5 * F.interpolate(coarse, (height, width), mode="bicubic") + 0.3 * noise


def assert_labels(labels: Tensor, logits: Tensor, size: tuple[int, int]) -> None:
    """Each label's logit is the largest, up to rounding, in float64."""
    assert labels.shape == (len(logits), *size)
    assert labels.dtype == torch.uint8
    exact = F.interpolate(logits.double(), size, mode="bilinear", align_corners=False)
    chosen = exact.gather(1, labels.long()[:, None])[:, 0]
    assert (exact.amax(dim=1) - chosen).max() <= 2e-5 * max(1.0, float(logits.abs().max()))


@settings(max_examples=150, deadline=None)
@given(
    channels=st.integers(2, 9),
    grid=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    seed=st.integers(0, 99),
    kind=st.sampled_from(["noise", "smooth", "ties"]),
)
def test_the_label_is_that_of_the_largest_interpolated_logit(channels, grid, size, seed, kind):
    generator = torch.Generator().manual_seed(seed)
    logits = {
        "noise": lambda: torch.randn(2, channels, *grid, generator=generator),
        "smooth": lambda: smooth(2, channels, *grid, seed=seed),
        "ties": lambda: torch.randint(0, 2, (2, channels, *grid), generator=generator).float(),
    }[kind]()
    assert_labels(upsample_argmax(logits, size), logits, size)


@pytest.mark.parametrize(
    ("channels", "grid", "size"),
    [(2, (45, 60), (360, 480)), (12, (33, 47), (257, 375)), (150, (16, 24), (200, 333)), (255, (8, 8), (64, 61))],
    ids=str,
)
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
def test_labels_equal_the_reference_on_smooth_logits(channels, grid, size, memory_format):
    logits = smooth(2, channels, *grid)
    expected = plain_upsample_argmax(logits, size)
    assert len(expected.unique()) > 1
    assert torch.equal(upsample_argmax(logits.contiguous(memory_format=memory_format), size), expected)


@pytest.mark.parametrize(("grid", "stride", "size"), [((8, 5), 16, (113, 65)), ((4, 4), 32, (97, 128))], ids=str)
def test_an_extent_is_a_crop_of_the_whole(grid, stride, size):
    """A map of 8 cells of 16 pixels for an image of 113: as for an image of 128 pixels, of which 15 are cropped."""
    logits = smooth(2, 6, *grid)
    extent = (size[0] / stride, size[1] / stride)
    whole = plain_upsample_argmax(logits, (grid[0] * stride, grid[1] * stride))
    expected = whole[:, : size[0], : size[1]]
    assert torch.equal(plain_upsample_argmax(logits, size, extent), expected)
    assert torch.equal(upsample_argmax(logits, size, extent), expected)
    fine = F.interpolate(logits, scale_factor=stride, mode="bilinear")
    assert torch.equal(upsample_argmax(fine, size, (float(size[0]), float(size[1]))), expected)


@settings(max_examples=100, deadline=None)
@given(
    grid=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    cut=st.tuples(st.floats(0, 0.99), st.floats(0, 0.99)),
    limit=st.sampled_from([1, 3000, 256 << 20]),
    seed=st.integers(0, 99),
)
def test_any_extent_gives_the_label_of_the_largest_logit(grid, size, cut, limit, seed):
    logits = torch.randn(1, 4, *grid, generator=torch.Generator().manual_seed(seed))
    extent = (grid[0] - cut[0], grid[1] - cut[1])
    places = [(np.arange(pixels) + 0.5) * cells / pixels - 0.5 for pixels, cells in zip(size, extent, strict=True)]
    at = np.meshgrid(*places, indexing="ij")
    exact = np.stack([map_coordinates(k.double().numpy(), at, order=1, mode="nearest") for k in logits[0]])
    for given_logits in (logits, logits.double()):
        with patch.object(kernel, "MAX_BYTES", limit):
            labels = upsample_argmax(given_logits, size, extent)[0].numpy()
        chosen = np.take_along_axis(exact, labels[None].astype(int), axis=0)[0]
        assert (exact.max(axis=0) - chosen).max() <= 2e-5


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_types_are_interpolated_in_float32_or_finer(dtype):
    logits = smooth(2, 5, 12, 9).to(dtype)
    wide = logits.to(torch.promote_types(dtype, torch.float32))
    assert torch.equal(upsample_argmax(logits, (60, 70)), plain_upsample_argmax(wide, (60, 70)))


@pytest.mark.parametrize("size", [(40, 40), (10, 10), (7, 13), (12, 11), (1, 1)], ids=str)
def test_a_tie_goes_to_the_lowest_class(size):
    logits = torch.zeros(1, 6, 10, 10)
    logits[:, 2:5] = 1.5
    assert (upsample_argmax(logits, size) == 2).all()


def test_equal_classes_with_a_slope_are_a_tie_everywhere():
    """Two equal classes: a wrong order of candidates, or a strict bound, would label some pixels differently."""
    ramp = torch.linspace(0, 1, 9).expand(1, 1, 9, 9)
    logits = torch.cat([0.3 + 0 * ramp, ramp, ramp], dim=1)
    assert set(upsample_argmax(logits, (90, 90)).unique().tolist()) == {0, 1}


def test_a_class_can_be_largest_only_between_points_of_the_grid():
    logits = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.6]]).view(1, 3, 1, 2)
    labels = upsample_argmax(logits, (1, 100))
    assert labels[0, 0].unique_consecutive().tolist() == [0, 2, 1]
    assert torch.equal(labels, plain_upsample_argmax(logits, (1, 100)))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_values_that_are_not_finite_are_labelled_as_in_the_reference(value):
    logits = smooth(1, 4, 6, 6)
    logits[0, 2, 3, 3] = value
    assert torch.equal(upsample_argmax(logits, (30, 30)), plain_upsample_argmax(logits, (30, 30)))


@pytest.mark.parametrize("extent", [(6.0, 6.0), (5.5, 6.0), (5.37, 4.9)])
def test_minus_infinity_never_wins_between_points(extent):
    """Interpolated between two infinities, the logit must be infinity and not NaN, which would win."""
    logits = smooth(1, 4, 6, 6)
    logits[0, 2] = float("-inf")
    inner = upsample_argmax(logits, (40, 40), extent)[0, 4:-4, 4:-4]
    assert (inner == 2).sum() == 0


@pytest.mark.parametrize("limit", [1, 5000, 20000])
@pytest.mark.parametrize("size", [(40, 60), (9, 7), (15, 31), (1, 50)], ids=str)
def test_strips_of_rows_give_the_labels_of_the_whole(monkeypatch, limit, size):
    logits = smooth(2, 5, 12, 17).double()  # which is not processed by cells
    monkeypatch.setattr(kernel, "MAX_BYTES", limit)
    assert torch.equal(upsample_argmax(logits, size), plain_upsample_argmax(logits, size))


def test_upsampled_logits_never_exist_as_a_whole(monkeypatch):
    """150 classes at 12 megapixels would be 7 GB."""
    monkeypatch.setattr(kernel.F, "interpolate", lambda *_args, **_kwargs: pytest.fail("enlarged"))
    labels = upsample_argmax(torch.randn(1, 150, 1, 1).expand(1, 150, 48, 64), (3000, 4000))
    assert labels.shape == (1, 3000, 4000)
    assert len(labels.unique()) == 1


class LiveBytes(TorchDispatchMode):
    """The most memory of the tensors that operations have made and that are still used."""

    def __init__(self, given):
        super().__init__()
        self.peak, self.made, self.given = 0, [], given.untyped_storage().data_ptr()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            storage = tensor.untyped_storage() if isinstance(tensor, Tensor) else None
            if storage is not None and storage.data_ptr() != self.given:
                self.made.append((weakref.ref(tensor), storage.data_ptr(), storage.nbytes()))
        self.made = [made for made in self.made if made[0]() is not None]
        self.peak = max(self.peak, sum({place: size for _, place, size in self.made}.values()))
        return result


@pytest.mark.parametrize(
    ("size", "extent"), [((350, 450), (175.0, 225.0)), ((150, 200), (175.0, 225.0)), ((340, 440), (172.3, 221.1))]
)
def test_strips_keep_within_their_memory(monkeypatch, size, extent):
    limit = 4 << 20
    monkeypatch.setattr(kernel, "MAX_BYTES", limit)
    logits = smooth(1, 20, 175, 225).double()  # which is not processed by cells
    with LiveBytes(logits) as live:
        labels = upsample_argmax(logits, size, extent)
    assert torch.equal(labels, plain_upsample_argmax(logits, size, extent))
    assert 0.3 * limit < live.peak < 1.25 * limit


def test_threads_change_nothing(monkeypatch):
    monkeypatch.setattr(kernel, "MIN_THREADED_PIXELS", 1)
    logits, threads = smooth(3, 7, 30, 20), torch.get_num_threads()
    try:
        results = []
        for number in (1, 5):
            torch.set_num_threads(number)
            results.append(upsample_argmax(logits, (250, 190)))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*results)


@pytest.mark.gpu
def test_a_gpu_gives_the_same_labels():
    logits = smooth(2, 12, 33, 47)
    for size in ((257, 375), (33, 47), (20, 31)):
        assert torch.equal(upsample_argmax(logits.cuda(), size).cpu(), plain_upsample_argmax(logits, size))
