"""`segarena models`: the networks, and what each costs."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from segarena.commands.terminal import console, shown
from segarena.config import ModelsOptions
from segarena.errors import ConfigError
from segarena.models import TRACKS, build_model, find_model
from segarena.models.shapes import shapes_only
from segarena.training.costs import count_flops, count_parameters


@shown
def run(options: ModelsOptions) -> list[dict[str, Any]]:
    """Show a table of the networks; those that do not support the encoder are named below it.

    Args:
        options: The options as typed.

    Returns:
        A row for each network: name, track, encoder, output_stride and eval_output_stride (pixels), params, flops (of
        one image; a multiply-add counts as two).

    Raises:
        ConfigError: No network supports the encoder.
    """
    height, width = options.size[0], options.size[-1]
    rows, refused = [], []
    for track in (options.track,) if options.track else TRACKS:
        for name in TRACKS[track]:
            try:
                rows.append(_describe(name, track, options, (height, width)))
            except ConfigError as error:
                refused.append(f"{name}, {track} track: {error}")
    if all(row["encoder"] != options.encoder for row in rows) and options.encoder is not None:
        raise ConfigError(
            f"no model of the {options.track} track supports {options.encoder}",
            where="--encoder",
            remedy="Leave it out, or use --track encoder",
        )
    console.result(_table(rows))
    for reason in refused:
        console.result(reason, markup=False)
    console.print(
        f"GFLOPs: one image of {height} x {width}, {options.num_classes} classes, in evaluation; a multiply-add counts"
        " as two. Parameters: with the auxiliary head, if there is one.",
        markup=False,
    )
    return rows


def _describe(name: str, track: str, options: ModelsOptions, size: tuple[int, int]) -> dict[str, Any]:
    encoder: str | None = options.encoder
    if track == "paper" and encoder not in find_model(name, track).paper_encoders:
        encoder = None
    with shapes_only():  # counting needs no values
        model = build_model(name, options.num_classes, track=track, encoder=encoder)
    settings = model.settings
    return {
        "name": name,
        "track": track,
        "encoder": settings["encoder"],
        "output_stride": settings["output_stride"],
        "eval_output_stride": settings.get("eval_output_stride", settings["output_stride"]),
        "params": count_parameters(model),
        "flops": count_flops(model, size),
    }


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("name", "track", "encoder", "output stride", "parameters", "GFLOPs"):
        is_number = title in ("parameters", "GFLOPs")
        table.add_column(title, justify="right" if is_number else "left", no_wrap=is_number)
    for row in rows:
        stride, evaluating = row["output_stride"], row["eval_output_stride"]
        table.add_row(
            row["name"],
            row["track"],
            row["encoder"] or "none",
            str(stride) if evaluating == stride else f"{stride}, {evaluating} in evaluation",
            f"{row['params']:,}",
            f"{row['flops'] / 1e9:,.1f}",
        )
    return table
