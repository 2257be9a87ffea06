"""SQL ill in each way there is, alone or together with Redis. Each fault breaks on entry and mends on exit."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from stage import Fault, Stage
from support.databases import Database, Server


def server_of(on: Stage) -> Server:
    assert isinstance(on.database, Database)
    return on.database.server


@contextmanager
def killed(on: Stage) -> Iterator[None]:
    server_of(on).kill()
    yield
    server_of(on).start()


@contextmanager
def locked(on: Stage) -> Iterator[None]:
    with on.database.locked():
        yield


@contextmanager
def read_only(on: Stage) -> Iterator[None]:
    assert isinstance(on.database, Database)
    with on.database.read_only():
        yield


@contextmanager
def full(on: Stage) -> Iterator[None]:
    with server_of(on).full_disk():
        yield


@contextmanager
def both_killed_redis_first_back(on: Stage) -> Iterator[None]:
    on.redis.stop(signal.SIGKILL)
    server_of(on).kill()
    yield
    on.redis.start()
    on.wait_for_answers(200)
    server_of(on).start()


@contextmanager
def both_killed_sql_first_back(on: Stage) -> Iterator[None]:
    server_of(on).kill()
    on.redis.stop(signal.SIGKILL)
    yield
    server_of(on).start()
    on.wait_for_answers(200)
    on.redis.start()


@contextmanager
def locked_and_redis_killed(on: Stage) -> Iterator[None]:
    """The nearest to both being away where SQL is a file."""
    with on.database.locked():
        on.redis.stop(signal.SIGKILL)
        yield
    on.redis.start()


LOCKED = Fault("F17", "the tables are locked", locked)
DISK_FULL = Fault("F17", "the disk is full", full)
# The engine on which each runs where none is asked for.
OF_SERVERS = {
    Fault("F17", "killed, restarted", killed): "postgresql",
    LOCKED: "mariadb",
    Fault("F17", "read-only", read_only): "mariadb",
    DISK_FULL: "postgresql",
    Fault("F18", "both killed, Redis is first back", both_killed_redis_first_back): "postgresql",
    Fault("F18", "both killed, SQL is first back", both_killed_sql_first_back): "mariadb",
}
OF_SQLITE = [
    LOCKED,
    Fault("F18", "the file is locked, Redis killed", locked_and_redis_killed),
]
