"""Every option, written once: these dataclasses are the command line, the Python API and the saved config.

A None means "chosen for this data and this machine"; `commands/defaults.py` chooses, prints and saves it.
No torch here: `segarena --help` answers at once.
"""

from __future__ import annotations

from typing import Annotated

import tyro

from segarena.config.data import CheckOptions, ConvertOptions, DataOptions, SynthOptions
from segarena.config.results import EvaluateOptions, ModelsOptions, PredictOptions, ReportOptions
from segarena.config.training import TRACK_MODELS, CompareOptions, EncoderName, ModelName, ProtocolOptions, TrainOptions
from segarena.config.values import to_command, to_dict

__all__ = [
    "TRACK_MODELS",
    "CheckOptions",
    "Command",
    "CompareOptions",
    "ConvertOptions",
    "DataOptions",
    "EncoderName",
    "EvaluateOptions",
    "ModelName",
    "ModelsOptions",
    "PredictOptions",
    "ProtocolOptions",
    "ReportOptions",
    "SynthOptions",
    "TrainOptions",
    "to_command",
    "to_dict",
]

Command = (
    Annotated[CompareOptions, tyro.conf.subcommand("compare")]
    | Annotated[TrainOptions, tyro.conf.subcommand("train")]
    | Annotated[EvaluateOptions, tyro.conf.subcommand("evaluate")]
    | Annotated[PredictOptions, tyro.conf.subcommand("predict")]
    | Annotated[CheckOptions, tyro.conf.subcommand("check")]
    | Annotated[ReportOptions, tyro.conf.subcommand("report")]
    | Annotated[SynthOptions, tyro.conf.subcommand("synth")]
    | Annotated[ModelsOptions, tyro.conf.subcommand("models")]
    | Annotated[ConvertOptions, tyro.conf.subcommand("convert")]
)
