"""The page in Chromium: it opens from disk, its tables sort, and nothing scrolls sideways."""

from __future__ import annotations

from pathlib import Path

import pytest


def open_page(browser, folder: Path, width: int):
    """The report at a window width, with what it logged and asked for."""
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.set_default_timeout(180_000)  # a machine busy with training is slow, the page is not wrong
    messages: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto((folder / "report.html").as_uri())
    return page, messages, requests


def test_page_opens_from_disk_without_an_error_or_a_request(browser, street: Path) -> None:
    page, messages, requests = open_page(browser, street, 1280)
    assert page.evaluate(
        "[...document.querySelectorAll('img[src]')].every((image) => image.complete && image.naturalWidth > 0)"
    )
    assert messages == []
    assert [url for url in requests if not url.startswith("data:")] == [(street / "report.html").as_uri()]
    page.close()


def test_heading_sorts_by_value_and_a_second_press_reverses_the_order(browser, street: Path) -> None:
    page, messages, _ = open_page(browser, street, 1280)
    names = (
        "[...document.querySelectorAll('table.models tbody th')].map((cell) => cell.innerText.split('\\n')[0].trim())"
    )
    assert page.evaluate(names) == ["U-Net", "DeepLabv3", "PSPNet", "FCN"]
    heading = page.get_by_role("button", name="latency")
    heading.focus()
    page.keyboard.press("Enter")
    assert page.evaluate(names) == ["FCN", "PSPNet", "DeepLabv3", "U-Net"]
    assert page.locator("table.models th[aria-sort]").all_inner_texts() == ["latency"]
    heading.click()
    assert page.evaluate(names) == ["U-Net", "DeepLabv3", "PSPNet", "FCN"]
    assert page.locator("table.models th[aria-sort='descending']").count() == 1
    assert messages == []
    page.close()


def test_the_class_differences_of_a_chosen_pair_are_shown(browser, crossed: Path) -> None:
    page, messages, _ = open_page(browser, crossed, 1280)
    shown = "[...document.querySelectorAll('.pair')].filter((table) => !table.hidden).map((table) => table.id)"
    assert page.evaluate(shown) == ["pair-1"]
    page.select_option("#pair", label="DeepLabv3 and PSPNet")
    assert page.evaluate(shown) == ["pair-3"]
    assert page.locator("#pair-3 thead th").all_inner_texts()[1:3] == ["DeepLabv3", "PSPNet"]
    assert messages == []
    page.close()


@pytest.mark.parametrize("width", [320, 400, 768])
def test_page_never_scrolls_sideways(browser, street: Path, width: int) -> None:
    page, _, _ = open_page(browser, street, width)
    page.evaluate("document.querySelectorAll('details').forEach((details) => (details.open = true))")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
