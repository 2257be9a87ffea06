"""The library and the wheel as their users meet them: installed, as a subdirectory, and by pip."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
CONSUMER = Path(__file__).parent / "consumer"
JOBS = str(os.cpu_count() or 1)


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def build_and_run_consumer(build: Path, state: Path, *options: str) -> None:
    ccache = shutil.which("ccache")
    launcher = [f"-DCMAKE_CXX_COMPILER_LAUNCHER={ccache}"] if ccache else []
    run("cmake", "-G", "Ninja", "-S", CONSUMER, "-B", build, *launcher, *options)
    run("cmake", "--build", build, "--parallel", JOBS, "--target", "consumer")
    state.mkdir()
    [consumer] = [path for path in build.rglob("consumer") if path.is_file()]
    assert run(consumer, state) == "no session yet\n"


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    run("cmake", "--install", BUILD, "--prefix", tmp_path / "prefix")
    return tmp_path / "prefix"


def boost() -> str:
    """Where the build found Boost; a consumer has to say so too, or have it installed."""
    for line in (BUILD / "CMakeCache.txt").read_text().splitlines():
        if line.startswith("VEDFOLNIR_BOOST_INCLUDE_DIR:"):
            return line.split("=", 1)[1]
    raise AssertionError("the build knows no Boost")


def test_consumer_by_find_package(prefix: Path, tmp_path: Path) -> None:
    options = [f"-DCMAKE_PREFIX_PATH={prefix}", f"-DVEDFOLNIR_BOOST_INCLUDE_DIR={boost()}"]
    build_and_run_consumer(tmp_path / "build", tmp_path / "state", *options)


def test_consumer_by_add_subdirectory(tmp_path: Path) -> None:
    # Not optimised, because compiling is all this test spends its time on; one folder, so that ccache helps.
    build = ROOT / "build-consumer"
    shutil.rmtree(build, ignore_errors=True)
    build_and_run_consumer(
        build,
        tmp_path / "state",
        f"-DVEDFOLNIR_SOURCE={ROOT}",
        f"-DVEDFOLNIR_BOOST_INCLUDE_DIR={boost()}",
        "-DCMAKE_CXX_FLAGS=-O0",
    )


def test_missing_boost_is_named(prefix: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    command = ["cmake", "-S", str(CONSUMER), "-B", str(tmp_path / "b")]
    command += [f"-DCMAKE_PREFIX_PATH={prefix}", f"-DVEDFOLNIR_BOOST_INCLUDE_DIR={empty}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "Boost 1.90 or newer (headers) is missing" in result.stderr
    assert "cmeel-boost" in result.stderr


def test_public_headers_compile_alone() -> None:
    run("cmake", "--build", BUILD, "--target", "all_verify_interface_header_sets")


def test_installed_command_runs(prefix: Path) -> None:
    assert "0.1.0" in run(prefix / "bin" / "vedfolnir", "--version")


def test_wheel_in_a_clean_environment(tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    # The interpreter below .venv, so that nothing of .venv is seen.
    run(Path(sys.base_prefix) / "bin" / "python3", "-m", "venv", environment)
    run(environment / "bin" / "pip", "install", "--quiet", ROOT, cwd=tmp_path)
    check = "import redis_session_manager, vedfolnir; print(vedfolnir.Vedfolnir.__name__)"
    assert run(environment / "bin" / "python", "-c", check, cwd=tmp_path) == "Vedfolnir\n"
    assert "0.1.0" in run(environment / "bin" / "vedfolnir", "--version", cwd=tmp_path)
