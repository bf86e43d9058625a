"""The path of one image through a server: read, decode, label, encode. Threads work, this waits."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from segarena.errors import SegarenaError, is_out_of_memory
from segarena.serving.admission import Admission, PixelBudget
from segarena.serving.answers import (
    TYPES,
    choose_format,
    describe_areas,
    find_polygons,
    mask_png,
    overlay_jpeg,
    preview_jpeg,
)
from segarena.serving.decoding import Decoded, decode, inspect
from segarena.serving.labelling import FutureLabels, Labelled, Labeller
from segarena.serving.limits import Limits
from segarena.serving.metrics import Metrics
from segarena.serving.models import ServedModel, ServedModels
from segarena.serving.problems import ProblemError, of_error, retry
from segarena.serving.uploads import Upload, check_names, read_upload

if TYPE_CHECKING:
    from starlette.requests import Request

Result = TypeVar("Result")
#: Threads that decode and encode.
_DECODERS = 2
#: Images of the largest size that are decoded at once.
_LARGE_IMAGES = 2


@dataclass(frozen=True)
class Reply:
    """What a client gets."""

    content: bytes
    type: str
    headers: dict[str, str] = field(default_factory=dict)


class _Stages:
    """The seconds of each stage so far, and the present one."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.now = "read"
        self.labels: FutureLabels | None = None
        self._since = time.perf_counter()

    def end(self, following: str) -> None:
        """End the present stage."""
        self.seconds[self.now] = self.seconds.get(self.now, 0.0) + time.perf_counter() - self._since
        self.now, self._since = following, time.perf_counter()

    @property
    def milliseconds(self) -> dict[str, float]:
        """The milliseconds of each stage so far."""
        return {stage: round(1000 * seconds, 2) for stage, seconds in self.seconds.items()}

    def begin_again(self) -> None:
        """Begin with another network, for the same upload."""
        self.seconds = {"read": self.seconds["read"]}
        self.now, self.labels, self._since = "decode", None, time.perf_counter()


