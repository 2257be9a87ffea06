"""vedfolnir bench on a real Redis: what it reports, and that nothing of it stays. No test looks at a time."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import stack

PREFIX = "shop:s:"
RECORD = re.compile(r":\{[0-9a-f]{2}\}:[\w-]{22}$")
KEY = "q3tHc0Kx9mN1v7ZfWb2sYpEoRj5uLdGi8aXkTnQwV4M="  # random bytes, used nowhere else
FEW = ("--sessions", "5", "--samples", "20")
OPERATIONS = {"load", "load_near_cache", "save", "touch", "login", "end"}


@dataclass
class Place:
    redis: stack.Redis
    environment: dict[str, str]

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(stack.CLI), *arguments],
            env={**self.environment, **settings},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def json(self, *arguments: str, **settings: str) -> Any:
        done = self.run(*arguments, "--json", **settings)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def has_database(self) -> bool:
        return (Path(self.environment["VEDFOLNIR_STATE_DIR"]) / "sessions.db").exists()

    def keys(self) -> list[str]:
        with self.redis.client() as client:
            return [key.decode() for key in client.keys("*")]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with stack.Redis(tmp_path / "redis") as redis:
        environment = {
            **stack.clean_environment(),
            "REDIS_URL": redis.tools_url,
            "REDIS_SESSION_PREFIX": PREFIX,
            "VEDFOLNIR_KEY": KEY,
            "VEDFOLNIR_STATE_DIR": str(tmp_path / "state"),
        }
        yield Place(redis, environment)


@pytest.mark.ids("S29", "S74")
def test_a_distribution_for_each_operation(place: Place) -> None:
    report = place.json("bench", *FEW)
    operations = report["operations"]
    assert operations.keys() == OPERATIONS
    for name, count in {"load": 20, "save": 20, "touch": 20, "login": 5, "end": 5}.items():
        of = operations[name]
        assert of["count"] == count, name
        assert 0 < of["p50_us"] <= of["p90_us"] <= of["p99_us"] <= of["max_us"], name
    assert report["near_cache"] is True
    # As many as of the loads from the store: the saves and touches between these make none of them a miss.
    assert operations["load_near_cache"]["count"] == 20
    assert report["advice"]


@pytest.mark.ids("S29")
def test_nothing_stays(place: Place) -> None:
    report = place.json("bench", *FEW)
    assert report["sessions_made"] == report["sessions_ended"] == 5
    assert place.json("sessions", "list")["sessions"] == []
    # Marks of endings stand as long as SQL knows them; records and users' indexes are gone.
    left = place.keys()
    assert [key for key in left if RECORD.search(key) or ":user:" in key] == []
    # Their rows say who ended them.
    ended = place.json("sessions", "list", "--ended")["sessions"]
    assert len(ended) == 5
    assert {each["end_reason"] for each in ended} == {"ended_by_operator"}
    assert all(each["user_id"].startswith("vedfolnir-bench-") for each in ended)


@pytest.mark.ids("S29")
def test_without_a_near_cache_it_says_so(place: Place) -> None:
    report = place.json("bench", *FEW, VEDFOLNIR_NEAR_CACHE="false")
    assert report["near_cache"] is False
    assert report["operations"]["load_near_cache"]["count"] == 0
    assert any("VEDFOLNIR_NEAR_CACHE=true" in line for line in report["advice"])


def test_people_who_are_logged_in_are_not_disturbed_unasked(place: Place) -> None:
    program = """
import vedfolnir
from flask import Flask, session
app = Flask("shop")
app.config["SESSION_COOKIE_SECURE"] = False
vedfolnir.Vedfolnir(app)
@app.post("/in")
def log_in():
    session["user_id"] = "4711"
    return "in"
assert app.test_client().post("/in").status_code == 200
"""
    subprocess.run(
        [sys.executable, "-c", program],
        env={**place.environment, "PYTHONPATH": str(stack.ROOT / "python" / "src")},
        check=True,
        timeout=60,
    )
    refused = place.run("bench", *FEW)
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert len(place.json("sessions", "list", "--ended")["sessions"]) == 1

    done = place.run("bench", *FEW, "--yes")
    assert done.returncode == 0, done.stderr
    assert "P99" in done.stdout
    assert [each["user_id"] for each in place.json("sessions", "list")["sessions"]] == ["4711"]


def live(place: Place) -> list[str]:
    return [each["user_id"] for each in place.json("sessions", "list")["sessions"]]


@contextmanager
def measuring(place: Place, *arguments: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """A measurement that does not end by itself, from when it has sessions on."""
    with subprocess.Popen(
        [str(stack.CLI), "bench", *arguments],
        env={**place.environment, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            stack.wait_until(lambda: place.has_database() and len(live(place)) >= 5, "5 logins")
            yield running
        finally:
            running.kill()


@pytest.mark.ids("S29")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("while_", [("5", "1000000"), ("10000", "20")], ids=["loads", "logins"])
def test_a_signal_ends_its_sessions(
    place: Place, number: signal.Signals, while_: tuple[str, str]
) -> None:
    sessions, samples = while_
    with measuring(place, "--sessions", sessions, "--samples", samples) as running:
        running.send_signal(number)
        _, errors = running.communicate(timeout=60)
        assert running.returncode == 1, errors
        assert "interrupted" in errors
    assert live(place) == []


@pytest.mark.ids("S29")
def test_a_login_that_fails_half_way_leaves_no_session(place: Place) -> None:
    """Its row in SQL is written first."""
    few = {"VEDFOLNIR_REDIS_REQUEST_TIMEOUT_MS": "200"}
    with measuring(place, "--sessions", "10000", **few) as running:
        place.redis.stop()
        _, errors = running.communicate(timeout=120)
        assert running.returncode == 3, errors
    place.redis.start()
    assert live(place) == []


@pytest.mark.ids("S29")
def test_what_a_killed_measurement_left_is_nobody(place: Place) -> None:
    with measuring(place, "--sessions", "5", "--samples", "1000000") as running:
        running.kill()
    left = live(place)
    assert len(left) == 5
    assert place.json("bench", *FEW)["sessions_ended"] == 5
    assert live(place) == left


def test_a_store_that_does_not_answer_is_an_error(place: Place) -> None:
    place.redis.stop()
    done = place.run("bench", *FEW)
    assert done.returncode == 3
    assert "error" in done.stderr
