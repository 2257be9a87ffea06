"""The stub is the interface that Python users see: it says what the extension module has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import vedfolnir


@pytest.mark.ids("S42")
def test_stub_is_what_nanobind_generates(tmp_path: Path) -> None:
    generated = tmp_path / "_core.pyi"
    command = [
        sys.executable,
        "-m",
        "nanobind.stubgen",
        "-q",
        "-m",
        "vedfolnir._core",
        "-o",
        generated,
    ]
    package = Path(vedfolnir.__file__).parent
    environment = {**os.environ, "PYTHONPATH": str(package.parent)}
    subprocess.run(command, check=True, timeout=60, env=environment)
    kept = package / "_core.pyi"
    assert kept.read_text() == generated.read_text(), (
        "the stub is out of date: python -m nanobind.stubgen -m vedfolnir._core -o python/src/vedfolnir/_core.pyi"
    )


@pytest.mark.ids("S42")
def test_package_is_typed() -> None:
    assert Path(vedfolnir.__file__).with_name("py.typed").exists()
    assert sorted(vedfolnir.__all__) == list(vedfolnir.__all__)
    assert all(hasattr(vedfolnir, name) for name in vedfolnir.__all__)
