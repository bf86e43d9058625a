"""Binary masks in a file for each class: the levels in a file, overlaps, files that are missing, names, hashes.

The kinds of situations: two levels are saved in many ways; a file has other levels; a pixel is in several files or in
none; an image lacks a file; a layer is named for background or void.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from layer_zoo import CLASSES, HEIGHT, WIDTH, Save, check, draw, photograph, white, write
from layout_zoo import NAMES
from segarena.checks.pairs import check_layers
from segarena.classes import IGNORE_INDEX
from segarena.data.folder import FolderSource
from segarena.data.layout.layout import find_pairs
from segarena.experiment.check_report import json_content
from support import refuses

# How a file is saved


def ones(region: NDArray[np.bool_], path: Path) -> None:
    white(region, path)
    Image.fromarray(region.astype(np.uint8)).save(path)


def bits(region: NDArray[np.bool_], path: Path) -> None:
    white(region, path)
    Image.fromarray(region).save(path)


def red(region: NDArray[np.bool_], path: Path) -> None:
    white(region, path)
    Image.fromarray(region[..., None] * np.array([128, 0, 0], dtype=np.uint8)).save(path)


def alpha(region: NDArray[np.bool_], path: Path) -> None:
    """Black on nothing, as drawing programs export a layer."""
    white(region, path)
    pixels = np.zeros((*region.shape, 4), dtype=np.uint8)
    pixels[..., 3] = 255 * region
    Image.fromarray(pixels).save(path)


def palette(region: NDArray[np.bool_], path: Path) -> None:
    white(region, path)
    image = Image.fromarray(region.astype(np.uint8))
    image.putpalette([0, 0, 0, 0, 64, 0])
    image.save(path)


def deep(region: NDArray[np.bool_], path: Path) -> None:
    white(region, path)
    Image.fromarray(region * np.uint16(65535)).save(path)


def jpeg(region: NDArray[np.bool_], path: Path) -> None:
    white(region, path)
    path.unlink()
    Image.fromarray(region * np.uint8(255)).save(path.with_suffix(".jpg"), quality=95)


def as_is_fit(region: NDArray[np.bool_], path: Path) -> None:
    """0 and 1 in one file, 0 and 255 in another."""
    (ones if region.sum() % 2 else white)(region, path)


@pytest.mark.parametrize("save", [ones, bits, red, alpha, palette, deep, jpeg, as_is_fit])
def test_two_levels_are_two_levels_however_they_are_saved(save: Save, tmp_path: Path) -> None:
    write(tmp_path, "images/{name}.png", "masks/{label}/{name}.png", save)
    check(FolderSource(tmp_path))


def test_soft_edges_are_cut_halfway(tmp_path: Path) -> None:
    def soft(region: NDArray[np.bool_], path: Path) -> None:
        white(region, path)
        fine = Image.fromarray(region.repeat(5, axis=0).repeat(5, axis=1) * np.uint8(255))
        fine.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).save(path)

    write(tmp_path, "images/{name}.png", "masks/{label}/{name}.png", soft)
    check(FolderSource(tmp_path))


@pytest.mark.parametrize("values", [(0, 1, 2), (0, 128, 255), (0, 1, 255), (100, 200, 200)])
def test_other_values_are_refused_with_the_file(values: tuple[int, ...], tmp_path: Path) -> None:
    write(tmp_path, "images/{name}.png", "masks/{label}/{name}.png")
    odd = tmp_path / "masks" / "rust" / f"{NAMES[5]}.png"
    Image.fromarray(np.array(values, dtype=np.uint8)[draw(6) % 3]).save(odd)
    with refuses(where=odd, value=values[1]):
        FolderSource(tmp_path)


@pytest.mark.parametrize("colors", [[(0, 0, 0), (255, 0, 0), (0, 0, 255)], [(0, 0, 0), (9, 9, 255), (255, 0, 9)]])
def test_colours_of_one_brightness_are_more_than_two_levels(colors: list[tuple[int, ...]], tmp_path: Path) -> None:
    """BDD100K's colormaps/ beside masks/: a map of all classes is no mask of one class."""
    write(tmp_path, "images/{name}.png", "masks/{label}/{name}.png")
    odd = tmp_path / "masks" / "rust" / f"{NAMES[5]}.png"
    Image.fromarray(np.array(colors, dtype=np.uint8)[draw(6) % 3]).save(odd)
    with refuses(where=odd, value=list(min(colors[1:], key=lambda color: color))):
        FolderSource(tmp_path)


