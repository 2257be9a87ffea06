"""Redis ill in each way there is, under a busy application with two workers: nobody is let in who left, nobody is
thrown out, no answer is a 500, and the audit trail counts right."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import DatabaseOf
from redis_faults import FAULTS
from stage import Fault, judge, stage


@pytest.mark.ids(
    "F05",
    "F07",
    "F08",
    "F09",
    "F10",
    "F11",
    "F12",
    "F13",
    "F14",
    "F15",
    "F16",
    "F20",
    "F29",
    "I1",
    "I2",
    "I4",
    "I5",
    "I6",
    "N18",
    "S104",
)
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_nothing_lost_and_nobody_let_in(
    fault: Fault, tmp_path: Path, database_of: DatabaseOf
) -> None:
    with stage(tmp_path, database_of("sqlite")) as running:
        recovery = running.go_through(fault)
        verdict = judge(running, fault.ident, fault.what, recovery)
    verdict.publish()
    assert verdict.broken == {}
