"""Every option, written once: these dataclasses are the command line and the keyword arguments of the Python API.

An option that is None, or "auto", is open: `segarena.config.defaults` has the rule that chooses it, and
`segarena.experiment.resolve` applies the rules and returns a `Protocol`. Nothing here imports torch, so that
`segarena --help` is fast.
"""

from __future__ import annotations

from segarena.config.bench import BenchOptions
from segarena.config.comparing import CompareOptions
from segarena.config.data import PUBLISHED_NAMES, CheckOptions, ConvertOptions, DataOptions, SynthOptions
from segarena.config.defaults import DataFacts
from segarena.config.export import ExportOptions
from segarena.config.output import OutputOptions
from segarena.config.protocol import Choice, Protocol
from segarena.config.results import DoctorOptions, EvaluateOptions, ModelsOptions, PredictOptions, ReportOptions
from segarena.config.serving import ServeOptions
from segarena.config.suite import SuiteOptions
from segarena.config.training import (
    TRACK_MODELS,
    EncoderName,
    ModelName,
    ProtocolOptions,
    TrainOptions,
    command_name,
)
from segarena.config.values import command_line, make_options, to_command

__all__ = [
    "PUBLISHED_NAMES",
    "TRACK_MODELS",
    "BenchOptions",
    "CheckOptions",
    "Choice",
    "CompareOptions",
    "ConvertOptions",
    "DataFacts",
    "DataOptions",
    "DoctorOptions",
    "EncoderName",
    "EvaluateOptions",
    "ExportOptions",
    "ModelName",
    "ModelsOptions",
    "OutputOptions",
    "PredictOptions",
    "Protocol",
    "ProtocolOptions",
    "ReportOptions",
    "ServeOptions",
    "SuiteOptions",
    "SynthOptions",
    "TrainOptions",
    "command_line",
    "command_name",
    "make_options",
    "to_command",
]
