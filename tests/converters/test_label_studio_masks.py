"""Label Studio's "Brush labels to PNG": the names have the number of a task, and nothing of the image's name.

The kinds of situations: the project's JSON export is there too, in either form; images are named for tasks; the order
of the images is that of the tasks, and their pixels confirm it; or nothing shows which image a task has.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from layer_zoo import HEIGHT, WIDTH, draw, photograph, white
from segarena.data.folder import FolderSource
from segarena.data.layout.layout import find_pairs
from support import refuses

COUNT = 6
CLASSES = ("crack", "oil-spill", "rust")


def write(root: Path, tasks: list[int], image: str = "images/s{n}.png", user: str = "1", tag: str = "tag") -> None:
    """Images 0, 1, ..., of which number n is the task tasks[n]; two strokes of a class that is wide enough."""
    for number, task in enumerate(tasks):
        photograph(root / image.format(n=number, task=task), number)
        for label, name in enumerate(CLASSES, start=1):
            region = draw(number) == label
            left = np.arange(WIDTH) < WIDTH // 2
            for stroke, part in enumerate((region & left, region & ~left)):
                if part.any():
                    title = f"task-{task}-annotation-{task + 40}-by-{user}-{tag}-{name}-{stroke}"
                    white(part, root / "masks" / f"{title}.png")


def check(root: Path, numbers: dict[str, int]) -> FolderSource:
    """Fail unless each image has the labels of its number."""
    source = FolderSource(root)
    assert source.classes.names == ("background", *CLASSES)
    assert {sample.name for sample in source.samples} == set(numbers)
    for index, sample in enumerate(source.samples):
        np.testing.assert_array_equal(source.read(index)[1], draw(numbers[sample.name]), err_msg=sample.name)
    return source


SHUFFLED = [17, 12, 15, 13, 16, 14]


@pytest.mark.parametrize("minimal", [False, True])
@pytest.mark.parametrize("place", ["project-3.json", "masks/export.json"])
def test_the_json_export_has_the_image_of_each_task(minimal: bool, place: str, tmp_path: Path) -> None:
    write(tmp_path, SHUFFLED, user="a-b@lab.example.org", tag="brush")
    addresses = [f"/data/upload/3/0123abcd-s{number}.png" for number in range(COUNT)]
    tasks = [
        {"id": task, **({"img": address} if minimal else {"data": {"img": address}, "annotations": []})}
        for task, address in zip(SHUFFLED, addresses, strict=True)
    ]
    (tmp_path / place).write_text(json.dumps(tasks))
    check(tmp_path, {f"s{number}": number for number in range(COUNT)})


def test_images_may_have_the_names_of_their_uploads(tmp_path: Path) -> None:
    write(tmp_path, SHUFFLED, image="images/89abcdef-s {n}.png")
    tasks = [
        {"id": task, "data": {"image": f"/data/local-files/?d=my/s%20{number}.png"}}
        for number, task in enumerate(SHUFFLED)
    ]
    (tmp_path / "tasks.json").write_text(json.dumps(tasks))
    check(tmp_path, {f"89abcdef-s {number}": number for number in range(COUNT)})


@pytest.mark.parametrize("image", ["images/{task}.png", "images/task-{task}.png"])
def test_images_may_be_named_for_their_tasks(image: str, tmp_path: Path) -> None:
    write(tmp_path, SHUFFLED, image=image)
    names = {Path(image.format(task=task)).stem: number for number, task in enumerate(SHUFFLED)}
    check(tmp_path, names)


@pytest.mark.parametrize("first", [1, 95, 101])
def test_the_order_of_the_tasks_counts_if_the_pixels_confirm_it(first: int, tmp_path: Path) -> None:
    write(tmp_path, list(range(first, first + COUNT)))
    source = check(tmp_path, {f"s{number}": number for number in range(COUNT)})
    assert "edges confirm" in source.layout.pairing


def test_another_order_is_refused_and_the_remedy_works(tmp_path: Path) -> None:
    write(tmp_path, SHUFFLED)
    with refuses(where="task-12-annotation-52-by-1-tag-crack-", value="task 12") as caught:
        find_pairs(tmp_path)
    assert "JSON" in caught.value.remedy
    tasks = [{"id": task, "data": {"image": f"s{number}.png"}} for number, task in enumerate(SHUFFLED)]
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    check(tmp_path, {f"s{number}": number for number in range(COUNT)})


def test_numbers_that_are_off_by_one_are_no_names_of_tasks(tmp_path: Path) -> None:
    write(tmp_path, list(range(1, COUNT + 1)), image="images/{n}.png")
    photograph(tmp_path / "images" / f"{COUNT}.png", COUNT)
    with refuses(where="task-1-", value="task 1"):
        find_pairs(tmp_path)


def test_images_that_do_not_confirm_the_order_are_refused(tmp_path: Path) -> None:
    write(tmp_path, list(range(1, COUNT + 1)))
    for number in range(COUNT):
        noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / "images" / f"s{number}.png")
    with refuses(where="task-1-", value="task 1"):
        find_pairs(tmp_path)


def test_two_annotations_of_one_task_are_refused(tmp_path: Path) -> None:
    write(tmp_path, list(range(1, COUNT + 1)))
    white(draw(2) == 1, tmp_path / "masks" / "task-3-annotation-99-by-2-tag-crack-0.png")
    with refuses(where="task-3-annotation-99", value=43):
        find_pairs(tmp_path)


def test_images_of_one_row_of_pixels_confirm_no_order(tmp_path: Path) -> None:
    for number in range(COUNT):
        Image.fromarray(np.full((1, 9, 3), number, np.uint8)).save(tmp_path / f"s{number}.png")
        white(np.arange(9)[None] < 4, tmp_path / f"task-{number + 20}-annotation-1-by-1-tag-crack-0.png")
    with refuses(value="which of 6 images"):
        find_pairs(tmp_path)


def test_a_json_file_that_is_nested_without_end_is_no_export(tmp_path: Path) -> None:
    write(tmp_path, list(range(COUNT)), image="images/task{task}.png")
    (tmp_path / "notes.json").write_text("[" * 100_000)
    check(tmp_path, {f"task{number}": number for number in range(COUNT)})
