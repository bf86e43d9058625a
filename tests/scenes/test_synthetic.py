"""The built-in scenes: the same bytes everywhere, exact masks, and the difficulties they are made for."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from scipy import ndimage

from segarena.classes import ClassTable, read_class_table
from segarena.errors import ConfigError, RunError
from segarena.scenes import synthetic
from segarena.scenes.drawing import RandomStream, blur, fractal
from segarena.scenes.synthetic import CLASSES, DEFAULT_COUNTS, SyntheticSource, generate_scene, write_scenes
from segarena.scoring.ceilings import averaged_counts
from support import refuses

SEA, LAKE, MEADOW, FIELD, FOREST, ROAD, HOUSE, BOAT = range(8)
AROUND = np.ones((3, 3), dtype=bool)
GOLDEN = {
    (0, 0): "bef4c0c1345a0c18",
    (0, 99): "0ee29afa2f103d34",
    (7, 3): "8ebb8c14e4f2d349",
    (1, 2, 64): "64532d64d0d65f28",
    (1, 2, 200): "60b2cc44148d35d5",
}


@pytest.fixture(scope="module")
def scenes() -> list[Any]:
    return [generate_scene(7, index) for index in range(100)]


@pytest.fixture(scope="module")
def masks(scenes: list[Any]) -> Any:
    return np.stack([mask for _, mask in scenes])


@pytest.mark.parametrize("key", GOLDEN)
def test_a_scene_has_the_same_bytes_on_every_machine_and_version(key: tuple[int, ...]) -> None:
    image, mask = generate_scene(*key)
    assert hashlib.sha256(image.tobytes() + mask.tobytes()).hexdigest()[:16] == GOLDEN[key]


def test_random_numbers_follow_the_raw_stream_that_numpy_keeps_stable() -> None:
    raw = np.random.PCG64(np.random.SeedSequence([3, 4])).random_raw(6)
    expected = [int(value) / 2**64 for value in raw]
    np.testing.assert_allclose(RandomStream(3, 4).plane(2, 3).ravel(), expected, rtol=0, atol=2**-52)
    random = RandomStream(3, 4)
    assert [random.uniform() for _ in range(6)] == RandomStream(3, 4).plane(2, 3).ravel().tolist()


def test_blur_is_the_mean_of_a_box_of_means_with_the_edge_continued() -> None:
    region = RandomStream(1).plane(23, 23) < 0.3
    for radius in (1, 2, 3, 5, 7):
        padded = np.pad(region.astype(float), 2 * radius, mode="edge")
        box = np.ones((2 * radius + 1, 2 * radius + 1)) / (2 * radius + 1) ** 2
        expected = ndimage.convolve(ndimage.convolve(padded, box), box)[
            2 * radius : -2 * radius, 2 * radius : -2 * radius
        ]
        np.testing.assert_allclose(blur(region, radius), expected, atol=1e-12)


def test_fractal_noise_keeps_its_bounds_and_has_no_steps() -> None:
    plane = fractal(RandomStream(5), 80, 20, 3)
    assert 0.5 < np.abs(plane).max() <= 1 + 0.5 + 0.25
    assert np.abs(np.diff(plane, axis=0)).max() < 0.6
    assert np.abs(np.diff(plane, axis=1)).max() < 0.6


def test_shapes_types_and_labels_at_other_sizes() -> None:
    for size in (96, 129, 200):
        image, mask = generate_scene(0, 3, size)
        assert image.shape == (size, size, 3)
        assert mask.shape == (size, size)
        assert image.dtype == mask.dtype == np.uint8
        assert mask.max() < CLASSES.num_classes
        assert image.std() > 10


def test_every_class_is_in_a_third_of_the_scenes_and_covers_enough(masks: Any) -> None:
    for label, name in enumerate(CLASSES.names):
        assert (masks == label).any((1, 2)).mean() > 1 / 3, name
        assert (masks == label).mean() > 0.005, name
    assert np.bincount(masks.ravel()).max() < 0.4 * masks.size  # no class is an easy answer for everything


def test_roads_are_thin(masks: Any) -> None:
    roads = masks == ROAD
    thick = sum(ndimage.binary_opening(road, np.ones((8, 8))).sum() for road in roads)
    assert thick < 0.06 * roads.sum()  # only where two roads meet
    spans = [np.ptp(np.nonzero(road), axis=1).max() for road in roads if road.any()]
    assert np.median(spans) > 100  # and long


@pytest.mark.parametrize(("label", "most"), [(HOUSE, 160), (BOAT, 150)])
def test_houses_and_boats_are_small_and_many(masks: Any, label: int, most: int) -> None:
    sizes = [size for mask in masks for size in np.bincount(ndimage.label(mask == label)[0].ravel())[1:]]
    assert max(sizes) <= most
    assert len(sizes) > 3 * len(masks)


def test_forests_are_ragged(masks: Any) -> None:
    """Smoothing a region of even edges hardly shortens them; here it takes a third away and more."""

    def edge_length(region: Any) -> int:
        return int((region[1:] != region[:-1]).sum() + (region[:, 1:] != region[:, :-1]).sum())

    forests = masks == FOREST
    smooth = [ndimage.median_filter(forest, 13) for forest in forests]
    assert sum(map(edge_length, smooth)) < 0.66 * sum(map(edge_length, forests))


def test_water_is_sea_exactly_where_it_reaches_the_edge_of_the_picture(masks: Any) -> None:
    both = 0
    for mask in masks:
        parts, _ = ndimage.label(np.isin(mask, (SEA, LAKE, BOAT)), AROUND)
        rim = np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]]))
        reaches = np.isin(parts, rim[rim > 0])
        assert not (reaches & (mask == LAKE)).any()
        assert not (~reaches & (mask == SEA)).any()
        both += bool((mask == SEA).any() and (mask == LAKE).any())
    assert both > len(masks) / 2


def test_lake_and_sea_look_the_same_in_small_patches(scenes: list[Any]) -> None:
    """Patches of 5 x 5 open water: the same colours, and the same texture."""
    patches, labels = [], []
    chance = np.random.default_rng(0)
    for image, mask in scenes:
        shore_far = ndimage.binary_erosion(np.isin(mask, (SEA, LAKE)), np.ones((21, 21)), border_value=1)
        spots = {label: np.argwhere(shore_far[2:-2, 2:-2] & (mask[2:-2, 2:-2] == label)) for label in (SEA, LAKE)}
        count = min(60, *map(len, spots.values()))  # as many of each from each scene: the light differs between scenes
        for label, where in spots.items():
            for y, x in chance.permutation(where)[:count]:
                patches.append(image[y : y + 5, x : x + 5].astype(float))
                labels.append(label)
    pixels, truth = np.array(patches), np.array(labels)
    assert len(truth) > 1000
    lake, sea = pixels[truth == LAKE], pixels[truth == SEA]
    np.testing.assert_allclose(lake.mean((0, 1, 2)), sea.mean((0, 1, 2)), atol=2.5)
    np.testing.assert_allclose(lake.std((1, 2)).mean(0), sea.std((1, 2)).mean(0), rtol=0.1)
    half = len(truth) // 2
    features = pixels.reshape(len(truth), -1)
    distance = ((features[half:, None, ::3] - features[None, :half, ::3]) ** 2).sum(-1)
    votes = truth[:half][np.argsort(distance, axis=1)[:, :15]].mean(1) > 0.5
    assert 0.44 < (votes == truth[half:]).mean() < 0.56  # guessing is 0.5


def test_the_sea_has_beaches_and_lakes_have_none(scenes: list[Any]) -> None:
    """Meadows beside the sea have the colour of sand, those beside a lake are about as green as elsewhere."""
    red: dict[int, list[Any]] = {SEA: [], LAKE: [], MEADOW: []}
    for image, mask in scenes:
        inland = (mask == MEADOW) & ~ndimage.binary_dilation(np.isin(mask, (SEA, LAKE)), AROUND, 12)
        red[MEADOW].append(image[inland][:, 0])
        for water in (SEA, LAKE):
            ring = ndimage.binary_dilation(mask == water, AROUND, 2) & (mask == MEADOW)
            red[water].append(image[ring][:, 0])
    sea, lake, meadow = (float(np.concatenate(red[label]).mean()) for label in (SEA, LAKE, MEADOW))
    assert sea > meadow + 50
    assert abs(lake - meadow) < 25


def test_no_class_is_lost_at_output_stride_8(masks: Any) -> None:
    """Of averaged masks most is left at stride 8, of each class about a half; at 16 small objects are lost."""
    counts = sum(averaged_counts(mask, [mask.shape] * 2, (8, 16), CLASSES.num_classes) for mask in masks[:50])
    at_8, at_16 = counts[:, 0] / counts.sum(axis=1)
    assert at_8.mean() > 0.7
    assert at_8.min() > 0.5
    assert at_16[[ROAD, HOUSE, BOAT]].max() < 0.25


def test_fields_and_meadows_differ_where_lake_and_sea_do_not(scenes: list[Any]) -> None:
    """The colours of a meadow and of a field do differ, by far more than those of the two waters may."""
    meadow, field = (np.concatenate([image[mask == label] for image, mask in scenes]) for label in (MEADOW, FIELD))
    assert np.abs(meadow.mean(0) - field.mean(0)).max() > 15


def test_class_colours_are_told_apart_by_colour_blind_readers() -> None:
    """Differences in CIELAB, as seen without each kind of cone (Machado et al. 2009, severity 1)."""
    views = {
        "all cones": np.eye(3),
        "protan": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
        "deutan": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
        "tritan": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
    }
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    colors = np.array(CLASSES.colors) / 255
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    for name, view in views.items():
        xyz = np.clip(linear @ np.array(view).T, 0, 1) @ to_xyz.T / [0.9505, 1, 1.089]
        f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
        lab = np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)
        apart = np.sqrt(((lab[:, None] - lab) ** 2).sum(-1)) + 1000 * np.eye(len(lab))
        assert apart.min() > 12, name


def test_splits_share_no_scene_and_have_their_counts() -> None:
    source = SyntheticSource()
    names = {split: {s.name for s in source.samples if s.split == split} for split in DEFAULT_COUNTS}
    assert {split: len(found) for split, found in names.items()} == dict(DEFAULT_COUNTS)
    assert len(set.union(*names.values())) == len(source.samples)
    assert [s.name for s in source.samples] == sorted(s.name for s in source.samples)
    few = SyntheticSource(counts={"train": 6, "test": 4})
    assert [s.split for s in few.samples] == ["train"] * 6 + ["test"] * 4
    assert len({few.digest(index) for index in range(10)}) == 10


def test_source_reads_its_scenes_and_digests_image_and_mask() -> None:
    source = SyntheticSource(seed=2, size=64, counts={"train": 1, "val": 2})
    image, mask = source.read(1)
    again = generate_scene(2, 1, 64)
    assert (image == again[0]).all()
    assert (mask == again[1]).all()
    assert source.digest(1) == hashlib.sha256(image.tobytes() + mask.tobytes()).hexdigest()
    with pytest.raises(IndexError):
        source.read(3)


def test_description_is_plain_and_draws_the_same_scenes_again() -> None:
    source = SyntheticSource(seed=5, size=80, counts={"val": 2})
    content = yaml.safe_load(yaml.safe_dump(source.describe()))
    assert content == source.describe()
    assert ClassTable.from_dict(content["classes"], where="description") == CLASSES
    twin = SyntheticSource(content["seed"], content["size"], content["counts"])
    assert twin.samples == source.samples
    assert twin.digest(1) == source.digest(1)


@pytest.mark.parametrize(
    "arguments",
    [{"seed": -1}, {"size": 32}, {"counts": {"train": -1}}, {"counts": {"holdout": 3}}, {"counts": {}}],
)
def test_impossible_scenes_are_refused_with_the_offending_value(arguments: Any) -> None:
    with pytest.raises(ConfigError, match=r"-1|32|holdout|\{'train': 0|\{\}"):
        SyntheticSource(**arguments)


def test_written_scenes_read_back_as_they_were_drawn(tmp_path: Path) -> None:
    source = SyntheticSource(size=64, counts={"train": 2, "val": 1, "test": 1})
    calls: list[tuple[int, int]] = []
    write_scenes(tmp_path / "scenes", source, lambda done, of: calls.append((done, of)))
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert read_class_table(tmp_path / "scenes" / "classes.yaml") == CLASSES
    for index, sample in enumerate(source.samples):
        image, mask = source.read(index)
        folder = tmp_path / "scenes" / str(sample.split)
        with Image.open(folder / "images" / f"{sample.name}.png") as file:
            assert file.mode == "RGB"
            assert (np.asarray(file) == image).all()
        with Image.open(folder / "masks" / f"{sample.name}.png") as file:
            assert file.mode == "P"
            assert (np.asarray(file) == mask).all()
            assert (np.asarray(file.convert("RGB")) == np.array(CLASSES.colors)[mask]).all()
    assert len(list(tmp_path.rglob("*.png"))) == 8


def test_written_bytes_are_the_same_each_time(tmp_path: Path) -> None:
    source = SyntheticSource(size=64, counts={"train": 1, "val": 1})
    for name in ("one", "two"):
        write_scenes(tmp_path / name, source)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*"))
    assert len(files) == 5
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    source = SyntheticSource(size=64, counts={"train": 1})
    (tmp_path / "notes.txt").write_text("mine")
    for taken in (tmp_path, tmp_path / "notes.txt"):
        with refuses(RunError, where=taken):
            write_scenes(taken, source)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    (tmp_path / "empty").mkdir()
    write_scenes(tmp_path / "empty", source)
    assert (tmp_path / "empty" / "classes.yaml").exists()


def test_large_scenes_are_not_all_kept_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The 168 scenes of `synth --size 4096` took 11 GiB, of which it needs one at a time."""
    drawn: list[int] = []

    def draw(seed: int, number: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        drawn.append(number)
        return np.zeros((size, size, 3), np.uint8), np.zeros((size, size), np.uint8)

    monkeypatch.setattr(synthetic, "generate_scene", draw)
    monkeypatch.setattr(synthetic, "_KEPT", 2 * 4 * 64 * 64)
    source = SyntheticSource(size=64, counts={"train": 3})
    for index in (0, 0, 1, 2, 2, 0):
        source.read(index)
    assert drawn == [0, 1, 2, 0]
