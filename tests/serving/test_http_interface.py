"""What clients send and get: images in bodies and forms, masks, JSON, overlays; refusals with what to do."""

from __future__ import annotations

import base64
import io
import json
import re
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from serving_support import CLASSES, Client, Threshold, form, picture, serving, written

from segarena.image_files.channel_format import ChannelFormat
from segarena.image_files.composite import composite
from segarena.image_files.images import read_image
from segarena.image_files.in_memory_bands import read_file
from segarena.reporting.overlay import draw_overlay

PNG = picture()


def expected(content: bytes, path: Path) -> np.ndarray:
    """The mask of the file on disk."""
    path.write_bytes(content)
    [mask] = Threshold().predict([read_image(path)])
    return mask


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return picture(31, 17, kind="JPEG", exif=exif, quality=95)


def deep(channels: int) -> bytes:
    values = np.random.default_rng(1).integers(0, 65536, (9, 14), dtype=np.uint16)
    if channels == 1:
        return written(Image.fromarray(values), "TIFF")
    from segarena.image_files.arrays import _write_png

    return _write_png(np.stack([values, values[::-1], values[:, ::-1]], axis=-1))


IMAGES = {
    "png": PNG,
    "jpeg": picture(40, 30, kind="JPEG"),
    "webp": picture(40, 30, kind="WEBP"),
    "tiff": picture(40, 30, kind="TIFF", compression="tiff_lzw"),
    "bmp": picture(33, 30, kind="BMP"),
    "gif": picture(33, 30, kind="GIF"),
    "ppm": picture(33, 30, kind="PPM"),
    "grey": written(Image.fromarray(np.arange(0, 250, dtype=np.uint8).reshape(10, 25))),
    "alpha": written(Image.new("RGBA", (20, 10), (0, 90, 0, 128))),
    "turned": turned(6),
    "mirrored": turned(5),
    "16 bits grey": deep(1),
    "16 bits rgb": deep(3),
    "one pixel": picture(1, 1),
}


@pytest.mark.parametrize("name", IMAGES)
def test_mask_is_that_of_the_file_on_disk(client: Client, tmp_path: Path, name: str) -> None:
    reply = client.post(IMAGES[name], Content_Type="application/octet-stream")
    assert reply.status == 200, reply.body
    assert reply.headers["content-type"] == "image/png"
    assert np.array_equal(reply.mask, expected(IMAGES[name], tmp_path / "image.file"))


class Bands(Threshold):
    """A network for five bands of 16 bits: labels by the last one."""

    channels = ChannelFormat((1, 2, 3, 4, 5), "uint16", ((0, 9999),) * 5)

    def read_file(self, path: Path, bits: int, content: bytes | None = None) -> np.ndarray:
        return read_file(path, self.channels, content)

    def shown(self, image: np.ndarray) -> np.ndarray:
        return composite(image, self.channels.ranges)

    def predict(self, images):
        return [(image[..., 4] // 4000).astype(np.uint8) for image in images]


def bands(count: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 10_000, (19, 23, count), dtype=np.uint16)


def tiff(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, photometric="minisblack", planarconfig="contig")
    return stream.getvalue()


def test_images_of_other_channels_are_read_as_in_the_training() -> None:
    with serving(Bands(), max_pixels=1000) as client:
        reply = client.post(tiff(bands(5)), Content_Type="image/tiff")
        assert np.array_equal(reply.mask, bands(5)[..., 4] // 4000)
        assert Image.open(io.BytesIO(client.post(tiff(bands(5)), "/preview").body)).size == (23, 19)
        assert client.post(tiff(bands(5)), "/predict?format=overlay").status == 200
        assert client.post(tiff(bands(4))).status == 422
        assert client.post(PNG).status == 422
        assert client.post(tiff(np.zeros((40, 40, 5), np.uint16))).status == 413
        assert client.post(tiff(bands(5))[:200]).status == 422


def test_mask_has_the_palette_of_predict(client: Client) -> None:
    with Image.open(io.BytesIO(client.post(PNG).body)) as image:
        assert image.getpalette()[:9] == [channel for color in CLASSES.colors for channel in color]


@pytest.mark.parametrize(
    "ways",
    [
        {"body": PNG},
        {"body": PNG, "Content_Type": "application/x-www-form-urlencoded"},
        {"parts": [("image", "a.png", PNG)]},
        {"parts": [("file", "../../etc/a.png", PNG)]},
        {"parts": [("image", None, PNG)]},
        {"parts": [("model", None, b"b"), ("image", "a.png", PNG)]},
    ],
)
def test_an_image_is_sent_in_any_usual_way(client: Client, ways: dict) -> None:
    parts = ways.pop("parts", None)
    reply = client.send_form(parts) if parts else client.post(ways.pop("body"), **ways)
    assert reply.status == 200, reply.body
    assert np.array_equal(reply.mask, client.post(PNG).mask)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "image/png"),
        ("application/json", "application/json"),
        ("image/png, application/json;q=0.5", "image/png"),
        ("image/*;q=0.1, application/json;q=0.5", "application/json"),
        ("text/html", "image/png"),
        ("application/json;q=x", "image/png"),
        ("application/json;q=\xb2", "image/png"),  # a digit to Python, but not one that a number may have
    ],
)
def test_the_header_accept_chooses_between_png_and_json(client: Client, accept: str, kind: str) -> None:
    assert client.post(PNG, Accept=accept).headers["content-type"] == kind


