"""Whole segmentation networks of torchvision as weights: `--weights coco`, and files of such networks."""

from pathlib import Path

import pytest
import safetensors.torch
import torch
import torchvision.models.segmentation
from networks import Case, randomise, relative, thin_networks
from torch import nn
from torchvision.models import get_model, get_model_weights, list_models
from torchvision.models.segmentation.deeplabv3 import DeepLabHead
from torchvision.models.segmentation.fcn import FCNHead

from segarena.errors import ConfigError, WeightsError
from segarena.models import build_encoder, build_model
from segarena.models.weights import COCO
from support import refuses


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """torch.hub's folder, with random networks as "downloaded" files."""
    return tmp_path_factory.mktemp("torch")


@pytest.fixture(
    scope="module",
    params=[
        *(("fcn", "resnet50"), ("deeplabv3", "resnet50")),
        pytest.param(("fcn", "resnet101"), marks=pytest.mark.slow),
        pytest.param(("deeplabv3", "resnet101"), marks=pytest.mark.slow),
    ],
    ids="-".join,
)
def published(request, home):
    """An architecture, its encoder, torchvision's network with random weights, and its file in torch.hub's cache.

    The file has the name of the published one, which would need a download.
    """
    torch.manual_seed(0)
    name = "_".join(request.param)
    network = get_model(name, weights=None, weights_backbone=None, aux_loss=True)
    randomise(network).eval()
    folder = home / "hub" / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    url = get_model_weights(name)["COCO_WITH_VOC_LABELS_V1"].url
    path = folder / url.rpartition("/")[2]
    torch.save(network.state_dict(), path)
    return *request.param, network, path


@pytest.fixture(autouse=True)
def offline(no_network, monkeypatch, home):
    monkeypatch.setenv("TORCH_HOME", str(home))


def settings(name: str, encoder: str) -> dict[str, object]:
    """The settings that `build_model` must choose for torchvision's network."""
    own = {"multi_grid": [1, 1, 1], "head": "torchvision"} if name == "deeplabv3" else {}
    always = {"num_classes": 21, "track": "paper", "in_channels": 3, "output_stride": 8, "auxiliary": True}
    return {"name": name, "encoder": encoder, **always, **own}


@pytest.mark.parametrize(("kind", "options"), [("coco", {}), ("file", {}), ("file", {"output_stride": 8})], ids=str)
def test_weights_build_torchvisions_network(published, kind, options, capsys):
    """With its output stride, heads and dilations, not those of the paper, by default."""
    name, encoder, theirs, path = published
    if options and name == "deeplabv3":
        options = options | {"multi_grid": (1, 1, 1)}
    weights = path if kind == "file" else kind
    ours = build_model(name, 21, track="paper", encoder=encoder, weights=weights, **options).eval()
    assert capsys.readouterr().out == ""
    image = torch.randn(1, 3, 41, 56)
    with torch.no_grad():
        expected = theirs(image)
        assert relative(ours(image).logits, expected["out"]) < 1e-5
        scores = ours.auxiliary_head.eval()(ours.encoder(image)[-2])
        upsampled = nn.functional.interpolate(scores, (41, 56), mode="bilinear", align_corners=False)
        assert relative(upsampled, expected["aux"]) < 1e-5
    assert ours.settings == settings(name, encoder)
    with torch.device("meta"):
        again = build_model(**ours.settings)
    assert {k: v.shape for k, v in again.state_dict().items()} == {k: v.shape for k, v in ours.state_dict().items()}
    dilations = [[m.dilation for m in network.modules() if isinstance(m, nn.Conv2d)] for network in (ours, again)]
    assert dilations[0] == dilations[1]


def test_another_number_of_classes_keeps_all_but_the_last_layers(published):
    name, encoder, theirs, _ = published
    options = {"track": "paper", "encoder": encoder, "weights": "coco"}
    torch.manual_seed(5)
    ours = build_model(name, 4, in_channels=1, **options)
    torch.manual_seed(5)
    without = {"output_stride": 8, "auxiliary": True} | ({"head": "torchvision"} if name == "deeplabv3" else {})
    random = build_model(name, 4, track="paper", encoder=encoder, in_channels=1, **without)
    last = "head.2" if name == "fcn" else "classifier"
    for layer in (last, "auxiliary_head.2"):
        assert ours.get_submodule(layer).weight.shape[0] == 4
        assert torch.equal(ours.get_submodule(layer).weight, random.get_submodule(layer).weight)
        assert torch.equal(ours.get_submodule(layer).bias, random.get_submodule(layer).bias)
    first = ours.head[0][0] if name == "fcn" else ours.aspp.point[0]
    expected = theirs.classifier[0] if name == "fcn" else theirs.classifier[0].convs[0][0]
    assert torch.equal(first.weight, expected.weight)
    assert torch.equal(ours.auxiliary_head[0][0].weight, theirs.aux_classifier[0].weight)
    assert torch.equal(ours.encoder.layer4[2].conv3.weight, theirs.backbone.layer4[2].conv3.weight)
    grey = theirs.backbone.conv1.weight.sum(dim=1, keepdim=True)
    torch.testing.assert_close(ours.encoder.conv1.weight, grey)


@pytest.mark.parametrize(
    ("name", "track", "encoder"),
    [
        *(("pspnet", "paper", "resnet50"), ("fcn8s", "paper", None)),
        *((name, "encoder", "resnet50") for name in ("fcn", "unet", "pspnet", "deeplabv3")),
    ],
)
def test_coco_is_refused_where_nothing_is_published(name, track, encoder):
    with torch.device("meta"), refuses(ConfigError, value="no COCO weights") as caught:
        build_model(name, 21, track=track, encoder=encoder, weights="coco")
    assert "fcn and deeplabv3 on resnet50" in caught.value.remedy


