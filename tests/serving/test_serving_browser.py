"""The page in a browser: drop, toggle, compare, download, token, phone width; no request to anywhere else."""

from __future__ import annotations

import io
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image
from serving_support import CLASSES, Client, Threshold, choose, open_page, picture, serving

from segarena.classes.table import name_classes
from support import find_violations

TOKEN = "a-token-of-24-characters"
#: Left half black, right half white: classes 0 and 2.
HALVES = Image.fromarray(
    np.repeat(np.repeat([[[0], [255]]], 40, axis=0), 30, axis=1).repeat(3, axis=2).astype(np.uint8)
)


class Darker(Threshold):
    """Another network: everything is class 1."""

    def predict(self, images):
        return [np.ones_like(mask) for mask in super().predict(images)]


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Two networks that differ."""
    with serving(Threshold(), Darker()) as client:
        yield client


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Images on disk: one that a browser shows, one that it does not, one that is none."""
    paths = {name: tmp_path / f"{name}.{kind}" for name, kind in (("halves", "png"), ("scan", "tif"), ("notes", "png"))}
    HALVES.save(paths["halves"])
    HALVES.resize((50, 20)).save(paths["scan"])
    paths["notes"].write_text("no image")
    return paths


def pixel(page, selector: str, x: float, y: float = 0.5, nth: int = 0) -> list[int]:
    """The colour of a canvas at a place, 0..1."""
    script = """([selector, nth, x, y]) => {
        const canvas = document.querySelectorAll(selector)[nth];
        const place = [Math.floor(x * canvas.width), Math.floor(y * canvas.height), 1, 1];
        return [...canvas.getContext("2d").getImageData(...place).data].slice(0, 3);
    }"""
    return page.evaluate(script, [selector, nth, x, y])


def mixed(color: tuple[int, ...], grey: int, opacity: float) -> list[float]:
    return [channel * opacity + grey * (1 - opacity) for channel in color]


def test_chosen_images_are_labelled_by_every_model(browser, client: Client, files: dict[str, Path]) -> None:
    page, messages, requests = open_page(browser, client)
    choose(page, files["halves"])
    assert page.locator("#panes figure strong").all_inner_texts() == ["a", "b"]
    assert all("labelled in" in text for text in page.locator("#panes .time").all_inner_texts())
    assert pixel(page, "#panes canvas", 0.25) == [0, 0, 0]  # the background stays as it is
    assert pixel(page, "#panes canvas", 0.75) == pytest.approx(mixed(CLASSES.colors[2], 255, 0.55), abs=2)
    assert pixel(page, "#panes canvas", 0.25, nth=1) == pytest.approx(mixed(CLASSES.colors[1], 0, 0.55), abs=2)
    rows = [row.split("\t") for row in page.locator("#classes tr").all_inner_texts()]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["ground", "50.0%", "0.0%"],
        ["road", "0.0%", "100.0%"],
        ["roof", "50.0%", "0.0%"],
    ]
    assert messages == []
    assert {url.split("/")[2] for url in requests if not url.startswith(("data:", "blob:"))} == {
        f"127.0.0.1:{client.port}"
    }
    page.close()


def test_a_dropped_image_is_labelled(browser, client: Client, files: dict[str, Path]) -> None:
    page, messages, _ = open_page(browser, client)
    content = list(files["halves"].read_bytes())
    transfer = page.evaluate_handle(
        """(content) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(content)], "dropped.png", { type: "image/png" }));
            return transfer;
        }""",
        content,
    )
    page.wait_for_selector("#drop")
    page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})
    page.wait_for_selector("#panes canvas")
    assert page.inner_text("#result-title") == "dropped.png"
    assert messages == []
    page.close()


def test_classes_and_opacity_change_what_is_drawn_by_keys(browser, client: Client, files: dict[str, Path]) -> None:
    page, messages, _ = open_page(browser, client)
    choose(page, files["halves"])
    page.get_by_role("checkbox", name="roof").focus()
    page.keyboard.press("Space")
    assert pixel(page, "#panes canvas", 0.75) == [255, 255, 255]
    page.keyboard.press("Space")
    page.get_by_label("Opacity of the labels").focus()
    page.keyboard.press("End")
    assert page.inner_text("#opacity-value") == "100%"
    assert pixel(page, "#panes canvas", 0.75) == list(CLASSES.colors[2])
    page.get_by_role("button", name="Hide all").press("Enter")
    assert pixel(page, "#panes canvas", 0.75) == [255, 255, 255]
    page.get_by_role("button", name="Show all").press("Enter")
    assert pixel(page, "#panes canvas", 0.25) == list(CLASSES.colors[0])
    assert messages == []
    page.close()


