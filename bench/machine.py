"""Hardware and versions, as far as they matter for the figures."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import stack

PACKAGES = ("flask", "werkzeug", "gunicorn", "flask-session", "redis", "hiredis", "msgspec")
# Client, worker or library on one core; Redis and the load on the other.
CORES = sorted(os.sched_getaffinity(0))
WORKER_CORE, OTHER_CORE = CORES[0], CORES[-1]


def on_core(core: int) -> list[str]:
    return [stack.program("taskset", "util-linux"), "-c", str(core)]


def describe() -> dict[str, str]:
    """Of this machine; `load` is that of other work, when this is asked before the start."""
    return {
        "cpu": _line("/proc/cpuinfo", "model name"),
        "cores": str(len(CORES)),
        "memory": f"{int(_line('/proc/meminfo', 'MemTotal').split()[0]) / 2**20:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load": f"{os.getloadavg()[0]:.1f}",
        "redis-server": _words([stack.program("redis-server"), "--version"], "v="),
        "compiler": _first_line(["c++", "--version"]),
        "libhiredis": _package("libhiredis-dev"),
        "libbenchmark": _package("libbenchmark-dev"),
        "boost": metadata.version("cmeel-boost"),
        **{name: metadata.version(name) for name in PACKAGES},
    }


def _line(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        if line.startswith(name):
            return line.partition(":")[2].strip()
    return "0 unknown"


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _words(command: list[str], after: str) -> str:
    return _output(command).split(after)[1].split()[0]


def _first_line(command: list[str]) -> str:
    return _output(command).splitlines()[0]


def _package(name: str) -> str:
    return _output(["dpkg-query", "-W", "-f=${Version}", name])
