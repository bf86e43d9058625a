"""Weights of an encoder from files and downloads, and files that are refused."""

import os
import pickle
import socket
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread

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


def same(encoder, state) -> bool:
    return all(torch.equal(value, state[key]) for key, value in encoder.state_dict().items())


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_torchvision_state_dict_loads_without_its_classifier(state, tmp_path, suffix):
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save(state, path)
    else:
        safetensors.torch.save_file(state, path)
    assert same(build_encoder("mobilenet_v2", weights=path), state)
    assert same(build_encoder("mobilenet_v2", weights=str(path), output_stride=8), state)


def torchvision_state(name: str) -> dict[str, torch.Tensor]:
    """The state dict of a whole image classifier, without the 124 million weights of VGG's fully connected layers."""
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
    """Without the classifier, and without the last 1x1 convolution of MobileNet and EfficientNet."""
    state = torchvision_state(name)
    torch.save(state, tmp_path / "weights.pth")
    encoder = vgg16_bn() if name == "vgg16_bn" else build_encoder(name)
    load_encoder(encoder, read_weights(tmp_path / "weights.pth", name))
    assert same(encoder, state)
    del state[encoder.stem]
    torch.save(state, tmp_path / "weights.pth")
    with refuses(WeightsError, where="weights.pth", value=f"the encoder {name}: the tensor "):
        load_encoder(encoder, read_weights(tmp_path / "weights.pth", name))


def test_a_fully_connected_layer_is_read_as_a_convolution(tmp_path):
    """Long et al. 2015, 3.1, on a map of 7x7 as torchvision's VGG flattens it."""
    torch.manual_seed(0)
    encoder, linear = ThinVGG16(), nn.Linear(8 * 7 * 7, 16)
    state = encoder.state_dict() | {"fc6.weight": linear.weight.detach(), "fc6.bias": linear.bias.detach()}
    torch.save(state, tmp_path / "vgg.pth")
    load_encoder(encoder, read_weights(tmp_path / "vgg.pth", "vgg16"))
    features = torch.randn(2, 8, 7, 7)
    torch.testing.assert_close(encoder.fc6(features).flatten(1), linear(features.flatten(1)))


def test_old_files_without_batch_norm_counters_load(state, tmp_path):
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


def test_none_means_random_weights():
    encoders = []
    for weights in (None, "none"):
        torch.manual_seed(0)
        encoders.append(build_encoder("mobilenet_v2", weights=weights).state_dict())
    assert all(torch.equal(value, encoders[1][key]) for key, value in encoders[0].items())


def save(content: object) -> Callable[[Path], None]:
    return lambda path: torch.save(content, path)


def save_network(name: str) -> Callable[[Path], None]:
    return lambda path: torch.save(torchvision.models.get_model(name, weights=None).state_dict(), path)


@pytest.mark.parametrize(
    ("write", "value"),
    [
        (lambda path: None, "is not a file"),
        (Path.mkdir, "is not a file"),
        (lambda path: path.write_text("<html>404 not found</html>\n" * 50), "cannot be read"),
        (save([1, 2]), "no state dict"),
        (save({"epoch": 3}), "no state dict"),
        (save({1: torch.zeros(1)}), "no state dict"),
        (save({}), "does not fit"),
        (save_network("mobilenet_v2"), "the encoder resnet18"),
        (save_network("resnet34"), "unknown, e.g. 'layer1.2"),
    ],
)
def test_a_file_without_the_encoders_weights_is_refused(tmp_path, write, value):
    path = tmp_path / "weights.pth"
    write(path)
    with refuses(WeightsError, where=path, value=value) as caught:
        build_encoder("resnet18", weights=path)
    assert "another file" in caught.value.remedy or "--weights none" in caught.value.remedy


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


@pytest.mark.parametrize("length", [0, 7, 1000])
def test_a_damaged_file_of_an_earlier_download_is_named(state, tmp_path, monkeypatch, length):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    path = tmp_path / "hub/checkpoints/mobilenet_v2-b0353104.pth"
    path.parent.mkdir(parents=True)
    torch.save(state, path)
    path.write_bytes(path.read_bytes()[:length])
    with refuses(WeightsError, where=path, value="damaged"):
        build_encoder("mobilenet_v2", weights="imagenet")


def spoilt(tensor: torch.Tensor, value: float) -> torch.Tensor:
    tensor = tensor.clone()
    tensor.view(-1)[-1] = value
    return tensor


