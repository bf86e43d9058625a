"""What a client gets instead of labels: a status of HTTP, and JSON of what is wrong and what to do."""

from __future__ import annotations

from typing import Any

from segarena.errors import OutOfMemoryError, SegarenaError

#: Seconds after which a client that was refused for load is asked to try again.
RETRY_AFTER = 1


class ProblemError(Exception):
    """A request that is refused.

    Args:
        status: The status of HTTP.
        what: What is wrong, without a full stop.
        remedy: What to do, without a full stop.
        where: The part of the request; None where `what` contains it.
        headers: Further headers of the answer.
    """

    def __init__(
        self, status: int, what: str, remedy: str, *, where: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(what)
        self.status, self.what, self.remedy, self.where = status, what, remedy, where
        self.headers = dict(headers or {})

    def content(self) -> dict[str, Any]:
        """Return the JSON of the answer: `what`, `where`, `remedy`."""
        return {"what": self.what, "where": self.where, "remedy": self.remedy}


def of_error(error: SegarenaError) -> ProblemError:
    """Return the refusal for an error of the package: 503 for too little memory, else 422, the image is the cause."""
    if isinstance(error, OutOfMemoryError):
        return ProblemError(503, error.what, "Send a smaller image, or try again later", headers=retry())
    where = None if error.where is None else str(error.where)
    return ProblemError(422, error.what, error.remedy, where=where)


def overloaded(requests: int) -> ProblemError:
    """Return the refusal of a request beyond the limit of requests at once."""
    return ProblemError(
        429, f"{requests} requests are being answered, the most at once", "Try again later", headers=retry()
    )


def stopping() -> ProblemError:
    """Return the refusal of a request that arrives while the server stops."""
    return ProblemError(503, "the server is stopping", "Try again when it runs again", headers=retry(5))


def too_many_bytes(limit: int) -> ProblemError:
    """Return the refusal of a body that is too long."""
    return ProblemError(
        413,
        f"the request has more than the {limit:,} bytes that are accepted",
        "Send a smaller image, or save it as JPEG",
        where="body",
    )


def retry(seconds: int = RETRY_AFTER) -> dict[str, str]:
    """Return the header that asks a client to wait this number of seconds."""
    return {"retry-after": str(seconds)}
