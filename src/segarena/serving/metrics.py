"""What a server has done, for Prometheus: `GET /metrics`."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

#: Upper bounds of the histograms of seconds.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
#: The stages of an answer, in their order.
STAGES = ("read", "decode", "wait", "label", "encode")


class Metrics:
    """The numbers of one server.

    Args:
        in_hand: Returns how many requests are being answered.
    """

    def __init__(self, in_hand: Callable[[], float]) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter("segarena_requests", "Answered requests", ["path", "status"], registry=self.registry)
        self._stages = Histogram(
            "segarena_stage_seconds",
            "Seconds of each stage of an answer with labels",
            ["model", "stage"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._pixels = Counter("segarena_pixels", "Labelled pixels", ["model"], registry=self.registry)
        self._batches = Histogram(
            "segarena_batch_images",
            "Images that were labelled together",
            ["model"],
            buckets=(1, 2, 4, 8, 16, 32),
            registry=self.registry,
        )
        Gauge("segarena_requests_in_hand", "Requests that are being answered", registry=self.registry).set_function(
            in_hand
        )

    def count(self, path: str, status: int) -> None:
        """Count an answer. A path that the server does not have is counted as "other"."""
        self._requests.labels(path, str(status)).inc()

    def observe(self, model: str, seconds: dict[str, float], pixels: int, batch: int) -> None:
        """Note an answer with labels.

        Args:
            model: The network.
            seconds: The seconds of each of `STAGES`.
            pixels: Pixels of the image.
            batch: How many images were labelled together.
        """
        for stage, value in seconds.items():
            self._stages.labels(model, stage).observe(value)
        self._pixels.labels(model).inc(pixels)
        self._batches.labels(model).observe(batch)

    def text(self) -> bytes:
        """Return all numbers in Prometheus's text format."""
        return generate_latest(self.registry)
