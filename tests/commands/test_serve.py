"""`segarena serve`: the masks of `predict` over HTTP; its address, its token; its end by signals."""

from __future__ import annotations

import http.client
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from queue import Queue
from typing import Any

import numpy as np
import pytest
from PIL import Image

import segarena
from sample_records import ranked_model, sample_comparison
from segarena import cli
from segarena.config import ServeOptions
from segarena.errors import ConfigError
from segarena.records.run import Data
from segarena.runs import find_model_runs
from segarena.training import together
from segarena.training.together import is_exact, label_together
from support import QUICK, refused, refuses

TOKEN = "a-token-of-24-characters"


needs_signals = pytest.mark.skipif(os.name == "nt", reason="SIGTERM ends a process at once on Windows")


@pytest.fixture
def _extra() -> None:
    for name in ("fastapi", "uvicorn", "python_multipart", "prometheus_client"):
        pytest.importorskip(name, reason=f"{name} is not installed: it comes with the extra serve")


def ask(port: int, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET" if body is None else "POST", path, body, headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def serve(
    patch: pytest.MonkeyPatch, words: list[str], use: Callable[[int], Any], number: int = signal.SIGTERM
) -> tuple[int, Any]:
    """Serve in this thread while another one uses the port, then sends the signal: exit status, what it returned."""
    from segarena.serving import server

    started: Queue[int] = Queue()
    results: list[Any] = []
    plain = server.address_of

    def address_of(listening: socket.socket) -> str:
        started.put(listening.getsockname()[1])
        return plain(listening)

    def client() -> None:
        port = started.get(timeout=300)
        try:
            results.append(use(port))
        except BaseException as error:
            results.append(error)
        finally:
            os.kill(os.getpid(), number)

    patch.setattr(server, "address_of", address_of)
    patch.setattr(sys, "argv", ["segarena", "serve", *words, "--port", "0", "--device", "cpu"])
    thread = threading.Thread(target=client, daemon=True)
    thread.start()
    status = cli.main()
    thread.join(60)
    if isinstance(results[0], BaseException):
        raise results[0]
    return status, results[0]


