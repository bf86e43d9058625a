"""The one door to an architecture: names, tracks, defaults, and what it refuses."""

import pytest
import torch

from segarena.errors import ConfigError
from segarena.models import DEFAULT_ENCODER, TRACKS, build_encoder, build_model, find_encoder, find_model


def test_models_stand_in_the_order_of_the_project():
    assert list(TRACKS) == ["encoder", "paper"]
    assert list(TRACKS["encoder"]) == ["fcn", "unet", "pspnet", "deeplabv3"]
    assert list(TRACKS["paper"]) == ["fcn8s", "fcn16s", "fcn32s", "fcn", "unet", "pspnet", "deeplabv3"]


@pytest.mark.parametrize("name", TRACKS["encoder"])
def test_default_encoder_is_resnet18(name):
    assert DEFAULT_ENCODER == "resnet18"
    with torch.device("meta"):
        model = build_model(name, 2)
    assert type(model) is TRACKS["encoder"][name]
    assert model.encoder.name == "resnet18"
    assert model.settings["encoder"] == "resnet18"


@pytest.mark.parametrize(
    ("name", "encoder"),
    [
        *(("fcn8s", "vgg16"), ("fcn16s", "vgg16"), ("fcn32s", "vgg16"), ("fcn", "resnet50")),
        *(("unet", None), ("pspnet", "resnet50"), ("deeplabv3", "resnet50")),
    ],
)
def test_the_paper_track_stands_on_the_papers_networks(name, encoder):
    with torch.device("meta"):
        model = build_model(name, 2, track="paper")
    assert type(model) is TRACKS["paper"][name] is find_model(name, "paper")
    assert model.settings["track"] == "paper"
    assert model.settings["encoder"] == encoder == find_encoder(name, "paper", None)
    assert hasattr(model, "encoder") is (encoder is not None)
    if encoder is not None:
        assert model.encoder.name == encoder


def test_the_same_name_means_another_network_in_the_other_track():
    for name in ("fcn", "unet"):
        assert TRACKS["paper"][name] is not TRACKS["encoder"][name]


@pytest.mark.parametrize(
    ("track", "name", "stride"),
    [
        *(("encoder", "fcn", 32), ("encoder", "unet", 32), ("encoder", "pspnet", 16), ("encoder", "deeplabv3", 16)),
        *(("paper", "fcn", 8), ("paper", "pspnet", 8), ("paper", "deeplabv3", 16), ("paper", "fcn8s", 32)),
    ],
)
def test_default_output_stride_is_the_architectures_own(track, name, stride):
    with torch.device("meta"):
        model = build_model(name, 2, track=track)
    assert model.encoder.strides[-1] == stride
    assert model.settings["output_stride"] == stride


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "segnet"}, r"no model 'segnet'.*fcn, unet, pspnet, deeplabv3"),
        ({"track": "paper9"}, r"no track 'paper9'.*encoder"),
        ({"encoder": "vgg99"}, r"no encoder 'vgg99'.*resnet18.*mobilenet_v2"),
        ({"num_classes": 0}, r"num_classes is 0"),
        ({"in_channels": 0}, r"in_channels is 0"),
        ({"output_stride": 16}, r"FCN does not work with output stride 16. Use 32"),
        ({"multi_grid": (1, 2, 4)}, r"fcn has no option 'multi_grid'"),
        ({"name": "pspnet", "multi_grid": (1, 2, 4)}, r"pspnet has no option 'multi_grid'.*auxiliary"),
        ({"name": "deeplabv3", "aux": True}, r"deeplabv3 has no option 'aux'.*multi_grid, .*auxiliary"),
        ({"name": "fcn8s"}, r"track 'encoder' has no model 'fcn8s'.*fcn, unet, pspnet, deeplabv3, or track 'paper'"),
        ({"name": "fcn8s", "track": "paper"}, r"the paper's fcn8s does not stand on mobilenet_v2.*vgg16"),
        ({"name": "unet", "track": "paper"}, r"the paper's unet does not stand on mobilenet_v2. It has no encoder"),
        (
            {"name": "unet", "track": "paper", "encoder": None, "weights": "imagenet"},
            r"unet has no encoder that weights",
        ),
        ({"name": "unet", "track": "paper", "encoder": None, "in_channels": 0}, r"in_channels is 0"),
        ({"name": "unet", "track": "paper", "encoder": None, "auxiliary": True}, r"unet has no option.*padded"),
        ({"name": "unet", "padded": True}, r"unet has no option 'padded'"),
        (
            {"name": "fcn8s", "track": "paper", "encoder": None, "output_stride": 8},
            r"FCN8s does not work with .*Use 32",
        ),
        (
            {"name": "pspnet", "encoder": "swin_t"},
            r"PSPNet needs an encoder .* stride 16, and swin_t cannot. Choose another encoder, or one of fcn, unet",
        ),
        ({"name": "pspnet", "encoder": "swin_t", "output_stride": 32}, r"PSPNet does not work with .* 32. Use 8 or 16"),
        ({"name": "deeplabv3", "encoder": "swin_t", "output_stride": 8}, r"output stride 8, and swin_t cannot"),
        # VGG-16 as FCN's paper has it, 100 pixels of padding and all, is no encoder of the other track.
        ({"encoder": "vgg16"}, r"no encoder 'vgg16'.*vgg16_bn"),
        ({"name": "pspnet", "encoder": "vgg16"}, r"no encoder 'vgg16'.*vgg16_bn"),
        ({"encoder": ""}, r"no encoder ''"),
        ({"num_classes": "3"}, r"num_classes is '3'"),
        ({"num_classes": 2.0}, r"num_classes is 2.0"),
        ({"num_classes": True}, r"num_classes is True"),
        ({"in_channels": 3.0}, r"in_channels is 3.0"),
    ],
)
@pytest.mark.parametrize("weights", [None, "imagenet"])
def test_what_cannot_be_is_refused_with_what_can_before_anything_is_downloaded(
    arguments, message, weights, monkeypatch
):
    monkeypatch.setattr("segarena.models.weights._download", lambda *_: pytest.fail("downloads"))
    if arguments.get("name") == "unet" and arguments.get("encoder", "") is None:  # as published: it takes no weights
        weights = None
    arguments = {"name": "fcn", "num_classes": 2, "encoder": "mobilenet_v2", "weights": weights} | arguments
    with pytest.raises(ConfigError, match=message):
        build_model(**arguments)


def test_weights_that_are_no_name_and_no_file_are_refused():
    with pytest.raises(ConfigError, match="weights is 5. Give 'imagenet', 'coco', 'none' or a file"):
        build_model("fcn", 2, weights=5)


def test_asking_for_weights_draws_no_random_number_more(tmp_path):
    """The network that is built on the meta device, to be refused where it cannot be, leaves the generator alone."""
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
    with pytest.raises(ConfigError, match="output stride 4. Use 8, 16, 32"):
        build_encoder("resnet18", output_stride=4)


@pytest.mark.parametrize(("name", "expected"), [("pspnet", True), ("deeplabv3", False)])
def test_auxiliary_head_is_there_by_default_only_where_the_paper_has_it(name, expected):
    def has_head(**options) -> bool:
        return build_model(name, 2, encoder="mobilenet_v2", **options).auxiliary_head is not None

    assert has_head() is expected
    assert has_head(auxiliary=not expected) is not expected
