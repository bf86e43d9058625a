"""The machine, its software, and the rates that bound all other steps: matrix products and copies."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
from dataclasses import asdict

import torch
from session import DEVICE, HAS_GPU, Report, alternate, spread

from segarena.training.machine import describe_environment

PACKAGES = "torch torchvision triton numba numpy tyro safetensors segmentation-models-pytorch pytest hypothesis".split()


def version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def main() -> None:
    report = Report("environment")
    report.add(**asdict(describe_environment()), **{f"version of {name}": version(name) for name in PACKAGES})
    query = "name,driver_version,memory.total,memory.used,clocks.sm,clocks.max.sm,power.limit,temperature.gpu"
    try:
        gpus = subprocess.run(
            ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"], capture_output=True, text=True, check=False
        ).stdout.strip()
    except OSError:
        gpus = None
    shared = shutil.disk_usage("/dev/shm").total >> 20 if os.path.isdir("/dev/shm") else None  # noqa: PTH112
    report.add(**{"nvidia-smi": gpus, "/dev/shm MiB": shared, "cores": os.cpu_count()})
    if HAS_GPU:
        properties = torch.cuda.get_device_properties(0)
        report.add(
            **{
                "architectures of torch": torch.cuda.get_arch_list(),
                "capability": torch.cuda.get_device_capability(),
                "multiprocessors": properties.multi_processor_count,
                "memory MiB": properties.total_memory >> 20,
                "cudnn": torch.backends.cudnn.version(),
                "TF32 of convolutions, of matrix products": [
                    torch.backends.cudnn.allow_tf32,
                    torch.backends.cuda.matmul.allow_tf32,
                ],
            }
        )
    side = 8192 if HAS_GPU else 256
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        first, second = (torch.randn(side, side, device=DEVICE, dtype=dtype) for _ in range(2))
        times = alternate({"product": lambda a=first, b=second: a @ b}, repeats=8)["product"]
        name = {torch.bfloat16: "bf16", torch.float16: "fp16", torch.float32: "fp32"}[dtype]
        report.add(**{f"{name} TFLOP/s": round(2 * side**3 / spread(times)[0] / 1e9, 2)})
    source = torch.randn(1 << (30 if HAS_GPU else 20), device=DEVICE)
    target = torch.empty_like(source)
    times = alternate({"copy": lambda: target.copy_(source)}, repeats=4)["copy"]
    report.add(**{"copy GB/s": round(2 * source.numel() * 4 / spread(times)[0] / 1e6, 1)})


if __name__ == "__main__":
    main()
