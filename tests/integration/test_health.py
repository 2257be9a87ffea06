"""vedfolnir health, and the same in the daemon's file: Redis stopped is red, SQL stopped degrades."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import stack
from support import databases
from support.silent_listener import SilentListener
from test_metrics import Shop, application, of_text, shop  # noqa: F401
from test_serve import Daemon

FAILED, UNAVAILABLE = 1, 3


def health(settings: dict[str, str], code: int = 0) -> Any:
    done = subprocess.run(
        [str(stack.CLI), "--json", "health"],
        env=settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return json.loads(done.stdout)


def statuses(answer: Any) -> dict[str, str]:
    return {check["id"]: check["status"] for check in answer["checks"]}


@pytest.mark.ids("S67")
def test_stopped_redis_is_red_within_one_interval_and_green_again(
    shop: Shop,  # noqa: F811
) -> None:
    shop.browser().get("/login/1")
    path = shop.folder / "vedfolnir.prom"
    settings = {
        **shop.environment,
        "VEDFOLNIR_METRICS_FILE": str(path),
        "SESSION_METRICS_INTERVAL_SECONDS": "1",
    }

    def told(check: str) -> float | None:
        if not path.exists():
            return None
        key = ("vedfolnir_health_status", (("check", check),))
        return of_text(path.read_text()).get(key)

    with Daemon(shop.folder / "daemon.log", settings) as daemon:
        stack.wait_until(daemon.leads, "the daemon works")
        stack.wait_until(lambda: told("redis") == 0, "Redis is healthy")
        stack.wait_until(lambda: told("cleanup.lag") == 0, "cleanup ran")
        answer = health(settings)
        ill = [check for check in answer["checks"] if check["status"] != "healthy"]
        assert ill == [], ill
        assert answer["status"] == "healthy"

        shop.redis.stop()
        stack.wait_until(lambda: told("redis") == 2, "Redis is red", 10)
        answer = health(settings, UNAVAILABLE)
        assert answer["status"] == "critical"
        assert statuses(answer)["redis"] == "critical"
        assert statuses(answer)["redis.memory"] == "unknown"
        assert statuses(answer)["sql"] == "healthy"

        shop.redis.start()
        stack.wait_until(lambda: told("redis") == 0, "Redis is healthy again", 40)


@pytest.mark.ids("S67", "S60")
def test_a_silent_redis_is_asked_over_one_connection(shop: Shop) -> None:  # noqa: F811
    """Each further one would be waited for as long as the first."""
    shop.browser().get("/login/1")
    with SilentListener() as silent:
        answer = health(
            {**shop.environment, "REDIS_URL": f"redis://127.0.0.1:{silent.port}"}, UNAVAILABLE
        )
        assert silent.connections() == 1
    found = statuses(answer)
    assert found["redis"] == "critical"
    assert found["sql"] == found["sessions"] == "healthy"
    for check in ("redis.memory", "redis.clients", "cleanup.lag", "jobs", "fallback"):
        assert found[check] == "unknown", check
    said = {check["message"] for check in answer["checks"] if check["status"] == "unknown"}
    assert said == {"Redis does not answer"}


@pytest.mark.ids("S67")
def test_sql_that_does_not_answer_degrades(shop: Shop) -> None:  # noqa: F811
    shop.browser().get("/login/1")
    database = shop.folder / "state" / "sessions.db"
    for path in Path(database.parent).glob("sessions.db-*"):
        path.unlink()
    os.truncate(database, 0)
    database.write_bytes(b"this is no database" * 500)
    answer = health(shop.environment, UNAVAILABLE)
    found = statuses(answer)
    assert found["sql"] == "warn"
    assert found["redis"] == "healthy"
    assert found["sessions"] == found["cleanup.lag"] == found["jobs"] == "unknown"
    assert found["sql.writes"] == "unknown"
    assert answer["status"] == "warn"


@pytest.mark.ids("S67", "F17")
@pytest.mark.parametrize("engine", [databases.Postgres, databases.MariaDb])
def test_sql_that_answers_and_takes_no_writes_is_a_warning(
    engine: type[databases.Server],
    shop: Shop,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with engine() as server:
        database = server.fresh_database()
        settings = {**shop.environment, "SESSION_DATABASE_URL": database.url}
        monkeypatch.setenv("SESSION_DATABASE_URL", database.url)
        application().test_client().get("/login/1")
        assert statuses(health(settings))["sql.writes"] == "healthy"
        with database.read_only():
            answer = health(settings)
        assert statuses(health(settings))["sql.writes"] == "healthy"
    assert statuses(answer)["sql"] == "healthy"
    (check,) = [check for check in answer["checks"] if check["id"] == "sql.writes"]
    assert check["status"] == "warn"
    assert "read-only" in check["message"]


@pytest.mark.ids("S69", "S64")
def test_limits_come_from_the_environment_and_evictions_are_said(
    shop: Shop,  # noqa: F811
) -> None:
    for number in range(3):
        shop.browser().get(f"/login/{number}")
    limited = {**shop.environment, "VEDFOLNIR_HEALTH_SESSIONS_WARN": "2"}
    assert statuses(health(shop.environment))["sessions"] == "healthy"
    (check,) = [c for c in health(limited)["checks"] if c["id"] == "sessions"]
    assert (check["status"], check["value"], check["warn"]) == ("warn", 3, 2)
    limited["VEDFOLNIR_HEALTH_SESSIONS_CRITICAL"] = "2"
    answer = health(limited, FAILED)
    assert statuses(answer)["sessions"] == answer["status"] == "critical"

    with shop.redis.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("maxmemory", client.info("memory")["used_memory"] + 200_000)
        for number in range(1000):
            client.set(f"ballast:{number}", "x" * 1000)
        assert client.info("stats")["evicted_keys"] > 0
        client.config_set("maxmemory", 1 << 30)
    assert statuses(health(shop.environment))["redis.evictions"] == "warn"


@pytest.mark.ids("S69", "S68")
def test_what_fsck_left_is_a_warning_until_it_is_repaired(shop: Shop) -> None:  # noqa: F811
    def fsck(*words: str, code: int = 0) -> None:
        settings = {**shop.environment, "REDIS_URL": shop.redis.tools_url}
        done = subprocess.run(
            [str(stack.CLI), "fsck", *words], env=settings, capture_output=True, check=False
        )
        assert done.returncode == code, done.stderr

    shop.browser().get("/login/1")
    assert "orphans" not in statuses(health(shop.environment)), "it never ran"
    fsck()
    assert statuses(health(shop.environment))["orphans"] == "healthy"
    with shop.redis.client() as client:
        for key in client.scan_iter("*:user:*"):
            client.persist(key)
    fsck(code=FAILED)
    (check,) = [c for c in health(shop.environment)["checks"] if c["id"] == "orphans"]
    assert (check["status"], check["value"], check["warn"]) == ("warn", 1, 0)
    allowed = {**shop.environment, "VEDFOLNIR_HEALTH_ORPHANS": "1"}
    assert statuses(health(allowed))["orphans"] == "healthy"
    fsck("--repair")
    assert statuses(health(shop.environment))["orphans"] == "healthy"


@pytest.mark.ids("S69")
def test_a_process_judges_itself_by_limits_from_the_environment(
    shop: Shop,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def told(app: Any) -> dict[str, float]:
        metrics = of_text(app.extensions["vedfolnir"].manager.metrics_text())
        return {
            dict(labels)["check"]: value
            for (name, labels), value in metrics.items()
            if name == "vedfolnir_health_status"
        }

    shop.browser().get("/login/1")
    healthy = {"process.errors": 0, "process.memory": 0}
    assert told(shop.app) == healthy
    monkeypatch.setenv("VEDFOLNIR_HEALTH_MEMORY_WARN_MB", "1")
    strict = application()
    assert told(strict) == {**healthy, "process.memory": 1}
    monkeypatch.setenv("VEDFOLNIR_HEALTH_MEMORY_CRITICAL_MB", "2")
    assert told(application()) == {**healthy, "process.memory": 2}

    # Nothing stands in for Redis: nobody can say whether there is a session.
    monkeypatch.setenv("SESSION_FALLBACK", "off")
    alone = application()
    browser = alone.test_client()
    browser.get("/login/2")
    shop.redis.stop()
    answers = [browser.get("/read").status_code for _ in range(100)]
    assert set(answers) == {503}
    assert told(alone)["process.errors"] == 2
