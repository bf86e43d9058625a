import os
import pickle
import urllib.error

import pytest
import safetensors.torch
import torch
import torchvision
from networks import ThinVGG16, vgg16_bn
from torch import nn

from segarena.errors import WeightsError
from segarena.models import build_encoder, build_model
from segarena.models.fitting import load_encoder
from segarena.models.weights import read_weights
from support import REAL_WEIGHTS, needs_real_weights, refuses


@pytest.fixture(scope="module")
def state():
    torch.manual_seed(7)
    return torchvision.models.mobilenet_v2(weights=None).state_dict()


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    def fail(*_args, **_kwargs):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))


def same(encoder, state) -> bool:
    return all(torch.equal(value, state[key]) for key, value in encoder.state_dict().items())


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_torchvision_state_dict_loads_and_its_classifier_is_left(state, tmp_path, suffix):
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save(state, path)
    else:
        safetensors.torch.save_file(state, path)
    assert same(build_encoder("mobilenet_v2", weights=path), state)
    assert same(build_encoder("mobilenet_v2", weights=str(path), output_stride=8), state)


def torchvision_state(name: str) -> dict[str, torch.Tensor]:
    """Of a whole image classifier; the 124 million weights of VGG's are left out, but for their names."""
    torch.manual_seed(1)
    if name != "vgg16_bn":
        return torchvision.models.get_model(name, weights=None).state_dict()
    with torch.device("meta"):
        network = torchvision.models.vgg16_bn(weights=None)
    features = {f"features.{key}": value for key, value in network.features.to_empty(device="cpu").state_dict().items()}
    for value in features.values():
        value.copy_(torch.rand(value.shape))
    return features | {f"classifier.{i}.weight": torch.zeros(1, 1) for i in (0, 3, 6)}


@pytest.mark.parametrize(
    "name", ["resnet18", "vgg16_bn", "mobilenet_v3_large", "efficientnet_b0", "convnext_tiny", "swin_t"]
)
def test_a_torchvision_file_of_every_family_loads(name, tmp_path):
    """The classifier's layers, and the last 1x1 convolution of MobileNet and EfficientNet, are left."""
    state = torchvision_state(name)
    torch.save(state, tmp_path / "weights.pth")
    encoder = vgg16_bn() if name == "vgg16_bn" else build_encoder(name)
    load_encoder(encoder, read_weights(tmp_path / "weights.pth", name))
    assert same(encoder, state)
    del state[encoder.stem]
    torch.save(state, tmp_path / "weights.pth")
    with refuses(WeightsError, where="weights.pth", value=f"the encoder {name}: 1 tensors are missing"):
        load_encoder(encoder, read_weights(tmp_path / "weights.pth", name))


def test_a_fully_connected_layer_is_read_as_the_convolution_it_is(tmp_path):
    """Long et al. 2015, 3.1, on a map of 7x7 as torchvision's VGG flattens it."""
    torch.manual_seed(0)
    encoder, linear = ThinVGG16(), nn.Linear(8 * 7 * 7, 16)
    state = encoder.state_dict() | {"fc6.weight": linear.weight.detach(), "fc6.bias": linear.bias.detach()}
    torch.save(state, tmp_path / "vgg.pth")
    load_encoder(encoder, read_weights(tmp_path / "vgg.pth", "vgg16"))
    features = torch.randn(2, 8, 7, 7)
    torch.testing.assert_close(encoder.fc6(features).flatten(1), linear(features.flatten(1)))


def test_files_from_before_batch_norm_counted_still_load(state, tmp_path):
    path = tmp_path / "old.pth"
    torch.save({k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}, path)
    assert same(build_encoder("mobilenet_v2", weights=path), state)


def test_rgb_weights_are_adapted_to_other_channels(state, tmp_path):
    path = tmp_path / "rgb.pth"
    torch.save(state, path)
    encoder = build_encoder("mobilenet_v2", weights=path, in_channels=1)
    stem = encoder.state_dict()["features.0.0.weight"]
    torch.testing.assert_close(stem, state["features.0.0.weight"].sum(dim=1, keepdim=True))


def test_weights_of_the_same_channels_are_not_adapted(tmp_path):
    path = tmp_path / "grey.pth"
    grey = build_encoder("mobilenet_v2", in_channels=1).state_dict()
    torch.save(grey, path)
    assert same(build_encoder("mobilenet_v2", weights=path, in_channels=1), grey)
    with refuses(
        WeightsError, where=path, value="'features.0.0.weight' has the shape (32, 1, 3, 3), not (32, 3, 3, 3)"
    ):
        build_encoder("mobilenet_v2", weights=path)


