"""Generate the tables and figures of docs/models.md: `make docs`.

Every number is computed from the networks themselves. Generated is what is between a line `<!-- generated: NAME -->`
and the next `<!-- end -->`; the text around it is written by hand. `--quick` skips the effective receptive fields,
which take minutes.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import reference_counts
import torch
from effective_fields import draw_effective, measure_effective
from matplotlib.figure import Figure
from model_paths import PATHS, draw
from page_theme import page_theme
from receptive_field import effective_side, find_global_branches, measure_extent
from sections import insert
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import get_weight

from segarena.config import TRACK_MODELS
from segarena.files import write_text, write_with
from segarena.models import ENCODERS, TRACKS, SegmentationModel, build_encoder, build_model
from segarena.models.deeplabv3 import DeepLabv3
from segarena.models.unet import UNet
from segarena.reporting.style import ARCHITECTURES, DPI
from segarena.training.costs import count_flops, count_parameters

PAGE = Path(__file__).parent / "models.md"
IMAGES = PAGE.parent / "images" / "models"

#: (title, name, track, options): the rows of the table of costs.
NETWORKS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("FCN-32s", "fcn32s", "paper", {}),
    ("FCN-16s", "fcn16s", "paper", {}),
    ("FCN-8s", "fcn8s", "paper", {}),
    ("FCN, dilated", "fcn", "paper", {}),
    ("FCN, dilated", "fcn", "paper", {"encoder": "resnet101"}),
    ("U-Net", "unet", "paper", {}),
    ("U-Net, padded", "unet", "paper", {"padded": True}),
    ("PSPNet", "pspnet", "paper", {}),
    ("PSPNet", "pspnet", "paper", {"encoder": "resnet101"}),
    ("DeepLabv3", "deeplabv3", "paper", {}),
    ("DeepLabv3", "deeplabv3", "paper", {"encoder": "resnet101"}),
    ("FCN", "fcn", "encoder", {}),
    ("U-Net", "unet", "encoder", {}),
    ("PSPNet", "pspnet", "encoder", {}),
    ("PSPNet", "pspnet", "encoder", {"output_stride": 8}),
    ("DeepLabv3", "deeplabv3", "encoder", {}),
    ("DeepLabv3", "deeplabv3", "encoder", {"output_stride": 8}),
)
#: Length of the images in which receptive fields are measured, 640 for the others: larger than the field, and for
#: U-Net one tile.
EXTENT_SIDES = {DeepLabv3: 1408, UNet: 384}


def main() -> None:
    sections = {"costs": costs(), "references": references(), "encoders": encoders(), "extents": extents()}
    figures = {f"{track}-{name}": draw_in_style(partial(draw, name, track)) for track, name in PATHS}
    if "--quick" not in sys.argv:
        fields = {key: measure_effective(key[1], key[0]) for key in PATHS}
        sections["effective"] = effective(fields)
        figures["effective-fields"] = draw_in_style(partial(draw_effective, *for_figure(fields)))
    for name, figure in figures.items():
        write_with(IMAGES / f"{name}.png", partial(figure.savefig, format="png", dpi=DPI * 3 // 4))
    write_text(PAGE, insert(PAGE.read_text(), sections))


def build(name: str, track: str, **options: Any) -> SegmentationModel:
    """Build a network on the meta device, which has shapes only."""
    with torch.device("meta"):
        return build_model(name, options.pop("num_classes", 21), track=track, **options)


def label(name: str, track: str) -> str:
    """Name a network; only FCN has a different name in each track."""
    return "FCN, dilated" if (name, track) == ("fcn", "paper") else ARCHITECTURES[name].label


def costs() -> str:
    """Table of parameters and GFLOPs."""
    rows = []
    for title, name, track, options in NETWORKS:
        model = build(name, track, **options)
        stride, evaluating = model.settings["output_stride"], model.settings.get("eval_output_stride")
        strides = f"{stride}, {evaluating} in evaluation" if evaluating else str(stride)
        numbers = f"{count_parameters(model):,}", giga(count_flops(model, (512, 512)))
        rows.append((title, track, model.settings["encoder"] or "none", strides, *numbers))
    return table("network | track | encoder | output stride | parameters > | GFLOPs >", rows)


def references() -> str:
    """Table of our numbers beside published ones, or those summed by hand from the papers."""
    rows: list[tuple[Any, ...]] = []
    for name, pools in (("fcn32s", ()), ("fcn16s", (512,)), ("fcn8s", (512, 256))):
        rows += beside(
            f"{ARCHITECTURES[name].label}, 21 classes", build(name, "paper"), 512, reference_counts.fcn(pools)
        )
    unet = build("unet", "paper", num_classes=2, in_channels=1)
    rows += beside("U-Net, 1 channel, 2 classes", unet, 572, reference_counts.unet())
    for name in ("pspnet", "deeplabv3"):
        for encoder in ("resnet50", "resnet101"):
            title, expected = f"{ARCHITECTURES[name].label}, {encoder}", getattr(reference_counts, name)(encoder)
            rows += beside(title, build(name, "paper", encoder=encoder), 520, expected)
    for name, published in (("fcn", "FCN"), ("deeplabv3", "DeepLabV3")):
        for encoder in ("resnet50", "resnet101"):
            options: dict[str, Any] = {"encoder": encoder, "output_stride": 8, "auxiliary": True}
            if name == "deeplabv3":
                options |= {"multi_grid": (1, 1, 1), "head": "torchvision"}
            meta = get_weight(f"{published}_ResNet{encoder[6:]}_Weights.COCO_WITH_VOC_LABELS_V1").meta
            title = f"{ARCHITECTURES[name].label} as torchvision has it, {encoder}"
            model = build(name, "paper", **options)
            rows += [
                (title, "parameters", count_parameters(model), meta["num_params"], "torchvision"),
                (
                    title,
                    "G multiply-adds, 520 × 520",
                    f"{multiply_adds(model):.3f}",
                    f"{meta['_ops']:.3f}",
                    "torchvision",
                ),
            ]
    texts = [(a, b, *(f"{x:,}" if isinstance(x, int) else x for x in (c, d)), e) for a, b, c, d, e in rows]
    return table("network | what | here > | reference > | whose", texts)


def multiply_adds(model: SegmentationModel) -> float:
    """Thousand millions of multiply-adds at 520 x 520, with the auxiliary head, as torchvision counts."""
    flops = count_flops(model, (520, 520))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        head = model.get_submodule("auxiliary_head")
        head(torch.zeros(1, head[0][0].in_channels, 65, 65, device="meta"))  # type: ignore[index,union-attr]
    return (flops + counter.get_total_flops()) / 2e9


def beside(title: str, model: SegmentationModel, side: int, expected: reference_counts.Sum) -> list[tuple[Any, ...]]:
    """Two rows of the table: parameters, and multiply-adds of the convolutions for one square image."""
    network = model.eval().contract_and_expand if isinstance(model, UNet) else model.eval()
    channels = model.settings["in_channels"]
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.empty(1, channels, side, side, device="meta"))
    operations = counter.get_flop_counts()["Global"][torch.ops.aten.convolution]
    whose = "layers of figure 1 summed" if isinstance(model, UNet) else "layers summed"
    return [
        (title, "parameters", count_parameters(model), expected.parameters, whose),
        (title, f"G multiply-adds, {side} × {side}", f"{operations / 2e9:.3f}", expected.giga, whose),
    ]


def encoders() -> str:
    """Table of the encoders: maps and possible output strides."""
    rows = []
    for name in ENCODERS:
        with torch.device("meta"):
            encoder = build_encoder(name)
        maps = ", ".join(
            f"{channels}/{stride}" for channels, stride in zip(encoder.channels, encoder.strides, strict=True)
        )
        possible = set(encoder.output_strides)
        names = [kind for kind, model in TRACKS["encoder"].items() if possible & set(model.output_strides)]
        numbers = f"{count_parameters(encoder):,}", ", ".join(map(str, sorted(possible)))
        rows.append((f"`{name}`", maps, *numbers, "all four" if len(names) == 4 else ", ".join(names)))
    return table("encoder | channels/stride of its maps | parameters > | output strides | architectures", rows)


def extents() -> str:
    """Table of the receptive fields."""
    rows = []
    for track, name in PATHS:
        model = build(name, track)
        rows.append(
            (
                *(label(name, track), track, model.settings["encoder"] or "none"),
                " to ".join(map(str, extent(model))),
                "the image" if find_global_branches(model) else "the same",
            )
        )
    return table("network | track | encoder | without the global branches > | with them >", rows)


def extent(model: SegmentationModel) -> list[int]:
    """Sides of the receptive field without global branches: one, or the smallest and the largest. Raises ValueError."""
    side = EXTENT_SIDES.get(type(model), 640)
    rows, columns = measure_extent(model, side, global_branches=False)
    if rows != columns:
        raise ValueError(f"fields of {rows} rows and {columns} columns")
    return sorted(set(rows))


def effective(fields: dict[tuple[str, str], dict[bool, Tensor]]) -> str:
    """Table of the squares with 50% and 95% of the gradient of random networks."""
    rows = []
    for (track, name), cases in fields.items():
        for case, field in cases.items():
            title = label(name, track) + ("" if case else ", without the global branch")
            size = f"{field.shape[0]} × {field.shape[1]}"
            rows.append((title, track, *(str(effective_side(field, share)) for share in (0.5, 0.95)), size))
    return table("network | track | 50% > | 95% > | image >", rows)


def for_figure(fields: dict[tuple[str, str], dict[bool, Tensor]]) -> tuple[Any, Any]:
    """The gradients of four networks of each track, and the sides of their receptive fields."""
    shown = {(track, name): fields[track, name][True] for track, names in TRACK_MODELS.items() for name in names}
    models = {(track, name): build(name, track) for track, name in shown}
    sides = {key: None if find_global_branches(model) else extent(model)[-1] for key, model in models.items()}
    return shown, sides


def draw_in_style(draw_figure: Any) -> Figure:
    with page_theme():
        figure: Figure = draw_figure()
    return figure


def giga(number: int) -> str:
    return f"{number / 1e9:,.1f}"


def table(head: str, rows: list[tuple[str, ...]]) -> str:
    """A table in Markdown; a column whose title ends in ">" is aligned to the right."""
    titles = [title.strip() for title in head.split("|")]
    rules = ["---:" if title.endswith(">") else "---" for title in titles]
    lines = [tuple(title.removesuffix(">").strip() for title in titles), tuple(rules), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) + "\n"


if __name__ == "__main__":
    main()
