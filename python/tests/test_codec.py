"""Values keep their type and value through the payload bytes (docs/internals/payload.md)."""

from __future__ import annotations

import datetime as dt
import enum
import math
import pickle
import struct
import uuid
from collections import OrderedDict, namedtuple
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
import vedfolnir
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup
from vedfolnir._core import decode_value, encode_value

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]
UTC = dt.UTC

offsets = st.integers(-86399, 86399).map(lambda s: dt.timezone(dt.timedelta(seconds=s)))
aware = st.datetimes(timezones=st.sampled_from(ZONES).map(ZoneInfo) | offsets)
text = st.text(st.characters(exclude_categories=["Cs"]))
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**64) - 2, 2**64 + 2)
    | st.floats(allow_nan=False)
    | text
    | st.binary()
    | st.datetimes()
    | aware
    | st.dates()
    | st.times()
    | st.times(timezones=offsets)
    | st.timedeltas()
    | st.uuids()
    | st.decimals(allow_nan=False)
    | text.map(Markup)
)
hashables = st.recursive(
    scalars, lambda inner: st.lists(inner).map(tuple) | st.frozensets(inner), max_leaves=8
)
values = st.recursive(
    hashables,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(hashables, inner)
        | st.sets(hashables)
    ),
    max_leaves=20,
)


