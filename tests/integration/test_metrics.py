"""Metrics: what a process counts, what the command and the daemon tell of the stores; text and JSON alike."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import stack
from conftest import ROOT, SECRET_KEY
from flask import Flask, session
from prometheus_client.parser import text_string_to_metric_families
from support import evidence
from test_serve import Daemon
from vedfolnir import Vedfolnir, login, logout

Key = tuple[str, tuple[tuple[str, str], ...]]
UNAVAILABLE = 3


def of_text(text: str) -> dict[Key, float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of_json(text: str) -> dict[Key, float]:
    found: dict[Key, float] = {}
    for metric in json.loads(text)["metrics"]:
        for sample in metric["samples"]:
            labels = sample["labels"]

            def key(ending: str = "", **more: str) -> Key:
                name, all_labels = str(metric["name"]) + ending, {**labels, **more}  # noqa: B023
                return name, tuple(sorted(all_labels.items()))

            if metric["type"] != "histogram":
                found[key()] = sample["value"]
                continue
            found[key("_count")], found[key("_sum")] = sample["count"], sample["sum"]
            for bucket in sample["buckets"]:
                found[key("_bucket", le=f"{bucket['le']:g}")] = bucket["count"]
            found[key("_bucket", le="+Inf")] = sample["count"]
    return found


@dataclass
class Shop:
    """One application in this process, on a Redis and a SQLite file of its own."""

    folder: Path
    redis: stack.Redis
    environment: dict[str, str]
    app: Flask

    @property
    def manager(self) -> Any:
        return self.app.extensions["vedfolnir"].manager

    def browser(self) -> Any:
        return self.app.test_client()

    def metrics(self) -> dict[Key, float]:
        text, as_json = self.manager.metrics_text(), self.manager.metrics_json()
        found = of_text(text)
        assert {(name, labels) for name, labels in found} == {
            (name, labels) for name, labels in of_json(as_json)
        }
        return found

    def value(self, name: str, **labels: str) -> float:
        return self.metrics()[name, tuple(sorted(labels.items()))]

    def command(self, *words: str, code: int = 0) -> str:
        done = subprocess.run(
            [str(stack.CLI), *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout

    def told(self, code: int = 0) -> dict[Key, float]:
        return of_text(self.command("metrics", code=code))


def application() -> Flask:
    app = Flask(__name__)
    app.secret_key = SECRET_KEY
    Vedfolnir(app)

    @app.get("/write")
    def write() -> str:
        session["key"] = session.get("key", 0) + 1
        return "ok"

    @app.get("/read")
    def read() -> str:
        return str(session.get("key"))

    @app.get("/login/<int:user>")
    def log_in(user: int) -> str:
        login(user)
        return "ok"

    @app.get("/logout")
    def log_out() -> str:
        logout()
        return "ok"

    return app


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with stack.Redis(tmp_path / "redis") as redis:
        environment = stack.demo_environment(tmp_path, redis.url, SECRET_KEY)
        environment |= {"VEDFOLNIR_JOBS": "false", "VEDFOLNIR_NEAR_CACHE": "false"}
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield Shop(tmp_path, redis, environment, application())
        evidence.keep(*tmp_path.glob("*.log"), *tmp_path.glob("*.prom"))


@pytest.mark.ids("S62")
def test_counters_equal_a_scripted_run(shop: Shop) -> None:
    visitors = [shop.browser() for _ in range(3)]
    for visitor in visitors:
        visitor.get("/write")
    users = [visitors[0], *(shop.browser() for _ in range(4))]
    for number, user in enumerate(users):
        user.get(f"/login/{number}")
    users[1].get("/logout")
    users[2].get("/logout")
    assert shop.manager.end_user("3", None, "security", "test")[1] == 1
    users[0].get("/read")
    users[3].get("/read")

    def total(name: str, label: str) -> dict[str, float]:
        return {
            dict(labels)[label]: value
            for (found, labels), value in shop.metrics().items()
            if found == name and value
        }

    assert total("vedfolnir_sessions_created_total", "kind") == {"anonymous": 3, "login": 5}
    ended = {"logout": 2, "security": 1, "replaced": 1}
    assert total("vedfolnir_sessions_ended_total", "reason") == ended
    assert shop.value("vedfolnir_endings_pending_total") == 0
    text = of_text(shop.manager.metrics_text())
    as_json = of_json(shop.manager.metrics_json())
    assert {key: value for key, value in text.items() if "_seconds" not in key[0]} == {
        key: value for key, value in as_json.items() if "_seconds" not in key[0]
    }


def buckets(shop: Shop, operation: str) -> list[tuple[float, float]]:
    return sorted(
        (float(dict(labels)["le"]), value)
        for (name, labels), value in shop.metrics().items()
        if name == "vedfolnir_operation_duration_seconds_bucket"
        and dict(labels)["operation"] == operation
    )


def upper_bound_of_p99(
    before: list[tuple[float, float]], after: list[tuple[float, float]]
) -> float:
    counts = [(bound, count - old) for (bound, count), (_, old) in zip(after, before, strict=True)]
    return next(bound for bound, count in counts if count >= 0.99 * counts[-1][1])


@pytest.mark.ids("S63")
def test_latencies_count_every_request_and_20_ms_move_p99(shop: Shop) -> None:
    browser = shop.browser()
    browser.get("/write")
    begun = buckets(shop, "load")
    loads = shop.manager.counters().loads
    for _ in range(50):
        assert browser.get("/read").text == "1"
    quick = buckets(shop, "load")
    with shop.redis.client() as client:
        for _ in range(5):
            client.client_pause(20)
            assert browser.get("/read").text == "1"
    slow = buckets(shop, "load")
    assert quick[-1][1] - begun[-1][1] == 50
    assert slow[-1][1] - begun[-1][1] == shop.manager.counters().loads - loads == 55
    name = "vedfolnir_operation_duration_seconds_count"
    assert shop.value(name, operation="load") == slow[-1][1]
    # The pause counts from its own start, a moment before the load.
    assert upper_bound_of_p99(quick, slow) >= 0.02
    # Half of the quick ones at least, on however busy a machine.
    assert quick[8][0] == 0.02
    assert quick[8][1] - begun[8][1] > 25


@pytest.mark.ids("S64")
def test_memory_and_evictions_equal_info(shop: Shop) -> None:
    shop.browser().get("/login/1")
    with shop.redis.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("maxmemory", client.info("memory")["used_memory"] + 200_000)
        for number in range(2000):
            client.set(f"ballast:{number}", "x" * 1000)
        stats = client.info("stats")
        assert stats["evicted_keys"] > 0
        client.config_set("maxmemory", 1 << 30)  # from here on nothing more goes
        stats = client.info("stats")
        before = client.info("memory")
        told = shop.told()
        memory = client.info("memory")
    prefix = "vedfolnir_redis_"
    assert told[prefix + "evicted_keys_total", ()] == stats["evicted_keys"]
    assert told[prefix + "memory_limit_bytes", ()] == memory["maxmemory"]
    peak = told[prefix + "memory_peak_bytes", ()]
    assert before["used_memory_peak"] <= peak <= memory["used_memory_peak"]
    used = told[prefix + "memory_used_bytes", ()]
    # A connection more or less lies between the two questions.
    assert abs(used - memory["used_memory"]) < 200_000
    # It moves with every page that the server gets or gives back.
    ratio = told[prefix + "memory_fragmentation_ratio", ()]
    around = sorted(each["mem_fragmentation_ratio"] for each in (before, memory))
    assert around[0] / 2 < ratio < around[1] * 2


@pytest.mark.ids("S65", "S72")
def test_1000_expired_sessions_show_as_removed_and_lag_grows_without_a_daemon(
    shop: Shop,
) -> None:
    browser = shop.browser()
    for number in range(1000):
        browser.get(f"/login/{number}")
        browser.delete_cookie("session")
    with shop.redis.client() as client:
        keys = list(client.scan_iter(count=5000))
        records = [key for key in keys if re.search(rb"\{[0-9a-f]{2}\}:[\w-]{22}$", key)]
        for key in client.scan_iter("*:expiry", count=5000):
            members = client.zrange(key, 0, -1)
            client.zadd(key, dict.fromkeys(members, (time.time() - 5) * 1000))
        assert len(records) == 1000
        client.delete(*records)
    # With the copy that its login made, a session would come back when it is asked for.
    with closing(sqlite3.connect(shop.folder / "state" / "sessions.db", timeout=20)) as db, db:
        db.execute("DELETE FROM records")
    settings = {
        **shop.environment,
        "REDIS_SESSION_CLEANUP_INTERVAL": "1",
        "VEDFOLNIR_SNAPSHOTS": "off",
        "VEDFOLNIR_METRICS_FILE": str(shop.folder / "vedfolnir.prom"),
        "SESSION_METRICS_INTERVAL_SECONDS": "1",
    }
    removed = ("vedfolnir_job_removed_total", (("job", "cleanup"),))
    lag = ("vedfolnir_job_lag_seconds", (("job", "cleanup"),))
    own = ("vedfolnir_cleanup_removed_total", ())

    def in_file() -> dict[Key, float]:
        path = Path(settings["VEDFOLNIR_METRICS_FILE"])
        return of_text(path.read_text()) if path.exists() else {}

    with Daemon(shop.folder / "daemon.log", settings) as daemon:
        stack.wait_until(lambda: in_file().get(own) == 1000, "the daemon's file tells of them", 60)
        stack.wait_until(lambda: shop.told().get(removed) == 1000, "so does the command", 60)
        told = in_file()
        assert told["vedfolnir_sessions_ended_total", (("reason", "expired"),)] == 1000
        assert told["vedfolnir_cleanup_runs_total", ()] > 0
        assert told["vedfolnir_cleanup_seconds_total", ()] > 0
        assert told["vedfolnir_jobs_led", ()] == 1
        assert (shop.folder / "vedfolnir.prom").stat().st_mode & 0o777 == 0o644
        assert not list(shop.folder.glob("vedfolnir.prom.*")), "no draft is left"
        daemon.kill()
    seen = shop.told()[lag]
    stack.wait_until(lambda: shop.told()[lag] > seen + 2, "the lag grows")


def test_a_file_that_cannot_be_written_is_said_in_the_log(shop: Shop) -> None:
    settings = {**shop.environment, "VEDFOLNIR_METRICS_FILE": "/nowhere/vedfolnir.prom"}
    with Daemon(shop.folder / "daemon.log", settings) as daemon:
        stack.wait_until(
            lambda: "event=metrics state=failed" in daemon.text(), "the daemon complains"
        )
        assert "VEDFOLNIR_METRICS_FILE: /nowhere" in daemon.text()


@pytest.mark.ids("S66", "S50")
def test_fallback_figures_move_and_return(shop: Shop) -> None:
    user = shop.browser()
    user.get("/login/1")
    assert shop.value("vedfolnir_fallback_active") == 0
    shop.redis.stop()
    users = [shop.browser() for _ in range(40)]
    for number, each in enumerate(users):
        assert each.get(f"/login/{number + 10}").status_code == 200
        assert each.get("/write").status_code == 200
    assert shop.value("vedfolnir_fallback_active") == 1
    assert shop.value("vedfolnir_fallback_reads_total") > 0
    assert shop.value("vedfolnir_fallback_writes_total") >= 40
    name = "vedfolnir_operation_duration_seconds_count"
    assert shop.value(name, operation="fallback_read") >= 40
    assert shop.value(name, operation="fallback_write") >= 40
    told = shop.told(UNAVAILABLE)
    assert told["vedfolnir_redis_up", ()] == 0
    assert told["vedfolnir_sql_up", ()] == 1
    assert ("vedfolnir_redis_memory_used_bytes", ()) not in told
    assert told["vedfolnir_fallback_records_waiting", ()] >= 40

    depth: list[float] = []
    with closing(sqlite3.connect(shop.folder / "state" / "sessions.db")) as db:
        db.execute("BEGIN EXCLUSIVE")
        threads = [threading.Thread(target=each.get, args=("/write",)) for each in users]
        for thread in threads:
            thread.start()

        def waits() -> bool:
            depth.append(shop.value("vedfolnir_fallback_queue_depth"))
            return depth[-1] > 0

        stack.wait_until(waits, "calls wait for the database")
        db.rollback()
    for thread in threads:
        thread.join()
    assert shop.value("vedfolnir_fallback_queue_depth") == 0

    shop.redis.start()
    stack.wait_until(lambda: shop.value("vedfolnir_fallback_active") == 0, "Redis is back", 40)
    stack.wait_until(
        lambda: shop.told()["vedfolnir_fallback_records_waiting", ()] == 0, "it was told all", 40
    )


@pytest.mark.ids("S66", "S50")
def test_the_journal_is_told_while_sql_takes_nothing(shop: Shop) -> None:
    shop.browser().get("/login/1")
    database = shop.folder / "state" / "sessions.db"
    with closing(sqlite3.connect(database)) as db:
        db.execute("BEGIN EXCLUSIVE")
        assert shop.browser().get("/login/2").status_code == 200
        assert shop.value("vedfolnir_journal_entries") > 0
        stack.wait_until(lambda: shop.value("vedfolnir_journal_age_seconds") > 0, "it gets older")
        assert shop.told()["vedfolnir_journal_entries", ()] > 0
        db.rollback()
    stack.wait_until(lambda: shop.value("vedfolnir_journal_entries") == 0, "SQL took it", 40)
    assert shop.value("vedfolnir_journal_age_seconds") == 0


@pytest.mark.ids("S62", "S66")
def test_the_page_lists_what_the_table_has(shop: Shop) -> None:
    reference = shop.command("metrics", "--reference")
    assert reference in (ROOT / "docs" / "operate" / "monitoring.md").read_text()
    documented = set(reference.split("`")[1::2])
    shop.browser().get("/login/1")
    for name, _ in {**shop.metrics(), **shop.told()}:
        base = name
        for ending in ("_bucket", "_count", "_sum"):
            base = base.removesuffix(ending)
        assert base in documented, name