class Service:
    """Answers requests with labels.

    Args:
        models: The networks.
        limits: What is accepted.
        computing: Returns the context in which the labels are computed.
    """

    def __init__(
        self,
        models: ServedModels,
        limits: Limits,
        computing: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.models, self.limits = models, limits
        self.admission = Admission(limits.requests)
        self.metrics = Metrics(lambda: self.admission.now)
        self._labeller = Labeller(limits.max_batch, computing)
        self._pool = ThreadPoolExecutor(_DECODERS, thread_name_prefix="decoder")
        self._budget = PixelBudget(_LARGE_IMAGES * limits.max_pixels)

    def close(self) -> None:
        """End the threads, after what they compute."""
        self.admission.is_stopping = True
        self._labeller.close()
        self._pool.shutdown(cancel_futures=True)

    async def predict(self, request: Request, model: str | None, kind: str | None) -> Reply:
        """Label the image of a request.

        Args:
            request: The request, whose body has not been read.
            model: Name of a network; a field of the form counts too.
            kind: "png", "json" or "overlay"; None for what `Accept` prefers.

        Raises:
            ProblemError: The request is refused.
        """
        check_names(_parameters(request), ("model", "format"), "parameter")  # before the body is read
        self.models.find(model)
        _check_format(kind, "")

        async def answer(stages: _Stages, upload: Upload) -> Reply:
            served = self.models.find(model or upload.fields.get("model"))
            chosen = _check_format(
                upload.fields.get("format") if kind is None else kind, request.headers.get("accept", "")
            )
            return await self._label(stages, upload, served, chosen)

        return await self._answer(request, answer, fields=("model", "format"))

    async def compare(self, request: Request, names: Sequence[str]) -> AsyncIterator[bytes]:
        """Label the image of a request, which is sent once, with several networks.

        Each has the `timeout` of a request for its own. What is wrong after the first line is the last line.

        Args:
            request: The request, whose body has not been read.
            names: Names of networks; none for all of them.

        Returns:
            A line of JSON for each network, as soon as it has its labels, in the order of the names.

        Raises:
            ProblemError: The request is refused.
        """
        check_names(_parameters(request), ("model",), "parameter", once=False)
        models = [self.models.find(name) for name in dict.fromkeys(names)] or list(self.models)
        ready: asyncio.Queue[bytes | None] = asyncio.Queue()

        async def answer(stages: _Stages, upload: Upload) -> None:
            for model in models:
                stages.begin_again()
                mask = (await self._label(stages, upload, model, "png")).content
                entry = {
                    "model": model.name,
                    "latency_ms": stages.milliseconds,
                    "mask": base64.b64encode(mask).decode(),
                }
                ready.put_nowait(json.dumps(entry).encode() + b"\n")

        task = asyncio.create_task(self._answer(request, answer, len(models) * self.limits.timeout))
        task.add_done_callback(lambda _: ready.put_nowait(None))
        task.add_done_callback(_forget)
        first = await ready.get()
        if first is None:
            await task
        return _lines(first, ready, task)

    async def preview(self, request: Request) -> Reply:
        """Return the image of a request as a network sees it, as JPEG. Raises ProblemError."""
        check_names(_parameters(request), (), "parameter")

        async def answer(stages: _Stages, upload: Upload) -> Reply:
            model = self.models.default
            header = await self._run(inspect, upload.content, self.limits.max_pixels, model)
            async with self._budget.taken(header.weight):
                image = await self._run(decode, upload.content, header, model)
                stages.end("encode")
                return Reply(await self._run(preview_jpeg, model.shown(image.pixels)), "image/jpeg")

        return await self._answer(request, answer)

    async def _answer(
        self,
        request: Request,
        answer: Callable[[_Stages, Upload], Coroutine[Any, Any, Result]],
        timeout: float | None = None,
        fields: Sequence[str] = (),
    ) -> Result:
        """Answer in a task of its own, which counts as a request until its threads end, even if the client left."""
        stages, timeout = _Stages(), timeout or self.limits.timeout

        async def work() -> Result:
            with self.admission.admitted():
                upload = await read_upload(request, self.limits.max_bytes)
                check_names(upload.names, fields, "field")
                stages.end("decode")
                watching = asyncio.create_task(_cancel_if_gone(request, asyncio.current_task()))
                try:
                    return await answer(stages, upload)
                finally:
                    watching.cancel()

        task = asyncio.create_task(work())
        try:
            done, _ = await asyncio.wait({task}, timeout=timeout)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not done:
            problem = _too_slow(stages, timeout)
            task.cancel()
            task.add_done_callback(_forget)
            raise problem
        try:
            return task.result()
        except asyncio.CancelledError:
            raise ProblemError(503, "the request was given up", "Send it again", headers=retry()) from None
        except SegarenaError as error:
            raise of_error(error) from error
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            raise ProblemError(503, "there is too little memory", "Send a smaller image", headers=retry()) from error

    async def _label(self, stages: _Stages, upload: Upload, model: ServedModel, kind: str) -> Reply:
        header = await self._run(inspect, upload.content, self.limits.max_pixels, model)
        async with self._budget.taken(header.weight):
            decoded: Decoded = await self._run(decode, upload.content, header, model)
            stages.end("label")
            stages.labels = self._labeller.submit(model, decoded.pixels)
            labelled = await _finished(stages.labels)
            stages.end("encode")
            stages.seconds |= {"wait": labelled.waited, "label": labelled.seconds}
            if kind == "json":
                content = await self._run(_describe, decoded, labelled, model, stages.milliseconds)
            elif kind == "overlay":
                content = await self._run(overlay_jpeg, model.shown(decoded.pixels), labelled.mask, model.classes)
            else:
                content = await self._run(mask_png, labelled.mask, model.classes)
        stages.end("sent")
        self.metrics.observe(model.name, stages.seconds, labelled.mask.size, labelled.batch)
        timing = ", ".join(f"{stage};dur={1000 * seconds:.1f}" for stage, seconds in stages.seconds.items())
        return Reply(content, TYPES[kind], {"server-timing": timing})

    async def _run(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Call a function in a thread of the decoders."""
        return await _finished(self._pool.submit(function, *arguments))


async def _finished(future: Future[Result]) -> Result:
    """Wait for a thread. Where the request is given up, what has begun is waited for all the same."""
    waiting = asyncio.wrap_future(future)
    try:
        return await asyncio.shield(waiting)
    except asyncio.CancelledError:
        while not future.cancel() and not future.done():
            with suppress(asyncio.CancelledError):  # of the client that goes away after it was refused
                await asyncio.wait({waiting})
        if not future.cancelled():
            future.exception()  # marked as retrieved: no one waits for it
        raise


def _parameters(request: Request) -> list[str]:
    """The names of the parameters of a request, as often as they occur."""
    return [name for name, _ in request.query_params.multi_items()]


async def _lines(
    first: bytes | None, ready: asyncio.Queue[bytes | None], task: asyncio.Task[None]
) -> AsyncIterator[bytes]:
    """The lines that a task puts into a queue, None after the last one; then what was wrong, if anything was."""
    line = first
    while line is not None:
        yield line
        line = await ready.get()
    try:
        await task
    except ProblemError as problem:
        yield json.dumps(problem.content()).encode() + b"\n"


async def _cancel_if_gone(request: Request, task: asyncio.Task[Any] | None) -> None:
    """Give the task up where the client closes the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    if task is not None:
        task.cancel()


def _forget(task: asyncio.Task[Any]) -> None:
    """Look at the end of a task that was given up, so that asyncio does not report it."""
    if not task.cancelled():
        task.exception()


def _describe(decoded: Decoded, labelled: Labelled, model: ServedModel, milliseconds: dict[str, float]) -> bytes:
    height, width = labelled.mask.shape
    warnings = [decoded.warning] if decoded.warning else []
    polygons, left_out = find_polygons(labelled.mask, model.classes)
    areas = describe_areas(labelled.mask, model.classes)
    if left_out:
        total = left_out + sum(map(len, polygons))
        warnings.append(f"the smallest regions have no polygon: {left_out:,} of {total:,}")
    content = {
        "model": model.name,
        "width": width,
        "height": height,
        "classes": [{**area, "polygons": found} for area, found in zip(areas, polygons, strict=True)],
        "latency_ms": milliseconds,
        "batch": labelled.batch,
        "warnings": warnings,
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _check_format(typed: str | None, accept: str) -> str:
    try:
        return choose_format(typed, accept)
    except SegarenaError as error:
        raise of_error(error) from error


def _too_slow(stages: _Stages, seconds: float) -> ProblemError:
    if stages.now == "read":
        return ProblemError(408, f"the request did not arrive within {seconds:g} seconds", "Send a smaller image")
    if stages.labels is None or stages.labels.waited > stages.labels.computed:  # for the others
        return ProblemError(
            503, f"there was no time for the image within {seconds:g} seconds", "Try again later", headers=retry()
        )
    return ProblemError(504, f"the image took more than {seconds:g} seconds", "Send a smaller image")