def test_two_models_meet_at_a_line_that_moves(browser, client: Client, files: dict[str, Path]) -> None:
    page, messages, _ = open_page(browser, client)
    choose(page, files["halves"])
    page.get_by_label("Swipe").check()
    page.get_by_label("Opacity of the labels").press("End")
    page.select_option("#left", "a")
    page.select_option("#right", "b")
    assert pixel(page, "#swipe-canvas", 0.9) == list(CLASSES.colors[1])
    page.get_by_label("Where they meet").press("End")
    assert pixel(page, "#swipe-canvas", 0.9) == list(CLASSES.colors[2])
    page.select_option("#left", label="the image")
    assert pixel(page, "#swipe-canvas", 0.9) == [255, 255, 255]
    assert messages == []
    page.close()


def test_a_model_that_is_not_chosen_is_not_asked(browser, client: Client, files: dict[str, Path]) -> None:
    page, _, requests = open_page(browser, client)
    choose(page, files["halves"])
    page.get_by_label("a", exact=True).uncheck()
    page.locator("#panes:not(:has(figure + figure))").wait_for()
    page.locator("#status", has_text="pixels").wait_for()
    assert page.locator("#panes figure strong").all_inner_texts() == ["b"]
    page.get_by_label("a", exact=True).check()
    page.locator("#panes figure + figure").wait_for()
    assert page.locator("#panes figure strong").all_inner_texts() == ["a", "b"]
    assert len([url for url in requests if "/compare" in url]) == 1  # the image is sent once, and the answers are kept
    page.close()


def test_a_model_that_fails_leaves_the_labels_of_those_before_it(browser, files: dict[str, Path]) -> None:
    broken = Darker()
    with serving(Threshold(), broken) as client:
        broken.failure = MemoryError()
        page, _, _ = open_page(browser, client)
        page.set_input_files("#files", str(files["halves"]))
        page.locator("#problem", has_text="too little memory").wait_for()
        assert page.locator("#panes figure strong").all_inner_texts() == ["a"]
        broken.failure = None
        page.get_by_label("b", exact=True).uncheck()
        page.get_by_label("b", exact=True).check()
        page.locator("#panes figure + figure").wait_for()
        assert page.locator("#problem").is_hidden()
        page.close()


def test_an_image_that_is_shown_while_another_is_labelled_is_alone(browser, files: dict[str, Path]) -> None:
    slow = Threshold()
    with serving(Darker(), slow) as client:
        page, messages, _ = open_page(browser, client)
        slow.gate.clear()
        page.set_input_files("#files", [str(files["halves"])])
        page.wait_for_selector("#panes canvas")
        page.set_input_files("#files", [str(files["scan"])])
        assert slow.began.wait(60)
        slow.gate.set()
        page.locator("#status", has_text="50 × 20 pixels").wait_for()
        assert page.locator("#panes figure strong").all_inner_texts() == ["a", "b"]
        assert page.evaluate("document.querySelector('#panes canvas').width") == 50
        assert messages == []
        page.close()


def test_the_downloaded_mask_is_the_servers(browser, client: Client, files: dict[str, Path]) -> None:
    page, _, _ = open_page(browser, client)
    choose(page, files["halves"])
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download the mask of a").click()
    assert saved.value.suggested_filename == "halves_a_mask.png"
    mask = np.asarray(Image.open(saved.value.path()))
    assert np.array_equal(mask, client.post(files["halves"].read_bytes()).mask)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download the overlay of b").click()
    assert Image.open(io.BytesIO(Path(saved.value.path()).read_bytes())).size == HALVES.size
    page.close()


def test_an_image_that_browsers_do_not_show_is_shown_by_the_server(
    browser, client: Client, files: dict[str, Path]
) -> None:
    page, messages, requests = open_page(browser, client)
    choose(page, files["scan"])
    assert any(url.endswith("/preview") for url in requests)
    assert page.evaluate("document.querySelector('#panes canvas').width") == 50
    assert messages == []
    page.close()


def test_a_refusal_is_shown_and_the_next_image_works(browser, client: Client, files: dict[str, Path]) -> None:
    page, _, _ = open_page(browser, client)
    page.set_input_files("#files", str(files["notes"]))
    page.locator("#problem").wait_for()
    assert "notes.png: image: is not an image" in page.inner_text("#problem")
    choose(page, files["halves"])
    assert page.locator("#problem").is_hidden()
    assert page.locator("#images button[aria-pressed=true]").all_inner_texts() == ["halves.png"]
    page.close()


def test_the_page_asks_for_the_token_and_keeps_it_in_the_tab(browser, files: dict[str, Path]) -> None:
    with serving(Threshold(), token=TOKEN, hosts=None) as client:
        page, _, _ = open_page(browser, client)
        page.fill("#token", TOKEN[:-1])
        page.keyboard.press("Enter")
        page.locator("#problem", has_text="token is wrong").wait_for()
        page.fill("#token", TOKEN)
        page.keyboard.press("Enter")
        choose(page, files["halves"])
        page.reload()
        page.wait_for_selector("#drop")
        page.close()
        page, _, requests = open_page(browser, client, path=f"/#token={TOKEN}")
        page.wait_for_selector("#drop")
        assert TOKEN not in page.url
        assert not any(TOKEN in url for url in requests[1:])
        page.close()


