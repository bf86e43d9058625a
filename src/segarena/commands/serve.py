"""`segarena serve`: trained networks behind a page and an HTTP interface."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from segarena.commands.terminal import console, shown
from segarena.config import ServeOptions
from segarena.config.serving import TOKEN_VARIABLE
from segarena.errors import ConfigError
from segarena.extras import require
from segarena.formats import command, join_words, plural
from segarena.records.metrics import Metrics
from segarena.runs import find_model_runs
from segarena.units import MIB

if TYPE_CHECKING:  # it needs the extra
    from segarena.serving.models import ServedModel
    from segarena.training.predictor import Predictor

#: What the extra `serve` brings, by the names that are imported.
_NEEDED = ("fastapi", "uvicorn", "python_multipart", "prometheus_client")
_SHORTEST_TOKEN = 16


@shown
def run(options: ServeOptions) -> None:
    """Serve until SIGTERM (status 0) or Ctrl-C (status 130).

    Args:
        options: The options as typed.

    Raises:
        ConfigError: The extra is not installed, the address cannot be used, or it needs a token.
        RunError: The run cannot be used.
        Interrupted: Ctrl-C.
    """
    require(_NEEDED, "serve", "serve")
    token = _read_token(options)
    if token is None and not options.is_local:
        raise ConfigError(
            f"{options.host} can be reached from other computers, so it needs a token",
            where="--host",
            remedy="Give a file with a token of 16 signs or more, --token-file FILE, "
            f"or set the environment variable {TOKEN_VARIABLE}",
        )
    _serve(options, token)


def _serve(options: ServeOptions, token: str | None) -> None:
    from segarena.serving.app import make_app
    from segarena.serving.guard import LOCAL_NAMES
    from segarena.serving.limits import Limits
    from segarena.serving.models import ServedModels
    from segarena.serving.server import address_of, open_socket, serve
    from segarena.serving.service import Service

    limits = Limits(
        max_bytes=round(options.max_mib * MIB),
        max_pixels=round(options.max_megapixels * 1e6),
        requests=options.queue,
        max_batch=options.max_batch,
        timeout=options.timeout,
    )
    hosts = [*LOCAL_NAMES, *(name.strip("[]") for name in (options.host, *options.allow_host))]
    with open_socket(options.host, options.port) as listening:  # before the networks are loaded, which takes longer
        found, computing = _load(options)
        service = Service(ServedModels(found), limits, computing)
        is_open = token is not None and not options.allow_host
        app = make_app(service, hosts=None if is_open else hosts, token=token, origins=options.cors)

        def show() -> None:
            address = address_of(listening)
            console.result(f"{join_words(service.models.names)} at {address}", markup=False)
            value = f"$({command('cat', options.token_file)})" if options.token_file else f"${TOKEN_VARIABLE}"
            bearer = "" if token is None else f'-H "Authorization: Bearer {value}" '
            console.print(f"  a mask: curl {bearer}-F image=@photo.jpg {address}/predict -o mask.png", markup=False)
            console.print("  Ctrl-C stops it", markup=False)

        def stop() -> None:
            service.admission.is_stopping = True

        serve(app, listening, requests=limits.requests, patience=options.timeout, on_stop=stop, on_start=show)


def _read_token(options: ServeOptions) -> str | None:
    path = options.token_file
    try:
        token = os.environ.get(TOKEN_VARIABLE) if path is None else path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path} cannot be read ({reason})", where="--token-file", remedy="Check the path") from None
    if token is None:
        return None
    where, token = TOKEN_VARIABLE if path is None else f"--token-file {path}", token.strip()
    if len(token) < _SHORTEST_TOKEN or not token.isascii() or any(sign.isspace() for sign in token):
        raise ConfigError(
            f"the token has {plural(len(token), 'sign')}, or others than letters, digits and signs of ASCII",
            where=where,
            remedy=f"Give {_SHORTEST_TOKEN} or more on one line, e.g. those of `openssl rand -hex 24`",
        )
    return token


def _load(options: ServeOptions) -> tuple[list[ServedModel], Callable[[], AbstractContextManager[None]]]:
    """The networks, the one that `predict` uses first, and the context in which they compute."""
    from segarena.exporting.loading import load_exported
    from segarena.exporting.onnx_model import OnnxModel
    from segarena.serving.models import ServedModel

    exported = load_exported(options.run, device=options.device)
    if not isinstance(exported, OnnxModel):
        return _load_runs(options, exported)
    form = exported.channels
    numbers, dtype = (3, "uint8") if form is None else (len(form.numbers), form.dtype)
    exported.run(np.zeros((1, exported.size, exported.size, numbers), dtype))  # so that the first request is not slow
    return [ServedModel(options.run.stem, exported, {"size": exported.size})], nullcontext


def _load_runs(
    options: ServeOptions, exported: Predictor | None
) -> tuple[list[ServedModel], Callable[[], AbstractContextManager[None]]]:
    """Networks of PyTorch: of an exported folder, or of runs."""
    from segarena.serving.models import ServedModel
    from segarena.training.machine import computing_with, usual_threads
    from segarena.training.predictor import load
    from segarena.training.together import is_exact, label_together

    computing = partial(computing_with, usual_threads())
    runs = find_model_runs(options.run) if exported is None else {options.run.resolve().name: options.run}
    found = []
    for name, folder in runs.items():
        predictor = load(folder, device=options.device) if exported is None else exported
        if predictor.unfinished:
            console.warn(predictor.unfinished)
        console.detail(f"  {name}: {predictor!r}")
        with computing():  # the first request does not wait for what is compiled then
            can_batch = is_exact(predictor)
        together = partial(label_together, predictor) if can_batch and options.max_batch > 1 else None
        console.detail(f"  several images are labelled {'together' if together else 'one after the other'}")
        found.append(ServedModel(name, predictor, _facts(predictor), together))
    return found, computing


def _facts(predictor: Predictor) -> dict[str, object]:
    config = predictor.config
    facts: dict[str, object] = {
        "size": predictor.size,
        "architecture": config.model,
        "encoder": config.architecture.get("encoder"),
    }
    if (predictor.run / Metrics.file).exists() and not config.data.all_images:
        metrics = Metrics.read(predictor.run)
        facts |= {"miou": metrics.miou, "split": metrics.split}
    return facts
