"""SQL ill in each way there is, alone and together with Redis, under a busy application with two workers: what was
acknowledged lasts, nobody is let in who left, and nothing stands twice in the audit trail."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from conftest import DatabaseOf
from sql_faults import DISK_FULL, OF_SERVERS, OF_SQLITE
from stage import Fault, judge, stage


def wanted() -> list[tuple[str, Fault]]:
    """Those that can be done to the engine that is asked for; else each once, on an engine of its own."""
    engine = os.environ.get("VEDFOLNIR_TEST_SQL")
    if engine == "sqlite":
        return [(engine, fault) for fault in OF_SQLITE]
    servers = [(engine or own, fault) for fault, own in OF_SERVERS.items()]
    return servers if engine else [*servers, *(("sqlite", fault) for fault in OF_SQLITE)]


@pytest.mark.ids("F17", "F18", "S16", "R3", "R7", "R9", "R14", "I1", "I2", "I4", "I5", "I6", "S37")
@pytest.mark.parametrize(("engine", "fault"), wanted(), ids=str)
def test_nothing_lost_and_nobody_let_in(
    engine: str, fault: Fault, tmp_path: Path, database_of: DatabaseOf
) -> None:
    database = database_of(engine, own_disk=fault is DISK_FULL)
    with stage(tmp_path, database) as running:
        recovery = running.go_through(fault)
        verdict = judge(running, fault.ident, fault.what, recovery)
    verdict.publish()
    assert verdict.broken == {}
