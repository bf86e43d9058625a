"""Values that a Python program gives for options: what is understood, and the messages for what is not."""

from __future__ import annotations

import pathlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import segarena
from segarena.config import CompareOptions, EvaluateOptions, PredictOptions, TrainOptions, make_options
from segarena.errors import ConfigError, OptionTypeError, SegarenaError
from support import refuses


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"models": "unet"}, {"models": ("unet",)}),
        ({"models": "UNet"}, {"models": ("unet",)}),
        ({"models": "U-Net, DeepLabV3"}, {"models": ("unet", "deeplabv3")}),
        ({"models": ["PSP-Net", "FCN"]}, {"models": ("pspnet", "fcn")}),
        ({"models": np.array(["fcn", "unet"])}, {"models": ("fcn", "unet")}),
        ({"models": pd.Series(["fcn"])}, {"models": ("fcn",)}),
        ({"models": (name for name in ("fcn", "unet"))}, {"models": ("fcn", "unet")}),
        ({"models": ("FCN-8s",), "track": "Paper"}, {"models": ("fcn8s",), "track": "paper"}),
        ({"encoder": "ResNet-18"}, {"encoder": "resnet18"}),
        ({"encoder": "EfficientNet-B0"}, {"encoder": "efficientnet_b0"}),
        ({"loss": "CE+Dice"}, {"loss": "ce+dice"}),
        ({"seeds": [0, 1, 2]}, {"seeds": 3}),
        ({"seeds": range(2)}, {"seeds": 2}),
        ({"seeds": np.arange(3)}, {"seeds": 3}),
        ({"seeds": np.int64(3)}, {"seeds": 3}),
        ({"epochs": np.int32(5), "size": 64.0}, {"epochs": 5, "size": 64}),
        ({"learning_rate": 1, "split": np.float32(0.5)}, {"learning_rate": 1.0, "split": 0.5}),
        ({"output_stride": np.int64(8)}, {"output_stride": 8}),
        ({"data": "a", "images": Path("b")}, {"data": Path("a"), "images": Path("b")}),
        ({"data": pathlib.PurePosixPath("a")}, {"data": Path("a")}),
        ({"data": "~/a"}, {"data": Path.home() / "a"}),
        ({"weights": Path("w.pth")}, {"weights": "w.pth"}),
        ({"download": np.True_}, {"download": True}),
        ({"epochs": None, "models": None}, {"epochs": None, "models": None}),
    ],
)
def test_what_is_understood(given: dict[str, Any], expected: dict[str, Any]) -> None:
    options = make_options(CompareOptions, **given)
    for name, value in expected.items():
        assert getattr(options, name) == value
        assert type(getattr(options, name)) is type(value)


