"""Faults at random, one after another, under one load, with one history that is checked at the end (F30).

Not part of the `fault` layer: `./x test soak`, for VEDFOLNIR_SOAK_MINUTES (10).
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from conftest import DatabaseOf
from redis_faults import FAULTS
from sql_faults import DISK_FULL, OF_SERVERS, OF_SQLITE
from stage import judge, stage
from support.databases import Sqlite

MINUTES = float(os.environ.get("VEDFOLNIR_SOAK_MINUTES") or 10)
# A bag is emptied before it is filled anew, so that none is left out for long.
ANSWERS_EACH = 200


@pytest.mark.soak
@pytest.mark.ids("F30", "F17", "F18", "I1", "I2", "I4", "I5", "I6")
def test_faults_at_random_lose_nothing_and_let_nobody_in(
    tmp_path: Path, database_of: DatabaseOf
) -> None:
    with stage(tmp_path, database_of("postgresql")) as running:
        sql = OF_SQLITE if isinstance(running.database, Sqlite) else list(OF_SERVERS)
        faults = [fault for fault in [*FAULTS, *sql] if fault is not DISK_FULL]
        end = time.monotonic() + 60 * MINUTES
        slowest, done, bag = 0.0, 0, []
        while time.monotonic() < end:
            if not bag:
                bag = running.chance.sample(faults, len(faults))
            fault = bag.pop()
            print(f"{running.crowd.answered():>8} answers, then: {fault}", flush=True)
            slowest = max(slowest, running.go_through(fault, ANSWERS_EACH))
            done += 1
        verdict = judge(running, "F30", f"{done} faults at random, {MINUTES:g} min", slowest)
    verdict.publish()
    assert verdict.broken == {}