def test_weights_do_not_change_the_decoder_that_a_seed_gives(state, tmp_path):
    torch.save(state, tmp_path / "weights.pth")
    decoders = []
    for weights in (None, tmp_path / "weights.pth"):
        torch.manual_seed(3)
        decoders.append(build_model("unet", 4, encoder="mobilenet_v2", weights=weights).steps.state_dict())
    assert all(torch.equal(value, decoders[1][key]) for key, value in decoders[0].items())


def test_none_is_random_also_by_its_command_line_name():
    encoders = []
    for weights in (None, "none"):
        torch.manual_seed(0)
        encoders.append(build_encoder("mobilenet_v2", weights=weights).state_dict())
    assert all(torch.equal(value, encoders[1][key]) for key, value in encoders[0].items())


def test_a_missing_file_is_named(tmp_path):
    for path in (tmp_path / "nowhere.pth", tmp_path):
        with refuses(WeightsError, where=path, value="is not a file") as caught:
            build_encoder("resnet18", weights=path)
        assert "--weights none" in caught.value.remedy


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("length", [0, 7, 1000, -1000])
def test_a_truncated_file_is_named(state, tmp_path, suffix, length):
    path = tmp_path / f"cut{suffix}"
    if suffix == ".pth":
        torch.save(state, path)
    else:
        safetensors.torch.save_file(state, path)
    path.write_bytes(path.read_bytes()[:length])
    with refuses(WeightsError, where=path, value="cannot be read"):
        build_encoder("mobilenet_v2", weights=path)


def test_a_text_file_is_not_weights(tmp_path):
    path = tmp_path / "page.pth"
    path.write_text("<html>404 not found</html>\n" * 50)
    with refuses(WeightsError, where=path, value="cannot be read"):
        build_encoder("resnet18", weights=path)


def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    torch.save({"conv1.weight": Evil()}, tmp_path / "evil.pth")
    (tmp_path / "bare.pth").write_bytes(pickle.dumps(Evil(), protocol=2))
    for name in ("evil.pth", "bare.pth"):
        with refuses(WeightsError, where=tmp_path / name, value="not a plain file of tensors"):
            build_encoder("mobilenet_v2", weights=tmp_path / name)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, {}, {1: torch.zeros(1)}], ids=str)
def test_a_file_without_a_state_dict_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "other.pth")
    with refuses(WeightsError, where=tmp_path / "other.pth"):
        build_encoder("resnet18", weights=tmp_path / "other.pth")


def test_another_networks_weights_are_refused_with_both_named(state, tmp_path):
    path = tmp_path / "mobile.pth"
    torch.save(state, path)
    with refuses(WeightsError, where=path, value="resnet18"):
        build_encoder("resnet18", weights=path)


def test_a_larger_sibling_is_refused_for_its_extra_layers(tmp_path):
    path = tmp_path / "resnet34.pth"
    torch.save(torchvision.models.resnet34(weights=None).state_dict(), path)
    with refuses(WeightsError, where=path, value="unknown, e.g. 'layer1.2"):
        build_encoder("resnet18", weights=path)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2"])
def test_a_failed_download_is_an_error_that_names_both_ways_out(name, capsys):
    with refuses(WeightsError, where="pytorch.org", value="no route to host") as caught:
        build_encoder(name, weights="imagenet")
    assert "--weights none" in caught.value.remedy
    assert "--weights FILE" in caught.value.remedy
    assert capsys.readouterr().out == ""


def test_a_damaged_download_cache_is_an_error_that_names_the_file(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cached = tmp_path / "hub" / "checkpoints" / "mobilenet_v2-b0353104.pth"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"PK\x03\x04 half a file")
    with refuses(WeightsError, where="mobilenet_v2-b0353104.pth"):
        build_encoder("mobilenet_v2", weights="imagenet")


def test_imagenet_weights_are_torchvisions_first_ones(monkeypatch, state, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    torch.save(state, tmp_path / "hub" / "checkpoints" / "mobilenet_v2-b0353104.pth")
    assert same(build_encoder("mobilenet_v2", weights="imagenet"), state)


@needs_real_weights
def test_shared_mobilenet_weights_load():
    expected = torch.load(REAL_WEIGHTS, weights_only=True)
    assert same(build_encoder("mobilenet_v2", weights=REAL_WEIGHTS, output_stride=16), expected)
