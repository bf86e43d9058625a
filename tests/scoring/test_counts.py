"""Labels from logits, counts from labels: exact, per image, void nowhere."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torchmetrics.functional.classification import multiclass_confusion_matrix

from segarena.classes import IGNORE_INDEX
from segarena.scoring.counts import confusion_per_image, predict_labels

VOID = IGNORE_INDEX
CLASSES = 4
BYTES = st.sampled_from([*range(CLASSES), VOID])


def image(*rows: list[int]) -> torch.Tensor:
    return torch.tensor([rows], dtype=torch.uint8)


def count_one_by_one(prediction, truth, num_classes):
    counts = np.zeros((len(truth), num_classes, num_classes), dtype=np.int64)
    for position in np.ndindex(truth.shape):
        if truth[position] != VOID:
            counts[position[0], truth[position], prediction[position]] += 1
    return counts


def test_rows_are_truth_and_columns_are_prediction():
    truth = image([0, 0, 1], [2, 2, 2])
    prediction = image([0, 1, 1], [2, 0, 0])
    counts = confusion_per_image(prediction, truth, 3)
    assert counts.dtype == torch.int64
    assert counts.tolist() == [[[1, 1, 0], [0, 1, 0], [2, 0, 1]]]


@pytest.mark.parametrize("at_void", [0, 1, VOID])
def test_void_pixels_count_nowhere_whatever_is_predicted_there(at_void):
    counts = confusion_per_image(image([0, 1, at_void]), image([0, 1, VOID]), 2)
    assert counts.tolist() == [[[1, 0], [0, 1]]]


def test_padding_an_image_with_void_changes_nothing():
    generator = torch.Generator().manual_seed(0)
    truth, prediction = torch.randint(0, 5, (2, 2, 6, 7), generator=generator).to(torch.uint8)
    padded = [
        torch.nn.functional.pad(labels, (3, 2, 1, 4), value=fill) for labels, fill in ((prediction, 0), (truth, VOID))
    ]
    assert torch.equal(confusion_per_image(*padded, 5), confusion_per_image(prediction, truth, 5))


def test_false_positives_on_background_are_counted():
    counts = confusion_per_image(image([1, 1, 1]), image([0, 0, 1]), 2)
    assert counts.tolist() == [[[0, 2], [0, 1]]]


@pytest.mark.parametrize(("images", "height"), [(1, 3), (0, 3), (1, 0)])
def test_void_images_no_images_and_no_pixels_have_no_counts(images, height):
    truth = torch.full((images, height, 3), VOID, dtype=torch.uint8)
    counts = confusion_per_image(torch.zeros_like(truth), truth, 3)
    assert counts.shape == (images, 3, 3)
    assert counts.sum() == 0


@settings(deadline=None, max_examples=60)
@given(
    pair=arrays(
        np.uint8, st.tuples(st.just(2), st.integers(1, 3), st.integers(1, 6), st.integers(1, 6)), elements=BYTES
    ),
    dtypes=st.tuples(*[st.sampled_from([torch.uint8, torch.int16, torch.int32, torch.int64])] * 2),
)
def test_counts_equal_a_count_pixel_by_pixel(pair, dtypes):
    prediction, truth = pair[0] % CLASSES, pair[1]
    counts = confusion_per_image(
        torch.tensor(prediction, dtype=dtypes[0]), torch.tensor(truth, dtype=dtypes[1]), CLASSES
    )
    assert np.array_equal(counts.numpy(), count_one_by_one(prediction, truth, CLASSES))
    assert counts.sum() == (truth != VOID).sum()


@pytest.mark.parametrize("num_classes", [2, 12, 150, 255])
def test_summed_counts_equal_torchmetrics(num_classes):
    generator = torch.Generator().manual_seed(num_classes)
    prediction = torch.randint(0, num_classes, (3, 20, 21), generator=generator)
    truth = torch.randint(0, num_classes, (3, 20, 21), generator=generator)
    truth[:, :2] = VOID
    expected = multiclass_confusion_matrix(prediction, truth, num_classes, ignore_index=VOID)
    assert torch.equal(confusion_per_image(prediction, truth, num_classes).sum(dim=0), expected)


def test_memory_layout_of_the_labels_does_not_matter():
    truth = torch.arange(24, dtype=torch.uint8).view(1, 4, 6) % 3
    flipped = truth.transpose(1, 2).contiguous().transpose(1, 2)
    assert not flipped.is_contiguous()
    assert torch.equal(confusion_per_image(flipped, truth, 3), torch.diag(torch.tensor([8, 8, 8]))[None])


def test_counts_stay_exact_beyond_the_integers_of_float32():
    labels = torch.zeros(1, 4097, 4097, dtype=torch.uint8)
    assert confusion_per_image(labels, labels, 2)[0, 0, 0] == 4097**2 > 2**24


@pytest.mark.parametrize(
    ("prediction", "truth", "message"),
    [
        ([0, 0], [0, 3], "truth of image 0 of the batch holds the label 3, outside 0..2"),
        ([0, 4], [0, 1], "prediction of image 0 of the batch holds the label 4, outside 0..2"),
        ([0, 255], [0, 1], "prediction of image 0 of the batch holds the label 255, outside 0..2"),
        ([0, 0], [0, -1], "truth holds the label -1"),
        ([0, 256], [0, 1], "prediction holds the label 256"),
        ([0], [0, 1], "must both be"),
        ([0, 0], [0.0, 1.0], "truth must hold integer labels"),
    ],
)
def test_what_is_not_a_label_of_the_classes_is_refused(prediction, truth, message):
    with pytest.raises(ValueError, match=message):
        confusion_per_image(torch.tensor([[prediction]]), torch.tensor([[truth]]), 3)


@pytest.mark.parametrize(("shape", "num_classes"), [((2, 2), 3), ((1, 2, 2), 256)])
def test_labels_of_another_shape_and_too_many_classes_are_refused(shape, num_classes):
    labels = torch.zeros(shape, dtype=torch.uint8)
    with pytest.raises(ValueError, match="must"):
        confusion_per_image(labels, labels, num_classes)


def test_each_pixel_gets_the_class_of_its_largest_logit():
    logits = torch.randn(2, 21, 9, 7, generator=torch.Generator().manual_seed(0))
    labels = predict_labels(logits)
    assert labels.dtype == torch.uint8
    assert np.array_equal(labels.numpy(), logits.numpy().argmax(axis=1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_a_tie_goes_to_the_lowest_class(dtype, memory_format):
    # 37 wide: a whole number of vector registers and a rest
    logits = torch.zeros(2, 21, 5, 37)
    logits[:, 4::3] = 1.0
    assert (predict_labels(logits.to(dtype).contiguous(memory_format=memory_format)) == 4).all()


def test_the_highest_of_255_classes_fits_in_the_labels():
    logits = torch.zeros(1, 255, 1, 1)
    logits[:, 254] = 1.0
    assert predict_labels(logits).item() == 254


@pytest.mark.parametrize("logits", [torch.zeros(1, 1, 2, 2), torch.zeros(1, 256, 2, 2), torch.zeros(2, 3, 4)])
def test_logits_of_one_channel_or_of_another_shape_are_refused(logits):
    with pytest.raises(ValueError, match="logits must be"):
        predict_labels(logits)


def test_logits_cast_to_integer_are_refused():
    with pytest.raises(ValueError, match="floating point"):
        predict_labels(torch.tensor([0.2, 0.9]).view(1, 2, 1, 1).int())


@pytest.mark.gpu
def test_labels_and_counts_are_the_same_on_a_gpu():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randint(0, 3, (3, 12, 65, 67), generator=generator).float()  # small integers: many ties
    truth = torch.randint(0, 12, (3, 65, 67), generator=generator).to(torch.uint8)
    truth[:, :5] = VOID
    labels = predict_labels(logits.cuda())
    counts = confusion_per_image(labels, truth.cuda(), 12)
    assert torch.equal(labels.cpu(), predict_labels(logits))
    assert torch.equal(counts.cpu(), confusion_per_image(predict_labels(logits), truth, 12))