# Overlaps, and files that are not there


def write_overlapping(root: Path) -> None:
    """Six images with a car of 600 pixels, a wheel of 100 in it and a shadow of 300, half of which the car covers."""
    for number in range(6):
        photograph(root / "images" / f"{number}.png", number)
        for name, (top, left, height, width) in (
            ("car", (5, 5, 20, 30)),
            ("wheel", (15, 8, 10, 10)),
            ("shadow", (20, 10, 10, 30)),
        ):
            region = np.zeros((HEIGHT, WIDTH), dtype=bool)
            region[top : top + height, left : left + width] = True
            white(region, root / "masks" / name / f"{number}.png")


def test_the_smaller_class_is_on_top_and_overlaps_are_counted(tmp_path: Path) -> None:
    write_overlapping(tmp_path)
    source = FolderSource(tmp_path)
    assert source.classes.names == ("background", "car", "shadow", "wheel")
    labels = source.read(0)[1]
    assert labels[16, 9] == 3
    assert labels[24, 14] == 3
    assert labels[24, 30] == 2
    assert labels[6, 6] == 1
    assert source.mask_pixels[0].tolist() == np.bincount(labels.ravel()).tolist()
    assert source.overlap == 6 * (5 * 25 + 10 * 10 - 5 * 8)  # the shadow on the car, the wheel on the car; both at once
    [problem] = check_layers(source)
    assert (problem.code, problem.severity) == ("overlapping-layers", "warning")
    assert "background < car < shadow < wheel" in problem.message


def test_the_values_of_a_classes_yaml_order_the_layers(tmp_path: Path) -> None:
    write_overlapping(tmp_path)
    (tmp_path / "classes.yaml").write_text(
        "classes: [{name: Wheel, value: 1}, {name: car, value: 7}, {name: rest, value: 0}, {name: shadow, value: 5}]"
    )
    source = FolderSource(tmp_path)
    assert source.classes.names == ("Wheel", "car", "rest", "shadow")
    labels = source.read(0)[1]
    assert labels[16, 9] == 1
    assert labels[28, 20] == 3
    assert labels[0, 0] == 2


def test_the_classes_that_were_inferred_declare_the_same_labels(tmp_path: Path) -> None:
    write_overlapping(tmp_path)
    source = FolderSource(tmp_path)
    (tmp_path / "classes.yaml").write_text(str({"classes": source.classes.to_dict()["classes"]}))
    again = FolderSource(tmp_path)
    assert again.classes.digest == source.classes.digest
    np.testing.assert_array_equal(again.read(3)[1], source.read(3)[1])


def test_a_layer_without_a_class_in_classes_yaml_is_named(tmp_path: Path) -> None:
    write_overlapping(tmp_path)
    (tmp_path / "classes.yaml").write_text(
        "classes: [{name: rest, value: 0}, {name: car, value: 1}, {name: wheel, value: 2}]"
    )
    with refuses(where="classes.yaml", value="'shadow'"):
        FolderSource(tmp_path)


def test_without_a_class_for_the_rest_classes_yaml_can_make_it_void(tmp_path: Path) -> None:
    write_overlapping(tmp_path)
    table = "classes: [{name: car, value: 1}, {name: wheel, value: 2}, {name: shadow, value: 3}]\n"
    (tmp_path / "classes.yaml").write_text(table)
    with refuses(where=tmp_path / "masks/car/0.png", value=0):
        FolderSource(tmp_path)
    (tmp_path / "classes.yaml").write_text(f"{table}ignore: [0]")
    source = FolderSource(tmp_path)
    assert source.read(0)[1][0, 0] == IGNORE_INDEX


def test_layers_for_background_and_void_are_what_they_are_named_for(tmp_path: Path) -> None:
    for number in range(6):
        photograph(tmp_path / "images" / f"{number}.png", number)
        labels = draw(number)
        for label, name in enumerate(("Background", "crack", "ignore")):
            white(labels == label, tmp_path / "masks" / name / f"{number}.png")
    source = FolderSource(tmp_path)
    assert source.classes.names == ("background", "crack")
    expected = np.array([0, 1, IGNORE_INDEX, 0])[draw(2)]
    np.testing.assert_array_equal(source.read(2)[1], expected)


