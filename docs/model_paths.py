"""The figure of each network in docs/models.md: its tensors, their positions and how they are connected.

Names are those of the modules; every shape is that of a forward pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise

import torch
from matplotlib.figure import Figure
from path_figure import Block, Link, Shape, draw_path
from torch import Tensor, nn

from segarena.models import SegmentationModel, build_model
from segarena.models.unet import UNet
from segarena.reporting.style import ARCHITECTURES


@dataclass(frozen=True)
class Path:
    """A figure: blocks, without shapes yet, and links; `row` and `column` are distances of the grid in inches."""

    blocks: list[Block]
    links: list[Link]
    row: float = 1.0
    column: float = 0.78
    side: int = 512
    options: dict[str, int] = field(default_factory=dict)


def draw(name: str, track: str) -> Figure:
    """Draw the figure of a network. Raises KeyError where a block names a module that the network does not have."""
    path = PATHS[track, name]()
    shapes = collect_shapes(name, track, path)
    blocks = [
        block if block.role == "operation" else replace(block, shape=shapes[block.key.partition("#")[0]])
        for block in path.blocks
    ]
    return draw_path(blocks, path.links, ARCHITECTURES[name], row=path.row, column=path.column)


def collect_shapes(name: str, track: str, path: Path) -> dict[str, Shape]:
    """Channels, height and width of "image", "logits" and each module's output, in training, on the meta device."""
    options = {"num_classes": 21, "in_channels": 3, **path.options}
    with torch.device("meta"):
        model: SegmentationModel = build_model(name, track=track, **options)  # type: ignore[arg-type]
        image = torch.zeros(2, options["in_channels"], path.side, path.side)
    shapes: dict[str, Shape] = {"image": _shape(image)}
    hooks = [
        module.register_forward_hook(lambda module, inputs, output, key=key: shapes.update({key: _shape(output)}))
        for key, module in model.named_modules()
        if key and not isinstance(module, nn.Dropout)
    ]
    # The paper's figure shows one tile.
    shapes["logits"] = _shape(
        model.contract_and_expand(image) if isinstance(model, UNet) else model.train()(image).logits
    )
    for hook in hooks:
        hook.remove()
    return shapes


def _shape(output: object) -> Shape:
    if not isinstance(output, Tensor) or output.ndim != 4:
        return (0, 0, 0)
    return output.shape[1], output.shape[2], output.shape[3]


def _image(row: float = 0) -> Block:
    return Block("image", "image", 0, row, "image")


def _fcn_on_vgg16(coarsest: int) -> Path:
    """FCN-32s, -16s and -8s, where `coarsest` is 32, 16 or 8: the paper's figure 3 without its first rows."""
    ends = {"encoder.features.4": "pool1", "encoder.features.9": "pool2", "encoder.features.16": "pool3"}
    ends |= {"encoder.features.23": "pool4", "encoder.features.30": "pool5"}
    ends |= {"encoder.classifier.0": "fc6", "encoder.classifier.3": "fc7"}
    blocks = [_image(), *(Block(key, label, i + 1, 0, "encoder") for i, (key, label) in enumerate(ends.items()))]
    blocks.append(Block("score_fr", "score_fr", 8, 0, "scores"))
    links = _chain([block.key for block in blocks])
    last, column, row = "score_fr", 9, 0
    fusions = [("pool4", "score_pool4", "upscore2", "encoder.features.23", 4)]
    fusions += [("pool3", "score_pool3", "upscore_pool4", "encoder.features.16", 3)]
    for _, score, up, source, place in fusions[: {32: 0, 16: 1, 8: 2}[coarsest]]:
        row += 1
        blocks += [
            Block(up, up, column, row - 1, "decoder"),
            Block(score, score, place, row, "scores"),
            Block(f"sum{row}", "+", column, row, "operation"),
        ]
        links += [
            Link(last, up, "2×"),
            Link(source, score, route="v"),
            Link(score, f"sum{row}", "crop"),
            Link(up, f"sum{row}", route="v"),
        ]
        last, column = f"sum{row}", column + 1
    final = {32: "upscore", 16: "upscore16", 8: "upscore8"}[coarsest]
    blocks += [Block(final, final, column, row, "decoder"), Block("logits", "logits", column + 1, row, "scores")]
    links += [Link(last, final, f"{coarsest}×"), Link(final, "logits", "crop")]
    return Path(blocks, links, row=1.3)


