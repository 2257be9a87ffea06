"""A wrong include between layers does not build, with the very flags the layers are compiled with."""

from __future__ import annotations

import json
import shlex
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
PURE = {"model", "crypto", "policy", "web", "audit", "config"}
STORES = {"memory", "redis", "sql", "cache"}
# What a layer must never see, whatever src/CMakeLists.txt says.
FORBIDDEN = {
    **{layer: {"runtime", "manager", "ops", "facade", "compose"} | STORES for layer in PURE},
    **{layer: (STORES - {layer}) | {"manager", "facade", "compose"} for layer in STORES},
    "runtime": STORES | {"manager", "ops", "facade", "compose"},
    "manager": STORES | {"facade", "compose", "ops"},
    "facade": STORES | {"compose"},
    "ops": STORES | {"manager", "facade", "compose"},
}


def layers() -> list[str]:
    return sorted(path.name for path in (ROOT / "src").iterdir() if any(path.glob("*.cpp")))


@cache
def compile_command(layer: str) -> list[str]:
    """The layer's compiler and flags, without input and output."""
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        if Path(entry["file"]).parent == ROOT / "src" / layer:
            words = shlex.split(entry["command"])
            return words[: words.index("-o")]
    raise AssertionError(f"{layer} is not compiled")


def a_header(layer: str) -> str:
    return f"{layer}/{min((ROOT / 'src' / layer).glob('*.hpp')).name}"


def compiles(layer: str, text: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    probe = tmp_path / "probe.cpp"
    probe.write_text(text)
    command = [*compile_command(layer), "-fsyntax-only", str(probe)]
    return subprocess.run(command, cwd=BUILD, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("layer", sorted(set(layers()) & set(FORBIDDEN)))
def test_forbidden_layers_are_not_found(layer: str, tmp_path: Path) -> None:
    wrong = [a_header(other) for other in sorted(FORBIDDEN[layer] & set(layers()))]
    text = "".join(f'#if __has_include("{name}")\n#error sees {name}\n#endif\n' for name in wrong)
    result = compiles(layer, text, tmp_path)
    assert result.returncode == 0, result.stderr


def test_wrong_include_is_a_build_error(tmp_path: Path) -> None:
    good = compiles("model", f'#include "{a_header("model")}"\n', tmp_path)
    assert good.returncode == 0, good.stderr
    bad = compiles("model", f'#include "{a_header("runtime")}"\n', tmp_path)
    assert bad.returncode != 0
    assert "No such file or directory" in bad.stderr
