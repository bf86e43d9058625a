"""The model card of an exported folder: what the model is for, what it was trained on, and how well it does it."""

from __future__ import annotations

import json

from segarena.classes import ClassTable
from segarena.formats import join_words, percent, plural
from segarena.records.exported import ExportedModel
from segarena.reporting.style import label_of
from segarena.reporting.text_tables import escape_markdown


def model_card(facts: ExportedModel) -> str:
    """Write the model card, Markdown with a YAML header.

    Args:
        facts: What is known about the model.

    Returns:
        The text. What only a person can state, such as the licence, is a comment to be replaced.
    """
    classes = ClassTable.from_dict(facts.class_table, where="")
    return "\n".join([*_header(facts), "", *_body(facts, classes), ""])


def _header(facts: ExportedModel) -> list[str]:
    scores = facts.scores
    lines = ["---", "library_name: segarena", "pipeline_tag: image-segmentation"]
    lines += ["# license: state one here, e.g. apache-2.0; the data of the training may limit the choice"]
    lines += ["tags:", "  - semantic-segmentation", f"  - {facts.model}"]
    if scores.miou is not None:
        lines += [
            "model-index:",
            f"  - name: {_quoted(_title(facts))}",
            "    results:",
            "      - task:",
            "          type: image-segmentation",
            "        dataset:",
            f"          name: {_quoted(facts.data)}",
            f"          type: {_quoted(facts.data)}",
            f"          split: {scores.split}",
            f"          revision: {facts.fingerprint}",
            "        metrics:",
            "          - type: mean_iou",
            f"            value: {scores.miou:.4f}",
        ]
        if scores.pixel_accuracy is not None:
            lines += ["          - type: accuracy", f"            value: {scores.pixel_accuracy:.4f}"]
    return [*lines, "---"]


def _body(facts: ExportedModel, classes: ClassTable) -> list[str]:
    counts = join_words([f"{number:,} {part}" for part, number in facts.counts.items() if number])
    encoder = facts.architecture.get("encoder")
    network = f"{label_of(facts.model)} on {encoder}" if encoder else label_of(facts.model)
    return [
        f"# {escape_markdown(_title(facts))}",
        "",
        f"Semantic segmentation into {plural(classes.num_classes, 'class')}: {network}, trained with segarena"
        f" {facts.segarena}.",
        "",
        "## Use",
        "",
        "```python",
        "import segarena",
        "",
        'model = segarena.load("FOLDER")  # this folder',
        'mask = model.predict("image.jpg")  # class indices, uint8 (H, W)',
        "print(model.classes.names)",
        "```",
        "",
        "## Classes",
        "",
        *_class_table(facts, classes),
        "",
        "## Scores",
        "",
        *_scores(facts),
        "",
        "## Training data",
        "",
        f"- Data set: {escape_markdown(facts.data)}; images: {counts}.",
        f"- Fingerprint (SHA-256 of all files, their split and their decoding): `{facts.fingerprint}`",
        f"- Working size: the shorter side of an image is resized to {facts.size} pixels.",
        "",
        "## Intended use",
        "",
        "Images of the kind of the training data: the same camera or modality, resolution, scenes and classes."
        " State here what the model was made for, and who may rely on it.",
        "",
        "## Limits",
        "",
        "- The scores are for images like those that were scored. On other images the model may be wrong without a sign"
        " of it: score it on labelled images of your own with `segarena evaluate`.",
        "- Objects that are smaller than a few pixels at the working size are lost.",
        "- Each pixel gets one of the classes above, also where the image shows something else.",
        "- It was not tested for fairness, privacy or safety, nor for medical or other regulated use.",
        "",
        "## Licence",
        "",
        "Not stated. Before you publish this folder, choose a licence, write it into the header of this file, and check"
        " that the licences of the training data and of the initial weights"
        f" ({facts.run.get('start', 'unknown')}) allow it.",
    ]


def _class_table(facts: ExportedModel, classes: ClassTable) -> list[str]:
    rows = ["| index | class | colour | IoU |", "|---|---|---|---|"]
    for index, (name, color) in enumerate(zip(classes.names, classes.colors, strict=True)):
        iou = facts.scores.iou.get(name)
        rows.append(f"| {index} | {escape_markdown(name)} | `#{bytes(color).hex()}` | {percent(iou)} |")
    return rows


def _scores(facts: ExportedModel) -> list[str]:
    scores = facts.scores
    if scores.miou is None:
        if not facts.run.get("data", {}).get("all_images"):
            return ["The training of the model was not finished, so it was not scored."]
        return ["All labelled images trained the model, so there is no score."]
    interval = ""
    if scores.miou_low is not None and scores.miou_high is not None:
        interval = f" (95% interval {percent(scores.miou_low)} to {percent(scores.miou_high)})"
    lines = [f"mIoU {percent(scores.miou)}{interval}, pixel accuracy {percent(scores.pixel_accuracy)},"]
    lines += [f"on {plural(scores.images, 'image')} of the {scores.split} split."]
    if scores.split == "val":
        lines += ["These images also chose the epoch: on new images the score is usually a little lower."]
    return lines


def _title(facts: ExportedModel) -> str:
    return f"{label_of(facts.model)} for {facts.data}"


def _quoted(text: str) -> str:
    """A text as YAML has it: JSON's strings are YAML's too."""
    return json.dumps(text, ensure_ascii=False)
