"""The viewer of the page, driven in Chromium: each control shows and lists what it is for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from segarena.classes import IGNORE_INDEX
from segarena.reporting.label_maps import PICTURES, PREDICTIONS, Pictures
from segarena.reporting.page import build_report
from segarena.reporting.viewer_folder import write_viewer

NAMES = "[...document.querySelectorAll('#v-list span')].map((one) => one.textContent)"
VALUES = "[...document.querySelectorAll('#v-list small')].map((one) => one.textContent)"
PIXEL = """([layer, x, y]) => {
  const sheet = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  sheet.drawImage(document.querySelector(`canvas[data-layer="${layer}"]`), -x, -y);
  return [...sheet.getImageData(0, 0, 1, 1).data];
}"""
CLASSES = ("sky", "车辆", "road", "tree", "sign")


@pytest.fixture(scope="module")
def folder(make_comparison) -> Path:
    """Three models, four folds, eight images, five classes, with its page."""
    folder = make_comparison(models=("unet", "pspnet", "fcn"), classes=CLASSES, images=8, folds=4)
    build_report(folder)
    return folder


@pytest.fixture(scope="module")
def page(browser, folder: Path) -> Iterator[object]:
    """The page; at the end it has logged nothing and asked for nothing."""
    # without smooth scrolling, which moves the places that a test reads
    page = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page.set_default_timeout(180_000)
    messages: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto((folder / "report.html").as_uri())
    yield page
    assert messages == []
    assert {url for url in requests if not url.startswith("data:")} == {(folder / "report.html").as_uri()}
    page.close()


@pytest.fixture(autouse=True)
def fresh(page) -> None:
    """Each test begins with the page as it opens."""
    page.reload()
    page.wait_for_selector("#images[data-shown]")


@pytest.fixture(scope="module")
def index(folder: Path) -> dict:
    text = (folder / "report.html").read_text()
    return json.loads(text.split('id="v-index">')[1].split("</script>")[0])


def press(page, *keys: str) -> None:
    page.locator("#images").focus()
    for key in keys:
        page.keyboard.press(key)


def choose(page, name: str, value: str) -> None:
    page.select_option(f"#v-{name}", value)


def order(index: dict, key: np.ndarray) -> list[str]:
    return [index["images"][place]["name"] for place in np.argsort(key, kind="stable")]


def test_images_are_sorted_by_what_is_chosen(page, index: dict) -> None:
    miou = np.array([image["miou"] for image in index["images"]])
    iou = np.array([[row[1] for row in image["classIou"]] for image in index["images"]], dtype=float)
    differ = np.array([image["differ"] for image in index["images"]])
    assert page.evaluate(NAMES) == order(index, miou.mean(1))
    assert page.evaluate(VALUES) == [f"{100 * value:.1f}%" for value in sorted(miou.mean(1))]
    choose(page, "sort", "best")
    assert page.evaluate(NAMES) == order(index, -miou.mean(1))
    choose(page, "model", "2")
    assert page.evaluate(NAMES) == order(index, -miou[:, 2])
    choose(page, "sort", "differ")
    assert page.evaluate(NAMES) == order(index, -differ)
    choose(page, "sort", "name")
    assert page.evaluate(NAMES) == sorted(image["name"] for image in index["images"])
    choose(page, "model", "")
    choose(page, "class", "1")
    choose(page, "sort", "class")
    has = ~np.isnan(iou).all(1)
    by_class = order(index, np.where(has, np.nanmean(np.where(has[:, None], iou, 0), 1), np.inf))
    assert page.evaluate(NAMES) == by_class[: has.sum()]


def test_a_fold_and_a_class_choose_images(page, index: dict) -> None:
    choose(page, "part", "fold 2")
    assert sorted(page.evaluate(NAMES)) == [image["name"] for image in index["images"] if image["part"] == "fold 2"]
    press(page, "x")
    assert len(page.evaluate(NAMES)) == 8
    choose(page, "class", "4")
    shown = [image["name"] for image in index["images"] if any(row[4] is not None for row in image["classIou"])]
    assert sorted(page.evaluate(NAMES)) == shown
    assert page.locator("#v-count").inner_text().startswith(str(len(shown)))


def test_panes_show_the_label_maps_to_the_pixel(page, folder: Path, index: dict) -> None:
    name = page.locator("#v-name").inner_text()
    truth = Pictures([folder / PICTURES]).labels(name)
    guess = Pictures(sorted(folder.glob(f"fcn-seed0/fold*/{PREDICTIONS}"))).labels(name)
    page.locator("#v-opacity").fill("100")
    counted = truth != IGNORE_INDEX
    for layer, labels, where in ((0, truth, counted), (3, guess, counted | ~counted)):
        for y, x in np.argwhere(where)[:: truth.size // 9].tolist():
            assert page.evaluate(PIXEL, [layer, x, y])[:3] == index["classes"][labels[y, x]]["color"]
    press(page, "e")
    y, x = np.argwhere(counted & (truth != guess))[0].tolist()
    assert page.evaluate(PIXEL, [3, x, y])[:3] == index["wrong"]
    y, x = np.argwhere(counted & (truth == guess))[0].tolist()
    red, green, blue, _ = page.evaluate(PIXEL, [3, x, y])
    assert max(red, green, blue) - min(red, green, blue) <= 2  # the photograph in grey


def test_the_legend_has_the_colour_of_errors_where_it_is_used(page) -> None:
    wrong = page.locator("#v-legend .wrong")
    seen = [wrong.is_visible()]
    for act in (
        lambda: page.locator("#v-errors").click(),
        lambda: page.locator("#v-labels").click(),
        lambda: page.evaluate("document.getElementById('v-mistakes').open = true"),
        lambda: choose(page, "true", "2"),
        lambda: press(page, "x"),
    ):
        act()
        seen.append(wrong.is_visible())
    assert seen == [False, True, False, False, True, False]


def test_opacity_and_classes_uncover_the_photograph(page, folder: Path) -> None:
    name = page.locator("#v-name").inner_text()
    truth = Pictures([folder / PICTURES]).labels(name)
    y, x = np.argwhere(truth == truth[60, 60])[0].tolist()
    photo, covered = page.evaluate(PIXEL, [-1, x, y]), page.evaluate(PIXEL, [0, x, y])
    assert photo != covered
    page.locator("#v-legend button").nth(int(truth[y, x])).click()
    assert page.evaluate(PIXEL, [0, x, y]) == photo
    page.locator("#v-legend button").nth(int(truth[y, x])).click()
    assert page.evaluate(PIXEL, [0, x, y]) == covered
    press(page, "h")
    assert page.evaluate(PIXEL, [0, x, y]) == photo
    press(page, "h", *[","] * 10)
    assert page.locator("#v-opacity").input_value() == "0"
    assert page.evaluate(PIXEL, [0, x, y]) == photo


def test_zoom_and_movement_are_in_step_in_all_panes(page) -> None:
    transforms = "[...new Set([...document.querySelectorAll('#v-panes canvas')].map((one) => one.style.transform))]"
    press(page, "+", "+", "Shift+ArrowRight")
    assert page.locator("#v-panes").get_attribute("data-scale") == "2.25"
    assert len(page.evaluate(transforms)) == 1
    before = page.locator("#v-panes").get_attribute("data-corner")
    page.locator(".v-view").nth(1).scroll_into_view_if_needed()
    box = page.locator(".v-view").nth(1).bounding_box()
    page.mouse.move(box["x"] + 120, box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + 50)
    page.mouse.up()
    after = page.locator("#v-panes").get_attribute("data-corner")
    moved = np.subtract([float(x) for x in after.split()], [float(x) for x in before.split()])
    assert moved == pytest.approx([60 / box["width"] / 2.25, 30 / box["height"] / 2.25], abs=0.01)
    assert len(page.evaluate(transforms)) == 1
    page.keyboard.down("Control")
    page.mouse.wheel(0, 2000)
    page.keyboard.up("Control")
    assert page.locator("#v-panes").get_attribute("data-scale") == "1.00"
    press(page, "+", "0")
    assert page.locator("#v-panes").get_attribute("data-corner") == "0.0000 0.0000"


def test_a_swipe_compares_two(page) -> None:
    press(page, "3")
    assert page.locator("#v-panes canvas").evaluate_all("(all) => all.map((one) => one.dataset.layer)") == ["0", "3"]
    assert page.locator("#v-right").input_value() == "3"
    choose(page, "left", "1")
    assert page.locator("#v-panes canvas").evaluate_all("(all) => all.map((one) => one.dataset.layer)") == ["1", "3"]
    press(page, "[", "[")
    assert page.locator(".v-top").evaluate("(one) => one.style.clipPath") == "inset(0px 0px 0px 40%)"
    box = page.locator(".v-view").bounding_box()
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 20)
    assert round(float(page.locator("#v-divider").input_value())) == 75
    press(page, "s")
    assert page.locator("#v-panes canvas").count() == 5


def test_keys_go_through_the_list_and_are_listed(page) -> None:
    names = page.evaluate(NAMES)
    for key, place in (("ArrowRight", 1), ("End", 7), ("ArrowLeft", 6), ("Home", 0)):
        press(page, key)
        assert page.locator("#v-name").inner_text() == names[place]
        assert page.locator("#v-list [aria-current=true] span").all_inner_texts() == [names[place]]
    press(page, "?")
    assert page.locator("#v-keys").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#v-keys").is_visible()


def test_a_cell_of_the_confusion_shows_its_images_and_pixels(page, folder: Path, index: dict) -> None:
    spot = page.locator("[data-spot=confusion][data-model=pspnet]")
    box = spot.bounding_box()
    spot.click(position={"x": 1.5 * box["width"] / 5, "y": 2.5 * box["height"] / 5})
    assert [page.locator(f"#v-{name}").input_value() for name in ("true", "predicted", "by")] == ["2", "1", "1"]
    pixels = {}
    for image in index["images"]:
        cells = dict(zip(image["confusion"][1][::2], image["confusion"][1][1::2], strict=True))
        pixels[image["name"]] = cells.get(2 * 5 + 1, 0)
    expected = sorted((name for name in pixels if pixels[name]), key=lambda name: -pixels[name])
    assert page.evaluate(NAMES) == expected
    assert page.evaluate(VALUES) == [f"{pixels[name]:,} px" for name in expected]
    truth = Pictures([folder / PICTURES]).labels(expected[0])
    guess = Pictures(sorted(folder.glob(f"pspnet-seed0/fold*/{PREDICTIONS}"))).labels(expected[0])
    page.wait_for_function("(name) => document.getElementById('images').dataset.shown === name", arg=expected[0])
    y, x = np.argwhere((truth == 2) & (guess == 1))[0].tolist()
    assert page.evaluate(PIXEL, [2, x, y])[:3] == index["wrong"]
    page.locator("#v-clear").click()
    assert len(page.evaluate(NAMES)) == 8


def test_a_class_bar_sorts_and_a_point_chooses_the_model(page) -> None:
    page.locator("[data-spot=class][data-class='3']").click()
    assert (page.locator("#v-sort").input_value(), page.locator("#v-class").input_value()) == ("class", "3")
    page.locator("[data-spot=model][data-model=fcn]").focus()
    page.keyboard.press("Enter")
    assert page.locator("#v-model").input_value() == "2"
    assert page.locator("#v-right").input_value() == "3"
    assert page.locator("tr.chosen").get_attribute("data-model") == "fcn"


def test_the_pixel_under_the_pointer_is_read(page, folder: Path) -> None:
    name = page.locator("#v-name").inner_text()
    truth = Pictures([folder / PICTURES]).labels(name)
    view = page.locator(".v-view").nth(1)
    box = view.bounding_box()
    view.hover(position={"x": box["width"] / 2 + 1, "y": box["height"] / 2 + 1})
    y, x = truth.shape[0] // 2, truth.shape[1] // 2
    text = page.locator("#v-pixel").inner_text()
    assert f"Pixel {x}, {y}." in text
    assert f"Truth: {CLASSES[truth[y, x]]}" in text


def test_the_switch_goes_from_the_system_to_light_and_dark(page) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(ground)
    page.locator("#theme").click()
    light = page.evaluate(ground)
    assert (light, dark != light) == ("rgb(255, 255, 255)", True)
    page.emulate_media(color_scheme="light")
    page.locator("#theme").click()
    assert page.evaluate(ground) == dark
    page.locator("#theme").click()
    assert page.evaluate(ground) == light


def test_on_paper_there_is_the_gallery_and_no_viewer(page) -> None:
    page.emulate_media(media="print")
    assert (page.locator("#images").is_visible(), page.locator("#gallery").is_visible()) == (False, True)
    page.emulate_media(media="screen")


def test_on_paper_a_wide_figure_may_be_as_narrow_as_the_page(page) -> None:
    least = "getComputedStyle(document.querySelector('.wide .drawing')).minWidth"
    on_screen = page.evaluate(least)
    page.emulate_media(media="print")
    assert (on_screen != "0px", page.evaluate(least)) == (True, "0px")
    page.emulate_media(media="screen")


@pytest.mark.parametrize("width", [320, 375])
def test_the_viewer_fits_a_phone(page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    press(page, "2")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.set_viewport_size({"width": 1280, "height": 900})


@pytest.mark.long
def test_a_folder_of_all_images_opens_from_disk(browser, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "moved")
    page = browser.new_page()
    page.set_default_timeout(180_000)
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.goto(write_viewer(tmp_path / "moved").as_uri())
    page.wait_for_selector("#images[data-shown]")
    assert page.locator("#v-panes canvas").count() == 5
    assert len(page.evaluate(NAMES)) == 8
    assert messages == []
    page.close()
