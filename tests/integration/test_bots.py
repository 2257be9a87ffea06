"""Visitors without a cookie leave nothing behind (S14, V14)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import pytest
from conftest import Stack

HITS = 10_000
CONNECTIONS = 4


def hit(port: int, path: str, times: int) -> list[str]:
    """Set-Cookie headers of that many requests on one connection."""
    found: list[str] = []
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    for _ in range(times):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        found += answer.headers.get_all("Set-Cookie", [])
    connection.close()
    return found


@pytest.mark.ids("S14", "V14", "S20", "E6", "S6")
@pytest.mark.parametrize("path", ["/plain", "/read"])
def test_ten_thousand_bots_leave_no_key_and_get_no_cookie(shop: Stack, path: str) -> None:
    before = shop.all_keys()
    commands = command_count(shop)
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        share = HITS // CONNECTIONS
        answers = pool.map(lambda _: hit(shop.web.port, path, share), range(CONNECTIONS))
        assert [header for found in answers for header in found] == []
    assert shop.all_keys() == before
    assert command_count(shop) == commands


def command_count(shop: Stack) -> int:
    """Commands that applications sent for sessions; a connection's own housekeeping does not count."""
    with shop.redis.client() as client:
        stats = client.info("commandstats")
    return sum(int(stats.get(f"cmdstat_{name}", {}).get("calls", 0)) for name in ("get", "fcall"))
