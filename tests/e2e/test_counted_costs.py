"""What a request costs in commands and statements, counted on the bench's own applications. No timings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import counts
import pytest
import requests
import stack

BENCH = Path(counts.__file__).parent


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack.Redis]:
    with stack.Redis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@contextmanager
def application(redis: stack.Redis, folder: Path, kind: str) -> Iterator[str]:
    """One worker, so that its counters are all there are."""
    environment = stack.demo_environment(folder, redis.url, "only for tests")
    environment["BENCH_KIND"] = kind
    # Whoever does the background work sends commands of his own.
    environment["VEDFOLNIR_JOBS"] = "false"
    # What a process looks at by itself, beside any request, is not what is counted here.
    environment["VEDFOLNIR_SQL_POLL_MS"] = "0"
    with stack.Gunicorn(
        "applications:create()",
        stack.free_port(),
        environment,
        folder / "gunicorn.log",
        python_path=BENCH,
        options=("--workers", "1", "--worker-class", "gthread", "--threads", "4"),
    ) as web:
        # Once per connection the marks of all shards are read, before the first answer over it.
        counts.log_in(web.url, "first-contact")
        yield web.url


@pytest.fixture(scope="module")
def url(redis: stack.Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with application(redis, tmp_path_factory.mktemp("near"), "Vedfolnir") as address:
        yield address


@pytest.fixture(scope="module")
def cost(url: str, redis: stack.Redis) -> counts.Cost:
    return counts.count(url, redis)


@pytest.fixture(scope="module")
def cold(redis: stack.Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[counts.Cost]:
    """Every read is a cold one."""
    kind = "Vedfolnir, no near cache"
    with application(redis, tmp_path_factory.mktemp("cold"), kind) as address:
        yield counts.count(address, redis)


@pytest.mark.ids("S18", "S3")
def test_one_command_per_cold_read_and_none_per_hit(cost: counts.Cost, cold: counts.Cost) -> None:
    assert cold.sent["read"] == {"GET": counts.REQUESTS}
    assert cost.sent["read"] == {}


@pytest.mark.ids("S18")
def test_one_command_per_write_besides_its_read(cost: counts.Cost, cold: counts.Cost) -> None:
    assert cold.sent["write"] == {"GET": counts.REQUESTS, "FCALL": counts.REQUESTS}
    assert cost.sent["write"] == {"FCALL": counts.REQUESTS}


@pytest.mark.ids("S49", "S20", "E6")
def test_untouched_page_sends_nothing(cost: counts.Cost, cold: counts.Cost) -> None:
    assert cost.sent["untouched"] == cold.sent["untouched"] == {}


@pytest.mark.ids("S31", "S24")
def test_reads_and_writes_make_no_sql_statement(cost: counts.Cost, cold: counts.Cost) -> None:
    for counted in (cost, cold):
        assert [counted.statements[name] for name in ("untouched", "read", "write")] == [0, 0, 0]
        assert counted.statements["login"] > 0, "the counter counts"


@pytest.mark.ids("S18", "S13")
def test_login_takes_two_round_trips_besides_the_cold_read(url: str, redis: stack.Redis) -> None:
    cookies = counts.make_sessions(url, 5)
    with counts.watching(redis) as sent:
        for number, cookie in enumerate(cookies):
            counts.log_in(url, f"round-trips-{number}", cookie)
    assert sent.pop("GET", 0) <= len(cookies)
    assert sum(sent.values()) <= 2 * len(cookies), dict(sent)


@pytest.mark.ids("S18", "S13", "C03")
def test_login_over_a_login_takes_two_round_trips_as_well(url: str, redis: stack.Redis) -> None:
    cookies = [counts.log_in(url, f"first-{number}") for number in range(5)]
    with counts.watching(redis) as sent:
        for number, cookie in enumerate(cookies):
            counts.log_in(url, f"second-{number}", cookie)
    assert sent.pop("GET", 0) <= len(cookies)
    assert sum(sent.values()) <= 2 * len(cookies), dict(sent)


@pytest.mark.ids("S31")
def test_a_thousand_reads_and_writes_of_a_login_make_no_sql_statement(url: str) -> None:
    cookie = counts.log_in(url, "thousand")
    before = counts.statements(url)
    with requests.Session() as client:
        client.headers["Cookie"] = cookie
        for _ in range(500):
            client.get(f"{url}/read", timeout=10).raise_for_status()
            client.post(f"{url}/write", timeout=10).raise_for_status()
    assert counts.statements(url) == before