def test_an_image_chosen_before_the_models_are_known(browser, client: Client, files: dict[str, Path]) -> None:
    held: list = []

    def hold(route) -> None:
        held.append(route)

    page = browser.new_page()
    page.set_default_timeout(180_000)
    page.route("**/models", hold)
    page.goto(f"http://127.0.0.1:{client.port}/", wait_until="commit")
    page.locator("#files").wait_for(state="attached")
    page.wait_for_function("() => document.readyState === 'complete'")
    page.set_input_files("#files", str(files["halves"]))
    page.locator("#status", has_text="Choose a model").wait_for()
    [route] = held
    route.continue_()
    page.locator("#status", has_text="60 × 40 pixels").wait_for()
    assert page.locator("#panes figure strong").all_inner_texts() == ["a", "b"]
    page.close()


def test_names_are_text_on_the_page_and_in_its_commands(browser, files: dict[str, Path]) -> None:
    name = "<img src=x onerror=alert(1)>"
    network, model = Threshold(), 'my & "$(run)"'
    network.classes = name_classes([0, 1, 2], ["ground", name, "<script>alert(2)</script>"])
    with serving(network, Darker(), names=[model, name]) as client:
        page, messages, _ = open_page(browser, client)
        choose(page, files["halves"])
        texts = [text.strip() for text in page.locator("#classes th").all_inner_texts()]
        assert {name, "<script>alert(2)</script>"} <= set(texts)
        assert page.locator("#panes figure strong").all_inner_texts() == [model, name]
        assert page.locator("main img, main script").count() == 0
        assert messages == []
        second = (page.text_content("#curl") or "").splitlines()[1]
        [address] = [word for word in shlex.split(second.replace("$(", "EXECUTED(")) if word.startswith("http")]
        assert parse_qs(urlsplit(address).query)["model"] == [model]
        page.close()


PHONE = {"has_touch": True, "is_mobile": True}


@pytest.mark.parametrize(("width", "rows"), [(1280, 1), (900, 2), (375, 4)])
def test_no_model_of_four_is_alone_in_the_last_row(browser, files: dict[str, Path], width: int, rows: int) -> None:
    with serving(*(Threshold() for _ in range(4))) as client:
        page, _, _ = open_page(browser, client, width)
        choose(page, files["halves"])
        tops = page.eval_on_selector_all("#panes figure", "all => all.map(one => one.offsetTop)")
        assert sorted(tops.count(top) for top in set(tops)) == [4 // rows] * rows
        page.close()


@pytest.mark.parametrize(
    ("width", "options"),
    [
        (320, PHONE),
        pytest.param(375, PHONE, marks=pytest.mark.slow),
        pytest.param(320, {"color_scheme": "dark"}, marks=pytest.mark.slow),
        pytest.param(375, {"color_scheme": "dark"}, marks=pytest.mark.slow),
    ],
)
def test_the_page_fits_a_phone(browser, client: Client, files: dict[str, Path], width: int, options: dict) -> None:
    page, messages, _ = open_page(browser, client, width, **options)
    choose(page, files["halves"], files["scan"])
    for view in ("Side by side", "Swipe"):
        page.get_by_label(view).check()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#camera-label").is_visible() == ("has_touch" in options)
    small = (
        "[...document.querySelectorAll('button, .button, select')].filter((e) => e.offsetHeight && e.offsetHeight < 34)"
    )
    assert page.evaluate(f"{small}.length") == 0
    assert messages == []
    page.close()


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser, client: Client, files: dict[str, Path], scheme: str) -> None:
    page, _, _ = open_page(browser, client, color_scheme=scheme, bypass_csp=True)
    assert find_violations(page) == []
    choose(page, files["halves"], files["scan"])
    for view in ("Side by side", "Swipe"):
        page.get_by_label(view).check()
        assert find_violations(page) == []
    page.set_input_files("#files", str(files["notes"]))
    page.locator("#problem").wait_for()
    assert find_violations(page) == []
    page.close()


def test_masks_of_every_filter_of_png_are_read(browser, client: Client) -> None:
    """The page reads the mask's bytes itself; Pillow's writer uses several filters."""
    page, _, _ = open_page(browser, client)
    for seed in range(4):
        image = picture(37, 23, seed)
        reply = client.post(image)
        script = """async (bytes) => {
            const { readIndices } = await import("/static/png.js");
            const { width, height, indices } = await readIndices(new Blob([new Uint8Array(bytes)]));
            return [width, height, [...indices]];
        }"""
        found = page.evaluate(script, list(reply.body))
        assert found == [37, 23, reply.mask.ravel().tolist()]
    page.close()
