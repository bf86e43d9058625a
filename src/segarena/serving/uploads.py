"""A request's body in memory: an image by itself, or a form with an image. Nothing is written to disk.

Starlette's own parser of forms writes files of more than 1 MiB to the disk (`MultiPartParser.spool_max_size`). This one
keeps all in memory, which the limit of bytes and of requests at once bounds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from segarena.serving.problems import ProblemError, too_many_bytes

if TYPE_CHECKING:
    from starlette.requests import Request

#: The name of the form's part that is the image; the first part that is a file is taken too.
IMAGE_FIELD = "image"
_MOST_PARTS, _LONGEST_FIELD = 8, 1000
#: Seconds for which the rest of a refused body is read, so that the client reads the answer before it is cut off.
_DRAIN_SECONDS = 5.0
_HOW_TO_SEND = "Send one image, e.g. `curl -F image=@photo.jpg ADDRESS/predict`, or its bytes as the body"
#: Types of bodies that cannot be an image. curl sends --data-binary as a form without parts, which is accepted.
_NO_IMAGES = ("text/", "application/json", "application/xml", "multipart/")


@dataclass
class Upload:
    """What a request has."""

    content: bytes
    """The image file."""
    fields: dict[str, str] = field(default_factory=dict)
    """The form's fields, by name; the last one of equal names."""
    names: tuple[str, ...] = ()
    """The names of the form's fields, in their order."""


async def read_upload(request: Request, max_bytes: int) -> Upload:
    """Read the body of a request.

    Args:
        request: The request, whose body has not been read.
        max_bytes: The most bytes of the body.

    Raises:
        ProblemError: 413, 415 or 422.
        ClientDisconnect: The client went away.
    """
    kind = request.headers.get("content-type", "")
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise ProblemError(
            415,
            f"the body has the encoding {encoding[:50]!r}",
            "Send the image file as it is",
            where="Content-Encoding",
        )
    is_form = kind.lower().startswith("multipart/form-data")
    if not is_form and kind.lower().startswith(_NO_IMAGES):
        raise ProblemError(415, f"a body of type {kind[:50]!r} is not an image", _HOW_TO_SEND, where="Content-Type")
    body = await _read(request, max_bytes)
    upload = _parse_form(body, kind) if is_form else Upload(bytes(body))
    if not upload.content:
        raise ProblemError(422, "the image is empty (0 bytes)", _HOW_TO_SEND, where="body")
    return upload


def check_names(names: Iterable[str], known: Sequence[str], kind: str, *, once: bool = True) -> None:
    """Refuse names that mean nothing to the server, or that come twice: one value would be left out, unseen.

    Args:
        names: The names of a request's parameters, or of its form's fields, as often as they occur.
        known: Those that are read.
        kind: What they are, e.g. "parameter".
        once: Whether only one value of a name is read.

    Raises:
        ProblemError: 422, for the first other one.
    """
    seen = set()
    for name in names:
        if name not in known:
            remedy = f"Use {' and '.join(known)}" if known else "Leave it out"
            raise ProblemError(422, f"there is no {kind} {name[:50]!r} here", remedy, where=name[:50] or "body")
        if once and name in seen:
            raise ProblemError(422, f"is given more than once, as a {kind}", "Give one value", where=name)
        seen.add(name)


async def drain(request: Request, most: int) -> None:
    """Read and forget what a refused client still sends.

    A client that is cut off while it sends often sees a broken connection in place of the answer. One that asked before
    it sent the body (`Expect: 100-continue`, as curl does) sends none.

    Args:
        request: The request.
        most: The most bytes that are read.
    """
    if request.headers.get("expect", "").lower() == "100-continue":
        return
    seen = 0
    with suppress(Exception):
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for chunk in request.stream():
                seen += len(chunk)
                if seen > most:
                    return


async def _read(request: Request, max_bytes: int) -> bytearray:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise too_many_bytes(max_bytes)
    body = bytearray()
    chunks: AsyncIterator[bytes] = request.stream()
    async for chunk in chunks:
        if len(body) + len(chunk) > max_bytes:
            raise too_many_bytes(max_bytes)
        body += chunk
    return body


class _Form:
    """The parts of a form, as the parser calls them out."""

    def __init__(self) -> None:
        self.images: list[bytearray] = []
        self.fields: list[tuple[str, str]] = []
        self._name, self._is_file, self._parts = "", False, 0
        self._header, self._value, self._disposition = bytearray(), bytearray(), b""
        self._data = bytearray()

    def _on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise ProblemError(422, f"the form has more than {_MOST_PARTS} parts", _HOW_TO_SEND, where="body")
        self._disposition, self._data = b"", bytearray()

    def _on_header_begin(self) -> None:
        self._header, self._value = bytearray(), bytearray()

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            self._disposition = bytes(self._value)

    def _on_headers_finished(self) -> None:
        from python_multipart.multipart import parse_options_header

        _, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        self._is_file = b"filename" in options or self._name == IMAGE_FIELD

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._data += memoryview(data)[start:end]
        if not self._is_file and len(self._data) > _LONGEST_FIELD:
            raise ProblemError(
                422,
                f"has more than {_LONGEST_FIELD} characters",
                "Give a shorter value",
                where=self._name[:50] or "body",
            )

    def _on_part_end(self) -> None:
        if self._is_file:
            self.images.append(self._data)
        else:
            self.fields.append((self._name, self._data.decode("utf-8", "replace")))


def _parse_form(body: bytearray, kind: str) -> Upload:
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import MultipartParser, parse_options_header

    form, ended = _Form(), []
    try:
        _, options = parse_options_header(kind)
        if not options.get(b"boundary"):
            raise ProblemError(400, "the form has no boundary", _HOW_TO_SEND, where="Content-Type")
        names = ("part_begin", "header_begin", "header_field", "header_value", "header_end", "headers_finished")
        callbacks = {f"on_{name}": getattr(form, f"_on_{name}") for name in (*names, "part_data", "part_end")}
        callbacks["on_end"] = lambda: ended.append(True)
        parser = MultipartParser(options[b"boundary"], callbacks)  # type: ignore[arg-type]
        parser.write(bytes(body))
        parser.finalize()
    except (FormParserError, ValueError) as error:
        raise ProblemError(400, f"the form cannot be read ({error})", _HOW_TO_SEND, where="body") from error
    if not ended:
        raise ProblemError(400, "the form is not complete", "Send it again", where="body")
    if len(form.images) != 1:
        found = f"{len(form.images)} images" if form.images else "no image"
        raise ProblemError(422, f"the form has {found}, not one", _HOW_TO_SEND, where=IMAGE_FIELD)
    return Upload(bytes(form.images[0]), dict(form.fields), tuple(name for name, _ in form.fields))
