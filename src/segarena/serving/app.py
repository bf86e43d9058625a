"""The paths of a server: the page, `POST /predict` and `/compare`, `GET /models`, `/healthz`, `/metrics` and more."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Annotated, TypeVar

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp

from segarena._version import __version__
from segarena.serving.answers import describe_classes
from segarena.serving.guard import Guard
from segarena.serving.openapi import (
    LINES,
    compare_responses,
    describe_api,
    describe_body,
    predict_responses,
    preview_responses,
    responses,
)
from segarena.serving.problems import ProblemError, stopping
from segarena.serving.schemas import Health, Models
from segarena.serving.service import Reply, Service
from segarena.serving.uploads import drain

Result = TypeVar("Result")
#: The files of the page, and their types.
_PAGE = {"index.html": "text/html", "page.css": "text/css", "page.js": "text/javascript", "png.js": "text/javascript"}
_PATHS = ("/", "/predict", "/compare", "/preview", "/models", "/healthz", "/metrics", "/openapi.json")


def make_app(
    service: Service,
    *,
    hosts: Sequence[str] | None,
    token: str | None = None,
    origins: Sequence[str] = (),
) -> ASGIApp:
    """Return the application of a server.

    Args:
        service: What labels the images; it is closed when the application ends.
        hosts: The names by which the server may be addressed; None for any.
        token: What clients have to send; None for nothing.
        origins: Addresses of other web pages that may use it.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(title="segarena", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    _add_page(app)
    _add_labelling(app, service)
    _add_state(app, service)
    _add_problems(app)
    app.openapi = lambda: describe_api(app, has_token=token is not None)  # type: ignore[method-assign]

    def count(path: str, status: int) -> None:
        service.metrics.count(path if path in _PATHS else "other", status)

    origins = [origin.lower() for origin in origins]  # as browsers send them
    most = 2 * service.limits.max_bytes
    guarded: ASGIApp = Guard(app, hosts=hosts, token=token, origins=origins, most=most, count=count)
    if origins:
        methods, names = ["GET", "POST"], ["Authorization", "Content-Type"]
        exposed = ["Server-Timing", "Retry-After"]
        guarded = CORSMiddleware(
            guarded, allow_origins=origins, allow_methods=methods, allow_headers=names, expose_headers=exposed
        )
    return guarded


def _add_page(app: FastAPI) -> None:
    folder = files("segarena.serving") / "page"
    content = {name: (folder / name).read_bytes() for name in _PAGE}

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return Response(content["index.html"], media_type=_PAGE["index.html"])

    @app.get("/static/{name}", include_in_schema=False)
    async def static(name: str) -> Response:
        if name not in content:
            raise HTTPException(404)
        return Response(content[name], media_type=_PAGE[name])


def _add_labelling(app: FastAPI, service: Service) -> None:
    """Add the paths that take an image."""

    @app.post(
        "/predict",
        summary="Label an image",
        response_class=Response,
        responses=predict_responses(service.models.default.classes),
        openapi_extra=describe_body(has_fields=True),
    )
    async def predict(
        request: Request,
        model: Annotated[str | None, Query(description="Name of a model, see /models.")] = None,
        kind: Annotated[
            str | None,
            Query(
                alias="format",
                description="png: class indices with a palette. json: areas and polygons. overlay: tinted image "
                "(JPEG). Without it, what the header Accept prefers: JSON or PNG.",
                json_schema_extra={"enum": ["png", "json", "overlay"]},
            ),
        ] = None,
    ) -> Response:
        """Label each pixel of an image: PNG, JPEG, WebP, TIFF, BMP, GIF, PPM, JPEG 2000, AVIF, HEIC.

        The image is the body, or the part `image` of a form; a form may have the fields `model` and `format` too. The
        mask has the image's own size, upright by its EXIF orientation. The image is not kept.
        """
        return _respond(await _drained(request, service, service.predict(request, model, kind)))

    @app.post(
        "/compare",
        summary="Label an image with several models",
        response_class=StreamingResponse,
        responses=compare_responses(),
        openapi_extra=describe_body(has_fields=False),
    )
    async def compare(
        request: Request,
        model: Annotated[list[str] | None, Query(description="Names of models, see /models; all without it.")] = None,
    ) -> Response:
        """Label an image that is sent once with several models.

        The answer is a line of JSON for each model, as soon as it has its labels: `model`, `latency_ms`, and `mask`,
        the PNG of /predict in base64. If a model fails after the first one, the last line is its problem.
        """
        lines = await _drained(request, service, service.compare(request, model or []))
        return StreamingResponse(lines, media_type=LINES)

    @app.post(
        "/preview",
        summary="Show an image as a model sees it",
        response_class=Response,
        responses=preview_responses(),
        openapi_extra=describe_body(has_fields=False),
    )
    async def preview(request: Request) -> Response:
        """Return the image as JPEG, for browsers that cannot show its file."""
        return _respond(await _drained(request, service, service.preview(request)))


def _add_state(app: FastAPI, service: Service) -> None:
    """Add the paths that tell what the server has, and how it is."""

    @app.get("/models", summary="List the models", responses=responses(401))
    async def models() -> Models:
        """Return the models, the default first, with their classes and the limits of the server."""
        listed = [
            {"name": model.name, "classes": describe_classes(model.classes), **model.facts} for model in service.models
        ]
        limits = service.limits
        return Models.model_validate(
            {
                "default": service.models.default.name,
                "models": listed,
                "max_bytes": limits.max_bytes,
                "max_pixels": limits.max_pixels,
            }
        )

    @app.get("/healthz", summary="Whether the server takes requests", responses=responses(503))
    async def healthz() -> Health:
        """Return status 200 while requests are taken, 503 while the server stops."""
        if service.admission.is_stopping:
            raise stopping()
        return Health(status="ok")

    @app.get(
        "/metrics",
        summary="Numbers for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **responses(401)},
    )
    async def metrics() -> Response:
        """Return counts and times in Prometheus's text format."""
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _drained(request: Request, service: Service, answering: Awaitable[Result]) -> Result:
    """The answer; of a refused request, the rest of the body is read first."""
    try:
        return await answering
    except ProblemError as problem:
        if problem.status != 408:  # it did not send it in time
            await drain(request, 2 * service.limits.max_bytes)
        raise


def _respond(answer: Reply) -> Response:
    return Response(answer.content, media_type=answer.type, headers=answer.headers)


def _add_problems(app: FastAPI) -> None:
    """Let every refusal be JSON of `what`, `where` and `remedy`."""

    @app.exception_handler(ProblemError)
    async def problem(_: Request, error: ProblemError) -> JSONResponse:
        return JSONResponse(error.content(), error.status, error.headers)

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, error: ClientDisconnect) -> JSONResponse:
        return JSONResponse(ProblemError(400, "the client closed the connection", "Send it again").content(), 400)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = str(first["loc"][-1])[:50]
        return JSONResponse(ProblemError(422, str(first["msg"]), "See /openapi.json", where=where).content(), 422)

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> JSONResponse:
        remedies = {
            404: f"Choose from {', '.join(_PATHS)}",
            405: f"Use {(error.headers or {}).get('Allow', 'another method')}",
        }
        what = {404: "there is no such path", 405: f"the path has no method {request.method[:20]}"}
        text = what.get(error.status_code, str(error.detail))
        answer = ProblemError(
            error.status_code, text, remedies.get(error.status_code, "See /openapi.json"), where=request.url.path[:100]
        )
        return JSONResponse(answer.content(), error.status_code, dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def bug(_: Request, error: Exception) -> JSONResponse:
        answer = ProblemError(500, "the server failed", "Report it with what the server printed")
        return JSONResponse(answer.content(), 500)