def _unet_2015() -> Path:
    blocks = [_image(), *(Block(f"contract.{i}", f"level {i + 1}", i + 1, i, "encoder") for i in range(5))]
    blocks += [Block(f"expand.{i}", f"up {i + 1}", 6.4 + i, 3 - i, "decoder") for i in range(4)]
    blocks.append(Block("logits", "logits", 10.4, 0, "scores"))
    links = [Link("image", "contract.0"), Link("expand.3", "logits")]
    links += [Link(f"contract.{i}", f"contract.{i + 1}", "pool", "hv", leave=-0.4) for i in range(4)]
    ups = ["contract.4", *(f"expand.{i}" for i in range(4))]
    links += [Link(ups[i], ups[i + 1], "up 2×2", "vh", enter=-0.45) for i in range(4)]
    links += [
        Link(f"contract.{3 - i}", f"expand.{i}", "crop, concatenate", skip=True, enter=0.4, leave=0.4) for i in range(4)
    ]
    return Path(blocks, links, row=1.05, side=572, options={"num_classes": 2, "in_channels": 1})


def _unet_on_encoder() -> Path:
    stages = ["encoder.relu", "encoder.layer1", "encoder.layer2", "encoder.layer3", "encoder.layer4"]
    names = ["conv1", "layer1", "layer2", "layer3", "layer4"]
    blocks = [_image(), *(Block(stages[i], names[i], i + 1, i + 1, "encoder") for i in range(5))]
    blocks += [Block(f"steps.{i}", f"step {i + 1}", 6.4 + i, 4 - i, "decoder") for i in range(5)]
    blocks.append(Block("logits", "logits", 11.4, 0, "scores"))
    way = ["image", *stages]
    links = [Link(way[i], way[i + 1], "", "hv", leave=-0.4) for i in range(5)]
    ups = [stages[4], *(f"steps.{i}" for i in range(5))]
    links += [Link(ups[i], ups[i + 1], "up 2×2", "vh", enter=-0.45) for i in range(5)]
    links += [Link(stages[3 - i], f"steps.{i}", "concatenate", skip=True, enter=0.4, leave=0.4) for i in range(4)]
    links.append(Link("steps.4", "logits", "3×3"))
    return Path(blocks, links, row=1.0)


def _resnet(row: float) -> tuple[list[Block], list[Link]]:
    stages = {"encoder.relu": "conv1", **{f"encoder.layer{i}": f"layer{i}" for i in (1, 2, 3, 4)}}
    blocks = [_image(row), *(Block(key, name, i + 1, row, "encoder") for i, (key, name) in enumerate(stages.items()))]
    return blocks, _chain([block.key for block in blocks])


def _fcn_on_encoder() -> Path:
    blocks, links = _resnet(0)
    blocks += [
        Block("score32", "score32", 6, 0, "scores"),
        Block("up16", "up16", 7, 0, "decoder"),
        Block("score16", "score16", 4, 1, "scores"),
        Block("sum16", "+", 7, 1, "operation"),
        Block("up8", "up8", 8, 1, "decoder"),
        Block("score8", "score8", 3, 2, "scores"),
        Block("sum8", "+", 8, 2, "operation"),
        Block("logits", "logits", 9.2, 2, "scores"),
    ]
    links += [
        *(Link("encoder.layer4", "score32"), Link("score32", "up16", "2×"), Link("up16", "sum16", route="v")),
        *(Link("encoder.layer3", "score16", route="v"), Link("score16", "sum16"), Link("sum16", "up8", "2×")),
        *(Link("up8", "sum8", route="v"), Link("encoder.layer2", "score8", route="v"), Link("score8", "sum8")),
        Link("sum8", "logits", "8×"),
    ]
    return Path(blocks, links, row=1.3)


