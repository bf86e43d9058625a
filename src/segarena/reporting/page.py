"""The report: one HTML file that opens offline, and its figures, from a comparison's files alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from segarena import formats
from segarena.files import write_text
from segarena.reporting import captions, gallery, method, tables
from segarena.reporting.caveats import caveats
from segarena.reporting.comparison import Comparison, read_comparison
from segarena.reporting.figures import save_figures
from segarena.reporting.pictures import Picture, embed, labels_picture, photo


@dataclass(frozen=True)
class Pair:
    """Two pictures of the gallery, one above the other, with a heading and a remark."""

    heading: str
    remark: str
    upper: Picture
    lower: Picture


def build_report(folder: Path) -> Path:
    """Rebuild figures/*.png and report.html of the comparison in `folder`; return the page's path.

    Reads only what the comparison wrote there. Raises RunError where `folder` is no comparison, where one of
    its files is missing or damaged, or where the report cannot be written.
    """
    comparison = read_comparison(folder)
    examples = [gallery.read_example(comparison, str(name)) for name in comparison.content.get("gallery", [])]
    figures = save_figures(comparison, examples)
    page = folder / "report.html"
    write_text(page, render_page(comparison, examples, figures))
    return page


def render_page(comparison: Comparison, examples: list[gallery.Example], figures: dict[str, Path]) -> str:
    """The page as text. `figures` are files as `save_figures` names them; they are read and put inside."""
    environment = Environment(
        loader=PackageLoader("segarena.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    score_columns, cost_columns, models = tables.model_tables(comparison)
    return environment.get_template("report.html.j2").render(
        comparison=comparison,
        content=comparison.content,
        figures=_figures(comparison, figures),
        captions=captions,
        method=method,
        caveats=caveats(comparison),
        formats=formats,
        score_columns=score_columns,
        cost_columns=cost_columns,
        models=models,
        classes=tables.class_table(comparison),
        folds=None if comparison.folds is None else tables.fold_table(comparison),
        gallery=[(example.name, _pairs(comparison, example)) for example in examples],
        wrong=gallery.WRONG,
    )


def _figures(comparison: Comparison, paths: dict[str, Path]) -> dict[str, Picture]:
    alts = {
        "ranking": captions.ranking_alt(comparison),
        "accuracy_latency": captions.latency_alt(comparison),
        "learning_curves": captions.curves_alt(comparison),
        "class_iou": captions.classes_alt(comparison),
        **{f"confusion_{name}": captions.confusion_alt(comparison, name) for name in comparison.names},
    }
    return {name: embed(paths[name].read_bytes(), alt) for name, alt in alts.items() if name in paths}


def _pairs(comparison: Comparison, example: gallery.Example) -> list[Pair]:
    colors, name = comparison.class_colors, example.name
    truth = labels_picture(gallery.color_labels(example.truth, colors), f"True classes of {name}")
    pairs = [Pair("Image", "and its true classes", photo(example.image, f"Image {name}"), truth)]
    for model in comparison.names:
        label, right = comparison.styles[model].label, example.accuracy(model)
        remark = f"{formats.percent(right)} of the pixels right"
        labels = example.predictions[model]
        errors = gallery.error_map(example.image, example.truth, labels)
        pairs.append(
            Pair(
                label,
                remark,
                labels_picture(gallery.color_labels(labels, colors), f"Prediction of {label} for {name}"),
                labels_picture(errors, f"Errors of {label} on {name}: {remark}"),
            )
        )
    return pairs
