"""The losses against torch's, smp's and sums by hand; void pixels have no effect."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from segmentation_models_pytorch.losses import DiceLoss

from segarena.classes import IGNORE_INDEX as VOID
from segarena.training.losses import (
    AUXILIARY_WEIGHT,
    LARGEST_RATIO,
    SegmentationLoss,
    cross_entropy,
    dice_loss,
    weigh_classes,
)


def make_batch(classes=4, void=0.2):
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(2, classes, 9, 7, generator=generator)
    mask = torch.randint(0, classes, (2, 9, 7), generator=generator)
    mask[torch.rand(mask.shape, generator=generator) < void] = VOID
    return logits.requires_grad_(), mask.to(torch.uint8)


@pytest.mark.parametrize("weights", [None, [1.0, 0.5, 2.0, 7.0], [0.0, 1.0, 1.0, 1.0]])
def test_cross_entropy_is_torchs_mean_over_the_pixels_that_count(weights):
    logits, mask = make_batch()
    class_weights = None if weights is None else torch.tensor(weights)
    loss = cross_entropy(logits, mask, class_weights)
    expected = F.cross_entropy(logits, mask.long(), weight=class_weights, ignore_index=VOID)
    torch.testing.assert_close(loss, expected)
    gradient, expected_gradient = (torch.autograd.grad(value, logits)[0] for value in (loss, expected))
    torch.testing.assert_close(gradient, expected_gradient)


@pytest.mark.parametrize("class_weights", [None, torch.tensor([1.0, 0.5, 2.0, 7.0])])
def test_label_smoothing_is_torchs(class_weights):
    logits, mask = make_batch()
    loss = cross_entropy(logits, mask, class_weights, label_smoothing=0.2)
    expected = F.cross_entropy(logits, mask.long(), class_weights, ignore_index=VOID, label_smoothing=0.2)
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("class_weights", [None, torch.tensor([1.0, 0.5, 2.0, 7.0])])
def test_only_the_pixels_with_the_highest_loss_count(class_weights):
    logits, mask = make_batch()
    losses = F.cross_entropy(logits, mask.long(), class_weights, ignore_index=VOID, reduction="none").flatten()
    chosen = losses.argsort(descending=True)[: round(0.25 * mask.numel())]
    weight = 1.0 if class_weights is None else class_weights[mask.flatten()[chosen].long()]
    expected = losses[chosen].sum() / (torch.ones(len(chosen)) * weight).sum()
    loss = cross_entropy(logits, mask, class_weights, hard_pixels=0.25)
    torch.testing.assert_close(loss, expected)
    gradient = torch.autograd.grad(loss, logits)[0]
    assert (gradient.abs().sum(dim=1) > 0).sum() == len(chosen)


def test_hard_pixels_are_never_void_and_ties_all_count():
    logits, mask = make_batch(void=0.9)
    torch.testing.assert_close(cross_entropy(logits, mask, hard_pixels=0.5), cross_entropy(logits, mask))
    flat = torch.zeros(1, 2, 4, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(cross_entropy(flat, torch.zeros(1, 4, 4), hard_pixels=0.1), flat)
    assert (gradient != 0).all()


@pytest.mark.parametrize("class_weights", [None, torch.tensor([1.0, 2.0, 3.0, 4.0])])
def test_a_batch_that_is_all_void_has_no_loss_and_finite_gradients(class_weights):
    logits, mask = make_batch(void=1.1)
    assert (mask == VOID).all()
    for loss in (
        cross_entropy(logits, mask, class_weights),
        cross_entropy(logits, mask, class_weights, label_smoothing=0.1, hard_pixels=0.3),
        dice_loss(logits, mask),
    ):
        assert loss.item() == 0
        assert torch.equal(torch.autograd.grad(loss, logits)[0], torch.zeros_like(logits))


def test_a_batch_of_classes_without_weight_has_no_loss():
    logits, mask = make_batch()
    loss = cross_entropy(logits, torch.zeros_like(mask), torch.tensor([0.0, 1.0, 1.0, 1.0]))
    assert loss.item() == 0
    assert torch.equal(torch.autograd.grad(loss, logits)[0], torch.zeros_like(logits))


@pytest.mark.parametrize("loss", [cross_entropy, dice_loss])
def test_void_pixels_have_no_effect(loss):
    logits, mask = make_batch()
    void = (mask == VOID).unsqueeze(1).expand_as(logits)
    value = loss(logits, mask)
    gradient = torch.autograd.grad(value, logits)[0]
    assert (gradient[void] == 0).all()
    assert (gradient[~void] != 0).any()
    torch.testing.assert_close(loss(torch.where(void, 50.0, logits), mask), value)


@pytest.mark.parametrize("loss", [cross_entropy, dice_loss])
def test_bf16_logits_are_summed_in_float32(loss):
    logits, mask = make_batch()
    short = logits.bfloat16()
    value = loss(short, mask)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, loss(short.float(), mask))


@pytest.mark.parametrize("loss", [cross_entropy, dice_loss])
def test_a_label_beyond_the_classes_is_an_error(loss):
    logits, mask = make_batch()
    mask[0, 0, 0] = 4
    with pytest.raises((IndexError, RuntimeError)):
        loss(logits, mask)


def test_dice_of_a_case_done_by_hand():
    """A pixel of class 0 with probability 3/4, one of class 1 with 1/2, one of void; class 2 has no pixel."""
    probability = torch.tensor([[0.75, 0.125, 0.125], [0.25, 0.5, 0.25], [0.1, 0.1, 0.8]])
    logits = probability.log().T.reshape(1, 3, 1, 3)
    mask = torch.tensor([[[0, 1, VOID]]], dtype=torch.uint8)
    first = 2 * 0.75 / (0.75 + 0.25 + 1)
    second = 2 * 0.5 / (0.125 + 0.5 + 1)
    assert dice_loss(logits, mask).item() == pytest.approx(1 - (first + second) / 2)


def test_dice_equals_smps_where_every_class_occurs():
    logits, mask = make_batch()
    reference = DiceLoss(mode="multiclass", from_logits=True, ignore_index=VOID)
    torch.testing.assert_close(dice_loss(logits, mask), reference(logits, mask.long()))


def test_dice_is_0_for_a_right_and_1_for_a_wrong_prediction():
    mask = torch.tensor([[[0, 1], [1, 2]]], dtype=torch.uint8)
    right = F.one_hot(mask.long(), 3).movedim(-1, 1) * 40.0
    assert dice_loss(right, mask).item() == pytest.approx(0, abs=1e-6)
    assert dice_loss(right.roll(1, dims=1), mask).item() == pytest.approx(1, abs=1e-6)


def test_the_total_includes_0_4_times_the_auxiliary_loss():
    logits, mask = make_batch()
    auxiliary = logits.detach().flip(0)
    weights = torch.tensor([1.0, 2.0, 0.5, 1.0])
    main, part = cross_entropy(logits, mask, weights), cross_entropy(auxiliary, mask, weights)
    total, auxiliary_part = SegmentationLoss("ce", weights)(logits, auxiliary, mask)
    assert AUXILIARY_WEIGHT == 0.4
    torch.testing.assert_close(total, main + 0.4 * part)
    torch.testing.assert_close(auxiliary_part, part)


@pytest.mark.parametrize("kind", ["ce", "ce+dice"])
def test_native_logits_are_interpolated_to_the_size_of_the_mask(kind):
    logits, mask = make_batch()
    native, auxiliary = logits.detach()[..., :4, :5].requires_grad_(), logits.detach()[..., 3:5, :3]
    resized, resized_auxiliary = (F.interpolate(x, (9, 7), mode="bilinear") for x in (native, auxiliary))
    expected = cross_entropy(resized, mask) + 0.4 * cross_entropy(resized_auxiliary, mask)
    if kind == "ce+dice":
        expected = expected + dice_loss(resized, mask)
    total, _ = SegmentationLoss(kind)(native, auxiliary, mask)
    torch.testing.assert_close(total, expected)
    torch.testing.assert_close(torch.autograd.grad(total, native)[0], torch.autograd.grad(expected, native)[0])


def test_logits_that_are_nan_give_a_loss_that_is_nan():
    logits, mask = make_batch()
    broken = logits.detach().clone()
    broken[0, 0, 0, 0] = torch.nan
    assert SegmentationLoss("ce+dice")(broken, None, mask)[0].isnan()


def test_no_auxiliary_part_without_an_auxiliary_head():
    logits, mask = make_batch()
    total, part = SegmentationLoss("ce")(logits, None, mask)
    assert part is None
    torch.testing.assert_close(total, cross_entropy(logits, mask))


def test_ce_and_dice_are_added_with_equal_weight():
    logits, mask = make_batch()
    total, _ = SegmentationLoss("ce+dice")(logits, None, mask)
    torch.testing.assert_close(total, cross_entropy(logits, mask) + dice_loss(logits, mask))


def test_class_weights_none():
    assert weigh_classes(np.array([1, 2]), "none") is None


@pytest.mark.parametrize(
    ("pixels", "how", "expected"),
    [
        ([60, 30, 10], "inverse", [1 / 6, 1 / 3, 1.0]),
        ([60, 30, 10], "median", [0.5, 1.0, 3.0]),
        ([40, 10], "sqrt-inverse", [0.5, 1.0]),
        ([60, 0, 30, 10], "inverse", [1 / 6, 0, 1 / 3, 1.0]),
        ([60, 0, 30, 10], "median", [0.5, 0, 1.0, 3.0]),
        ([5, 5], "inverse", [1, 1]),
        ([7, 0], "median", [1, 0]),
    ],
)
def test_class_weights_by_hand(pixels, how, expected):
    weights = weigh_classes(np.array(pixels, dtype=np.int64), how)
    mean = sum(expected) / sum(value > 0 for value in expected)
    assert weights.dtype == torch.float32
    assert weights.tolist() == pytest.approx([value / mean for value in expected])


def test_median_frequency_counts_the_images_in_which_a_class_occurs():
    """Eigen and Fergus: class 2 fills 10 of the 40 pixels of its only image, class 0 60 of 100, class 1 30 of 100."""
    pixels = np.array([[50, 10, 0], [10, 20, 10]], dtype=np.int64)
    frequency = [60 / 100, 30 / 100, 10 / 40]
    expected = [0.3 / value for value in frequency]
    mean = sum(expected) / 3
    assert weigh_classes(pixels, "median").tolist() == pytest.approx([value / mean for value in expected])
    assert weigh_classes(pixels, "inverse").tolist() == weigh_classes(pixels.sum(axis=0), "inverse").tolist()


def test_effective_number_by_hand():
    """Means of 4 pixels: beta = 3/4. E(1) = 1, E(3) = 4 (1 - 27/64) = 37/16, E(8) = 4 (1 - 6561/65536)."""
    expected = [1 / (4 * (1 - 6561 / 65536)), 16 / 37, 1.0, 0.0]
    mean = sum(expected) / 3
    found = weigh_classes(np.array([8, 3, 1, 0]), "effective").tolist()
    assert found == pytest.approx([value / mean for value in expected])


def test_effective_number_does_not_depend_on_the_resolution():
    pixels = np.array([9_000_000, 900_000, 90_000, 10_000], dtype=np.int64)
    small, large = (weigh_classes(factor * pixels, "effective") for factor in (1, 100))
    torch.testing.assert_close(small, large, rtol=1e-3, atol=0)
    inverse = weigh_classes(pixels, "inverse")
    assert 1 < (small[1] / small[0]).item() < (inverse[1] / inverse[0]).item() / 2
    assert (small[3] / small[2]).item() == pytest.approx((inverse[3] / inverse[2]).item(), rel=0.1)


@pytest.mark.parametrize("how", ["inverse", "effective", "median"])
@pytest.mark.parametrize(
    "pixels", [[10**9] * 30 + [1], [10**15, 1, 0], [1, 1], [1], [7, 0], [10**12, 10**6, 1], [0, 3, 10**18]]
)
def test_extreme_imbalance_gives_weights_of_a_bounded_ratio(pixels, how):
    weights = weigh_classes(np.array(pixels, dtype=np.int64), how)
    present = weights[torch.tensor(pixels) > 0]
    assert weights.dtype == torch.float32
    assert (weights >= 0).all()
    assert weights[torch.tensor(pixels) == 0].sum() == 0
    assert present.mean().item() == pytest.approx(1)
    assert 0 < present.max() <= 1.0001 * LARGEST_RATIO * present.min()


@pytest.mark.parametrize("how", ["inverse", "effective", "median"])
def test_a_rarer_class_never_weighs_less(how):
    weights = weigh_classes(np.array([10**7, 10**6, 10**5, 10**4, 10**3, 10], dtype=np.int64), how)
    assert (weights.diff() >= 0).all()


@pytest.mark.parametrize(("kind", "lowest", "highest"), [("ce", 0.0, 0.02), ("ce+dice", 0.08, 1.0)])
def test_dice_finds_a_rare_class_that_cross_entropy_leaves_out(kind, lowest, highest):
    """One pixel in a hundred, with a brightness that overlaps with that of the others: Bayes' answer is none."""
    generator = torch.Generator().manual_seed(0)
    mask = (torch.rand(4, 64, 64, generator=generator) < 0.01).to(torch.uint8)
    image = torch.randn(4, 1, 64, 64, generator=generator) + 1.5 * mask.unsqueeze(1)
    torch.manual_seed(0)
    network, loss = torch.nn.Conv2d(1, 2, 1), SegmentationLoss(kind)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        loss(network(image), None, mask)[0].backward()
        optimizer.step()
    found, truth = network(image).argmax(dim=1) == 1, mask == 1
    assert lowest <= ((found & truth).sum() / (found | truth).sum()).item() <= highest