@pytest.mark.parametrize(("key", "in_channels"), [("features.0.0.weight", 4), ("features.3.conv.1.1.running_var", 3)])
@pytest.mark.parametrize(
    ("change", "value"),
    [
        (lambda tensor: spoilt(tensor, float("nan")), "NaN"),
        (lambda tensor: spoilt(tensor, float("-inf")), "NaN or infinite"),
        (lambda tensor: spoilt(tensor.double(), 1e300), "NaN or infinite"),
        (lambda tensor: tensor.to(torch.int8), "int8"),
        (lambda tensor: tensor.to(torch.complex64), "complex64"),
        (lambda tensor: tensor.to("meta"), "dense"),
    ],
)
def test_tensors_that_are_no_finite_numbers_are_refused(state, tmp_path, key, change, value, in_channels):
    path = tmp_path / "weights.pth"
    torch.save(state | {key: change(state[key])}, path)
    with refuses(WeightsError, where=path, value=value) as caught:
        build_encoder("mobilenet_v2", weights=path, in_channels=in_channels)
    assert key in str(caught.value)


def test_finite_numbers_whose_sum_is_not_are_loaded(state, tmp_path):
    huge = state | {"features.0.0.weight": torch.full_like(state["features.0.0.weight"], 3e38)}
    torch.save(huge, tmp_path / "weights.pth")
    assert same(build_encoder("mobilenet_v2", weights=tmp_path / "weights.pth"), huge)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_weights_of_another_precision_are_converted(state, tmp_path, dtype):
    converted = {key: value.to(dtype) if value.is_floating_point() else value for key, value in state.items()}
    torch.save(converted, tmp_path / "weights.pth")
    encoder = build_encoder("mobilenet_v2", weights=tmp_path / "weights.pth")
    assert all(value.dtype != dtype for value in encoder.state_dict().values())
    assert same(encoder, {key: value.to(state[key].dtype) for key, value in converted.items()})


def test_a_pickle_with_code_is_refused_and_does_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    torch.save({"conv1.weight": Evil()}, tmp_path / "evil.pth")
    (tmp_path / "bare.pth").write_bytes(pickle.dumps(Evil(), protocol=2))
    for name in ("evil.pth", "bare.pth"):
        with refuses(WeightsError, where=tmp_path / name, value="not a plain file of tensors"):
            build_encoder("mobilenet_v2", weights=tmp_path / name)
    assert not (tmp_path / "ran").exists()


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2"])
def test_a_failed_download_suggests_random_weights_or_a_file(name, capsys):
    with refuses(WeightsError, where="pytorch.org", value="no route to host") as caught:
        build_encoder(name, weights="imagenet")
    assert "--weights none" in caught.value.remedy
    assert "--weights FILE" in caught.value.remedy
    assert capsys.readouterr().out == ""


@pytest.fixture
def download(no_network, tmp_path):
    """The path at which torch.hub looks for the weights of MobileNetV2."""
    path = tmp_path / "hub" / "checkpoints" / "mobilenet_v2-b0353104.pth"
    path.parent.mkdir(parents=True)
    return path


def test_a_damaged_download_is_an_error_of_its_file(download):
    download.write_bytes(b"PK\x03\x04 half a file")
    with refuses(WeightsError, where=download.name):
        build_encoder("mobilenet_v2", weights="imagenet")


@pytest.fixture
def breaking_server():
    """The address of a server that sends some of the bytes that it announces, and closes the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection:
                        connection.recv(65536)
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 100_000)

        Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/weights.pth"


def test_a_download_that_breaks_off_leaves_nothing(tmp_path, monkeypatch, breaking_server):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.urlopen", lambda request: urllib.request.urlopen(breaking_server, timeout=10))
    with refuses(WeightsError, where="mobilenet_v2-b0353104.pth"):
        build_encoder("mobilenet_v2", weights="imagenet")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_imagenet_weights_are_torchvisions_first_ones(download, state):
    torch.save(state, download)
    assert same(build_encoder("mobilenet_v2", weights="imagenet"), state)


@needs_real_weights
def test_shared_mobilenet_weights_load():
    expected = torch.load(REAL_WEIGHTS, weights_only=True)
    assert same(build_encoder("mobilenet_v2", weights=REAL_WEIGHTS, output_stride=16), expected)
