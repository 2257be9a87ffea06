"""What a request costs in things that can be counted: Redis commands, SQL statements, bytes.

Counted one request at a time, with MONITOR: it shows what clients sent and what functions ran inside.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import requests
import stack
from redis.client import Monitor, Redis

REQUESTS = 20
# Copies of sessions are made in the background of the same worker: the round in which none was made counts.
ROUNDS = 3
# Enough that what sessions share (the sorted sets of 256 shards) is spread over them.
WEIGHED = 1000
MARKER = "end-of-counting"


@dataclass
class Cost:
    """Per request (commands, statements) and per session (bytes)."""

    # Operation -> commands a client sent, on average.
    commands: dict[str, float] = field(default_factory=dict)
    # Operation -> command -> how often over all counted requests.
    sent: dict[str, dict[str, int]] = field(default_factory=dict)
    # Operation -> SQL statements, where the kind has any.
    statements: dict[str, float] = field(default_factory=dict)
    bytes_anonymous: float = 0
    bytes_authenticated: float = 0


def make_sessions(url: str, count: int) -> list[str]:
    """Makes sessions with the bench's fields; their Cookie header values ("x=y" where there is none)."""
    lines = []
    for _ in range(count):
        with requests.Session() as client:
            client.post(f"{url}/setup", timeout=10).raise_for_status()
            pairs = [f"{cookie.name}={cookie.value}" for cookie in client.cookies]
            lines.append("; ".join(pairs) or "x=y")
    return lines


def log_in(url: str, user: str, cookie: str | None = None) -> str:
    """Logs in, on an anonymous session where its Cookie value is given; the new Cookie value."""
    headers = {"Cookie": cookie} if cookie else {}
    answer = requests.post(f"{url}/login", params={"user": user}, headers=headers, timeout=10)
    answer.raise_for_status()
    return "; ".join(f"{each.name}={each.value}" for each in answer.cookies) or "x=y"


def count(url: str, redis: stack.Redis) -> Cost:
    """Counts each operation on sessions made for it."""
    cost = Cost()
    cookies = make_sessions(url, REQUESTS)
    # Once per connection the marks of all shards are read, before the first answer over it.
    request("GET", f"{url}/read", cookies[0])
    for name, method in (("untouched", "GET"), ("read", "GET"), ("write", "POST")):
        for _ in range(ROUNDS):
            with counting(url, redis, name, cost):
                for cookie in cookies:
                    request(method, f"{url}/{name}", cookie)
    for round_ in range(ROUNDS):
        with counting(url, redis, "login", cost):
            for number in range(REQUESTS):
                log_in(url, f"counted-{round_}-{number}")
    return cost


def weigh(url: str, redis: stack.Redis, cost: Cost) -> None:
    """Adds what sessions take in Redis, everything they leave there divided by their number."""
    with redis.client() as client:
        empty = total_bytes(client)
        make_sessions(url, WEIGHED)
        anonymous = total_bytes(client)
        for number in range(WEIGHED):
            log_in(url, f"weighed-{number}")
        authenticated = total_bytes(client)
    cost.bytes_anonymous = (anonymous - empty) / WEIGHED
    cost.bytes_authenticated = (authenticated - anonymous) / WEIGHED


def request(method: str, url: str, cookie: str) -> None:
    answer = requests.request(method, url, headers={"Cookie": cookie}, timeout=10)
    answer.raise_for_status()


@contextmanager
def counting(url: str, redis: stack.Redis, name: str, cost: Cost) -> Iterator[None]:
    """Keeps what the block's requests sent, per request, in `cost` under `name`, if it is the least so far."""
    before = statements(url)
    with watching(redis) as sent:
        yield
    after = statements(url)
    commands = sum(sent.values()) / REQUESTS
    if commands <= cost.commands.get(name, commands):
        cost.commands[name] = commands
        cost.sent[name] = dict(sent)
    if before is not None and after is not None:
        asked = (after - before) / REQUESTS
        cost.statements[name] = min(asked, cost.statements.get(name, asked))


@contextmanager
def watching(redis: stack.Redis) -> Iterator[Counter[str]]:
    """Counts the commands that clients send meanwhile; not those that functions run inside."""
    sent: Counter[str] = Counter()
    with redis.client() as other, redis.client() as client:
        other.ping()  # Connects now, so that its greeting is not counted.
        with client.monitor() as monitor:
            thread = threading.Thread(target=_collect, args=(monitor, sent))
            thread.start()
            try:
                yield sent
            finally:
                other.echo(MARKER)
                thread.join()


def _collect(monitor: Monitor, sent: Counter[str]) -> None:
    for entry in monitor.listen():  # type: ignore[no-untyped-call]
        if MARKER in entry["command"]:
            return
        name = entry["command"].split()[0].upper()
        # PING is the health check of an idle connection, not the cost of a request.
        if entry["client_type"] != "lua" and name != "PING":
            sent[name] += 1


def statements(url: str) -> int | None:
    """SQL statements of the worker so far; None for a kind that has no such counter."""
    answer = requests.get(f"{url}/figures", timeout=10)
    return int(answer.json()["sql_statements"]) if answer.status_code == 200 else None


def uses_sql(url: str) -> bool:
    """Whether the worker reads sessions from SQL in place of Redis."""
    return bool(requests.get(f"{url}/figures", timeout=10).json()["fallback_active"])


def total_bytes(client: Redis) -> int:
    """Bytes of all keys, indexes included."""
    return sum(int(client.memory_usage(key, samples=0) or 0) for key in client.keys("*"))
