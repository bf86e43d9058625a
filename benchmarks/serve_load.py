"""A server under twice the load that it accepts: which answers come, how fast, and whether its memory grows.

    python benchmarks/serve_load.py runs/demo --seconds 300

Starts `segarena serve` on a free port of this computer with `--queue N`, and lets 2 N clients send images without a
pause: of several sizes and formats, and now and then one of too many pixels. Every second the resident memory of the
server is read (Linux). Only 200, 413, 429 and 503 may be answered, and the memory may grow by 5% after the first fifth.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import numpy as np
from PIL import Image

#: What a client may get from a server that has too much to do.
ALLOWED = {200, 413, 429, 503}
#: Sides and formats of the images; the last has too many pixels.
IMAGES = (
    (320, 240, "JPEG"),
    (640, 480, "JPEG"),
    (500, 375, "PNG"),
    (640, 480, "WEBP"),
    (128, 128, "PNG"),
    (5000, 1000, "PNG"),
)
MOST_MEGAPIXELS = 4
#: What is asked for: mostly masks.
PATHS = ("/predict?format=png", "/predict?format=json", "/predict?format=overlay", "/compare")


@dataclass
class Load:
    """What was answered."""

    statuses: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    """Of each answer with status 200."""
    memory_mib: list[float] = field(default_factory=list)
    """Resident memory of the server, each second; empty where the system does not show it."""
    exit_status: int | None = None

    @property
    def growth(self) -> float:
        """By which share the memory grew from the end of the first fifth (highest value) to the last fifth."""
        fifth = max(1, len(self.memory_mib) // 5)
        return max(self.memory_mib[-fifth:]) / max(self.memory_mib[: fifth + 1]) - 1

    @property
    def unexpected(self) -> list[str]:
        """What was answered beside `ALLOWED`."""
        return sorted(set(self.statuses) - {str(status) for status in ALLOWED})


def measure(run: Path, *, seconds: float, requests: int = 8) -> Load:
    """Start a server, load it, stop it.

    Args:
        run: A run or comparison folder.
        seconds: How long.
        requests: What the server accepts at once; twice as many clients ask.
    """
    limits = ["--queue", str(requests), "--max-megapixels", str(MOST_MEGAPIXELS)]
    words = [sys.executable, "-m", "segarena", "serve", str(run), "--port", "0", "--device", "cpu", *limits]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            port = int(re.findall(r"http://127\.0\.0\.1:(\d+)", server.stdout.readline())[0])
            load = _ask(server.pid, port, seconds, 2 * requests)
        finally:
            server.send_signal(signal.SIGTERM)
        load.exit_status = server.wait(120)
    return load


def _ask(server: int, port: int, seconds: float, clients: int) -> Load:
    load, lock, end = Load(), threading.Lock(), time.monotonic() + seconds
    images = [_write(*image) for image in IMAGES]

    def client(number: int) -> None:
        chosen = np.random.default_rng(number)
        while time.monotonic() < end:
            image = images[chosen.choice(len(images), p=[0.19] * 5 + [0.05])]
            path = chosen.choice(PATHS, p=[0.7, 0.1, 0.1, 0.1])
            start = time.monotonic()
            status = _send(port, image, path)
            with lock:
                load.statuses[status] += 1
                if status == "200":
                    load.seconds.append(time.monotonic() - start)
            if status == "429":
                time.sleep(0.2)  # clients that do not wait would only measure themselves

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    while time.monotonic() < end:
        time.sleep(min(1.0, seconds / 20))
        load.memory_mib.extend(_memory(server))
    for thread in threads:
        thread.join()
    return load


def _send(port: int, image: bytes, path: str) -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("POST", path, image, {"Content-Type": "application/octet-stream"})
        response = connection.getresponse()
        response.read()
        return str(response.status)
    except (OSError, HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()


def _write(width: int, height: int, kind: str) -> bytes:
    coarse = np.random.default_rng(width).integers(0, 256, (height // 16, width // 16, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(stream, kind)
    return stream.getvalue()


def _memory(process: int) -> list[float]:
    try:
        text = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return []
    return [int(kib) / 1024 for kib in re.findall(r"^VmRSS:\s+(\d+) kB", text, re.MULTILINE)]


def main() -> None:
    """Print what was answered as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--requests", type=int, default=8)
    arguments = parser.parse_args()
    load = measure(arguments.run, seconds=arguments.seconds, requests=arguments.requests)
    shown = {
        "cores": os.cpu_count(),
        "seconds": arguments.seconds,
        "clients": 2 * arguments.requests,
        "statuses": dict(load.statuses),
        "unexpected": load.unexpected,
        "median_seconds": round(float(np.median(load.seconds)), 3),
        "p95_seconds": round(float(np.quantile(load.seconds, 0.95)), 3),
        "memory_mib": [round(load.memory_mib[0]), round(load.memory_mib[-1])] if load.memory_mib else None,
        "growth": round(load.growth, 4) if load.memory_mib else None,
        "exit_status": load.exit_status,
    }
    print(json.dumps(shown, indent=2))
    if load.unexpected or load.exit_status or (load.memory_mib and load.growth > 0.05):
        sys.exit(1)


if __name__ == "__main__":
    main()
