import pytest
import torch

from segarena.errors import ConfigError
from segarena.models import DEFAULT_ENCODER, ENCODERS, MODELS, build_encoder, build_model


def test_models_stand_in_the_order_of_the_project():
    assert list(MODELS) == ["fcn", "unet", "pspnet", "deeplabv3"]


@pytest.mark.parametrize("name", MODELS)
def test_default_encoder_is_resnet18(name):
    assert DEFAULT_ENCODER == "resnet18"
    with torch.device("meta"):
        model = build_model(name, 2)
    assert type(model) is MODELS[name]
    assert model.encoder.name == "resnet18"


@pytest.mark.parametrize(("name", "stride"), [("fcn", 32), ("unet", 32), ("pspnet", 16), ("deeplabv3", 16)])
def test_default_output_stride_is_the_architectures_own(name, stride):
    assert build_model(name, 2, encoder="mobilenet_v2").encoder.strides[-1] == stride


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "segnet"}, r"no model 'segnet'.*fcn, unet, pspnet, deeplabv3"),
        ({"track": "paper9"}, r"no track 'paper9'.*encoder"),
        ({"encoder": "vgg99"}, r"no encoder 'vgg99'.*resnet18.*mobilenet_v2"),
        ({"num_classes": 0}, r"num_classes is 0"),
        ({"in_channels": 0}, r"in_channels is 0"),
        ({"output_stride": 16}, r"fcn does not work with output stride 16. Use 32"),
        ({"multi_grid": (1, 2, 4)}, r"fcn has no option 'multi_grid'"),
        ({"name": "pspnet", "multi_grid": (1, 2, 4)}, r"pspnet has no option 'multi_grid'.*auxiliary"),
        ({"name": "deeplabv3", "aux": True}, r"deeplabv3 has no option 'aux'.*multi_grid, auxiliary"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(arguments, message):
    arguments = {"name": "fcn", "num_classes": 2, "encoder": "mobilenet_v2"} | arguments
    with pytest.raises(ConfigError, match=message):
        build_model(**arguments)


def test_an_impossible_encoder_stride_is_refused():
    with pytest.raises(ConfigError, match="8, 16 or 32"):
        build_encoder("resnet18", output_stride=4)


@pytest.mark.parametrize(("name", "expected"), [("pspnet", True), ("deeplabv3", False)])
def test_auxiliary_head_is_there_by_default_only_where_the_paper_has_it(name, expected):
    def has_head(**options) -> bool:
        return build_model(name, 2, encoder="mobilenet_v2", **options).auxiliary_head is not None

    assert has_head() is expected
    assert has_head(auxiliary=not expected) is not expected


@pytest.mark.parametrize("encoder", ENCODERS)
def test_parameters_stay_sane(encoder):
    with torch.device("meta"):
        count = {name: sum(p.numel() for p in build_model(name, 12, encoder=encoder).parameters()) for name in MODELS}
    assert max(count.values()) < 70e6
    assert min(count, key=count.get) == "fcn"
