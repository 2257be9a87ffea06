"""Writes the golden vectors beside this file: `python tests/vectors/make.py`. A test checks that they are current.

Old vectors stay: a change of theirs is a change of the format, which needs a new version (docs/internals).
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import uuid
import zoneinfo
from pathlib import Path
from typing import Any

from markupsafe import Markup
from vectors import formats
from vectors.formats import Header, Payload

FOLDER = Path(__file__).resolve().parent
NAMES = {
    "datetime": dt,
    "Decimal": decimal.Decimal,
    "UUID": uuid.UUID,
    "ZoneInfo": zoneinfo.ZoneInfo,
    "Markup": Markup,
}

RING = bytes(range(32))
OTHER_RING = bytes(range(100, 132))
SECRET = bytes(range(0xE0, 0x100))
SHARD = 0x2A
DIGEST = formats.store_digest(SECRET)
T0 = 1_767_323_045_678  # 2026-01-02 03:04:05.678 UTC


def value_of(expression: str) -> Any:
    """The Python value a payload case names. Only expressions written in this file are evaluated."""
    return eval(expression, {"__builtins__": {"set": set, "frozenset": frozenset}}, NAMES)


def session_id() -> dict[str, Any]:
    def case(name: str, ring: bytes, shard: int, secret: bytes) -> dict[str, Any]:
        digest = formats.store_digest(secret)
        return {
            "name": name,
            "ring_secret": ring.hex(),
            "shard": shard,
            "secret": secret.hex(),
            "cookie_key": formats.cookie_key(ring).hex(),
            "cookie": formats.make_id(ring, shard, secret),
            "store_digest": digest.hex(),
            "store_key": formats.store_key_text(shard, digest),
        }

    issued = [
        case("first", RING, SHARD, SECRET),
        case("shard zero", RING, 0, bytes(32)),
        case("shard ff", OTHER_RING, 255, b"\xff" * 32),
    ]
    good = issued[0]["cookie"]
    version_2 = formats.base64url(b"\2" + formats.read_id(good)[1:])
    refused = {
        "empty": "",
        "one short": good[:-1],
        "one long": good + "A",
        "padded": good + "=",
        "not canonical": good[:-1] + chr(ord(good[-1]) + 1),
        "standard alphabet": "+" + good[1:],
        "slash": "/" + good[1:],
        "blank": " " + good[1:],
        "not ascii": "é" + good[2:],
        "path": "../../../../etc/passwd".ljust(67, "A"),
        "version 2": version_2,
        "version 0": formats.base64url(b"\0" + formats.read_id(good)[1:]),
        "a signed cookie": "eyJfZnJlc2giOmZhbHNlfQ.aVc2ZQ.c2lnbmF0dXJl",
        "a compressed signed cookie": ".eJwljjkOwjAQAP_imsK73jOfQfY",
        "ten kilobytes": "A" * 10240,
    }
    # A forged id has the right shape: a changed last byte of the MAC, another shard, another ring's MAC.
    data = formats.read_id(good)
    forged = {
        "mac changed": formats.base64url(data[:-1] + bytes([data[-1] ^ 1])),
        "shard changed": formats.base64url(data[:1] + b"\x2b" + data[2:]),
        "secret changed": formats.base64url(data[:2] + b"\0" + data[3:]),
        "other ring": formats.make_id(OTHER_RING, SHARD, SECRET),
    }
    return {
        "issued": issued,
        "refused": [{"name": name, "cookie": text} for name, text in refused.items()],
        "forged": [
            {"name": name, "ring_secret": RING.hex(), "cookie": text}
            for name, text in forged.items()
        ],
    }


def user_tag() -> dict[str, Any]:
    def case(name: str, index: bytes, ring: bytes, user: str) -> dict[str, Any]:
        tag = formats.user_tag(index or formats.index_secret_of(ring), user)
        return {
            "name": name,
            "oldest_ring_secret": ring.hex(),
            "index_secret": index.hex(),
            "user_id": user,
            "tag": tag.hex(),
            "shard": tag[0],
        }

    return {
        "tags": [
            case("derived index secret", b"", RING, "7"),
            case("own index secret", OTHER_RING, RING, "7"),
            case("not ascii", b"", RING, "ængell"),
            case("long", b"", RING, "u" * 300),
        ]
    }


def remembered_login() -> dict[str, Any]:
    def case(name: str, user: str, token: str, index: bytes = b"") -> dict[str, Any]:
        secret = index or formats.index_secret_of(RING)
        store_key, seal = formats.meeting_place(secret, user, token)
        return {
            "name": name,
            "oldest_ring_secret": RING.hex(),
            "index_secret": index.hex(),
            "user_id": user,
            "token": token,
            "store_key": store_key,
            "seal": seal.hex(),
        }

    return {
        "places": [
            case("flask-login", "7", "7|0a1b2c"),
            case("own index secret", "7", "7|0a1b2c", OTHER_RING),
            case("the border counts", "7|", "0a1b2c"),
            case("not ascii", "ængell", "t" * 300),
        ]
    }


def record() -> dict[str, Any]:
    user = formats.user_tag(formats.index_secret_of(RING), "7")
    shard = user[0]  # sessions of one user share a shard
    payload = formats.encode_payload(
        Payload("7", "Firefox on Linux", "", {"_user_id": "7", "theme": "dark"})
    )
    full = Header(
        key_id=7,
        generation=3,
        last_seen=T0 + 60_000,
        handle=bytes(range(0x10, 0x20)),
        user_tag=user,
        created=T0,
        authenticated=T0 + 1,
        idle_limit=900,
        absolute_expiry=T0 + 86_400_000,
        epoch=5,
        clock=(T0 << 16) | 2,
        operation=bytes(range(0x30, 0x40)),
    )
    anonymous = Header(
        key_id=7,
        last_seen=T0,
        handle=bytes(range(0x10, 0x20)),
        created=T0,
        absolute_expiry=T0 + 86_400_000,
        clock=T0 << 16,
        operation=bytes(range(0x30, 0x40)),
    )
    nonce = bytes(range(0xA0, 0xAC))

    def case(name: str, header: Header, body: bytes, data: bytes) -> dict[str, Any]:
        fields = {
            key: part.hex() if isinstance(part, bytes) else part
            for key, part in vars(header).items()
        }
        # Integers beyond 2^53 lose digits in some JSON readers.
        fields["clock"] = f"{header.clock:016x}"
        return {
            "name": name,
            "ring_secret": RING.hex(),
            "shard": shard,
            "store_digest": DIGEST.hex(),
            "nonce": nonce.hex(),
            **fields,
            "payload": body.hex(),
            "record": data.hex(),
        }

    empty = formats.encode_payload(Payload())
    sealed = formats.seal(RING, shard, DIGEST, full, nonce, payload)
    seal_of = [
        {
            **case("authenticated", full, payload, sealed),
            "record_key": formats.record_key(RING, shard, DIGEST).hex(),
        },
        case(
            "anonymous and empty",
            anonymous,
            empty,
            formats.seal(RING, shard, DIGEST, anonymous, nonce, empty),
        ),
    ]

    def changed(at: int, byte: int) -> bytes:
        return sealed[:at] + bytes([byte]) + sealed[at + 1 :]

    refused = {
        "empty": b"",
        "future format": changed(0, 2),
        "format zero": changed(0, 0),
        "compressed": changed(1, 3),
        "unknown flag": changed(1, 5),
        "marked plain": changed(1, 0),
        "marked a note": changed(1, 0x80),
        "other key scheme": changed(112, 2),
        "reserved byte set": changed(119, 1),
        "unknown key id": changed(3, 8),
        "header only": sealed[:120],
        "a pickle": b"\x80\x04\x95\x0b\0\0\0\0\0\0\0}\x94\x8c\x01a\x94K\x01s.",
        "a pickle behind our first bytes": sealed[:132] + b"\x80\x04}\x94." + bytes(16),
        "another session's record": formats.seal(
            RING, shard, formats.store_digest(bytes(32)), full, nonce, payload
        ),
        "another shard's record": formats.seal(RING, shard + 1, DIGEST, full, nonce, payload),
        "another ring's record": formats.seal(OTHER_RING, shard, DIGEST, full, nonce, payload),
        "payload of a future version": formats.seal(
            RING, shard, DIGEST, full, nonce, b"\x93\x02\x80\x80"
        ),
        "payload is a pickle": formats.seal(RING, shard, DIGEST, full, nonce, b"\x80\x04}\x94."),
        "time beyond 48 bits": sealed[:12] + b"\1" + sealed[13:],
    }
    return {
        "sealed": seal_of,
        "plain": [case("plain", full, payload, formats.plain_record(full, payload))],
        "notes": [
            {
                "name": "rotated",
                "kind": 1,
                "until": T0 + 10_000,
                "note": formats.note(1, T0 + 10_000).hex(),
            }
        ],
        "refused_notes": [
            {"name": "unknown kind", "note": formats.note(2, T0).hex()},
            {"name": "cut", "note": formats.note(1, T0)[:-1].hex()},
            {"name": "longer", "note": formats.note(1, T0).hex() + "00"},
            {"name": "future format", "note": "02" + formats.note(1, T0).hex()[2:]},
        ],
        "refused": [
            {
                "name": name,
                "ring_secret": RING.hex(),
                "shard": shard,
                "store_digest": DIGEST.hex(),
                "record": data.hex(),
            }
            for name, data in refused.items()
        ],
    }


VALUES = {
    "none": "None",
    "true": "True",
    "false": "False",
    "zero": "0",
    "small negative": "-1",
    "one byte": "255",
    "int64 minimum": "-2**63",
    "uint64 maximum": "2**64 - 1",
    "big integer": "2**64",
    "big negative integer": "-(2**200) - 1",
    "float": "1.5",
    "negative zero": "-0.0",
    "text": "'blåbær'",
    "empty text": "''",
    "long text": "'x' * 40",
    "bytes": "b'\\x00\\xff'",
    "list": "[1, 'two', None]",
    "dict keeps its order": "{'b': 1, 'a': 2, 3: 'integer key'}",
    "naive datetime": "datetime.datetime(2026, 1, 2, 3, 4, 5, 678901)",
    "naive datetime before 1970": "datetime.datetime(1969, 12, 31, 23, 59, 59, 999999)",
    "naive datetime with fold": "datetime.datetime(2026, 10, 25, 2, 30, fold=1)",
    "utc datetime": "datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)",
    "datetime with offset": (
        "datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone(-datetime.timedelta(hours=3, minutes=30)))"
    ),
    "datetime with zone": "datetime.datetime(2026, 7, 1, 12, 0, tzinfo=ZoneInfo('Europe/Copenhagen'))",
    "datetime with zone and fold": (
        "datetime.datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo('Europe/Copenhagen'))"
    ),
    "date": "datetime.date(2026, 1, 2)",
    "date before 1970": "datetime.date(1, 1, 1)",
    "uuid": "UUID('12345678-1234-5678-1234-567812345678')",
    "decimal": "Decimal('-1234.50')",
    "tuple": "(1, 'a')",
    "empty tuple": "()",
    "set": "{3, 1, 2, 'a'}",
    "markup": "Markup('<b>bold</b>')",
    "time": "datetime.time(23, 59, 59, 999999)",
    "time with offset and fold": (
        "datetime.time(1, 2, 3, fold=1, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))"
    ),
    "timedelta": "datetime.timedelta(days=-1, seconds=2, microseconds=3)",
    "frozenset": "frozenset({b'b', b'a'})",
    "nested": "{'list': [(1, {2}), {'deep': [datetime.date(2026, 1, 2)]}], 'empty': {}}",
    "tuple in tuple": "((1,), (2, (3,)))",
    "long list": "[0] * 20",
}


def payload() -> dict[str, Any]:
    def case(name: str, content: Payload, expressions: dict[str, str]) -> dict[str, Any]:
        return {
            "name": name,
            "user_id": content.user_id,
            "device": content.device,
            "place": content.place,
            "application": [
                {
                    "key": key,
                    "python": expression,
                    "value": formats.encode_value(value_of(expression)).hex(),
                }
                for key, expression in expressions.items()
            ],
            "payload": formats.encode_payload(content).hex(),
        }

    def made(
        name: str, user: str, device: str, place: str, expressions: dict[str, str]
    ) -> dict[str, Any]:
        application = {key: value_of(expression) for key, expression in expressions.items()}
        return case(name, Payload(user, device, place, application), expressions)

    refused = {
        "empty": "",
        "no array": "80",
        "two elements": "930180",
        "future version": "93028080",
        "address of three bytes": "930181a170c40301020380",
        "version as text": "93a1318080",
        "trailing byte": "9301808000",
        "manager map missing": "9301c080",
        "key is no text": "930180810102",
        "key twice": "93018082a16101a16102",
        "value missing": "93018081a161",
        "claims more keys than bytes": "930180df00ffffff",
        "a reserved MessagePack byte": "93018081a161c1",
        "an unknown extension type": "93018081a161d46300",
        "json": "7b2261223a317d",
        "a pickle": "80047d942e",
    }
    return {
        "values": [
            {
                "name": name,
                "python": expression,
                "value": formats.encode_value(value_of(expression)).hex(),
            }
            for name, expression in VALUES.items()
        ],
        "payloads": [
            made("empty", "", "", "", {}),
            made("sample", "7", "Firefox on Linux", "", {"_user_id": "'7'", "theme": "'dark'"}),
            made(
                "sorted by the bytes of the key",
                "7",
                "d",
                "DK",
                {"b": "1", "a": "(1,)", "Z": "{2, 1}", "å": "None", "": "''"},
            ),
            made("address", "7", "", "203.0.113.9", {}),
            made("long address", "7", "", "2001:db8::7", {}),
            made("address in another spelling", "7", "", "2001:DB8::7", {}),
            made(
                "seventeen keys", "", "", "", {f"k{number:02}": str(number) for number in range(17)}
            ),
        ],
        "refused": [{"name": name, "payload": data} for name, data in refused.items()],
    }


def set_cookie() -> dict[str, Any]:
    base = {
        "name": "__Host-session",
        "domain": "",
        "path": "/",
        "secure": True,
        "http_only": True,
        "same_site": "Lax",
        "partitioned": False,
        "max_age": None,
    }
    cookie = formats.make_id(RING, SHARD, SECRET)

    def case(title: str, /, cap: int | None = None, **changes: Any) -> dict[str, Any]:
        options = base | changes
        return {
            "name": title,
            "options": options,
            "value": cookie,
            "max_age_cap": cap,
            "set": formats.set_cookie(options, cookie, cap, clear=False),
            "clear": formats.set_cookie(options, cookie, cap, clear=True),
        }

    flask = {"name": "session"}
    return {
        "cookies": [
            case("defaults"),
            case("a cap alone sets no Max-Age", cap=100),
            case("max age", **flask, max_age=7200),
            case("max age is capped", cap=100, **flask, max_age=7200),
            case("nothing left", cap=-5, **flask, max_age=7200),
            case("plain http", **flask, secure=False),
            case("strict, for scripts too", **flask, same_site="Strict", http_only=False),
            case("domain and path", **flask, domain=".example.org", path="/app"),
            case("partitioned", **flask, same_site="None", partitioned=True),
        ]
    }


FILES = {
    "session_id": session_id,
    "user_tag": user_tag,
    "remembered_login": remembered_login,
    "record": record,
    "payload": payload,
    "set_cookie": set_cookie,
}


def text_of(name: str) -> str:
    return json.dumps({"version": 1, **FILES[name]()}, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    for name in FILES:
        (FOLDER / f"{name}.json").write_text(text_of(name), encoding="utf-8")


if __name__ == "__main__":
    main()