def _dilated_fcn() -> Path:
    blocks, links = _resnet(0)
    blocks += [
        Block("head.0", "3×3", 6, 0, "decoder"),
        Block("head.2", "scores", 7, 0, "scores"),
        Block("logits", "logits", 8.2, 0, "scores"),
    ]
    links += [*_chain(["encoder.layer4", "head.0", "head.2"]), Link("head.2", "logits", "8×")]
    return Path(blocks, links, row=1.4)


def _pspnet(enlarged: str) -> Path:
    blocks, links = _resnet(1.5)
    blocks += [
        *(
            Block(f"pyramid.reduce.{i}", f"{k}×{k} bins", 6.1, row, "decoder")
            for i, (k, row) in enumerate(zip((1, 2, 3, 6), (-0.35, 0.55, 2.0, 2.9), strict=True))
        ),
        Block("concatenate", "c", 6.9, 1.5, "operation"),
        Block("pyramid", "pyramid", 7.6, 1.5, "decoder"),
        Block("fusion", "3×3", 8.5, 1.5, "decoder"),
        Block("classifier", "scores", 9.3, 1.5, "scores"),
        Block("logits", "logits", 10.4, 1.5, "scores"),
        Block("auxiliary_head", "auxiliary", 4, 3.15, "training"),
    ]
    links += [
        *(Link("encoder.layer4", f"pyramid.reduce.{i}", route="hvh") for i in range(4)),
        *(Link(f"pyramid.reduce.{i}", "concatenate", route="hv") for i in range(4)),
        Link("encoder.layer4", "concatenate", skip=True),
        *_chain(["concatenate", "pyramid", "fusion", "classifier"]),
        Link("classifier", "logits", enlarged),
        Link("encoder.layer3", "auxiliary_head", route="v"),
    ]
    return Path(blocks, links, row=0.78)


def _deeplabv3() -> Path:
    blocks, links = _resnet(2)
    branches = ["aspp.point", *(f"aspp.atrous.{i}" for i in range(3)), "aspp.image_level"]
    names = ["1×1", "3×3 rate 6", "3×3 rate 12", "3×3 rate 18", "image pooling"]
    blocks += [
        *(Block(key, name, 6.1, i, "decoder") for i, (key, name) in enumerate(zip(branches, names, strict=True))),
        Block("concatenate", "c", 7, 2, "operation"),
        Block("aspp", "1×1", 7.7, 2, "decoder"),
        Block("classifier", "scores", 8.5, 2, "scores"),
        Block("logits", "logits", 9.6, 2, "scores"),
    ]
    links += [
        *(Link("encoder.layer4", key, route="h" if i == 2 else "hvh") for i, key in enumerate(branches)),
        *(Link(key, "concatenate", route="h" if i == 2 else "hv") for i, key in enumerate(branches)),
        *_chain(["concatenate", "aspp", "classifier"]),
        Link("classifier", "logits", "16×"),
    ]
    return Path(blocks, links, row=0.78)


def _chain(keys: list[str]) -> list[Link]:
    return [Link(a, b) for a, b in pairwise(keys)]


#: Each network of docs/models.md, in its order.
PATHS: dict[tuple[str, str], Callable[[], Path]] = {
    ("paper", "fcn32s"): lambda: _fcn_on_vgg16(32),
    ("paper", "fcn16s"): lambda: _fcn_on_vgg16(16),
    ("paper", "fcn8s"): lambda: _fcn_on_vgg16(8),
    ("paper", "fcn"): _dilated_fcn,
    ("paper", "unet"): _unet_2015,
    ("paper", "pspnet"): lambda: _pspnet("8×"),
    ("paper", "deeplabv3"): _deeplabv3,
    ("encoder", "fcn"): _fcn_on_encoder,
    ("encoder", "unet"): _unet_on_encoder,
    ("encoder", "pspnet"): lambda: _pspnet("16×"),
    ("encoder", "deeplabv3"): _deeplabv3,
}
