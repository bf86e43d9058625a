"""Images and masks in arrays, .npy, .npz and .mat, and with endings that are less usual.

The kinds of situations: the same pixels in another container; the order of the axes; one channel per class; numbers of
another type; and arrays whose meaning is not clear, or whose header promises what the file does not hold.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.io import savemat
from scipy.sparse import csc_matrix

from encoding_zoo import HEIGHT, WIDTH, draw
from layout_zoo import write_photograph
from segarena.checks.pairs import check_channels_of_masks
from segarena.data.folder import FolderSource
from segarena.data.layout.layout import find_pairs
from segarena.data.layout.new_images import find_new_images
from segarena.image_files.image_io import open_image
from segarena.image_files.images import read_image
from segarena.image_files.raw_masks import read_plane
from support import refuses

COUNT = 4

Save = Callable[[Path, NDArray[Any]], None]


def labels(number: int) -> NDArray[np.int64]:
    return draw(number, COUNT)[1]


def photograph(number: int) -> NDArray[np.uint8]:
    colors = np.array([(90, 120, 60), (200, 60, 50), (60, 80, 210), (220, 200, 60)])[labels(number)]
    noise = np.random.default_rng(number).normal(0, 20, colors.shape)
    return (colors + noise).clip(0, 255).astype(np.uint8)


def npy(path: Path, array: NDArray[Any]) -> None:
    np.save(path.with_suffix(".npy"), array)


def npz(path: Path, array: NDArray[Any]) -> None:
    np.savez_compressed(path.with_suffix(".npz"), array)


def npz_of_two(path: Path, array: NDArray[Any]) -> None:
    np.savez(path.with_suffix(".npz"), name=np.zeros(3), mask=array)


def mat(path: Path, array: NDArray[Any]) -> None:
    savemat(path.with_suffix(".mat"), {"anything": array}, do_compression=True)


def mat_of_two(path: Path, array: NDArray[Any]) -> None:
    savemat(path.with_suffix(".mat"), {"Label": array, "scale": 0.5, "note": "text"})


def picture(suffix: str, **options: Any) -> Save:
    def save(path: Path, array: NDArray[Any]) -> None:
        Image.fromarray(array.astype(np.uint8)).save(path.with_suffix(suffix), **options)

    return save


def write(root: Path, save_image: Save, save_mask: Save) -> None:
    for number in range(1, 5):
        for kind, save, array in (("images", save_image, photograph(number)), ("masks", save_mask, labels(number))):
            (root / kind).mkdir(exist_ok=True)
            save(root / kind / f"s{number}", array)


PNG = picture(".png")


@pytest.mark.parametrize("save", [npy, npz, npz_of_two, mat, mat_of_two])
@pytest.mark.parametrize(
    "change",
    [
        lambda array: array.astype(np.uint8),
        lambda array: array,
        lambda array: array.astype(np.float32),
        lambda array: array[..., None],
        lambda array: array[None].astype(np.int16),
        lambda array: np.asfortranarray(array.astype(">u2")),
        lambda array: np.eye(COUNT, dtype=bool)[array],
        lambda array: np.moveaxis(np.eye(COUNT)[array], -1, 0),
    ],
)
def test_masks_in_arrays_are_read_as_they_were_drawn(save: Save, change: Any, tmp_path: Path) -> None:
    write(tmp_path, PNG, lambda path, array: save(path, change(array)))
    source = FolderSource(tmp_path)
    assert source.classes.names == ("class_0", "class_1", "class_2", "class_3")
    for index, sample in enumerate(source.samples):
        np.testing.assert_array_equal(source.read(index)[1], labels(int(sample.name[1:])))


def test_one_channel_per_class_is_reported(tmp_path: Path) -> None:
    write(tmp_path, PNG, lambda path, array: npy(path, np.eye(COUNT)[array]))
    [problem] = check_channels_of_masks(FolderSource(tmp_path))
    assert f"({HEIGHT}, {WIDTH}, {COUNT})" in problem.message
    write(tmp_path, PNG, npy)
    assert not list(check_channels_of_masks(FolderSource(tmp_path)))


@pytest.mark.parametrize(
    "change",
    [
        lambda array: array,
        lambda array: array.astype(np.int32),
        lambda array: array / 255,
        lambda array: np.moveaxis(array, -1, 0),
        lambda array: np.concatenate([array, np.full_like(array[..., :1], 255)], axis=-1),
    ],
)
def test_images_in_arrays_have_the_same_colors(change: Any, tmp_path: Path) -> None:
    write(tmp_path, lambda path, array: npy(path, change(array)), PNG)
    source = FolderSource(tmp_path)
    for index, sample in enumerate(source.samples):
        np.testing.assert_array_equal(source.read(index)[0], photograph(int(sample.name[1:])))


def test_arrays_of_16_bits_have_one_scale(tmp_path: Path) -> None:
    write(tmp_path, lambda path, array: npy(path, array.astype(np.uint16) * 16), PNG)
    source = FolderSource(tmp_path)
    assert source.bits == 12
    assert np.abs(source.read(0)[0].astype(int) - photograph(1)).max() <= 1
    npy(tmp_path / "images" / "s2", (photograph(2) // 2).astype(np.uint16))  # so dark that a byte would do
    source = FolderSource(tmp_path)
    assert np.abs(source.read(1)[0].astype(int) - photograph(2) // 32).max() <= 1


@pytest.mark.parametrize("suffix", [".jfif", ".jpe", ".JFIF", ".jp2", ".j2k", ".avif", ".webp", ".tga"])
def test_photographs_with_less_usual_endings_are_images(suffix: str, tmp_path: Path) -> None:
    if Image.registered_extensions().get(suffix.lower()) not in Image.SAVE:
        pytest.skip(f"this Pillow does not write {suffix}")
    form = "JPEG" if suffix.lower() in (".jfif", ".jpe") else None
    write(tmp_path, picture(suffix, format=form) if form else picture(suffix), PNG)
    source = FolderSource(tmp_path)
    assert {sample.image.suffix for sample in source.samples if sample.image} == {suffix}
    assert np.abs(source.read(1)[0].astype(int) - photograph(2)).mean() < 25
    np.testing.assert_array_equal(source.read(1)[1], labels(2))


def test_photographs_of_phones_need_an_extra(tmp_path: Path) -> None:
    path = tmp_path / "a.heic"
    try:
        from pillow_heif import from_pillow
    except ImportError:
        path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
        with refuses(where=path, value="HEIC") as caught, open_image(path):
            pass
        assert "pillow-heif" in caught.value.remedy
        return
    from_pillow(Image.fromarray(photograph(1))).save(path, quality=90)
    assert np.abs(read_image(path).astype(int) - photograph(1)).mean() < 25
    assert read_plane(path).lossy == "HEIF"  # as a mask, its numbers are not those that were saved


def test_arrays_beside_images_and_masks_change_nothing(tmp_path: Path) -> None:
    write(tmp_path, PNG, PNG)
    expected = find_pairs(tmp_path)
    for kind in ("images", "masks"):
        for number in range(1, 5):
            np.save(tmp_path / kind / f"s{number}.npy", np.zeros((3, 3)))
    assert find_pairs(tmp_path) == expected
    (tmp_path / "masks" / "s3.png").unlink()
    assert len(find_pairs(tmp_path).samples) == 3


def test_images_of_two_kinds_are_read_together(tmp_path: Path) -> None:
    write(tmp_path, PNG, PNG)
    picture(".jfif", format="JPEG")(tmp_path / "images" / "s2", photograph(2))
    (tmp_path / "images" / "s2.png").unlink()
    assert [sample.name for sample in find_pairs(tmp_path).samples] == ["s1", "s2", "s3", "s4"]


def test_named_folders_may_hold_arrays(tmp_path: Path) -> None:
    write(tmp_path, npy, npz)
    (tmp_path / "images").rename(tmp_path / "x")
    (tmp_path / "masks").rename(tmp_path / "y")
    layout = find_pairs(tmp_path, images=Path("x"), masks=Path("y"))
    assert [sample.name for sample in layout.samples] == ["s1", "s2", "s3", "s4"]


def test_a_folder_of_arrays_alone_is_labelled(tmp_path: Path) -> None:
    write(tmp_path, npy, PNG)
    assert [image.name for image in find_new_images([tmp_path / "images"]).images] == ["s1", "s2", "s3", "s4"]
    PNG(tmp_path / "images" / "s9", photograph(9))
    assert [image.name for image in find_new_images([tmp_path / "images"]).images] == ["s9"]


# What is not clear


@pytest.mark.parametrize(
    ("array", "value"),
    [
        (np.zeros((3, 40, 3), np.uint8), "(3, 40, 3)"),
        (np.zeros((30, 40, 50), np.uint8), "30 channels"),
        (np.zeros((4, 30, 40, 50), np.uint8), "(4, 30, 40, 50)"),
        (np.zeros(40, np.uint8), "(40,)"),
        (np.zeros((0, 40), np.uint8), "(0, 40)"),
        (np.stack([labels(1) > 0, labels(1) > 1, labels(1) > 2], -1), "in several or in none"),
        (np.stack([labels(1) == 1, labels(1) == 2, labels(1) == 3]).astype(np.float32), "in several or in none"),
        (0.9 * np.eye(COUNT)[labels(1)] + 0.1 / COUNT, "probabilities"),
        (np.full((9, 9), -1), -1),
        (np.full((9, 9), 70000), 70000),
        (np.full((9, 9), np.nan), "NaN"),
        (np.linspace(-2, 2, 81).reshape(9, 9), "-2 to 2"),
        (np.linspace(0, 255, 81).reshape(9, 9), "0 to 255"),
        (np.full((9, 9), 1j), "no plain numbers"),
        (np.array([{"a": 1}]), "Python objects"),
        (np.array([["a", "b"]]), "no plain numbers"),
    ],
)
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_an_array_that_is_no_image_is_refused(array: NDArray[Any], value: object, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    (np.save if suffix == ".npy" else np.savez)(path, array)
    with refuses(where=path, value=value):
        read_plane(path)


@pytest.mark.parametrize(("side", "limit"), [(10**4, "89 million"), (10**6, "1.1 GB")])
def test_the_limits_of_pixels_and_bytes_hold_before_an_array_is_read(side: int, limit: str, tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": (side, side)})
    path = tmp_path / "a.npy"
    path.write_bytes(stream.getvalue())
    with refuses(where=path, value=limit):
        read_plane(path)


def test_masks_that_are_damaged_after_they_were_read_are_named(tmp_path: Path) -> None:
    write(tmp_path, PNG, npy)
    source = FolderSource(tmp_path)
    mask = source.samples[0].files[1]
    mask.write_bytes(b"short")
    with refuses(where=mask):
        list(check_channels_of_masks(source))


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".mat"])
def test_damaged_arrays_are_named(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    {".npy": npy, ".npz": npz, ".mat": mat}[suffix](path, labels(1))
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"nothing of the kind", b"\0" * 400):
        path.write_bytes(content)
        with refuses(where=path):
            read_plane(path)


def test_several_arrays_without_a_usual_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, first=labels(1), second=labels(2))
    with refuses(where=path, value="first, second"):
        read_plane(path)


def test_structures_and_new_files_of_matlab_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    savemat(path, {"GTcls": {"Segmentation": labels(1)}})
    with refuses(where=path, value="GTcls (struct)"):
        read_plane(path)
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM" + b"\x89HDF".ljust(400))
    with refuses(where=path, value="7.3") as caught:
        read_plane(path)
    assert "-v7" in caught.value.remedy


def test_a_photograph_in_the_place_of_a_mask_is_refused_in_an_array_too(tmp_path: Path) -> None:
    write(tmp_path, PNG, PNG)
    write_photograph(tmp_path / "x.png", 1)
    (tmp_path / "masks" / "s2.png").unlink()
    np.save(tmp_path / "masks" / "s2.npy", photograph(2))
    with refuses(where=tmp_path / "masks" / "s2.npy"):
        FolderSource(tmp_path)


@pytest.mark.parametrize("is_compressed", [False, True])
@pytest.mark.parametrize("big_endian", [False, True])
def test_each_type_of_numbers_is_known_or_refused(is_compressed: bool, big_endian: bool, tmp_path: Path) -> None:
    """SciPy ends the process at the types that MATLAB has not (scipy/scipy#25829)."""
    pixels = np.arange(15, dtype=np.uint8).reshape(3, 5)
    path = tmp_path / "a.mat"
    for kind in (*range(24), 50946):
        path.write_bytes(mat_of_type(pixels, kind, is_compressed, ">" if big_endian else "<"))
        if kind in (1, 2):  # of one byte, as the pixels are
            assert (read_plane(path).values == pixels).all()
        else:  # there is none, or its numbers are too few for the shape
            with refuses(where=path):
                read_plane(path)


def mat_of_type(pixels: NDArray[np.uint8], kind: int, is_compressed: bool, order: str) -> bytes:
    """A MATLAB file of level 5 with one array, whose numbers are said to be of a type."""

    def element(number: int, data: bytes) -> bytes:
        return struct.pack(f"{order}II", number, len(data)) + data + bytes(-len(data) % 8)

    def integers(*numbers: int) -> bytes:
        return struct.pack(f"{order}{len(numbers)}I", *numbers)

    parts = [(6, integers(9, 0)), (5, integers(*pixels.shape)), (1, b"mask"), (kind, pixels.tobytes(order="F"))]
    matrix = element(14, b"".join(element(*part) for part in parts))
    packed = zlib.compress(matrix)
    version = b"\x00\x01IM" if order == "<" else b"\x01\x00MI"
    body = struct.pack(f"{order}II", 15, len(packed)) + packed if is_compressed else matrix
    return b"MATLAB 5.0".ljust(124) + version + body


def test_complex_sparse_and_repeated_arrays_of_matlab_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    mask = labels(1)
    for array, word in (
        (mask * (1 + 1j), "complex"),
        (csc_matrix(mask > 0), "sparse"),
        (csc_matrix(mask.astype(float)), "sparse"),
    ):
        savemat(path, {"mask": array, "other": "text"})
        with refuses(where=path) as caught:
            read_plane(path)
        assert word in caught.value.what
    savemat(path, {"mask": mask, "other": mask * 1j, "few": csc_matrix(mask > 0)})
    assert (read_plane(path).values == mask).all()
    savemat(path, {"mask": mask})
    path.write_bytes(path.read_bytes() + path.read_bytes()[128:])
    with refuses(where=path):
        read_plane(path)


@pytest.mark.parametrize("level", ["4", "5"])
def test_both_levels_of_matlab_are_read(level: str, tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    savemat(path, {"mask": labels(1).astype(float)}, format=level)
    assert (read_plane(path).values == labels(1)).all()
