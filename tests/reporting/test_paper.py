"""What a comparison gives to a paper: tables, a paragraph on methods, references; and the archive to send."""

import re
import shutil
import subprocess
import zipfile
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_sections import CLASSES, FLAT, RISING, add_slices, write_curve

from sample_records import COSTS, PROTOCOL
from segarena.config import Protocol
from segarena.config.training import EncoderName, ModelName
from segarena.reporting import references as bibliography
from segarena.reporting.archive import write_archive
from segarena.reporting.comparison import read_comparison
from segarena.reporting.methods_paragraph import latex_paragraph, plain_paragraph, references, sentences
from segarena.reporting.paper import FOLDER
from segarena.reporting.sections import SECTIONS
from segarena.reporting.tables import Column, Table, class_table, model_tables
from segarena.reporting.text_tables import to_latex, to_markdown
from segarena.runs import all_images_folder
from segarena.training.losses import AUXILIARY_WEIGHT
from support import build_page


def cells_of(line: str) -> list[str]:
    """The cells of a line of Markdown, without escaping."""
    return [re.sub(r"\\(.)", r"\1", cell.strip()) for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_the_tables_have_the_cells_of_the_page(street: Path) -> None:
    comparison = read_comparison(street)
    for name, table in (("models", model_tables(comparison)[2]), ("classes", class_table(comparison))):
        head, _, *lines = (street / FOLDER / f"{name}.md").read_text().splitlines()
        assert cells_of(head)[-len(table.columns) :] == [column.title for column in table.columns]
        for line, (_, cells) in zip(lines, table.rows, strict=False):
            shown = [re.sub(r"\*\*| \(.*\)$", "", cell) for cell in cells_of(line)[1:]]
            assert shown == [cell.text for cell in cells]
        latex = (street / FOLDER / f"{name}.tex").read_text().split(r"\end{table}")[:-1]
        rows = [[line for line in one.splitlines() if line.endswith(r"\\")] for one in latex]
        counts = [{line.count(" & ") for line in one} for one in rows]
        assert all(len(count) == 1 for count in counts)
        assert sum(count.pop() for count in counts) == len(cells_of(head)) - 1
        assert [len(one) for one in rows] == [len(lines) + 1, len(lines)][: len(rows)]  # the baseline has no costs


@pytest.mark.long
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no LaTeX")
def test_latex_makes_a_page_of_all_files_whose_tables_fit(street: Path, tmp_path: Path) -> None:
    shutil.copytree(street / FOLDER, tmp_path, dirs_exist_ok=True)
    parts = "".join(f"\\input{{{name}}}\n" for name in ("methods", "models", "classes"))
    (tmp_path / "main.tex").write_text(
        "\\documentclass{article}\n\\usepackage{booktabs,graphicx,url}\n\\begin{document}\n"
        f"{parts}\\bibliographystyle{{plain}}\n\\bibliography{{references}}\n\\end{{document}}\n"
    )
    latex, bibtex = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "main"], ["bibtex", "main"]
    for command in (latex, bibtex, latex, latex):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:]
    log = (tmp_path / "main.log").read_text(errors="replace")
    assert (tmp_path / "main.pdf").exists()
    assert "undefined" not in log  # each citation has its entry
    assert "Overfull" not in log  # no table is wider than the text


def test_the_last_row_of_the_models_is_the_majority_baseline(street: Path) -> None:
    line = (street / FOLDER / "models.md").read_text().splitlines()[-1]
    assert cells_of(line)[:2] == ["always “sky”", "5.0%"]


NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1).filter(str.strip)


@given(NAMES)
def test_any_name_stays_one_cell(name: str) -> None:
    column = Column("m", name, "", "high", str)
    table = Table([column], [(name, [])])
    lines = to_markdown(table, first=["class"]).split("\n")
    assert len(lines) == 4
    assert cells_of(lines[0]) == ["class", " ".join(name.split())]
    assert cells_of(lines[2]) == [" ".join(name.split())]


@given(NAMES)
def test_no_name_is_a_command_of_latex(name: str) -> None:
    table = Table([], [(name, [])])
    lines = to_latex(table, first=["class"], caption=name, label="tab:x").split("\n")
    [row] = [line for line in lines if line.endswith(r"\\") and line.strip()[:5] != "class"] or [lines[8]]
    known = (
        r"\\(?:textbackslash|textasciitilde|textasciicircum|textless|textgreater|textbar)\{\}|\\[&%$#_{}]|\$\\times\$"
        r"|\{[\[*]\}"
    )
    rest = re.sub(known, "", row.strip().removesuffix(r"\\"))
    assert not set(rest) & set("\\&%$#_{}~^<>|")  # the last three are other signs in LaTeX's first font


