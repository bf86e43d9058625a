"""The JSON of a server, for its OpenAPI document and to check what it sends."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Problem(_Schema):
    """Why a request is refused."""

    what: Annotated[str, Field(description="What is wrong.", examples=["there is no model 'vgg'"])]
    where: Annotated[str | None, Field(description="The part of the request.", examples=["model"])]
    remedy: Annotated[str, Field(description="What to do.", examples=["Choose from unet, fcn"])]


class Health(_Schema):
    """The server takes requests."""

    status: Annotated[str, Field(examples=["ok"])]


class ClassEntry(_Schema):
    """A class."""

    index: Annotated[int, Field(ge=0, le=254, description="Its value in masks.")]
    name: str
    color: Annotated[str, Field(description="Its colour in masks and overlays.", examples=["#e69f00"])]
    tinted: Annotated[bool, Field(description="Whether overlays tint it; the background stays as it is.")]


class Area(ClassEntry):
    """A class in an image."""

    pixels: Annotated[int, Field(ge=0)]
    share: Annotated[float, Field(ge=0, le=1, description="Share of the image's pixels.")]
    polygons: Annotated[
        list[list[list[list[int]]]],
        Field(
            description="Its regions, each a list of rings: the outline, then holes. Points are [x, y] at corners of "
            "pixels; the first is not repeated. Empty for the background.",
            examples=[[[[[0, 0], [4, 0], [4, 2], [0, 2]]]]],
        ),
    ]


class Prediction(_Schema):
    """The labels of an image."""

    model: str
    width: Annotated[int, Field(description="Of the mask, as the image is shown.")]
    height: int
    classes: list[Area]
    latency_ms: Annotated[
        dict[str, float],
        Field(
            description="read: the request arrives; decode; wait: for other images; label; encode.",
            examples=[{"read": 1.2, "decode": 8.5, "wait": 0.1, "label": 40.3}],
        ),
    ]
    batch: Annotated[int, Field(ge=1, description="Images that were labelled together.")]
    warnings: Annotated[list[str], Field(description="What is unusual about the image.")]


class ModelEntry(_Schema):
    """A model."""

    name: Annotated[str, Field(examples=["unet"])]
    classes: list[ClassEntry]
    size: Annotated[int | None, Field(description="Working size in pixels, of an image's shorter side.")] = None
    miou: Annotated[float | None, Field(description="Its mIoU in the comparison, 0 to 1.")] = None
    split: Annotated[str | None, Field(description="The images that it was scored on.")] = None
    architecture: Annotated[str | None, Field(examples=["unet"])] = None
    encoder: Annotated[str | None, Field(examples=["mobilenet_v2"])] = None


class Models(_Schema):
    """The models of a server, and its limits."""

    default: Annotated[str, Field(description="The model that is used where a request names none.")]
    models: list[ModelEntry]
    max_bytes: int
    max_pixels: int
