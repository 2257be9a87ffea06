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
DEV_FLAGS = [
    "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
    "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O2 -g1",
    "-DVEDFOLNIR_WERROR=ON",
]


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment.setdefault("CCACHE_BASEDIR", str(ROOT))
    environment.setdefault("CCACHE_NOHASHDIR", "1")
    # The compiler's name counts in the cache, and Python would have its own name for it.
    environment.setdefault("CXX", cached("CMAKE_CXX_COMPILER"))
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


def cached(name: str) -> str:
    for line in (BUILD / "CMakeCache.txt").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return line.split("=", 1)[1]
    raise AssertionError(f"the build knows no {name}")


def boost() -> str:
    """Where the build found Boost; a consumer has to say so too, or have it installed."""
    return cached("VEDFOLNIR_BOOST_INCLUDE_DIR")


def version() -> str:
    return cached("CMAKE_PROJECT_VERSION")


def test_consumer_by_find_package(prefix: Path, tmp_path: Path) -> None:
    options = [f"-DCMAKE_PREFIX_PATH={prefix}", f"-DVEDFOLNIR_BOOST_INCLUDE_DIR={boost()}"]
    build_and_run_consumer(tmp_path / "build", tmp_path / "state", *options)


def test_consumer_by_add_subdirectory(tmp_path: Path) -> None:
    # Beside the build and with its flags, so that the compiler cache has nearly everything.
    build = ROOT / "build-consumer"
    shutil.rmtree(build, ignore_errors=True)
    options = [f"-DVEDFOLNIR_SOURCE={ROOT}", f"-DVEDFOLNIR_BOOST_INCLUDE_DIR={boost()}"]
    build_and_run_consumer(build, tmp_path / "state", *options, *DEV_FLAGS)


def test_boost_of_a_python_environment_is_found(tmp_path: Path) -> None:
    """The wheel's build environment carries Boost's headers; nobody names their place."""
    environment = tmp_path / "venv"
    run(Path(sys.base_prefix) / "bin" / "python3", "-m", "venv", environment)
    requirements = ROOT / "tools" / "requirements-boost.txt"
    run(environment / "bin" / "pip", "install", "--quiet", "--no-deps", "-r", requirements)
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\n"
        "project(finder LANGUAGES NONE)\n"
        f"set(CMAKE_MODULE_PATH {ROOT}/cmake)\n"
        "find_package(VedfolnirBoost REQUIRED)\n"
    )
    python = f"-DVEDFOLNIR_BOOST_PYTHON={environment}/bin/python"
    run("cmake", "-G", "Ninja", "-S", tmp_path, "-B", tmp_path / "build", python)
    cache = (tmp_path / "build" / "CMakeCache.txt").read_text()
    assert f"VEDFOLNIR_BOOST_INCLUDE_DIR:PATH={environment}" in cache


def test_missing_boost_is_named(prefix: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    command = ["cmake", "-G", "Ninja", "-S", str(CONSUMER), "-B", str(tmp_path / "b")]
    command += [f"-DCMAKE_PREFIX_PATH={prefix}", f"-DVEDFOLNIR_BOOST_INCLUDE_DIR={empty}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "Boost 1.90 or newer (headers) is missing" in result.stderr
    assert "cmeel-boost" in result.stderr


def test_public_headers_compile_alone() -> None:
    run("cmake", "--build", BUILD, "--target", "all_verify_interface_header_sets")


def test_installed_command_runs(prefix: Path) -> None:
    assert run(prefix / "bin" / "vedfolnir", "--version") == f"vedfolnir {version()}\n"


def test_wheel_in_a_clean_environment(tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    # The interpreter below .venv, so that nothing of .venv is seen.
    run(Path(sys.base_prefix) / "bin" / "python3", "-m", "venv", environment)
    # Warnings and Boost as in the build, for the compiler cache; the rest is what a user gets.
    shutil.rmtree(ROOT / "build-wheel", ignore_errors=True)
    defines = ["VEDFOLNIR_WERROR=ON", f"VEDFOLNIR_BOOST_INCLUDE_DIR={boost()}"]
    options = [f"--config-settings=cmake.define.{define}" for define in defines]
    run(environment / "bin" / "pip", "install", "--quiet", *options, ROOT, cwd=tmp_path)
    check = "import redis_session_manager, vedfolnir; print(vedfolnir.Vedfolnir.__name__)"
    assert run(environment / "bin" / "python", "-c", check, cwd=tmp_path) == "Vedfolnir\n"
    command = environment / "bin" / "vedfolnir"
    assert run(command, "--version", cwd=tmp_path) == f"vedfolnir {version()}\n"