def test_the_paragraph_has_the_numbers_of_the_protocol(street: Path) -> None:
    text = plain_paragraph(read_comparison(street))
    for number in ("367 training, 101 validation and 233 test images", "11 classes", "at most 30 epochs", "352 × 480"):
        assert number in text
    assert "The loss was cross-entropy." in text
    assert "Each model was trained once." in text


#: For each setting another value, and what the paragraph then has.
CHANGES = {
    "size": ({"size": 360 + 1}, "resized to 361 pixels"),
    "crop": ({"crop": (64, 96)}, "64 × 96"),
    "epochs": ({"epochs": 31}, "31 epochs"),
    "patience": ({"patience": 7}, "7 epochs without"),
    "batch_size": ({"batch_size": 12}, "batches of 12"),
    "micro_batch": ({"micro_batch": 4}, "parts of at most 4 images"),
    "optimizer": ({"optimizer": "sgd"}, "SGD with momentum 0.9"),
    "schedule": ({"schedule": "poly"}, "polynomial"),
    "learning_rate": ({"learning_rate": 0.0007}, "learning rate 0.0007"),
    "decoder_factor": ({"decoder_factor": 10.0}, "10 times this learning rate"),
    "weight_decay": ({"weight_decay": 0.05}, "weight decay 0.05"),
    "clip_norm": ({"clip_norm": 1.5}, "norm of 1.5"),
    "loss": ({"loss": "ce+dice"}, "Dice"),
    "class_weights": ({"class_weights": "median"}, "median frequency"),
    "label_smoothing": ({"label_smoothing": 0.1}, "smoothing of 0.1"),
    "hard_pixels": ({"hard_pixels": 0.25}, "hardest 25%"),
    "ema_decay": ({"ema_decay": 0.99}, "0.99"),
    "freeze_batchnorm": ({"freeze_batchnorm": True}, "statistics of BatchNorm in the encoder"),
    "crop_foreground": ({"crop_foreground": 0.5}, "50% of the crops"),
    "scale_jitter": ({"scale_jitter": 1.5}, "1/1.5 to 1.5"),
    "flip": ({"flip": "both"}, "mirrored horizontally and vertically"),
    "rotation": ({"rotation": 15.0}, "15 degrees"),
    "elastic": ({"elastic": 0.02}, "elastically (standard deviation 2%"),
    "data_fraction": ({"data_fraction": 0.5}, "50% of the training images"),
    "precision": ({"precision": "bf16"}, "in bf16"),
    "equal": ({"equal": "time"}, "about the same time"),
}
#: Settings that the paragraph does not take from the protocol: from the table of models (what was built, with which
#: weights and strides), from the record (track, trials), by what follows from the size, and those that change the
#: speed, or the results by rounding alone.
ELSEWHERE = {
    *("network", "track", "tune", "model_epochs"),
    "input_size",
    *("device", "crops", "workers", "threads", "cache_gib"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_setting_that_differs_is_in_the_paragraph(street: Path, change: str) -> None:
    comparison = read_comparison(street)
    settings, shown = CHANGES[change]
    other = replace(comparison, record=replace(comparison.record, protocol=replace(PROTOCOL, **settings)))
    assert shown not in plain_paragraph(comparison)
    assert shown in plain_paragraph(other)


@pytest.mark.parametrize("change", [name for name in CHANGES if name != "crop"])  # it follows the size
def test_a_setting_in_which_the_runs_differ_has_no_value_in_the_paragraph(street: Path, change: str) -> None:
    """The protocol of the comparison is that of the first run."""
    record = replace(read_comparison(street).record, varied=(change,))
    settings, _ = CHANGES[change]
    first, second = (
        plain_paragraph(replace(read_comparison(street), record=replace(record, protocol=protocol)))
        for protocol in (PROTOCOL, replace(PROTOCOL, **settings))
    )
    assert first == second
    assert f"differed in {change.replace('_', ' ')} only" in first


def test_no_setting_of_the_protocol_is_left_out() -> None:
    assert {item.name for item in fields(Protocol)} == set(CHANGES) | ELSEWHERE


def test_the_auxiliary_loss_is_stated_where_a_network_has_one(street: Path) -> None:
    comparison = read_comparison(street)
    assert "pspnet" in comparison.names
    assert f"auxiliary cross-entropy, with a weight of {AUXILIARY_WEIGHT:g}." in plain_paragraph(comparison)


def test_channels_that_are_not_rgb_have_no_saturation(street: Path) -> None:
    comparison = read_comparison(street)
    inputs = replace(comparison.record.inputs, channels="all")
    assert "saturation" in plain_paragraph(comparison)
    assert "saturation" not in plain_paragraph(replace(comparison, record=replace(comparison.record, inputs=inputs)))


def test_strides_of_training_and_evaluation_are_stated(street: Path) -> None:
    comparison = read_comparison(street)
    table = comparison.models
    is_deeplab = table["model"] == "deeplabv3"
    strides = table.assign(output_stride=16, eval_output_stride=np.where(is_deeplab, 8, 16))
    text = plain_paragraph(replace(comparison, models=strides))
    assert "of DeepLabv3 was 16 in training and 8 in evaluation." in text


def test_runs_that_differ_in_a_setting_cite_their_architecture(street: Path) -> None:
    comparison = read_comparison(street)
    name = "unet@learning_rate=0.001"
    ranking = tuple(replace(entry, model=name) for entry in comparison.ranking if entry.model == "unet")
    models = comparison.models.replace({"model": {"unet": name}})
    record = replace(comparison.record, ranking=ranking, varied=("learning_rate",), statistics=None)
    runs = replace(comparison, record=record, models=models)
    assert "ronneberger2015unet" in [entry.key for entry in references(runs)]
    assert "auxiliary" not in plain_paragraph(runs)


def test_folds_are_named(crossed: Path) -> None:
    text = plain_paragraph(read_comparison(crossed))
    assert "in each of 5 folds" in text
    assert "training" not in text.split("classes")[0]


def test_what_is_cited_is_in_the_references(street: Path) -> None:
    comparison = read_comparison(street)
    keys = set(re.findall(r"\\cite\{(\w+)\}", latex_paragraph(comparison)))
    entries = (street / FOLDER / "references.bib").read_text()
    assert keys == set(re.findall(r"@\w+\{(\w+),", entries)) == {entry.key for entry in references(comparison)}
    assert {"ronneberger2015unet", "he2016resnet", "segarena"} < keys
    assert entries.count("{") == entries.count("}")


def test_every_architecture_and_encoder_has_a_paper() -> None:
    assert set(bibliography.ARCHITECTURES) == set(get_args(ModelName))
    assert all(bibliography.encoder_reference(name) for name in get_args(EncoderName))


def test_nothing_is_said_about_tests_that_were_not_made(make_comparison) -> None:
    folder = make_comparison(models=("unet",), classes=("a", "b"), images=1, epochs=2, gallery=())
    assert not any("Holm" in sentence for sentence in sentences(read_comparison(folder)))


def test_an_unpacked_archive_is_a_comparison(make_comparison, tmp_path: Path) -> None:
    small = make_comparison(models=("unet", "fcn"), classes=CLASSES, epochs=2)
    folder = Path(shutil.copytree(small, tmp_path / "mine"))
    add_slices(folder)
    write_curve(folder, unet=RISING, fcn=FLAT)
    COSTS.write(all_images_folder(folder, "unet"))
    (folder / "unet-seed0" / "best.safetensors").write_bytes(b"weights")
    for place in ("unet-seed0/last", "unet-seed0/predictions", "figures"):
        (folder / place).mkdir(exist_ok=True)
        (folder / place / ".private.json").write_text("{}")
    (folder / "unet-seed0" / "predictions" / "face.png").write_bytes(b"")
    page = build_page(folder).read_text()
    assert [section.name for section in SECTIONS if f'<section id="{section.name}"' not in page] == []
    path = write_archive(folder)
    assert path == folder / "mine.zip"
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "there")
    assert not [name for name in names if "predictions/" in name or "private" in name or name.endswith("safetensors")]
    there = tmp_path / "there" / "mine"
    (there / "report.html").unlink()
    assert build_page(there).read_text() == page
    before = path.read_bytes()
    assert write_archive(folder).read_bytes() == before


def test_a_test_is_named_only_where_there_are_enough_images(make_comparison: Any, crossed: Path) -> None:
    few = make_comparison(models=("unet", "fcn"), classes=("a", "b"), images=4, epochs=2)
    assert "4 images are too few for a test" in plain_paragraph(read_comparison(few))
    assert "linearization over 5 images" in plain_paragraph(read_comparison(crossed))


def test_an_archive_replaces_no_file_of_the_comparison(make_comparison: Any, tmp_path: Path) -> None:
    folder = make_comparison(models=("unet",), classes=("a", "b"), images=1, epochs=1).rename(tmp_path / "pictures")
    before = (folder / "pictures.zip").read_bytes()
    path = write_archive(folder)
    assert path == folder / "pictures-report.zip"
    assert (folder / "pictures.zip").read_bytes() == before


def test_names_in_latex_are_no_arguments_of_the_end_of_a_row() -> None:
    column = Column("miou", "mIoU", "", "high", str)
    text = to_latex(Table([column], [("[a]", []), ("*", [])]), first=["class"], caption="", label="x")
    assert not re.search(r"\\\\\s*[\[*]", text)
    assert "{[}a]" in text
