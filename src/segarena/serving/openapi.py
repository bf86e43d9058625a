"""What the OpenAPI document has beside the paths: bodies, answers, examples, the token."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from segarena.classes import ClassTable
from segarena.serving.answers import describe_classes
from segarena.serving.schemas import Prediction, Problem

if TYPE_CHECKING:
    from fastapi import FastAPI

_MEANINGS = {
    400: "The request is not understood, or addresses another server.",
    401: "The token is missing or wrong.",
    403: "The request comes from another site's web page.",
    404: "There is no such model.",
    408: "The request took too long to arrive.",
    413: "The request or the image is too large.",
    415: "The body is not an image in a format that is read.",
    422: "The image is damaged, or a value is wrong.",
    429: "Too many requests at once.",
    503: "The server is busy or stopping.",
    504: "The image took too long.",
}
#: The type of lines of JSON.
LINES = "application/x-ndjson"
_BINARY = {"schema": {"type": "string", "format": "binary"}}


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the refusals with these statuses, for the document."""
    return {status: {"model": Problem, "description": _MEANINGS[status]} for status in statuses}


def predict_responses(classes: ClassTable) -> dict[int | str, dict[str, Any]]:
    """Return the answers of `/predict`.

    Args:
        classes: Those of the example.
    """
    example = {
        "model": "unet",
        "width": 4,
        "height": 2,
        "classes": [
            {**entry, "pixels": 8 * (index == 0), "share": float(index == 0), "polygons": []}
            for index, entry in enumerate(describe_classes(classes))
        ],
        "latency_ms": {"read": 0.4, "decode": 2.1, "label": 35.0, "wait": 0.1},
        "batch": 1,
        "warnings": [],
    }
    labelled = {
        "description": "The labels.",
        "content": {
            "image/png": _BINARY,
            "image/jpeg": _BINARY,
            "application/json": {"schema": {"$ref": "#/components/schemas/Prediction"}, "example": example},
        },
    }
    return {200: labelled, **responses(*_MEANINGS)}


def compare_responses() -> dict[int | str, dict[str, Any]]:
    """Return the answers of `/compare`."""
    entry = {
        "model": "unet",
        "latency_ms": {"read": 0.4, "decode": 2.1, "wait": 0.1, "label": 35.0},
        "mask": "iVBORw0K",
    }
    lines = "".join(f"{json.dumps({**entry, 'model': name})}\n" for name in ("unet", "fcn"))
    content = {LINES: {"schema": {"type": "string"}, "example": lines}}
    return {200: {"description": "A line of JSON for each model.", "content": content}, **responses(*_MEANINGS)}


def preview_responses() -> dict[int | str, dict[str, Any]]:
    """Return the answers of `/preview`."""
    shown = {"description": "The image, RGB.", "content": {"image/jpeg": _BINARY}}
    return {200: shown, **responses(*(status for status in _MEANINGS if status != 404))}


def describe_body(*, has_fields: bool) -> dict[str, Any]:
    """Return the bodies that have an image: a form, or the image itself.

    Args:
        has_fields: Whether the form may have the fields `model` and `format`.
    """
    image = {"type": "string", "format": "binary", "minLength": 1, "description": "The image file."}
    fields = {
        "model": {"type": "string", "description": "As the parameter of the same name."},
        "format": {"type": "string", "enum": ["png", "json", "overlay"]},
    }
    form = {
        "type": "object",
        "required": ["image"],
        "properties": {"image": image, **(fields if has_fields else {})},
        "additionalProperties": False,
    }
    types = ("image/png", "image/jpeg", "image/webp", "image/tiff")
    sent = {"schema": form, "encoding": {"image": {"contentType": ", ".join(types)}}}
    content = {"multipart/form-data": sent, **{name: {"schema": image} for name in types}}
    return {"requestBody": {"required": True, "content": content}}


def describe_api(app: FastAPI, *, has_token: bool) -> dict[str, Any]:
    """Return the OpenAPI document.

    Args:
        app: The application.
        has_token: Whether clients have to send a token.
    """
    from fastapi.openapi.utils import get_openapi

    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    prediction = Prediction.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= prediction.pop("$defs") | {"Prediction": prediction}
    if has_token:
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        for path, methods in document["paths"].items():
            for method in methods.values():
                method["security"] = [] if path == "/healthz" else [{"token": []}]
    return document
