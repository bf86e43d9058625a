"""Options as plain values, for config.json, and as the command line that gives them."""

from __future__ import annotations

import shlex
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from segarena.config.checks import flag
from segarena.config.training import TRACK_MODELS, ProtocolOptions, TrainOptions


def to_dict(options: Any) -> dict[str, Any]:
    """The options as plain values for config.json: paths as strings, without `out` and `resume`."""
    content = {key: value for key, value in asdict(options).items() if key not in ("out", "resume")}
    return {
        key: str(value) if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value
        for key, value in content.items()
    }


def to_command(options: ProtocolOptions, out: Path | None = None) -> str:
    """The command line that gives these options, defaults left out. With `out`, the one that goes on there."""
    verb = "train" if isinstance(options, TrainOptions) else "compare"
    words = ["segarena", verb, *([str(options.data)] if options.data is not None else [])]
    for item in fields(options):
        value = getattr(options, item.name)
        usual = TRACK_MODELS[options.track] if item.name == "models" else item.default
        if item.name not in ("data", "out", "resume") and value != usual:
            values = value if isinstance(value, tuple) else [] if value is True else [value]
            words += [flag(item.name), *map(str, values)]
    return shlex.join(words + ([] if out is None else ["--out", str(out), "--resume"]))
