"""Where the time of a training step goes: what the GPU does, by kind, and whether it waits for Python.

For each network: the time of a step, that of its launches on the CPU alone, the sum of the kernels, and of forward,
loss and backward pass as one CUDA graph, which has no launches: what is left if Python costs nothing.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterable
from functools import partial
from typing import Any

import torch
from session import DEVICE, HAS_GPU, Contestant, Report, alternate, batch, rate, spread, synchronize
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from segarena.models import pspnet
from segarena.training.evaluation import to_input
from training import CONFIGURATIONS, build

#: Names of kernels by kind; the first that matches counts.
KINDS = {
    "loss": r"sum_cells|spread_cells|gather_corners|finish_sums|sum_pixels|spread_pixels|softmax|nll|index_add",
    "batch norm": r"batch_norm|batchnorm|bn_fw|bn_bw|norm_",
    "convolution": r"conv|gemm|cutlass|xmma|nvjet|wgrad|dgrad|fprop|implicit|sm\d\d_|cudnn::.*engine",
    "optimizer, clipping": r"multi_tensor|adam|foreach|lpnorm",
    "interpolation, pooling": r"upsample|pool",
    "copies, layout": r"copy|memcpy|memset|nchwtonhwc|nhwctonchw|cat",
    "element by element": r"elementwise|vectorized|relu|threshold|add",
}


def kind_of(name: str) -> str:
    """The kind of a kernel."""
    return next((kind for kind, pattern in KINDS.items() if re.search(pattern, name.lower())), "other")


def kernels(events: Iterable[Any]) -> list[tuple[str, float, int]]:
    """Name, time in milliseconds and calls of each kernel; of each operation without a GPU."""
    found = []
    for event in events:
        on_gpu = str(event.device_type).endswith("CUDA")
        if on_gpu == HAS_GPU:
            spent = event.self_device_time_total if HAS_GPU else event.self_cpu_time_total
            found.append((event.key, spent / 1000, event.count))
    return sorted(found, key=lambda row: -row[1])


def profile_step(report: Report, title: str, step: Any, steps: int = 3) -> dict[str, Any]:
    """Sums of the kernels by kind, in milliseconds a step; all of them go to a file."""
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * HAS_GPU
    with profile(activities=activities) as profiler:
        for _ in range(steps):
            step()
        synchronize()
    rows = [(name, spent / steps, calls / steps) for name, spent, calls in kernels(profiler.key_averages())]
    lines = [f"{spent:9.3f} ms {calls:7.1f} calls {kind_of(name):24} {name[:150]}" for name, spent, calls in rows]
    (report.folder / f"kernels_{title}.txt").write_text("\n".join(lines[:80]) + "\n")
    sums: dict[str, float] = {}
    for name, spent, _ in rows:
        sums[kind_of(name)] = sums.get(kind_of(name), 0.0) + spent
    sums = {kind: round(spent, 2) for kind, spent in sorted(sums.items(), key=lambda item: -item[1])}
    return {"kernels_ms": round(sum(sums.values()), 2), "launches": round(sum(row[2] for row in rows)), "by_kind": sums}


def launch_ms(step: Any) -> float:
    """Time until Python has launched a step, in milliseconds: the least of three."""
    spent = []
    for _ in range(3):
        synchronize()
        start = time.perf_counter()
        step()
        spent.append(1000 * (time.perf_counter() - start))
    synchronize()
    return round(min(spent), 2)


def graph_of(contestant: Contestant, images: Tensor, masks: Tensor) -> Any:
    """Forward pass, loss and backward pass as a CUDA graph."""
    inputs = to_input(images, DEVICE).contiguous(memory_format=contestant.layout)

    def passes() -> None:
        with torch.autocast(DEVICE, torch.bfloat16):
            output = contestant.model(inputs, **contestant.arguments)
        contestant.loss(output, masks).backward()  # type: ignore[no-untyped-call]

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            contestant.optimizer.zero_grad(set_to_none=True)
            passes()
    torch.cuda.current_stream().wait_stream(side)
    contestant.optimizer.zero_grad(set_to_none=True)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        passes()
    return graph


def main() -> None:
    report = Report("where")
    images, masks = batch()
    by_parts = pspnet.FEWEST_TRAINED
    as_written = [(f"{name} as written", stride) for name, stride in CONFIGURATIONS if name == "pspnet"]
    for title, stride in [*CONFIGURATIONS, *as_written]:
        name = title.split()[0]
        pspnet.FEWEST_TRAINED = by_parts if name == title else sys.maxsize
        contestant = Contestant(build(name, stride), "bf16", channels_last=True)
        step = partial(contestant.step, images, masks)
        row: dict[str, Any] = {"model": title, "output_stride": stride}
        row["step_ms"] = spread(alternate({"step": step})["step"])
        row["launch_ms"] = launch_ms(step)
        row |= profile_step(report, f"{title.replace(' ', '_')}_{stride}", step)
        if HAS_GPU:
            try:
                graph = graph_of(contestant, images, masks)
                row["graph_ms"] = spread(alternate({"graph": graph.replay})["graph"])
                del graph
            except RuntimeError as error:
                row["graph_ms"] = str(error)[:200]
        copied = rate(report.folder, "copy GB/s")
        row["copy GB/s"] = copied
        report.add(**row)
        del contestant, step
        if HAS_GPU:
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
