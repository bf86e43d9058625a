"""Whole segmentation networks of torchvision as weights: `--weights coco`, and files of the same kind."""

import urllib.error
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
    """torch.hub's folder, where "downloaded" files lie: random networks under the names of the published ones."""
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
    """An architecture, its encoder and torchvision's network, whose state dict lies in the cache of torch.hub.

    Random weights under the names of the published files: those cannot be had without a network.
    """
    torch.manual_seed(0)
    name = "_".join(request.param)
    network = get_model(name, weights=None, weights_backbone=None, aux_loss=True)
    randomise(network).eval()
    folder = home / "hub" / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    url = get_model_weights(name)["COCO_WITH_VOC_LABELS_V1"].url
    torch.save(network.state_dict(), folder / url.rpartition("/")[2])
    return *request.param, network


@pytest.fixture(autouse=True)
def no_network(monkeypatch, home):
    def fail(*_args, **_kwargs):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    monkeypatch.setenv("TORCH_HOME", str(home))


def test_coco_weights_give_torchvisions_logits_without_another_option(published, capsys):
    name, encoder, theirs = published
    ours = build_model(name, 21, track="paper", encoder=encoder, weights="coco").eval()
    assert capsys.readouterr().out == ""
    image = torch.randn(1, 3, 41, 56)
    with torch.no_grad():
        assert relative(ours(image).logits, theirs(image)["out"]) < 1e-5
        # the auxiliary head came too
        scores = ours.auxiliary_head.eval()(ours.encoder(image)[-2])
        enlarged = nn.functional.interpolate(scores, (41, 56), mode="bilinear", align_corners=False)
        assert relative(enlarged, theirs(image)["aux"]) < 1e-5
    with torch.device("meta"):
        again = build_model(**ours.settings)
    assert {k: v.shape for k, v in again.state_dict().items()} == {k: v.shape for k, v in ours.state_dict().items()}
    dilations = [[m.dilation for m in network.modules() if isinstance(m, nn.Conv2d)] for network in (ours, again)]
    assert dilations[0] == dilations[1]
    assert ours.settings["output_stride"] == 8


def test_scores_of_other_classes_start_anew_and_all_else_is_kept(published):
    name, encoder, theirs = published
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


@pytest.mark.parametrize("explicit", [False, True])
def test_a_file_of_torchvisions_is_the_network_that_it_was_saved_from(published, explicit, tmp_path, monkeypatch):
    """Its heads say which it is: not the paper's multi-grid and output strides around torchvision's weights."""
    name, encoder, theirs = published
    monkeypatch.chdir(tmp_path)
    torch.save(theirs.state_dict(), "file.pth")
    options = {"num_classes": 21, "track": "paper", "encoder": encoder}
    told = {"output_stride": 8, **({"multi_grid": (1, 1, 1)} if name == "deeplabv3" else {})} if explicit else {}
    ours = build_model(name, **options, **told, weights="file.pth").eval()
    image = torch.randn(1, 3, 56, 41)
    with torch.no_grad():
        assert relative(ours(image).logits, theirs(image)["out"]) < 1e-5
    assert ours.settings == build_model(name, **options, weights="coco").settings


def test_options_that_are_asked_for_go_before_what_the_file_says(tmp_path):
    theirs = get_model("deeplabv3_resnet50", weights=None, weights_backbone=None, aux_loss=True)
    torch.save(theirs.state_dict(), tmp_path / "file.pth")
    options = {"track": "paper", "weights": tmp_path / "file.pth", "output_stride": 16, "multi_grid": (1, 2, 4)}
    model = build_model("deeplabv3", 21, **options, auxiliary=False)
    assert (model.output_stride, model.eval_output_stride, model.encoder.multi_grid) == (16, 16, (1, 2, 4))
    assert model.auxiliary_head is None


@pytest.mark.parametrize(
    ("name", "track", "encoder"),
    [
        *(("pspnet", "paper", "resnet50"), ("fcn8s", "paper", None)),
        *((name, "encoder", "resnet50") for name in ("fcn", "unet", "pspnet", "deeplabv3")),
    ],
)
def test_coco_is_refused_where_torchvision_has_published_nothing(name, track, encoder):
    with torch.device("meta"), refuses(ConfigError, value="no COCO weights") as caught:
        build_model(name, 21, track=track, encoder=encoder, weights="coco")
    assert "fcn and deeplabv3 on resnet50" in caught.value.remedy