@pytest.mark.parametrize(
    ("given", "kind", "value", "remedy"),
    [
        ({"models": "unett"}, ConfigError, "'unett'", "Did you mean unet?"),
        ({"models": "unet++"}, ConfigError, "'unet++'", "fcn, unet, pspnet"),
        ({"models": ["DeepLabV3+"]}, ConfigError, "'DeepLabV3+'", "fcn, unet, pspnet"),
        ({"models": 3}, OptionTypeError, "3", "fcn, unet, pspnet"),
        ({"models": {"unet": 1}}, OptionTypeError, "dict", "fcn, unet, pspnet"),
        ({"models": {"unet", "fcn"}}, OptionTypeError, "set", "fcn, unet, pspnet"),
        ({"models": [None]}, OptionTypeError, "None", "fcn, unet, pspnet"),
        ({"models": "U-Net,unet"}, ConfigError, "twice", "once"),
        ({"encoder": "resnet-19"}, ConfigError, "'resnet-19'", "Did you mean resnet1"),
        ({"epochs": "20"}, OptionTypeError, "'20'", "a whole number"),
        ({"epochs": 2.5}, OptionTypeError, "2.5", "a whole number"),
        ({"epochs": True}, OptionTypeError, "True", "a whole number"),
        ({"size": (256, 256)}, OptionTypeError, "(256, 256)", "a whole number"),
        ({"seeds": [1, 2]}, ConfigError, "[1, 2]", "seed=1"),
        ({"seeds": [42]}, ConfigError, "[42]", "seed=42"),
        ({"seeds": []}, ConfigError, "[]", "seed=0"),
        ({"seeds": "3"}, OptionTypeError, "'3'", "a whole number"),
        ({"weight_decay": None}, OptionTypeError, "None", "leave it out"),
        ({"split": "0.8"}, OptionTypeError, "'0.8'", "a number"),
        ({"output_stride": "8"}, OptionTypeError, "'8'", "8, 16"),
        ({"output_stride": 4}, ConfigError, "4", "8, 16"),
        ({"download": "yes"}, OptionTypeError, "'yes'", "True or False"),
        ({"data": 3}, OptionTypeError, "3", "a path"),
        ({"data": ""}, OptionTypeError, "''", "a path"),
        ({"data": b"a"}, OptionTypeError, "b'a'", "a path"),
        ({"data": ["a", "b"]}, OptionTypeError, "['a', 'b']", "a path"),
        ({"weights": True}, OptionTypeError, "True", "a text"),
        ({"device": 0}, OptionTypeError, "0", "a text"),
    ],
)
def test_what_is_not_is_named_with_what_is(
    given: dict[str, Any], kind: type[SegarenaError], value: str, remedy: str
) -> None:
    [name] = given
    with refuses(kind, where=name.replace("_", "-"), value=value) as caught:
        make_options(CompareOptions, **given)
    assert remedy in caught.value.remedy
    assert issubclass(kind, TypeError) == isinstance(caught.value, TypeError)


def test_one_image_or_several_of_any_kind_of_path() -> None:
    for images in ("a.jpg", Path("a.jpg"), ["a.jpg"], (path for path in [Path("a.jpg")])):
        assert make_options(PredictOptions, run="r", images=images).images == (Path("a.jpg"),)
    assert make_options(PredictOptions, run="r", images="a,b.jpg").images == (Path("a,b.jpg"),)


def test_names_in_any_spelling_also_on_the_command_line() -> None:
    assert CompareOptions(models=("unet,FCN",)).models == ("unet", "fcn")  # type: ignore[arg-type]
    assert TrainOptions(model="U-Net").model == "unet"  # type: ignore[arg-type]
    assert EvaluateOptions(run=Path("r"), split="Test").split == "test"  # type: ignore[arg-type]
    assert segarena.build_model("U-Net", 2, encoder="MobileNet-V2").settings["encoder"] == "mobilenet_v2"


@pytest.mark.parametrize(
    ("call", "what", "remedy"),
    [
        (lambda: segarena.compare("data", epoch=3), "'epoch'", "Did you mean epochs?"),  # type: ignore[call-arg]
        (lambda: segarena.train("data", models="unet"), "'models'", "Did you mean model?"),  # type: ignore[call-arg]
        (lambda: segarena.compare("data", colour=3), "'colour'", "help(segarena.compare)"),  # type: ignore[call-arg]
        (lambda: segarena.train("data", "unet"), "'unet'", "model='unet'"),  # type: ignore[misc]
        (lambda: segarena.train("data"), "'model'", "config or resume"),  # type: ignore[call-arg]
        (lambda: segarena.predict("run"), "'images'", "images=..."),  # type: ignore[call-arg]
        (lambda: segarena.load("run", devise="cpu"), "'devise'", "Did you mean device?"),  # type: ignore[call-arg]
    ],
)
def test_wrong_calls_name_the_right_ones(call: Any, what: str, remedy: str) -> None:
    with refuses(OptionTypeError, value=what) as caught:
        call()
    assert remedy in caught.value.remedy


def test_errors_spell_options_as_python_does() -> None:
    with refuses(ConfigError, where="batch_size", value=1):
        segarena.compare("data", batch_size=1)
    with refuses(ConfigError, where="track") as caught:
        segarena.train("data", model="fcn8s")
    assert 'track="paper"' in caught.value.remedy
    assert 'track="paper"' in str(caught.value)
