"""The page of a running comparison, in Chromium: no request, no message; it loads itself again in its place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from segarena.reporting import running
from segarena.reporting.running import RunningPage, RunSoFar, render_running
from segarena.reporting.style import model_styles

MODELS = ("fcn", "unet", "pspnet", "deeplabv3")


def content(**changes: object) -> RunningPage:
    """Four models with five seeds; some are done, two run."""
    runs = []
    for number, (seed, model) in enumerate((seed, model) for seed in range(5) for model in MODELS):
        state = "done" if number < 5 else "running" if number < 7 else "waiting"
        history = {epoch: (2.0 / epoch, 0.7 - 0.5 / epoch) for epoch in range(1, 31 - 3 * number)} if number < 7 else {}
        runs.append(RunSoFar(f"{model}, seed {seed}", model, 40, state, history))
    values = {
        "name": "scenes <of> 5 classes",
        "state": "running",
        "runs": runs,
        "styles": model_styles(MODELS),
        "seconds_left": 720.0,
        "resume": "segarena compare --resume runs/mine",
    }
    return RunningPage(**{**values, **changes})


def test_the_page_reloads_at_the_same_place(browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it does so, Playwright may only wait: what it evaluates ends with an error, or not at all."""
    monkeypatch.setattr(running, "RELOAD", 3600)
    path = tmp_path / "report.html"
    path.write_text(render_running(content()))
    page = browser.new_page(viewport={"width": 375, "height": 600})
    page.set_default_timeout(60_000)
    messages, requests = [], []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    assert page.locator("#stale").is_hidden()
    assert page.locator("tbody tr").count() == 20
    monkeypatch.setattr(running, "RELOAD", 1)
    path.write_text(render_running(content()))
    page.reload()
    page.wait_for_function("() => { scrollTo({ top: 400, behavior: 'instant' }); return Math.abs(scrollY - 400) < 2; }")
    path.write_text(render_running(content(name="written again")))
    page.wait_for_selector("h1:text('written again')")
    page.wait_for_function("() => Math.abs(scrollY - 400) < 2")
    path.write_text("<!doctype html><h1>the report</h1>")
    page.wait_for_selector("h1:text('the report')")
    assert messages == []
    assert {url for url in requests if not url.startswith("data:")} == {path.as_uri()}
    page.close()


def test_a_page_that_is_not_written_any_more_names_what_resumes_it(browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    text = render_running(content())
    written = int(re.search(r'data-written="(\d+)"', text)[1])
    path.write_text(text.replace(f'data-written="{written}"', f'data-written="{written - 3600}"'))
    page = browser.new_page()
    page.goto(path.as_uri())
    shown = page.locator("#stale").inner_text()
    assert "60 minutes" in shown
    assert "segarena compare --resume runs/mine" in shown
    page.close()


@pytest.mark.parametrize("state", ["running", "comparing", "queued", "stopped"])
def test_there_is_a_page_before_the_first_epoch(state: str) -> None:
    runs = [RunSoFar("unet, seed 0", "unet", 10)]
    text = render_running(content(state=state, runs=runs, seconds_left=None))
    assert "No epoch has ended yet" in text
    assert "left for all" not in text


def test_ticks_of_a_low_miou_differ() -> None:
    """Of 60 classes the first values are below 2%: the axis had 0%, 0%, 1% and 2%."""
    run = RunSoFar("unet, seed 0", "unet", 10, "running", {1: (4.0, 0.016)})
    text = render_running(content(runs=[run]))
    assert re.findall(r">([\d.]+%)</text>", text) == ["0%", "0.5%", "1%", "1.5%"]