def test_classes_that_cover_every_pixel_have_no_background(tmp_path: Path) -> None:
    for number in range(6):
        photograph(tmp_path / "images" / f"{number}.png", number)
        for label, name in enumerate(("sky", "sea", "sand", "rock")):
            white(draw(number) == label, tmp_path / "masks" / f"{number}_{name}.png")
    source = FolderSource(tmp_path)
    assert source.classes.names == ("rock", "sand", "sea", "sky")
    np.testing.assert_array_equal(source.read(2)[1], np.array([3, 2, 1, 0])[draw(2)])


def test_a_file_that_is_missing_means_none_of_its_class_and_is_counted(tmp_path: Path) -> None:
    write(tmp_path, "images/{name}.png", "masks/{label}/{name}.png")
    for name in NAMES[1:3]:
        (tmp_path / "masks" / "rust" / f"{name}.png").unlink()
    for title in CLASSES:
        (tmp_path / "masks" / title / f"{NAMES[5]}.png").unlink()
    source = FolderSource(tmp_path)
    assert [path.stem for path in source.layout.images_without_mask] == [NAMES[5]]
    index = next(i for i, sample in enumerate(source.samples) if sample.name == NAMES[1])
    np.testing.assert_array_equal(source.read(index)[1], np.where(draw(2) == 3, 0, draw(2)))
    [problem] = check_layers(source)
    assert problem.code == "missing-layer"
    assert "'rust' in 2 images, of 5" in problem.message
    assert len(problem.files) == 2


def test_layers_of_different_sizes_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "images/{name}.png", "masks/{label}/{name}.png")
    odd = tmp_path / "masks" / "rust" / f"{NAMES[5]}.png"
    Image.new("L", (WIDTH, HEIGHT + 9)).save(odd)
    with refuses(where=odd, value=f"{WIDTH} x {HEIGHT + 9}"):
        FolderSource(tmp_path)


def test_layers_on_a_smaller_grid_are_resized_together(tmp_path: Path) -> None:
    write(tmp_path, "images/{name}.png", "masks/{label}/{name}.png")
    for path in (tmp_path / "masks").glob("*/*.png"):
        with Image.open(path) as mask:
            mask.resize((WIDTH // 2, HEIGHT // 2), Image.Resampling.NEAREST).save(path)
    source = FolderSource(tmp_path)
    assert len(source.resized) == len(NAMES)
    labels = source.read(0)[1]
    assert labels.shape == (HEIGHT, WIDTH)
    assert (labels == draw(1 + NAMES.index(source.samples[0].name))).mean() > 0.9
    assert source.label_counts(0) is None


def test_the_json_of_check_has_the_file_of_each_class(tmp_path: Path) -> None:
    write(tmp_path, "images/{name}.png", "masks/{label}/{name}.png")
    layout = find_pairs(tmp_path)
    sample = json_content(tmp_path, layout, ())["samples"][0]
    assert [layer["class"] for layer in sample["layers"]] == list(CLASSES)
    assert {Path(layer["mask"]).name for layer in sample["layers"]} == {Path(sample["image"]).name}


# Hashes


def test_the_hash_is_of_all_files_and_their_classes(tmp_path: Path) -> None:
    write(tmp_path, "images/{name}.png", "masks/{label}/{name}.png")
    source = FolderSource(tmp_path)
    hashes = [source.digest(index) for index in range(len(NAMES))]
    assert [FolderSource(tmp_path).digest(index) for index in range(len(NAMES))] == hashes
    last = source.samples[0].layers[-1].path
    kept = last.read_bytes()
    white(np.ones((HEIGHT, WIDTH), dtype=bool), last)
    assert source.digest(0) == FolderSource(tmp_path).digest(0) != hashes[0]
    last.write_bytes(kept)
    assert source.digest(0) == hashes[0]
    (tmp_path / "masks" / "oil spill").rename(tmp_path / "masks" / "scratch")  # it comes after rust then
    assert FolderSource(tmp_path).digest(0) != hashes[0]
    assert FolderSource(tmp_path).decoding_digest != source.decoding_digest
