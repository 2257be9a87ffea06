"""The golden vectors against the second implementation (tests/vectors/formats.py), which shares no code with the core.

The C++ tests hold the core to the same files: where both pass, both agree byte for byte (V27).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from vectors import formats, make

FOLDER = Path(formats.__file__).parent


def load(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return data


def named(cases: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(case, id=case["name"]) for case in cases]


@pytest.mark.ids("V27", "S79")
@pytest.mark.parametrize("name", make.FILES)
def test_files_are_what_the_documents_say(name: str) -> None:
    current = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert current == make.text_of(name), "run: python tests/vectors/make.py"


@pytest.mark.ids("S2", "S6", "V05", "V27")
def test_ids_are_issued_forged_or_refused() -> None:
    data = load("session_id")
    for case in data["issued"]:
        assert formats.is_issued(bytes.fromhex(case["ring_secret"]), case["cookie"])
    for case in data["forged"]:
        assert formats.read_id(case["cookie"]) is not None
        assert not formats.is_issued(bytes.fromhex(case["ring_secret"]), case["cookie"])
    for case in data["refused"]:
        assert formats.read_id(case["cookie"]) is None, case["name"]


@pytest.mark.ids("C22", "S87", "V27")
@pytest.mark.parametrize("case", named(load("record")["sealed"]))
def test_records_open_where_they_belong(case: dict[str, Any]) -> None:
    ring, digest = bytes.fromhex(case["ring_secret"]), bytes.fromhex(case["store_digest"])
    record = bytes.fromhex(case["record"])
    assert formats.open_sealed(ring, case["shard"], digest, record) == bytes.fromhex(
        case["payload"]
    )
    assert formats.open_sealed(ring, case["shard"] ^ 1, digest, record) is None


@pytest.mark.ids("V01", "V02", "S87")
@pytest.mark.parametrize("case", named(load("record")["refused"]))
def test_other_records_open_nowhere(case: dict[str, Any]) -> None:
    ring, digest = bytes.fromhex(case["ring_secret"]), bytes.fromhex(case["store_digest"])
    opened = formats.open_sealed(ring, case["shard"], digest, bytes.fromhex(case["record"]))
    # A seal that holds says nothing of what was sealed: the payload's reader has the last word.
    assert opened is None or opened[:2] != b"\x93\x01"


@pytest.mark.ids("S19", "V27")
@pytest.mark.parametrize("case", named(load("payload")["values"]))
def test_values_keep_their_type(case: dict[str, Any]) -> None:
    value = make.value_of(case["python"])
    again = formats.decode_value(bytes.fromhex(case["value"]))
    assert again == value
    assert type(again) is type(value)
    assert formats.encode_value(again).hex() == case["value"]
