"""Databases for the fault tests, of the engine that each asks for or VEDFOLNIR_TEST_SQL names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.databases import SERVERS, Database, NotPossibleError, Server, Sqlite

# For a path of the installation: its file, or a database of a server.
DatabaseOf = Callable[..., Callable[[Path], Sqlite | Database]]
ENGINES = ("sqlite", *SERVERS)


@pytest.fixture(scope="session")
def servers() -> Iterator[Callable[[str, bool], Server]]:
    """One of each, started on first use."""
    with ExitStack() as running:
        started: dict[tuple[str, bool], Server] = {}

        def server(engine: str, own_disk: bool) -> Server:
            if (engine, own_disk) not in started:
                started[engine, own_disk] = running.enter_context(
                    SERVERS[engine](own_disk=own_disk)
                )
            return started[engine, own_disk]

        yield server


@pytest.fixture
def database_of(servers: Callable[[str, bool], Server]) -> DatabaseOf:
    def database_of(engine: str, *, own_disk: bool = False) -> Callable[[Path], Sqlite | Database]:
        engine = os.environ.get("VEDFOLNIR_TEST_SQL") or engine
        if engine == "sqlite":
            return Sqlite
        try:
            server = servers(engine, own_disk)
        except NotPossibleError as reason:
            pytest.skip(str(reason))
        return lambda path: server.fresh_database()

    return database_of
