"""Our cookie parser against Werkzeug's, on generated headers. Every disagreement has a name and a reason (V30)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.probe import Probe
from werkzeug.http import parse_cookie

NAME = b"__Host-session"
CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
NAMELESS = re.compile(rb"(^|;)[ \t]*=")
BARE = re.compile(rb"(^|;)[ \t]*" + NAME + rb"[ \t]*(;|$)")
VARIANT = re.compile(rb"(^|;)[ \t=]*(?!" + NAME + rb")(?i:" + NAME + rb")[ \t]*(=|;|$)")


def blank_inside(header: bytes) -> bool:
    """A blank within a name or a value, not around it."""
    pairs = [part.partition(b"=") for part in header.split(b";")]
    texts = [text.strip(b" \t") for name, _, value in pairs for text in (name, value)]
    return any(re.search(rb"[ \t]", text) for text in texts)


Answer = str | bytes  # "absent", "ambiguous", or the value

# Where the two may differ: what in the header causes it, one header that shows it, both answers, and the reason.
DISAGREEMENTS: dict[str, tuple[Callable[[bytes], object], bytes, Answer, Answer, str]] = {
    "control bytes": (
        CONTROL.search,
        NAME + b"=a\x00b",
        "ambiguous",
        b"a\x00b",
        "No browser sends them; servers in front differ in where they cut.",
    ),
    "double quotes": (
        lambda header: b'"' in header,
        b'a="x; ' + NAME + b'=id; b=y"',
        b"id",
        "absent",
        "Browsers end a cookie at each `;`, quoted or not, and so do we. We also decode no escapes, and take other "
        "quotes as they are: an id holds neither.",
    ),
    "blanks inside": (
        blank_inside,
        NAME + b"=a b",
        b"a b",
        "absent",
        "Werkzeug drops such a part; we hand the value on, and the reader of ids refuses it and counts it.",
    ),
    "nameless cookies": (
        NAMELESS.search,
        NAME + b"=id; =" + NAME + b"=evil",
        "ambiguous",
        b"id",
        "Some parser on the way may read the second one as ours.",
    ),
    "our name alone": (
        BARE.search,
        NAME,
        "ambiguous",
        b"",
        "A nameless cookie to browsers, an empty one to servers.",
    ),
    "other letter case": (
        VARIANT.search,
        b"__host-session=evil; " + NAME + b"=id",
        "ambiguous",
        b"id",
        "Browsers compare the prefix without case, and may have let a sibling set it.",
    ),
    "longer than 64 KiB": (
        lambda header: len(header) > 64 * 1024,
        NAME + b"=id; a=" + b"x" * 70_000,
        "ambiguous",
        b"id",
        "Work per request is bounded; servers in front refuse such headers long before.",
    ),
}


@pytest.fixture(scope="module")
def probe() -> Iterator[Probe]:
    with Probe() as running:
        yield running


def ours(probe: Probe, header: bytes) -> Answer:
    answer = probe.ask("cookie", NAME, header)
    if answer in {"absent", "ambiguous"}:
        return answer
    return b"" if answer == "-" else bytes.fromhex(answer)


def theirs(header: bytes) -> Answer:
    """Werkzeug's view, two cookies of one name being ambiguous. Its values are text: what is not UTF-8 cannot be."""
    values = parse_cookie(header.decode("latin1")).getlist(NAME.decode())
    if len(values) > 1:
        return "ambiguous"
    return values[0].encode() if values else "absent"


def causes(header: bytes) -> list[str]:
    return [name for name, (cause, *_) in DISAGREEMENTS.items() if cause(header)]


OURS = [NAME, NAME + b"=", NAME + b"=id", b"__host-session", b"__Host-sess"]
OTHERS = [b"other", b"=", b";", b"; ", b" ", b"\t", b'"', b"\\", b"\\075", b",", b"a", b"$Path=/"]
STRANGE = [b"\x00", b"\r\n", b"\xc2\xa0", b"\xe2\x80\x83"]
PIECES = st.sampled_from(OURS + OTHERS + STRANGE)
HEADERS = st.lists(PIECES, max_size=14).map(b"".join)


@pytest.mark.ids("V30", "C12", "V10")
@settings(max_examples=1500, deadline=None)
@given(header=HEADERS)
@example(header=b"")
@example(header=b"a=1; " + NAME + b"=id; b=2")
def test_both_parsers_agree_unless_a_named_cause_is_there(probe: Probe, header: bytes) -> None:
    named = causes(header)
    if not named:
        assert ours(probe, header) == theirs(header)


@pytest.mark.ids("V30", "C12", "V10")
@settings(max_examples=700, deadline=None)
@given(header=HEADERS)
def test_a_value_is_found_only_where_one_cookie_of_our_name_stands(
    probe: Probe, header: bytes
) -> None:
    """Whatever else is in the header: found means exactly one part of it begins with our name and `=`."""
    answer = ours(probe, header)
    parts = [part.strip(b" \t") for part in header.split(b";")]
    candidates = [part for part in parts if re.match(NAME + rb"[ \t]*=", part)]
    if isinstance(answer, bytes):
        assert len(candidates) == 1
        assert answer in candidates[0]
    if len(candidates) > 1:
        assert answer == "ambiguous"


@pytest.mark.ids("V30", "V10", "C12")
@pytest.mark.parametrize("name", DISAGREEMENTS)
def test_named_disagreements_exist(probe: Probe, name: str) -> None:
    cause, header, our_answer, their_answer, reason = DISAGREEMENTS[name]
    assert cause(header)
    assert ours(probe, header) == our_answer
    assert theirs(header) == their_answer
    assert our_answer != their_answer
    assert reason