def test_json_has_the_areas_of_all_classes(client: Client) -> None:
    reply = client.send_form([("image", "a.png", PNG), ("format", None, b"json"), ("model", None, b"b")])
    found, mask = reply.json, client.post(PNG).mask
    assert (found["model"], found["width"], found["height"], found["batch"]) == ("b", 24, 16, 1)
    assert [entry["name"] for entry in found["classes"]] == list(CLASSES.names)
    assert [entry["pixels"] for entry in found["classes"]] == np.bincount(mask.ravel(), minlength=3).tolist()
    assert sum(entry["share"] for entry in found["classes"]) == pytest.approx(1)
    assert set(found["latency_ms"]) == {"read", "decode", "wait", "label"}


def enclosed(ring: list[list[int]]) -> float:
    """The area inside of a closed line."""
    x, y = np.array(ring).T
    return abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2


def test_polygons_enclose_the_pixels_of_their_class(client: Client) -> None:
    found = client.post(PNG, "/predict?format=json").json["classes"]
    assert found[0]["name"] == "ground"
    for entry in found:
        areas = [enclosed(outline) - sum(map(enclosed, holes)) for outline, *holes in entry["polygons"]]
        assert sum(areas) == entry["pixels"]


def test_only_the_largest_regions_of_noise_have_polygons(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    every = [one for entry in client.post(PNG, "/predict?format=json").json["classes"] for one in entry["polygons"]]
    monkeypatch.setattr("segarena.serving.answers.MOST_POLYGONS", 5)
    found = client.post(PNG, "/predict?format=json").json
    areas = sorted((enclosed(one) - sum(map(enclosed, holes)) for one, *holes in every), reverse=True)
    left = [one for entry in found["classes"] for one in entry["polygons"]]
    kept = [enclosed(one) - sum(map(enclosed, holes)) for one, *holes in left]
    assert 0 < len(kept) <= 5
    assert sorted(kept, reverse=True) == areas[: len(kept)]
    numbers = [int(number) for number in re.findall(r"\d+", found["warnings"][0])]
    assert numbers == [len(every) - len(kept), len(every)]


def test_an_overlay_is_that_of_predict(client: Client) -> None:
    reply = client.post(PNG, "/predict?format=overlay")
    image = np.asarray(Image.open(io.BytesIO(PNG)))
    drawn = written(
        Image.fromarray(draw_overlay(image, client.post(PNG).mask, CLASSES)), "JPEG", quality=88, subsampling=0
    )
    assert (reply.headers["content-type"], reply.body) == ("image/jpeg", drawn)


def test_a_preview_is_the_image_upright(client: Client) -> None:
    reply = client.post(IMAGES["turned"], "/preview")
    with Image.open(io.BytesIO(reply.body)) as image:
        assert (image.format, image.size) == ("JPEG", (17, 31))


def test_an_image_is_sent_once_for_several_models() -> None:
    models = [Threshold(), Threshold(), Threshold()]
    with serving(*models) as client:
        for path, names in (("/compare", "abc"), ("/compare?model=c&model=a&model=c", "ca")):
            lines = [json.loads(line) for line in client.post(PNG, path).body.splitlines()]
            assert [line["model"] for line in lines] == list(names)
            for line in lines:
                assert base64.b64decode(line["mask"]) == client.post(PNG, f"/predict?model={line['model']}").body
                assert set(line["latency_ms"]) == {"read", "decode", "label", "wait", "encode"}
        assert client.post(PNG, "/compare?model=vgg").status == 404
        assert client.post(b"not an image at all", "/compare").status == 415


def test_lines_arrive_as_models_end_and_a_failure_is_the_last_one() -> None:
    quick, slow = Threshold(), Threshold()
    slow.gate.clear()
    slow.failure = MemoryError()
    with serving(quick, slow) as client:
        connection = HTTPConnection("127.0.0.1", client.port, timeout=60)
        connection.request("POST", "/compare", PNG, {"Content-Type": "image/png"})
        reply = connection.getresponse()
        assert (reply.status, json.loads(reply.readline())["model"]) == (200, "a")
        assert slow.began.wait(60)
        slow.gate.set()
        assert "memory" in json.loads(reply.readline())["what"]
        assert reply.read() == b""
        connection.close()
        assert client.post(PNG, "/compare?model=b").status == 503  # nothing was sent yet
        assert client.post(PNG).status == 200


def test_latency_is_in_a_header_that_browsers_show(client: Client) -> None:
    stages = [entry.split(";")[0] for entry in client.post(PNG).headers["server-timing"].split(", ")]
    assert stages == ["read", "decode", "label", "wait", "encode"]


def test_models_are_listed_with_classes_and_limits(client: Client) -> None:
    found = client.get("/models").json
    assert (found["default"], [model["name"] for model in found["models"]]) == ("a", ["a", "b"])
    assert [entry["index"] for entry in found["models"][0]["classes"]] == [0, 1, 2]
    assert (found["max_bytes"], found["max_pixels"]) == (200_000, 500_000)


REFUSED = {
    "no model": (404, "model", {"path": "/predict?model=vgg"}),
    "no model of the form": (404, "model", {"parts": [("image", "a", PNG), ("model", None, b"vgg")]}),
    "no format": (422, "format", {"path": "/predict?format=bmp"}),
    "empty format": (422, "format", {"path": "/predict?format="}),
    "text": (415, "Content-Type", {"body": b"hello", "Content_Type": "text/plain"}),
    "json": (415, "Content-Type", {"body": b"{}", "Content_Type": "application/json"}),
    "compressed": (415, "Content-Encoding", {"body": PNG, "Content_Encoding": "gzip"}),
    "no image": (415, "image", {"body": b"not an image at all"}),
    "pdf": (415, "image", {"body": b"%PDF-1.4 hello"}),
    "empty": (422, "body", {"body": b""}),
    "empty part": (422, "body", {"parts": [("image", "a.png", b"")]}),
    "two images": (422, "image", {"parts": [("image", "a", PNG), ("image", "b", PNG)]}),
    "no part": (422, "image", {"parts": [("model", None, b"a")]}),
    "no boundary": (400, "Content-Type", {"body": PNG, "Content_Type": "multipart/form-data"}),
    "cut form": (400, "body", {"body": form([("image", "a", PNG)])[0][:-20], "Content_Type": form([])[1]}),
    "no form": (400, "body", {"body": b"abc" * 100, "Content_Type": form([])[1]}),
    "long field": (422, "model", {"parts": [("model", None, b"a" * 2000), ("image", "a", PNG)]}),
    "cut image": (422, "image", {"body": picture(100, 100)[:-3000]}),
    "too many bytes": (413, "body", {"body": b"\0" * 200_001}),
    "too many pixels": (413, "image", {"body": written(Image.new("L", (1000, 501)))}),
    "no path": (404, "/nowhere", {"path": "/nowhere"}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_has_a_status_what_is_wrong_and_a_remedy(client: Client, name: str) -> None:
    status, where, request = REFUSED[name]
    request = dict(request)
    path, parts = request.pop("path", "/predict"), request.pop("parts", None)
    reply = client.send_form(parts, path) if parts else client.post(request.pop("body", PNG), path, **request)
    assert reply.status == status, reply.body
    found = json.loads(reply.body)
    assert set(found) == {"what", "where", "remedy"}
    assert found["where"] == where
    assert found["remedy"]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/predict?modle=b", None),
        ("/compare?format=json", None),
        ("/preview?model=b", None),
        ("/predict", "modle"),
        ("/compare", "model"),
        ("/preview", "format"),
    ],
)
def test_an_unknown_parameter_or_field_is_refused(client: Client, path: str, field: str | None) -> None:
    extra = [] if field is None else [(field, None, b"b")]
    reply = client.send_form([("image", "a.png", PNG), *extra], path)
    assert (reply.status, reply.json["where"]) == (422, field or path.partition("?")[2].partition("=")[0])


@pytest.mark.parametrize("name", ["model", "format"])
def test_a_parameter_or_field_that_is_given_twice_is_refused(client: Client, name: str) -> None:
    """The first one, or the last one, was left out in silence."""
    values = {"model": (b"a", b"b"), "format": (b"png", b"json")}[name]
    one, other = (f"{name}={value.decode()}" for value in values)
    reply = client.post(PNG, f"/predict?{one}&{other}")
    assert (reply.status, reply.json["where"]) == (422, name)
    reply = client.send_form([("image", "a.png", PNG), *((name, None, value) for value in values)])
    assert (reply.status, reply.json["where"]) == (422, name)
    assert client.post(PNG, "/compare?model=a&model=b").status == 200


def test_another_method_is_refused_with_those_that_there_are(client: Client) -> None:
    reply = client.get("/predict")
    assert (reply.status, reply.headers["allow"]) == (405, "POST")
    assert "POST" in reply.json["remedy"]


def test_an_error_in_the_server_is_500_and_it_goes_on() -> None:
    model = Threshold()
    with serving(model) as client:
        model.failure = RuntimeError("a bug")
        reply = client.post(PNG)
        assert (reply.status, set(reply.json)) == (500, {"what", "where", "remedy"})
        model.failure = MemoryError()
        assert client.post(PNG).status == 503
        model.failure = None
        assert client.post(PNG).status == 200


def test_metrics_count_answers_pixels_and_stages(client: Client) -> None:
    client.post(PNG)
    lines = client.get("/metrics").body.decode().splitlines()
    values = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}
    assert values['segarena_requests_total{path="/predict",status="200"}'] >= 1
    assert values['segarena_pixels_total{model="a"}'] >= 24 * 16
    assert values['segarena_stage_seconds_count{model="a",stage="label"}'] >= 1
    assert values["segarena_requests_in_hand"] == 0


def test_the_openapi_document_has_examples_and_every_status(client: Client) -> None:
    document = client.get("/openapi.json").json
    operation = document["paths"]["/predict"]["post"]
    assert {"200", "400", "401", "403", "404", "413", "415", "422", "429", "503", "504"} <= set(operation["responses"])
    assert operation["responses"]["200"]["content"]["application/json"]["example"]["classes"][1]["name"] == "road"
    assert "multipart/form-data" in operation["requestBody"]["content"]
    text = json.dumps(document)
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names <= set(document["components"]["schemas"])
