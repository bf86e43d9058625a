"""The page as HTML: self-contained, complete, escaped, and the same when it is made again."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from segarena.errors import RunError
from segarena.records.comparison import Answer
from support import build_page, refuses


class Page(HTMLParser):
    """The elements of a page with their attributes, and the text a reader sees."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.hidden = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.hidden = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self.hidden = False

    def handle_data(self, data: str) -> None:
        self.words += "" if self.hidden else data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def page(street: Path) -> Page:
    return Page((street / "report.html").read_text())


def test_verdict_comes_before_the_ranking_and_the_method_last(page: Page) -> None:
    order = ["U-Net is the best of the four", "Ranking", "mIoU against latency", "Confusion", "Gallery"]
    places = [page.words.rindex(text) for text in [*order, "How this was measured"]]
    assert places == sorted(places)


def test_page_is_self_contained(street: Path, page: Page) -> None:
    text = (street / "report.html").read_text()
    assert not re.search(r"https?://|@import|url\(", text)
    assert not page.all("link")[1:]
    assert all((image["src"] or "").startswith("data:image/") for image in page.all("img"))
    assert not any("src" in script for script in page.all("script"))
    assert len(text) < 5_000_000


def test_every_picture_has_a_text_alternative(page: Page) -> None:
    alts = [image["alt"] or "" for image in page.all("img")]
    assert len(alts) == 4 + 4 + 5 * 10
    assert min(len(alt) for alt in alts) > 8
    assert len(set(alts)) == len(alts)


def test_sections_in_the_navigation_exist(page: Page) -> None:
    targets = {link["href"][1:] for link in page.all("a") if (link["href"] or "").startswith("#")}
    assert len(targets) >= 7
    assert targets <= {attributes.get("id") for _, attributes in page.elements}


def test_protocol_data_environment_and_notes_are_on_the_page(street: Path, page: Page) -> None:
    content = json.loads((street / "comparison.json").read_text())
    expected = [content["data"]["fingerprint"], content["command"], *content["notes"], "367", "101", "233", "90 × 120"]
    expected += [str(content["protocol"][key]) for key in ("optimizer", "learning_rate")]
    expected += [content["environment"][key] for key in ("segarena", "torch", "cpu")]
    assert [text for text in expected if text not in page.words] == []


def test_scores_are_percent_and_costs_have_units(page: Page) -> None:
    for text in ("14.3 M", "23.5 G", "21.3 ms", "8 min 32 s"):
        assert text in page.words
    assert re.search(r"\d\d\.\d%", page.words)


def test_names_from_users_are_text_and_never_markup(make_comparison) -> None:
    evil = "<script>alert(1)</script>"
    folder = make_comparison(
        models=("unet", "<b>new"),
        classes=(evil, "$x_$", "a & b", '"><img src=x>'),
        images=1,
        epochs=2,
        name=evil,
        answer=Answer(claim="undecided", headline=evil, details=(evil,), advice=evil),
        notes=(evil,),
    )
    text = build_page(folder).read_text()
    page = Page(text)
    assert [script for script in page.all("script") if script.get("type") != "application/json"] == [{}]
    assert len(page.all("b")) == 0
    assert all((image["src"] or "").startswith("data:") for image in page.all("img"))
    assert page.words.count(evil) >= 6
    assert "a & b" in page.words


def test_a_report_rebuilt_from_the_files_is_the_same(make_comparison, tmp_path: Path) -> None:
    folder = make_comparison(models=("unet",), classes=("background", "cell"), images=1, epochs=2)
    text = build_page(folder).read_text()
    moved = tmp_path / folder.name
    shutil.copytree(folder, moved, ignore=shutil.ignore_patterns("figures", "report.html"))
    assert build_page(moved) == moved / "report.html"
    assert (moved / "report.html").read_text() == text
    assert [path for path in moved.rglob("*") if path.name.startswith(".")] == []


def test_a_folder_that_is_no_comparison_is_not_changed(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with refuses(RunError, where=folder, value="not a comparison"):
            build_page(folder)
    assert list(tmp_path.iterdir()) == []


def test_scores_from_validation_images_are_marked_at_the_top(make_comparison) -> None:
    folder = make_comparison(models=("unet",), classes=("a", "b"), images=1, epochs=2, scored_split="val", gallery=())
    page = Page(build_page(folder).read_text())
    assert page.words.index("Scored on validation images") < page.words.index("Scores and costs")
    assert "Gallery" not in page.words
    assert not (folder / "figures" / "gallery.png").exists()


def test_a_comparison_of_an_older_version_has_its_sentence_as_headline(make_comparison) -> None:
    folder = make_comparison(models=("unet", "fcn"), classes=("a", "b"), images=1, epochs=2, gallery=())
    content = json.loads((folder / "comparison.json").read_text())
    added = ("latency_low_ms", "latency_high_ms", "train_cpu_seconds")
    ranking = [{key: value for key, value in entry.items() if key not in added} for entry in content["ranking"]]
    kept = {key: value for key, value in content.items() if key not in ("answer", "statistics")}
    (folder / "comparison.json").write_text(json.dumps({**kept, "ranking": ranking, "verdict": "On 4 images: FCN."}))
    models = pd.read_csv(folder / "models.csv")
    models.drop(columns=list(added)).to_csv(folder / "models.csv", index=False)
    page = Page(build_page(folder).read_text())
    assert "On 4 images: FCN." in page.words
    assert "CPU time" not in page.words


def test_of_many_classes_only_the_first_confusion_is_unfolded(make_comparison) -> None:
    classes = [f"class {index}" for index in range(31)]
    section = build_page(make_comparison(models=("unet", "fcn", "pspnet"), classes=classes, epochs=2)).read_text()
    section = section.split('<section id="confusion"')[1].split("</section>")[0]
    assert [part.count("<figure>") for part in section.split("<details>")] == [1, 1, 1]
    assert section.count("</details>") == 2


def test_a_long_table_of_class_differences_scrolls_below_its_heading(make_comparison, crossed: Path) -> None:
    classes = [f"class {index}" for index in range(31)]
    long = build_page(make_comparison(models=("unet", "fcn"), classes=classes, epochs=2, images=8)).read_text()
    assert 'class="scroll pair tall"' in long
    assert 'class="scroll pair tall"' not in (crossed / "report.html").read_text()
