"""Generated values and mangled bytes through the C++ codec and through the second implementation (V27, C25)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.probe import Probe
from vectors import formats
from vectors.formats import Payload

TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
OFFSETS = st.timedeltas(dt.timedelta(hours=-23), dt.timedelta(hours=23)).map(
    lambda delta: dt.timezone(dt.timedelta(seconds=delta // dt.timedelta(seconds=1)))
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**80), 2**80), st.floats(allow_nan=False), TEXT,
    st.binary(max_size=40), st.uuids(), st.decimals(allow_nan=False), st.dates(), st.timedeltas(),
    st.datetimes(), st.datetimes(dt.datetime(2, 1, 1), dt.datetime(9998, 1, 1), timezones=OFFSETS),
    st.times(),
)  # fmt: skip
HASHABLE = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4).map(tuple), max_leaves=6)
VALUES: st.SearchStrategy[Any] = st.recursive(
    HASHABLE,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.dictionaries(TEXT, inner, max_size=5),
        st.sets(HASHABLE, max_size=5),
        st.frozensets(HASHABLE, max_size=5),
    ),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def probe() -> Iterator[Probe]:
    with Probe() as running:
        yield running


@pytest.mark.ids("V27", "S19", "C25")
@settings(max_examples=600, deadline=None)
@given(value=VALUES)
def test_values_survive_both(probe: Probe, value: Any) -> None:
    encoded = formats.encode_value(value)
    assert probe.bytes("value", encoded) == encoded
    assert formats.decode_value(encoded) == value


@pytest.mark.ids("V27", "S19")
@settings(max_examples=200, deadline=None)
@given(user=TEXT, application=st.dictionaries(TEXT, VALUES, max_size=6))
def test_payloads_survive_both(probe: Probe, user: str, application: dict[str, Any]) -> None:
    encoded = formats.encode_payload(Payload(user, "Firefox", "", application))
    assert probe.bytes("payload", encoded) == encoded


@pytest.mark.ids("C25", "V01")
@settings(max_examples=600, deadline=None)
@given(value=VALUES, data=st.data())
def test_mangled_payloads_never_harm(probe: Probe, value: Any, data: st.DataObject) -> None:
    encoded = bytearray(formats.encode_payload(Payload("7", "", "", {"key": value})))
    for _ in range(data.draw(st.integers(1, 4))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    again = probe.bytes("payload", bytes(encoded))
    # What is accepted is written back in a form that is accepted as the same.
    if again is not None:
        assert probe.bytes("payload", again) == again