def test_a_failed_download_names_both_ways_out():
    with torch.device("meta"), refuses(WeightsError, where="pytorch.org", value="no route to host"):
        build_model("fcn", 21, track="paper", encoder="resnet101", weights="coco")


def test_coco_knows_every_network_of_these_architectures_that_torchvision_publishes():
    """But for MobileNetV3, on which the papers' networks do not stand, and LR-ASPP, which is none of them."""
    names = {f"{name}_{encoder}" for name, encoders in COCO.items() for encoder in encoders}
    others = {"deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large"}
    assert names | others == set(list_models(module=torchvision.models.segmentation))
    for name in names:
        assert get_model_weights(name)["COCO_WITH_VOC_LABELS_V1"].meta["num_params"] > 0


# From here on files of thin networks: torchvision's own heads on a thin backbone.


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


@pytest.mark.parametrize("auxiliary", [True, False])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("name", ["fcn", "deeplabv3"])
def test_a_file_brings_its_heads_with_it(name, suffix, auxiliary, tmp_path):
    path = thin_file(tmp_path, name, auxiliary=auxiliary, suffix=suffix)
    with thin_networks():
        model = build_model(name, 6, track="paper", weights=path)
    assert (model.auxiliary_head is not None) is auxiliary
    state = safetensors.torch.load_file(path) if suffix == ".safetensors" else torch.load(path, weights_only=True)
    # every tensor of the file is in the model, and none in the model is from elsewhere
    sizes = sorted((float(v.double().sum()), v.numel()) for v in state.values())
    assert sorted((float(v.double().sum()), v.numel()) for v in model.state_dict().values()) == sizes


def test_an_auxiliary_head_that_only_one_of_them_has_is_no_obstacle(tmp_path):
    path = thin_file(tmp_path, "fcn", auxiliary=False)
    with thin_networks():
        assert build_model("fcn", 6, track="paper", weights=path, auxiliary=True).auxiliary_head is not None
    path = thin_file(tmp_path, "fcn", auxiliary=True)
    with thin_networks():
        assert build_model("fcn", 6, track="paper", weights=path, auxiliary=False).auxiliary_head is None


@pytest.mark.parametrize(("file", "name"), [("fcn", "deeplabv3"), ("deeplabv3", "fcn")])
def test_the_network_of_another_paper_is_refused(file, name, tmp_path):
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
        refuses(WeightsError, where=path, value="1 tensors are missing, e.g. 'head.0.1.running_mean'"),
    ):
        build_model("fcn", 6, track="paper", weights=path)


@pytest.mark.parametrize("name", ["fcn", "unet", "pspnet", "deeplabv3"])
def test_the_encoder_track_takes_only_the_backbone_so_that_no_decoder_has_a_better_start(name, tmp_path):
    path = thin_file(tmp_path, "deeplabv3")
    backbone = torch.load(path, weights_only=True)
    models = []
    for weights in (None, path):
        torch.manual_seed(9)
        with thin_networks():
            models.append(build_model(name, 6, weights=weights).state_dict())
    assert models[0].keys() == models[1].keys()
    for key, value in models[1].items():
        if key.startswith("encoder."):
            assert torch.equal(value, backbone["backbone." + key.removeprefix("encoder.")])
        else:
            assert torch.equal(value, models[0][key])


def test_the_papers_pspnet_takes_the_backbone_of_a_whole_network(tmp_path):
    path = thin_file(tmp_path, "fcn")
    with thin_networks():
        model = build_model("pspnet", 6, track="paper", weights=path)
    backbone = torch.load(path, weights_only=True)
    assert all(torch.equal(v, backbone[f"backbone.{key}"]) for key, v in model.encoder.state_dict().items())


def test_a_whole_network_on_another_backbone_is_refused(tmp_path):
    path = thin_file(tmp_path, "fcn")
    with refuses(WeightsError, where=path, value="the encoder resnet18"):
        build_encoder("resnet18", weights=path)


def test_a_file_saved_from_the_model_itself_is_no_torchvision_network(tmp_path):
    """Continuing from a run goes through the run, not through --weights: the refusal names what is missing."""
    model = Case("fcn", "paper").build()
    torch.save(model.state_dict(), tmp_path / "own.pth")
    with thin_networks(), refuses(WeightsError, where="own.pth", value="the encoder thin"):
        build_model("fcn", 5, track="paper", weights=tmp_path / "own.pth")
