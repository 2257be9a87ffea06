"""The Python binding writes and reads the very bytes of the golden vectors (V27)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from vectors import formats, make
from vedfolnir._core import decode_value, encode_value

CASES = json.loads((Path(formats.__file__).parent / "payload.json").read_text(encoding="utf-8"))


@pytest.mark.ids("V27", "S19")
@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in CASES["values"]])
def test_values_agree(case: dict[str, Any]) -> None:
    value = make.value_of(case["python"])
    data = bytes.fromhex(case["value"])
    assert encode_value(value) == data
    again = decode_value(data)
    assert again == value
    assert type(again) is type(value)
    assert encode_value(again) == data
