"""The code of README and guides runs as it stands there: against a real Redis, and as an installed library's user."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import stack
from support import evidence

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "examples" / "1_tutorial"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("tutorial")
    with stack.Redis(folder / "redis") as redis:
        yield {
            **stack.clean_environment(),
            "PYTHONPATH": f"{ROOT / 'python' / 'src'}:{TUTORIAL}",
            "REDIS_URL": redis.url,
            "SESSION_COOKIE_SECURE": "false",
            "VEDFOLNIR_ENV": "development",
            "VEDFOLNIR_STATE_DIR": str(folder / "state"),
        }
    evidence.keep(folder)


def drive(environment: dict[str, str], script: str) -> str:
    command = [sys.executable, "-c", script]
    result = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.ids("S75", "S19")
def test_flask_hello_counts_visits(environment: dict[str, str]) -> None:
    answers = drive(
        environment,
        "from flask_hello import app\n"
        "client = app.test_client()\n"
        "for _ in range(3): print(client.get('/').text, end='')\n"
        "print(app.test_client().get('/').text, end='')\n",
    )
    assert answers.splitlines() == [f"Visit number {number}" for number in (1, 2, 3, 1)]


@pytest.mark.ids("S12", "S15", "S45", "S91")
def test_flask_login_lists_and_ends_sessions(environment: dict[str, str]) -> None:
    output = drive(
        environment,
        "import json\n"
        "from flask_devices import app\n"
        "phone, laptop = app.test_client(), app.test_client()\n"
        "for client in (phone, laptop):\n"
        "    assert client.post('/login', data={'user': 'ada'}).status_code == 302\n"
        "    assert client.post('/platform', data={'id': '3'}).status_code == 302\n"
        "before = laptop.get('/devices').json\n"
        "ended = laptop.post('/end-others').text\n"
        "print(json.dumps([before, ended, phone.get('/devices').json, laptop.get('/devices').json,"
        " laptop.post('/logout').text, laptop.get('/devices').json]))\n",
    )
    before, ended, phone, laptop, logout, after = json.loads(output)
    assert len(before) == 2
    assert [device["this one"] for device in before].count(True) == 1
    assert ended == "1 ended\n"
    assert phone == []
    assert len(laptop) == 1
    assert logout == "ended\n"
    assert after == []


@pytest.mark.ids("S19")
def test_cpp_hello_is_built_and_runs(tmp_path: Path) -> None:
    """Against this build's library; tests/install proves that an installed one is found and linked alike."""
    prefix = tmp_path / "prefix"
    subprocess.run(["cmake", "--install", ROOT / "build", "--prefix", prefix], check=True)
    cache = (ROOT / "build" / "CMakeCache.txt").read_text(encoding="utf-8")
    [boost] = [
        line.partition("=")[2]
        for line in cache.splitlines()
        if line.startswith("VEDFOLNIR_BOOST_INCLUDE_DIR:")
    ]
    build = tmp_path / "build"
    options = [f"-DCMAKE_PREFIX_PATH={prefix}", f"-DVEDFOLNIR_BOOST_INCLUDE_DIR={boost}"]
    subprocess.run(
        ["cmake", "-G", "Ninja", "-S", TUTORIAL / "cpp_hello", "-B", build, *options], check=True
    )
    subprocess.run(["cmake", "--build", build], check=True)
    result = subprocess.run(
        [build / "cpp_hello"],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "theme: dark\n"