def same(left: object, right: object) -> bool:
    """Equal in value and, all the way down, in type; wall clock, offset and zone count too."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict) and isinstance(right, dict):
        return same(list(left.items()), list(right.items()))
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, set | frozenset) and isinstance(right, set | frozenset):
        return left == right and sorted(map(encode_value, left)) == sorted(map(encode_value, right))
    if isinstance(left, dt.datetime) and isinstance(right, dt.datetime):
        return details(left) == details(right)
    if isinstance(left, float) and isinstance(right, float):
        return struct.pack("d", left) == struct.pack("d", right)
    return left == right


def details(moment: dt.datetime) -> tuple[object, ...]:
    zone = moment.tzinfo.key if isinstance(moment.tzinfo, ZoneInfo) else None
    return moment.replace(tzinfo=None), moment.utcoffset(), zone


@pytest.mark.ids("S19", "C25")
@settings(max_examples=200, deadline=None)
@given(values)
def test_every_value_keeps_type_and_value(value: object) -> None:
    data = encode_value(value)
    decoded = decode_value(data)
    assert same(decoded, value)
    assert encode_value(decoded) == data


@pytest.mark.ids("S19")
@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -1,
        2**63 - 1,
        -(2**63),
        2**64 - 1,
        2**64,
        -(2**64),
        10**400,
        0.0,
        -0.0,
        math.inf,
        -math.inf,
        "",
        "a\0b",
        "é€😀",
        b"\0\xff",
        (),
        [],
        {},
        set(),
        frozenset(),
        (1, ("a", [2, (3,)])),
        {1: "int", "1": "text", None: 0, 2.5: 1, b"k": 2},
        {dt.date(2024, 2, 29): {"deep": {uuid.UUID(int=5): (1, 2)}}},
        {(1, "a"): 1, frozenset({1, 2}): 2},
        dt.datetime(2024, 5, 1, 12, 30, 15, 123456),
        dt.datetime(2024, 10, 27, 2, 30, fold=1),
        dt.datetime(1, 1, 1),
        dt.datetime(9999, 12, 31, 23, 59, 59, 999999),
        dt.datetime(9999, 12, 31, 23, 59, tzinfo=dt.timezone(dt.timedelta(hours=-12))),
        dt.datetime(2024, 5, 1, tzinfo=UTC),
        dt.datetime(2024, 5, 1, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30))),
        dt.datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Berlin")),
        dt.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
        dt.datetime(2024, 3, 31, 2, 30, tzinfo=ZoneInfo("Europe/Berlin")),
        dt.date(1900, 1, 1),
        dt.time(23, 59, 59, 999999),
        dt.time(1, 2, tzinfo=UTC),
        dt.timedelta(days=-1, microseconds=1),
        dt.timedelta.max,
        uuid.UUID(int=7),
        Decimal("1.10"),
        Decimal("-Infinity"),
        Markup("<b>bold</b>"),
        [("message", "Saved"), ("error", "No")],
    ],
    ids=repr,
)
def test_named_values_keep_type_and_value(value: object) -> None:
    assert same(decode_value(encode_value(value)), value)


@pytest.mark.ids("S19")
def test_folds_and_zones_are_kept() -> None:
    naive = dt.datetime(2024, 10, 27, 2, 30, fold=1)
    assert decode_value(encode_value(naive)).fold == 1
    berlin = ZoneInfo("Europe/Berlin")
    for fold in (0, 1):
        moment = dt.datetime(2024, 10, 27, 2, 30, fold=fold, tzinfo=berlin)
        decoded = decode_value(encode_value(moment))
        assert (decoded.fold, decoded.tzinfo) == (fold, berlin)
        assert decoded.utcoffset() == moment.utcoffset()


@pytest.mark.ids("S19")
def test_not_a_number_stays_one() -> None:
    assert math.isnan(decode_value(encode_value(math.nan)))
    assert decode_value(encode_value(Decimal("NaN"))).is_nan()


@pytest.mark.ids("S19")
def test_subclasses_are_stored_as_their_base() -> None:
    class Text(str):
        pass

    class Number(int):
        pass

    class Fraction(float):
        pass

    Point = namedtuple("Point", "x y")
    pairs: list[tuple[object, object]] = [
        (Text("t"), "t"),
        (Number(3), 3),
        (Fraction(1.5), 1.5),
        (Point(1, 2), (1, 2)),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    ]
    for value, base in pairs:
        decoded = decode_value(encode_value(value))
        assert (type(decoded), decoded) == (type(base), base)


@pytest.mark.ids("S19")
def test_what_renders_itself_as_html_is_stored_as_markup() -> None:
    class Widget:
        def __html__(self) -> str:
            return "<i>w</i>"

    assert same(decode_value(encode_value(Widget())), Markup("<i>w</i>"))


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    LOW = 1


class Unknown:
    pass


def cyclic_list() -> list[object]:
    loop: list[object] = [1]
    loop.append({"again": loop})
    return loop


def deep(levels: int) -> list[object]:
    nested: list[object] = []
    for _ in range(levels - 1):
        nested = [nested]
    return nested


@pytest.mark.ids("S19", "C25")
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Colour.RED, "session['value']: cannot store test_codec.Colour"),
        (Level.LOW, "session['value']: cannot store test_codec.Level"),
        (
            {"a": [0, {"b": Unknown()}]},
            "session['value']['a'][1]['b']: cannot store test_codec.Unknown",
        ),
        ({1: (Unknown,)}, "session['value'][1][0]: cannot store type"),
        ({Unknown: 1}, ": cannot store type"),
        (
            [1, {frozenset({Colour.RED})}],
            "session['value'][1]{...}{...}: cannot store test_codec.Colour",
        ),
        (cyclic_list(), "session['value'][1]['again']: cannot store a list that contains itself"),
        ("\ud800", "session['value']: cannot store str with a lone surrogate"),
        (deep(65), "nests deeper than 64 levels"),
        (dt.time(1, tzinfo=ZoneInfo("Europe/Berlin")), "offset depends on the date"),
        (
            dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(microseconds=1))),
            "fractions of a second",
        ),
        (lambda: 0, "session['value']: cannot store function"),
        (bytearray(b"x"), "session['value']: cannot store bytearray"),
        (object(), "session['value']: cannot store object"),
        (range(3), "session['value']: cannot store range"),
    ],
)
def test_what_cannot_be_stored_is_refused_by_its_path(value: object, message: str) -> None:
    with pytest.raises(vedfolnir.BadValue) as refused:
        encode_value(value)
    assert message in str(refused.value)
    assert isinstance(refused.value, TypeError)
    assert isinstance(refused.value, ValueError)


@pytest.mark.ids("S19")
def test_open_file_is_named_by_its_path() -> None:
    with open(__file__, encoding="utf-8") as file, pytest.raises(vedfolnir.BadValue) as refused:
        encode_value([{}, {}, {"file": file}])
    assert str(refused.value) == "session['value'][2]['file']: cannot store _io.TextIOWrapper"


@pytest.mark.ids("S19")
def test_nesting_up_to_the_limit_is_stored() -> None:
    assert same(decode_value(encode_value(deep(64))), deep(64))
    nested: object = 0
    for _ in range(64):
        nested = (nested,)
    assert same(decode_value(encode_value(nested)), nested)


@pytest.mark.ids("V01", "C25")
@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | values.map(encode_value).map(lambda data: data[:-1]))
def test_foreign_bytes_are_a_clear_error(data: bytes) -> None:
    try:
        decoded = decode_value(data)
    except vedfolnir.InternalError:
        return
    assert encode_value(decoded)


@pytest.mark.ids("V01", "C25")
def test_a_pickle_is_never_read() -> None:
    with pytest.raises(vedfolnir.InternalError):
        decode_value(pickle.dumps({"user": 1}))