def test_a_failed_download_of_coco_is_an_error():
    with torch.device("meta"), refuses(WeightsError, where="pytorch.org", value="no route to host"):
        build_model("fcn", 21, track="paper", encoder="resnet101", weights="coco")


def test_coco_lists_every_published_network_of_torchvision():
    """Except on MobileNetV3, which the papers do not use, and LR-ASPP, which is none of the four."""
    names = {f"{name}_{encoder}" for name, encoders in COCO.items() for encoder in encoders}
    others = {"deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large"}
    assert names | others == set(list_models(module=torchvision.models.segmentation))
    for name in names:
        assert get_model_weights(name)["COCO_WITH_VOC_LABELS_V1"].meta["num_params"] > 0


# From here on, files of thin networks: torchvision's own heads on a thin backbone.


def thin_file(folder: Path, head: str, *, auxiliary: bool = True, classes: int = 6, suffix: str = ".pth") -> Path:
    """A state dict with torchvision's names, `backbone.*`, `classifier.*` and `aux_classifier.*`."""
    torch.manual_seed(3)
    network = nn.Module()
    with thin_networks():
        network.backbone = build_model("fcn", 2, track="paper").encoder
    network.classifier = {"fcn": FCNHead, "deeplabv3": DeepLabHead}[head](16, classes)
    if auxiliary:
        network.aux_classifier = FCNHead(8, classes)
    path = folder / f"{head}{suffix}"
    state = randomise(network).state_dict()
    torch.save(state, path) if suffix == ".pth" else safetensors.torch.save_file(state, path)
    return path


def test_options_have_precedence_over_the_file(tmp_path):
    path = thin_file(tmp_path, "deeplabv3")
    with thin_networks():
        options = {"output_stride": 16, "multi_grid": (1, 2, 4), "auxiliary": False}
        model = build_model("deeplabv3", 6, track="paper", weights=path, **options)
    assert (model.output_stride, model.eval_output_stride, model.encoder.multi_grid) == (16, 16, (1, 2, 4))
    assert model.auxiliary_head is None


@pytest.mark.parametrize("auxiliary", [True, False])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("name", ["fcn", "deeplabv3"])
def test_all_tensors_of_a_file_are_loaded(name, suffix, auxiliary, tmp_path):
    path = thin_file(tmp_path, name, auxiliary=auxiliary, suffix=suffix)
    with thin_networks():
        model = build_model(name, 6, track="paper", weights=path)
    assert (model.auxiliary_head is not None) is auxiliary
    state = safetensors.torch.load_file(path) if suffix == ".safetensors" else torch.load(path, weights_only=True)
    # the tensors of the file are those of the model
    sizes = sorted((float(v.double().sum()), v.numel()) for v in state.values())
    assert sorted((float(v.double().sum()), v.numel()) for v in model.state_dict().values()) == sizes


def test_an_auxiliary_head_may_be_in_file_or_model_only(tmp_path):
    path = thin_file(tmp_path, "fcn", auxiliary=False)
    with thin_networks():
        assert build_model("fcn", 6, track="paper", weights=path, auxiliary=True).auxiliary_head is not None
    path = thin_file(tmp_path, "fcn", auxiliary=True)
    with thin_networks():
        assert build_model("fcn", 6, track="paper", weights=path, auxiliary=False).auxiliary_head is None


@pytest.mark.parametrize(("file", "name"), [("fcn", "deeplabv3"), ("deeplabv3", "fcn")])
def test_a_file_of_another_architecture_is_refused(file, name, tmp_path):
    path = thin_file(tmp_path, file)
    kind = {"fcn": "DilatedFCN", "deeplabv3": "DeepLabv3"}[name]
    with thin_networks(), refuses(WeightsError, where=path, value=f"does not fit {kind}"):
        build_model(name, 6, track="paper", weights=path)


def test_a_file_with_a_damaged_head_is_refused(tmp_path):
    path = thin_file(tmp_path, "fcn")
    state = torch.load(path, weights_only=True)
    del state["classifier.1.running_mean"]
    torch.save(state, path)
    with (
        thin_networks(),
        refuses(WeightsError, where=path, value="the tensor 'head.0.1.running_mean' is missing"),
    ):
        build_model("fcn", 6, track="paper", weights=path)


@pytest.mark.parametrize(
    ("name", "track"), [*((name, "encoder") for name in ("fcn", "unet", "pspnet", "deeplabv3")), ("pspnet", "paper")]
)
def test_encoder_track_and_pspnet_load_only_the_backbone(name, track, tmp_path):
    path = thin_file(tmp_path, "deeplabv3")
    backbone = torch.load(path, weights_only=True)
    models = []
    for weights in (None, path):
        torch.manual_seed(9)
        with thin_networks():
            models.append(build_model(name, 6, track=track, weights=weights).state_dict())
    assert models[0].keys() == models[1].keys()
    for key, value in models[1].items():
        if key.startswith("encoder."):
            assert torch.equal(value, backbone["backbone." + key.removeprefix("encoder.")])
        else:
            assert torch.equal(value, models[0][key])


def test_a_whole_network_on_another_backbone_is_refused(tmp_path):
    path = thin_file(tmp_path, "fcn")
    with refuses(WeightsError, where=path, value="the encoder resnet18"):
        build_encoder("resnet18", weights=path)


def test_a_state_dict_of_the_model_itself_is_refused(tmp_path):
    """Training continues by resuming the run, not through --weights."""
    model = Case("fcn", "paper").build()
    torch.save(model.state_dict(), tmp_path / "own.pth")
    with thin_networks(), refuses(WeightsError, where="own.pth", value="the encoder thin"):
        build_model("fcn", 5, track="paper", weights=tmp_path / "own.pth")
