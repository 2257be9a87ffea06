"""The search at rest reads each dump with a server that understands it."""

from __future__ import annotations

from pathlib import Path

import at_rest
import pytest


@pytest.mark.ids("V20")
@pytest.mark.parametrize(
    ("beginning", "program"),
    [
        (b"REDIS0010\xfa\tredis-ver\x067.0.15\xfa\nredis-bits\xc0@", "redis-server"),
        (b"REDIS0011\xfa\nvalkey-ver\x058.0.1\xfa\nredis-bits\xc0@", "valkey-server"),
    ],
)
def test_a_dump_is_read_by_the_program_that_wrote_it(
    tmp_path: Path, beginning: bytes, program: str
) -> None:
    dump = tmp_path / "dump.rdb"
    dump.write_bytes(beginning)
    assert at_rest.writer(dump) == program
