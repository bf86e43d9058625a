"""The report: one HTML file that opens offline, its figures, and texts for a paper, from a comparison's files alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from urllib.parse import quote

from matplotlib.figure import Figure

from segarena import formats
from segarena.classes import IGNORE_INDEX
from segarena.files import write_text
from segarena.reporting import (
    captions,
    data_figure,
    differences,
    figure_data,
    gallery,
    label_pictures,
    method,
    methods_paragraph,
    paper,
    tables,
)
from segarena.reporting.caveats import caveats
from segarena.reporting.claims import claims
from segarena.reporting.class_differences import class_pairs
from segarena.reporting.class_figures import ANNOTATED_CLASSES, draw_class_iou, draw_confusion
from segarena.reporting.comparison import Comparison, read_comparison
from segarena.reporting.curve_figure import draw_learning_curves
from segarena.reporting.data_curve import curve_alt, read_data_curve
from segarena.reporting.data_figure import draw_data_curve
from segarena.reporting.error_figure import draw_errors, error_rows
from segarena.reporting.error_slices import figure_alt
from segarena.reporting.figure_files import KINDS, Rows, write_figure
from segarena.reporting.gallery import Picture
from segarena.reporting.score_figures import draw_accuracy_latency, draw_ranking
from segarena.reporting.sections import find_template, shown_sections
from segarena.reporting.spots import Spot, find_spots
from segarena.reporting.style import theme
from segarena.reporting.tuning import tuning_note, tuning_rows
from segarena.reporting.viewer import Viewer

#: Rows of the gallery that are not folded beside a viewer, which has all images.
_SHOWN_EXAMPLES = 2
#: The clickable areas of each figure, by its name.
Spots = dict[str, tuple[Spot, ...]]


@dataclass(frozen=True)
class PicturePair:
    """Two pictures of the gallery, one above the other, with a heading and a remark below them."""

    heading: str
    remark: str
    upper: Picture
    lower: Picture


def build_report(folder: Path) -> Path:
    """Rebuild figures/*, paper/* and report.html of the comparison in `folder`; return the page's path.

    Reads only what the comparison wrote there. Raises RunError where `folder` is no comparison, where one of its files
    is missing or damaged, or where the report cannot be written.
    """
    comparison = read_comparison(folder)
    examples = [gallery.read_example(comparison, name) for name in comparison.record.gallery]
    spots: Spots = {}
    figures = save_figures(comparison, examples, spots)
    paper.write_paper(comparison)
    page = folder / "report.html"
    write_text(page, render_page(comparison, examples, figures, spots))
    return page


def save_figures(
    comparison: Comparison, examples: list[gallery.Example], spots: Spots | None = None
) -> dict[str, Path]:
    """Draw the figures and write each as figures/NAME.png, .svg and .csv.

    Names: ranking, accuracy_latency (where latency was measured), learning_curves, class_iou, confusion_MODEL, errors
    (where they were counted), data_fractions (likewise) and gallery (where there are examples). Matplotlib's settings
    and pyplot's list of open figures are as before.

    Args:
        comparison: The comparison.
        examples: The images of the gallery.
        spots: Filled with the clickable areas of each figure, by its name; None to leave them out.

    Returns:
        The path of each PNG, by its name.

    Raises:
        RunError: A file cannot be written.
    """
    figures: dict[str, tuple[Callable[[], Figure | None], Callable[[], Rows]]] = {
        "ranking": (partial(draw_ranking, comparison), partial(figure_data.ranking_rows, comparison)),
        "accuracy_latency": (partial(draw_accuracy_latency, comparison), partial(figure_data.latency_rows, comparison)),
        "learning_curves": (partial(draw_learning_curves, comparison), partial(figure_data.curve_rows, comparison)),
        "class_iou": (partial(draw_class_iou, comparison), partial(figure_data.class_rows, comparison)),
        "errors": (partial(draw_errors, comparison), partial(error_rows, comparison)),
        **{
            f"confusion_{name}": (
                partial(draw_confusion, comparison, name),
                partial(figure_data.confusion_rows, comparison, name),
            )
            for name in comparison.names
        },
    }
    if (curve := read_data_curve(comparison)) is not None:
        figures["data_fractions"] = (
            partial(draw_data_curve, comparison, curve),
            partial(data_figure.curve_rows, curve),
        )
    if examples:
        figures["gallery"] = (
            partial(gallery.draw_gallery, comparison, examples),
            partial(figure_data.gallery_rows, comparison, examples),
        )
    paths = {}
    with theme([*comparison.class_names, *(style.label for style in comparison.styles.values())]):
        for name, (draw, rows) in figures.items():
            figure = draw()
            if figure is not None:
                path = comparison.folder / "figures" / name
                write_figure(figure, path, rows())
                paths[name] = path.with_name(f"{name}.png")
                if spots is not None:
                    spots[name] = find_spots(name, figure, comparison)
    return paths


def render_page(
    comparison: Comparison, examples: list[gallery.Example], figures: dict[str, Path], spots: Spots | None = None
) -> str:
    """Return the page as HTML, with everything that it shows inside it.

    Args:
        comparison: The comparison.
        examples: The images of the gallery.
        figures: The PNG files of the figures, as `save_figures` returns them.
        spots: The clickable areas of the figures, which open the page's viewer; None for none.
    """
    sections = shown_sections(comparison)
    is_viewed = any(isinstance(content, Viewer) and not content.remedy for _, content in sections)
    score_columns, cost_columns, models = tables.model_tables(comparison)
    return find_template("report.html.j2").render(
        comparison=comparison,
        record=comparison.record,
        sections=sections,
        figures=_embed(comparison, figures, (spots or {}) if is_viewed else {}),
        files={name: _files(path) for name, path in figures.items()},
        captions=captions,
        differences=differences.difference_rows(comparison),
        difference_notes=differences.difference_notes(comparison),
        has_architectures=differences.has_architectures(comparison),
        matrix=list(zip(comparison.names, differences.difference_matrix(comparison), strict=False)),
        matrix_words=differences.MATRIX_WORDS,
        claims=claims(comparison),
        class_pairs=class_pairs(comparison),
        method=method,
        paragraph=methods_paragraph.plain_paragraph(comparison),
        tuning=tuning_rows(comparison),
        tuning_note=tuning_note(comparison),
        caveats=caveats(comparison),
        score_columns=score_columns,
        cost_columns=cost_columns,
        models=models,
        baseline=tables.baseline_texts(comparison, models.columns),
        classes=tables.class_table(comparison),
        seeds=tables.seed_table(comparison),
        folds=None if comparison.folds is None else tables.fold_table(comparison),
        gallery=[(example.name, _pairs(comparison, example)) for example in examples],
        wrong=label_pictures.wrong_color(comparison.class_colors),
        shown_labels=gallery.occurring(examples),
        shown_examples=_SHOWN_EXAMPLES,
        void=IGNORE_INDEX,
        annotated_classes=ANNOTATED_CLASSES,
    )


def _files(path: Path) -> list[tuple[str, str]]:
    """The files of a figure, each with its kind and its address from the page."""
    return [(kind.upper(), f"figures/{quote(path.with_suffix(f'.{kind}').name)}") for kind in KINDS]


def _embed(comparison: Comparison, paths: dict[str, Path], spots: Spots) -> dict[str, Picture]:
    alts = {
        "ranking": captions.ranking_alt(comparison),
        "accuracy_latency": captions.latency_alt(comparison),
        "learning_curves": captions.curves_alt(comparison),
        "class_iou": captions.classes_alt(comparison),
        "errors": figure_alt(comparison),
        **{f"confusion_{name}": captions.confusion_alt(comparison, name) for name in comparison.names},
    }
    if (curve := read_data_curve(comparison)) is not None:
        alts["data_fractions"] = curve_alt(comparison, curve)
    return {
        name: replace(gallery.embed(paths[name].read_bytes(), alt), spots=spots.get(name, ()))
        for name, alt in alts.items()
        if name in paths
    }


def _pairs(comparison: Comparison, example: gallery.Example) -> list[PicturePair]:
    colors, name = comparison.class_colors, example.name
    truth = gallery.labels_picture(label_pictures.color_labels(example.truth, colors), f"True classes of {name}")
    pairs = [PicturePair("Image", "and its true classes", gallery.photo(example.image, f"Image {name}"), truth)]
    for model in comparison.names:
        label, right = comparison.styles[model].label, example.accuracy(model)
        remark = f"{formats.percent(right)} of pixels correct"
        labels = example.predictions[model]
        shown = label_pictures.color_labels(labels, colors)
        errors = label_pictures.error_map(example.image, example.truth, labels, label_pictures.wrong_color(colors))
        pairs.append(
            PicturePair(
                label,
                remark,
                gallery.labels_picture(shown, f"Prediction of {label} for {name}"),
                gallery.labels_picture(errors, f"Errors of {label} on {name}: {remark}"),
            )
        )
    return pairs
