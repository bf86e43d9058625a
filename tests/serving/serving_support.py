"""A server in a thread, its clients, and a network that is a threshold."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from segarena.classes.table import name_classes
from segarena.image_files.bit_depth import choose_bits

CLASSES = name_classes([0, 1, 2], ["ground", "road", "roof"])


class Threshold:
    """Labels by brightness; counts its calls, and waits where it is let."""

    def __init__(self) -> None:
        self.classes = CLASSES
        self.batches: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.began = threading.Event()
        self.failure: Exception | None = None

    def choose_bits(self, highest):
        return choose_bits(highest, 16, None)

    def predict(self, images):
        self.began.set()
        assert self.gate.wait(60)
        if self.failure is not None:
            raise self.failure
        self.batches.append(len(images))
        return [(image.mean(axis=2) // 86).astype(np.uint8) for image in images]


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def mask(self) -> np.ndarray:
        with Image.open(io.BytesIO(self.body)) as image:
            assert image.mode == "P"
            return np.asarray(image)


class Client:
    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            spelled = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, spelled)
            response = connection.getresponse()
            return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, **headers)

    def post(self, body: bytes, path: str = "/predict", **headers: str) -> Reply:
        return self.ask("POST", path, body, **{"Content_Type": "image/png", **headers})

    def send_form(self, parts: list[tuple[str, str | None, bytes]], path: str = "/predict", **headers: str) -> Reply:
        body, kind = form(parts)
        return self.post(body, path, **{"Content_Type": kind, **headers})


def form(parts: list[tuple[str, str | None, bytes]]) -> tuple[bytes, str]:
    """A form of (name, file name, content) parts, and its type."""
    lines = b""
    for name, filename, content in parts:
        named = "" if filename is None else f'; filename="{filename}"'
        lines += f'--frontier\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode()
        lines += content + b"\r\n"
    return lines + b"--frontier--\r\n", "multipart/form-data; boundary=frontier"


def picture(width: int = 24, height: int = 16, seed: int = 0, kind: str = "PNG", **options: Any) -> bytes:
    """An image file of random pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return written(Image.fromarray(pixels), kind, **options)


def written(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@contextmanager
def serving(
    *models: Any,
    names: Sequence[str] = "abcd",
    token: str | None = None,
    hosts: Any = ("127.0.0.1",),
    origins: Any = (),
    **limits: Any,
) -> Iterator[Client]:
    """Serve predictors in a thread."""
    import uvicorn

    from segarena.serving.app import make_app
    from segarena.serving.limits import Limits
    from segarena.serving.models import ServedModel, ServedModels
    from segarena.serving.server import make_config, open_socket
    from segarena.serving.service import Service

    served = ServedModels([ServedModel(name, model) for name, model in zip(names, models, strict=False)])
    service = Service(served, Limits(**limits))
    app = make_app(service, hosts=hosts, token=token, origins=origins)
    with open_socket("127.0.0.1", 0) as listening:
        server = uvicorn.Server(make_config(app, requests=service.limits.requests, patience=10))
        thread = threading.Thread(target=server.run, args=([listening],))
        client = Client(listening.getsockname()[1])
        thread.start()
        try:
            yield client
        finally:
            server.should_exit = True
            thread.join(60)
            assert not thread.is_alive()


def eventually(true: Any) -> None:
    """Wait for something that another thread does."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def open_page(browser, client: Client, width: int = 1280, path: str = "/", **options):
    """The page at a window width, with what it logged and asked for."""
    page = browser.new_page(viewport={"width": width, "height": 900}, **options)
    page.set_default_timeout(180_000)
    messages: list[str] = []
    requests: list[str] = []
    # The tests read pixels, which the browser remarks on.
    page.on("console", lambda message: "getImageData" in message.text or messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(f"http://127.0.0.1:{client.port}{path}")
    return page, messages, requests


def choose(page, *paths: Path) -> None:
    page.wait_for_selector("#drop")
    page.set_input_files("#files", [str(path) for path in paths])
    page.locator("#status", has_text="pixels").wait_for()