@needs_signals
@pytest.mark.usefixtures("_extra")
def test_served_masks_are_those_of_predict(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    images = [trained.parent / "data" / "images" / f"square{number:02}.png" for number in (3, 4)]
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.open(images[0]).convert("RGB").resize((101, 37)).save(tmp_path / "turned.jpg", exif=exif)
    deep = np.random.default_rng(0).integers(0, 4096, (31, 45), dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.tif")
    images += [tmp_path / "turned.jpg", tmp_path / "deep.tif"]

    def use(port: int) -> list[np.ndarray]:
        assert json.loads(ask(port, "/models")[1])["models"][0]["name"] == "run"
        replies = [ask(port, "/predict", image.read_bytes()) for image in images]
        assert [status for status, _ in replies] == [200] * 4
        return [np.asarray(Image.open(io.BytesIO(body))) for _, body in replies]

    status, masks = serve(monkeypatch, [str(trained)], use)
    assert status == 0
    predictor = segarena.load(trained, device="cpu")
    for image, mask in zip(images, masks, strict=True):
        assert np.array_equal(mask, predictor.predict(image)), image.name
    assert "curl" in capsys.readouterr().out


@pytest.mark.slow
@needs_signals
@pytest.mark.usefixtures("_extra")
def test_all_four_architectures_are_served_as_predict_labels(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of validation images, also cut to odd sizes."""
    segarena.compare(squares, seeds=1, out=tmp_path / "out", **QUICK)
    names = ["fcn", "unet", "pspnet", "deeplabv3"]
    runs = {name: tmp_path / "out" / f"{name}-seed0" for name in names}
    images = []
    for number, name in enumerate(Data.read(runs["fcn"]).split.val):
        image = Image.open(squares / "images" / f"{name}.png").convert("RGB")
        image.crop((0, 0, 47 - 2 * number, 31 + 2 * number)).save(tmp_path / f"cut{number}.png")
        image.resize((33, 71)).save(tmp_path / f"high{number}.png")
        images += [squares / "images" / f"{name}.png", tmp_path / f"cut{number}.png", tmp_path / f"high{number}.png"]

    def use(port: int) -> list[tuple[str, Path, np.ndarray]]:
        assert {model["name"] for model in json.loads(ask(port, "/models")[1])["models"]} == set(names)
        replies = [
            (name, image, ask(port, f"/predict?model={name}", image.read_bytes())) for name in names for image in images
        ]
        assert {status for _, _, (status, _) in replies} == {200}
        return [(name, image, np.asarray(Image.open(io.BytesIO(body)))) for name, image, (_, body) in replies]

    status, found = serve(monkeypatch, [str(tmp_path / "out")], use)
    assert (status, len(found)) == (0, 4 * len(images))
    predictors = {name: segarena.load(run, device="cpu") for name, run in runs.items()}
    for name, image, mask in found:
        assert np.array_equal(mask, predictors[name].predict(image)), (name, image.name)


@needs_signals
@pytest.mark.usefixtures("_extra")
@pytest.mark.parametrize("form", ["onnx", "huggingface"])
@pytest.mark.long
def test_an_exported_model_is_served(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    for name in ("onnx", "onnxruntime", "onnxscript"):
        pytest.importorskip(name)
    path = segarena.export(trained, format=form, out=tmp_path / f"exported{'.onnx' * (form == 'onnx')}")
    image = trained.parent / "data" / "images" / "square03.png"

    def use(port: int) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(ask(port, "/predict", image.read_bytes())[1])))

    status, mask = serve(monkeypatch, [str(path)], use)
    assert status == 0
    assert np.array_equal(mask, segarena.load(path, device="cpu").predict(image))


def test_images_together_get_the_labels_that_each_gets_alone(trained: Path) -> None:
    predictor = segarena.load(trained, device="cpu")
    images = [np.array(Image.open(trained.parent / "data" / "images" / f"square{n:02}.png")) for n in range(5)]
    masks = label_together(predictor, images)
    assert [mask.tolist() for mask in masks] == [predictor.predict(image).tolist() for image in images]
    assert len({mask.sum() for mask in masks}) > 1
    assert is_exact(predictor)


def test_a_batch_that_changes_labels_is_noticed(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = segarena.load(trained, device="cpu")
    plain = together.predict_masks

    def other(network, images, *rest, **options):
        return plain(network, images, *rest, **options) ^ (len(images) > 1)

    monkeypatch.setattr(together, "predict_masks", other)
    assert not is_exact(predictor)


@needs_signals
@pytest.mark.usefixtures("_extra")
def test_ctrl_c_ends_it_with_130(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status, healthy = serve(monkeypatch, [str(trained)], lambda port: ask(port, "/healthz"), signal.SIGINT)
    assert (status, healthy) == (130, (200, b'{"status":"ok"}'))


@needs_signals
@pytest.mark.usefixtures("_extra")
@pytest.mark.parametrize("by", ["file", "variable"])
def test_another_address_is_served_with_a_token(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], by: str
) -> None:
    words = [str(trained), "--host", "0.0.0.0"]
    if by == "file":
        (tmp_path / "my token").write_text(f"{TOKEN}\n")
        words += ["--token-file", str(tmp_path / "my token")]
    else:
        monkeypatch.setenv("SEGARENA_TOKEN", TOKEN)

    def use(port: int) -> list[int]:
        return [ask(port, "/models")[0], ask(port, "/models", Authorization=f"Bearer {TOKEN}", Host="any.example")[0]]

    assert serve(monkeypatch, words, use) == (0, [401, 200])
    [header] = re.findall(r'-H (".*?") -F', capsys.readouterr().out)
    shown = subprocess.run(["sh", "-c", f"echo {header}"], capture_output=True, text=True, check=True)
    assert shown.stdout == f"Authorization: Bearer {TOKEN}\n"


@pytest.mark.usefixtures("_extra")
@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
def test_another_address_without_a_token_is_refused(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], host: str
) -> None:
    monkeypatch.delenv("SEGARENA_TOKEN", raising=False)
    error = refused(f"serve {trained} --host {host}", monkeypatch, capsys)
    assert error.where == "--host"
    assert "--token-file" in error.remedy


@pytest.mark.usefixtures("_extra")
@pytest.mark.parametrize("text", ["short", "", "with spaces in between", "ütf-8-is-not-for-headers"])
def test_a_weak_token_is_refused(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (tmp_path / "token").write_text(text, encoding="utf-8")
    error = refused(f"serve {trained} --token-file {tmp_path / 'token'}", monkeypatch, capsys)
    assert str(tmp_path / "token") in str(error.where)
    assert text not in str(error) or not text


@pytest.mark.usefixtures("_extra")
def test_a_port_that_is_in_use_is_refused(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        error = refused(f"serve {trained} --port {port}", monkeypatch, capsys)
    assert error.where == "--port"
    assert str(port) in error.what


def test_without_the_extra_the_remedy_installs_it(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "fastapi", None)
    error = refused(f"serve {trained}", monkeypatch, capsys)
    assert "fastapi" in error.what
    assert "segarena[serve]" in error.remedy


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"port": 70_000}, "--port"),
        ({"queue": 0}, "--queue"),
        ({"max_batch": 0}, "--max-batch"),
        ({"max_mib": 0}, "--max-mib"),
        ({"max_megapixels": 500}, "--max-megapixels"),
        ({"timeout": 0}, "--timeout"),
        ({"cors": ("*",)}, "--cors"),
        ({"allow_host": ("masks.example.org:443",)}, "--allow-host"),
        ({"allow_host": ("localhost", "https://masks.example.org")}, "--allow-host"),
        ({"allow_host": ("*.example.org",)}, "--allow-host"),
        ({"cors": ("https://a.example/path",)}, "--cors"),
        ({"device": "tpu"}, "--device"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], where: str) -> None:
    with refuses(ConfigError, where=where):
        ServeOptions(run=Path("run"), **options)


OWN = {"127.0.0.1": True, "localhost": True, "::1": True, "127.9.9.9": True}
FOREIGN = {"0.0.0.0": False, "pc.example": False, "10.0.0.1": False, "::": False}


@pytest.mark.parametrize(("host", "is_local"), [*OWN.items(), *FOREIGN.items()])
def test_which_addresses_are_this_computers_own(host: str, is_local: bool) -> None:
    assert ServeOptions(run=Path("run"), host=host).is_local is is_local


def test_a_comparison_is_served_by_all_its_models_the_best_first(tmp_path: Path, trained: Path) -> None:
    sample_comparison(ranking=(ranked_model("unet"), ranked_model("fcn"))).write(tmp_path)
    for name in ("unet-seed0", "fcn-seed0"):
        shutil.copytree(trained, tmp_path / name)
    runs = {"unet": tmp_path / "unet-seed0", "fcn": tmp_path / "fcn-seed0"}
    assert list(find_model_runs(tmp_path).items()) == list(runs.items())
    shutil.copytree(trained, tmp_path / "fcn-all-images")
    runs = {"fcn-all-images": tmp_path / "fcn-all-images"} | runs
    assert list(find_model_runs(tmp_path).items()) == list(runs.items())
    assert find_model_runs(trained) == {"run": trained}
