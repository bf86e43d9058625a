"""Names, tracks and defaults of `build_model`, and the arguments that it refuses."""

from typing import get_args

import pytest
import torch

from segarena.config import TRACK_MODELS, EncoderName, ModelName
from segarena.errors import ConfigError
from segarena.models import ENCODERS, TRACKS, build_encoder, build_model, find_encoder, find_model
from support import refuses


def test_models_are_listed_in_a_fixed_order():
    assert list(TRACKS) == ["encoder", "paper"]
    assert list(TRACKS["encoder"]) == ["fcn", "unet", "pspnet", "deeplabv3"]
    assert list(TRACKS["paper"]) == ["fcn8s", "fcn16s", "fcn32s", "fcn", "unet", "pspnet", "deeplabv3"]


def test_options_have_the_names_of_the_encoders_and_models():
    assert get_args(EncoderName) == ENCODERS
    assert set(get_args(ModelName)) == {name for models in TRACKS.values() for name in models}
    assert list(TRACK_MODELS["encoder"]) == list(TRACKS["encoder"])
    assert set(TRACK_MODELS["paper"]) <= set(TRACKS["paper"])


@pytest.mark.parametrize(
    ("track", "name", "encoder", "stride"),
    [
        ("encoder", "fcn", "resnet18", 32),
        ("encoder", "unet", "resnet18", 32),
        ("encoder", "pspnet", "resnet18", 16),
        ("encoder", "deeplabv3", "resnet18", 16),
        ("paper", "fcn8s", "vgg16", 32),
        ("paper", "fcn16s", "vgg16", 32),
        ("paper", "fcn32s", "vgg16", 32),
        ("paper", "fcn", "resnet50", 8),
        ("paper", "unet", None, 16),
        ("paper", "pspnet", "resnet50", 8),
        ("paper", "deeplabv3", "resnet50", 16),
    ],
)
def test_default_encoder_and_output_stride(track, name, encoder, stride):
    with torch.device("meta"):
        model = build_model(name, 2, track=track)
    assert type(model) is TRACKS[track][name] is find_model(name, track)
    assert [model.settings[key] for key in ("track", "encoder", "output_stride")] == [track, encoder, stride]
    assert find_encoder(name, track, None) == encoder
    assert hasattr(model, "encoder") is (encoder is not None)
    if encoder is not None:
        assert (model.encoder.name, model.encoder.strides[-1]) == (encoder, stride)


def test_fcn_and_unet_are_different_networks_in_the_two_tracks():
    for name in ("fcn", "unet"):
        assert TRACKS["paper"][name] is not TRACKS["encoder"][name]


#: (arguments that change those of FCN on MobileNetV2, the value that is wrong, what to use instead)
REFUSED = [
    ({"name": "segnet"}, "'segnet'", "fcn, unet, pspnet, deeplabv3"),
    ({"track": "paper9"}, "'paper9'", "encoder, paper"),
    ({"track": ["paper"]}, "['paper']", "encoder, paper"),
    ({"name": 5}, "no model 5", "fcn, unet"),
    ({"name": ["fcn"]}, "no model ['fcn']", "fcn, unet"),
    ({"encoder": "vgg99"}, "'vgg99'", "mobilenet_v2"),
    ({"encoder": ""}, "''", "resnet18"),
    ({"num_classes": 0}, "num_classes is 0", "1 or more"),
    ({"num_classes": "3"}, "num_classes is '3'", "1 or more"),
    ({"num_classes": 2.0}, "num_classes is 2.0", "1 or more"),
    ({"num_classes": True}, "num_classes is True", "1 or more"),
    ({"in_channels": 0}, "in_channels is 0", "1 or more"),
    ({"in_channels": 3.0}, "in_channels is 3.0", "1 or more"),
    ({"output_stride": 16}, "stride 16", "Use 32"),
    ({"multi_grid": (1, 2, 4)}, "fcn has no option 'multi_grid'", "no options"),
    ({"name": "pspnet", "multi_grid": (1, 2, 4)}, "pspnet has no option 'multi_grid'", "auxiliary"),
    ({"name": "deeplabv3", "aux": True}, "deeplabv3 has no option 'aux'", "auxiliary"),
    ({"name": "deeplabv3", "head": "deeplab"}, "'deeplab'", "'torchvision'"),
    ({"name": "deeplabv3", "eval_output_stride": 32}, "stride 32", "Use 8 or 16"),
    ({"name": "deeplabv3", "eval_output_stride": 0}, "stride 0", "Use 8 or 16"),
    ({"name": "deeplabv3", "multi_grid": (1, 1, 1)}, "mobilenet_v2", "use a ResNet"),
    ({"name": "fcn8s"}, "'fcn8s'", "track 'paper'"),
    ({"name": "fcn8s", "track": "paper"}, "mobilenet_v2", "vgg16"),
    ({"name": "fcn8s", "track": "paper", "encoder": None, "output_stride": 8}, "stride 8", "Use 32"),
    ({"name": "unet", "track": "paper"}, "mobilenet_v2", "no encoder"),
    ({"name": "unet", "track": "paper", "encoder": None, "weights": "imagenet"}, "unet", "weights 'none'"),
    ({"name": "unet", "track": "paper", "encoder": None, "in_channels": 0}, "in_channels is 0", "1 or more"),
    ({"name": "unet", "track": "paper", "encoder": None, "auxiliary": True}, "'auxiliary'", "padded"),
    ({"name": "unet", "track": "paper", "encoder": None, "padded": "no"}, "padded is 'no'", "True or False"),
    ({"name": "unet", "padded": True}, "'padded'", "no options"),
    ({"name": "fcn", "track": "paper", "encoder": None, "auxiliary": "no"}, "auxiliary is 'no'", "True or False"),
    ({"name": "pspnet", "auxiliary": 1}, "auxiliary is 1", "True or False"),
    ({"name": "deeplabv3", "encoder": "resnet18", "auxiliary": None}, "auxiliary is None", "True or False"),
    ({"name": "pspnet", "encoder": "swin_t"}, "swin_t", "one of fcn, unet"),
    ({"name": "pspnet", "encoder": "swin_t", "output_stride": 32}, "stride 32", "Use 8 or 16"),
    ({"name": "deeplabv3", "encoder": "swin_t", "output_stride": 8}, "stride 8", "another encoder"),
    # VGG-16 as in FCN's paper, with its 100 pixels of padding, is no encoder of the other track.
    ({"encoder": "vgg16"}, "'vgg16'", "vgg16_bn"),
    ({"name": "pspnet", "encoder": "vgg16"}, "'vgg16'", "vgg16_bn"),
]


