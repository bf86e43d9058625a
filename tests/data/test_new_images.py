"""The names of the results of `predict`: no two images write the same file."""

from pathlib import Path

from PIL import Image

from segarena.data.layout.new_images import _name_results, find_new_images
from support import refuses


def test_no_image_is_named_for_the_probabilities_of_another(tmp_path: Path) -> None:
    """The folder of the probabilities of a.png would be that of the results of another image."""
    for name in ("a.png", "b.png", "A_probabilities/0_sea.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    found = {image.location: image.name for image in find_new_images([tmp_path]).images}
    assert found == {"a.png": "a-2", "b.png": "b", "A_probabilities/0_sea.png": "A_probabilities/0_sea"}


def test_images_of_one_path_in_several_folders_have_their_own_locations(tmp_path: Path) -> None:
    """COCO, CVAT and Label Studio find an image by it."""
    for name in ("north/a/1.png", "south/a/1.png", "south/a/2.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    found = find_new_images([tmp_path / "north", tmp_path / "south"]).images
    assert [image.location for image in found] == ["north/a/1.png", "south/a/1.png", "a/2.png"]
    found = find_new_images([tmp_path / "north" / "a", tmp_path / "south" / "a"]).images
    assert [image.location for image in found] == ["north/a/1.png", "south/a/1.png", "2.png"]


def test_a_name_that_is_too_long_for_a_file_is_refused() -> None:
    with refuses(value="too long"):
        find_new_images([Path(f"{'a' * 300}.png")])


def test_thousands_of_images_of_one_name_are_numbered() -> None:
    """4,000 took minutes when each tried the numbers of all before it."""
    found = list(_name_results([(Path(f"{number}.png"), "image") for number in range(30_000)]))
    assert [image.name for image in found[:2]] == ["image", "image-2"]
    assert found[-1].name == "image-30000"


def test_long_names_are_cut_so_that_results_can_be_written(tmp_path: Path) -> None:
    """`predict` ended in the middle of a folder with "File name too long"."""
    names = ["n" * 240, "画" * 80, "n" * 239 + "m", "n" * 200, "short"]
    for name in names:
        Image.new("RGB", (4, 4)).save(tmp_path / f"{name}.png")
    found = {image.path.stem: image for image in find_new_images([tmp_path]).images}
    assert {name for name, image in found.items() if image.is_renamed} == set(names[:3])
    results = [image.name for image in found.values()]
    assert len(set(results)) == 5
    assert max(len(name.encode()) for name in results) == 200