@pytest.mark.parametrize(("arguments", "value", "remedy"), REFUSED)
@pytest.mark.parametrize("weights", [None, "imagenet"])
def test_impossible_arguments_are_refused_before_a_download(arguments, value, remedy, weights, monkeypatch):
    monkeypatch.setattr("segarena.models.weights._download", lambda *_: pytest.fail("downloads"))
    if arguments.get("name") == "unet" and arguments.get("encoder", "") is None:  # as published: it takes no weights
        weights = None
    arguments = {"name": "fcn", "num_classes": 2, "encoder": "mobilenet_v2", "weights": weights} | arguments
    with refuses(ConfigError, value=value) as caught:
        build_model(**arguments)
    assert remedy in caught.value.remedy


def test_weights_must_be_a_name_or_a_path():
    with refuses(ConfigError, value=5):
        build_model("fcn", 2, weights=5)


def test_loading_weights_draws_no_extra_random_numbers(tmp_path):
    """The network built on the meta device, only to check the arguments, leaves the generator as it was."""
    torch.manual_seed(3)
    encoder = build_encoder("mobilenet_v2")
    torch.save({**encoder.state_dict(), "classifier.1.weight": torch.zeros(1)}, tmp_path / "a.pth")
    torch.manual_seed(4)
    random = build_model("fcn", 2, encoder="mobilenet_v2").state_dict()
    torch.manual_seed(4)
    loaded = build_model("fcn", 2, encoder="mobilenet_v2", weights=tmp_path / "a.pth").state_dict()
    assert all(torch.equal(random[key], loaded[key]) for key in random if not key.startswith("encoder."))
    assert not torch.equal(random["encoder.features.0.0.weight"], loaded["encoder.features.0.0.weight"])


def test_settings_keep_a_copy_of_a_list():
    grid = [1, 2]
    with torch.device("meta"):
        model = build_model("deeplabv3", 2, multi_grid=grid)
    grid.append(9)
    assert model.settings["multi_grid"] == [1, 2]


def test_an_impossible_encoder_stride_is_refused():
    with refuses(ConfigError, value="resnet18 does not support output stride 4") as caught:
        build_encoder("resnet18", output_stride=4)
    assert "8, 16, 32" in caught.value.remedy


@pytest.mark.parametrize(("name", "expected"), [("pspnet", True), ("deeplabv3", False)])
def test_auxiliary_head_by_default_only_in_pspnet(name, expected):
    def has_head(**options) -> bool:
        return build_model(name, 2, encoder="mobilenet_v2", **options).auxiliary_head is not None

    assert has_head() is expected
    assert has_head(auxiliary=not expected) is not expected


def test_a_printed_network_shows_its_options_first() -> None:
    text = repr(build_model("pspnet", 4, encoder="mobilenet_v2"))
    assert text.splitlines()[0] == "PSPNet("
    for words in ("name='pspnet'", "num_classes=4", "encoder='mobilenet_v2'", "output_stride=16"):
        assert words in text.splitlines()[1]
