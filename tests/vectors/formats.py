"""The byte formats a second time, written from docs/internals alone, over PyPI `cryptography` and `msgpack`.

Shares no code with the product. The golden vectors are made with it (make.py), and tests hold the C++ core to them.
"""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import hashlib
import hmac
import socket
import struct
import uuid
import zoneinfo
from dataclasses import dataclass, field
from typing import Any

import msgpack
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from markupsafe import Markup

# --- keys ---------------------------------------------------------------------------------------------------------


def hkdf(secret: bytes, info: bytes, salt: bytes = b"") -> bytes:
    return HKDF(hashes.SHA256(), length=32, salt=salt or None, info=info).derive(secret)


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


# --- session_id.md ------------------------------------------------------------------------------------------------


def cookie_key(ring_secret: bytes) -> bytes:
    return hkdf(ring_secret, b"vedfolnir cookie v1")


def make_id(ring_secret: bytes, shard: int, secret: bytes) -> str:
    head = bytes([1, shard]) + secret
    return base64url(head + hmac_sha256(cookie_key(ring_secret), head)[:16])


def read_id(text: str) -> bytes | None:
    """The 50 bytes; None unless `text` is the one spelling of an id of this version."""
    try:
        data = base64.b64decode(text + "=", altchars=b"-_", validate=True)
    except ValueError:
        return None
    if len(data) != 50 or base64url(data) != text or data[0] != 1:
        return None
    return data


def is_issued(ring_secret: bytes, text: str) -> bool:
    data = read_id(text)
    return data is not None and hmac.compare_digest(
        hmac_sha256(cookie_key(ring_secret), data[:34])[:16], data[34:]
    )


def store_digest(secret: bytes) -> bytes:
    return hashlib.sha256(b"vedfolnir store key v1" + secret).digest()[:16]


def store_key_text(shard: int, digest: bytes) -> str:
    return f"{shard:02x}:{base64url(digest)}"


def index_secret_of(oldest_ring_secret: bytes) -> bytes:
    return hkdf(oldest_ring_secret, b"vedfolnir index v1")


def user_tag(index_secret: bytes, user_id: str) -> bytes:
    return hmac_sha256(hkdf(index_secret, b"vedfolnir user v1"), user_id.encode())[:16]


# --- remembered_login.md ------------------------------------------------------------------------------------------


def meeting_place(index_secret: bytes, user_id: str, token: str) -> tuple[str, bytes]:
    """The store key, and the key of the seal."""
    key = hkdf(index_secret, b"vedfolnir remembered v1")
    user = user_id.encode()
    message = struct.pack(">I", len(user)) + user + token.encode()
    where = hmac_sha256(key, b"\x01" + message)
    return store_key_text(where[0], where[1:17]), hmac_sha256(key, b"\x02" + message)


# --- record.md ----------------------------------------------------------------------------------------------------

HEADER = struct.Struct(">BBHQQ16s16sQQIQQQ16sB7x")
LABEL = b"vedfolnir record v1"


@dataclass
class Header:
    key_id: int = 0
    generation: int = 1
    last_seen: int = 0
    handle: bytes = bytes(16)
    user_tag: bytes = bytes(16)
    created: int = 0
    authenticated: int = 0
    idle_limit: int = 0
    absolute_expiry: int = 0
    epoch: int = 0
    clock: int = 0
    operation: bytes = bytes(16)

    def pack(self, flags: int) -> bytes:
        return HEADER.pack(
            1,
            flags,
            self.key_id,
            self.generation,
            self.last_seen,
            self.handle,
            self.user_tag,
            self.created,
            self.authenticated,
            self.idle_limit,
            self.absolute_expiry,
            self.epoch,
            self.clock,
            self.operation,
            1,
        )


def times_of(record: bytes) -> tuple[int, int, int, int]:
    fields = HEADER.unpack(record[:120])
    return fields[4], fields[7], fields[8], fields[10]


def record_key(ring_secret: bytes, shard: int, digest: bytes) -> bytes:
    return hkdf(ring_secret, LABEL, salt=bytes([shard]) + digest)


def additional_data(record: bytes, shard: int, digest: bytes) -> bytes:
    return LABEL + record[:12] + record[20:120] + bytes([shard]) + digest


def seal(
    ring_secret: bytes, shard: int, digest: bytes, header: Header, nonce: bytes, payload: bytes
) -> bytes:
    head = header.pack(flags=1)
    cipher = AESGCM(record_key(ring_secret, shard, digest))
    return head + nonce + cipher.encrypt(nonce, payload, additional_data(head, shard, digest))


def open_sealed(ring_secret: bytes, shard: int, digest: bytes, record: bytes) -> bytes | None:
    """The payload; None unless the record belongs to this place and nothing in it was touched."""
    if len(record) < 120 + 12 + 16 or record[0] != 1 or record[1] != 1 or any(record[113:120]):
        return None
    if any(time >= 2**48 for time in times_of(record)):
        return None
    cipher = AESGCM(record_key(ring_secret, shard, digest))
    try:
        return cipher.decrypt(record[120:132], record[132:], additional_data(record, shard, digest))
    except InvalidTag:
        return None


def plain_record(header: Header, payload: bytes) -> bytes:
    return header.pack(flags=0) + payload


def note(kind: int, until: int) -> bytes:
    return struct.pack(">BBBBQ", 1, 0x80, kind, 0, until)


# --- payload.md ---------------------------------------------------------------------------------------------------

EPOCH = dt.datetime(1970, 1, 1)
MICROSECOND = dt.timedelta(microseconds=1)


def encode_value(value: Any) -> bytes:
    return msgpack.packb(value, default=extension, strict_types=True, use_bin_type=True)


def extension(value: Any) -> msgpack.ExtType:
    kind = type(value)
    if kind is int:
        magnitude = abs(value)
        body = magnitude.to_bytes((magnitude.bit_length() + 7) // 8, "big")
        return msgpack.ExtType(9, bytes([value < 0]) + body)
    return msgpack.ExtType(*EXTENSIONS[kind](value))


def packed_datetime(value: dt.datetime) -> tuple[int, bytes]:
    wall = (value.replace(tzinfo=None) - EPOCH) // MICROSECOND
    offset = value.utcoffset()
    if offset is None:
        return 1, struct.pack(">q", wall) + (b"\1" if value.fold else b"")
    zone = value.tzinfo.key.encode() if isinstance(value.tzinfo, zoneinfo.ZoneInfo) else b""
    return 2, struct.pack(
        ">qi", wall - offset // MICROSECOND, offset.days * 86400 + offset.seconds
    ) + zone


def packed_time(value: dt.time) -> tuple[int, bytes]:
    micros = ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond
    offset = value.utcoffset()
    zone = b"" if offset is None else struct.pack(">i", offset.days * 86400 + offset.seconds)
    return 10, struct.pack(">qB", micros, value.fold) + zone


def packed_set(kind: int, value: frozenset[Any] | set[Any]) -> tuple[int, bytes]:
    elements = sorted(encode_value(element) for element in value)
    return kind, msgpack.Packer().pack_array_header(len(elements)) + b"".join(elements)


EXTENSIONS: dict[type, Any] = {
    dt.datetime: packed_datetime,
    dt.date: lambda value: (3, struct.pack(">i", (value - dt.date(1970, 1, 1)).days)),
    uuid.UUID: lambda value: (4, value.bytes),
    decimal.Decimal: lambda value: (5, str(value).encode("ascii")),
    tuple: lambda value: (6, encode_value(list(value))),
    set: lambda value: packed_set(7, value),
    Markup: lambda value: (8, str(value).encode()),
    dt.time: packed_time,
    dt.timedelta: lambda value: (
        11,
        struct.pack(">iii", value.days, value.seconds, value.microseconds),
    ),
    frozenset: lambda value: packed_set(12, value),
}


def decode_value(data: bytes) -> Any:
    return msgpack.unpackb(data, ext_hook=read_extension, strict_map_key=False, raw=False)


def read_extension(kind: int, body: bytes) -> Any:
    return READERS[kind](body)


def offset_zone(seconds: int) -> dt.tzinfo:
    return dt.timezone(dt.timedelta(seconds=seconds)) if seconds else dt.UTC


def read_aware(body: bytes) -> dt.datetime:
    micros, offset = struct.unpack(">qi", body[:12])
    instant = (EPOCH + micros * MICROSECOND).replace(tzinfo=dt.UTC)
    zone = zoneinfo.ZoneInfo(body[12:].decode()) if len(body) > 12 else offset_zone(offset)
    return instant.astimezone(zone)


def read_time(body: bytes) -> dt.time:
    micros, fold = struct.unpack(">qB", body[:9])
    zone = offset_zone(struct.unpack(">i", body[9:])[0]) if len(body) > 9 else None
    moment = EPOCH + micros * MICROSECOND
    return moment.time().replace(fold=fold, tzinfo=zone)


def read_big_integer(body: bytes) -> int:
    magnitude = int.from_bytes(body[1:], "big")
    return -magnitude if body[0] else magnitude


READERS: dict[int, Any] = {
    1: lambda body: (EPOCH + struct.unpack(">q", body[:8])[0] * MICROSECOND).replace(
        fold=len(body) == 9
    ),
    2: read_aware,
    3: lambda body: dt.date(1970, 1, 1) + dt.timedelta(days=struct.unpack(">i", body)[0]),
    4: lambda body: uuid.UUID(bytes=body),
    5: lambda body: decimal.Decimal(body.decode("ascii")),
    6: lambda body: tuple(decode_value(body)),
    7: lambda body: set(decode_value(body)),
    8: lambda body: Markup(body.decode()),
    9: read_big_integer,
    10: read_time,
    11: lambda body: dt.timedelta(*struct.unpack(">iii", body)),
    12: lambda body: frozenset(decode_value(body)),
}


@dataclass
class Payload:
    user_id: str = ""
    device: str = ""
    place: str = ""
    application: dict[str, Any] = field(default_factory=dict)


def pack_place(text: str) -> str | bytes:
    """An address as its 4 or 16 bytes, where the system would write them as this text."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            packed = socket.inet_pton(family, text)
        except OSError:
            continue
        if socket.inet_ntop(family, packed) == text:
            return packed
    return text


def encode_payload(payload: Payload) -> bytes:
    pack = msgpack.Packer()
    manager = {"u": payload.user_id, "d": payload.device, "p": pack_place(payload.place)}
    out = b"\x93\x01" + encode_value({name: text for name, text in manager.items() if text})
    out += pack.pack_map_header(len(payload.application))
    for key in sorted(payload.application, key=str.encode):
        out += encode_value(key) + encode_value(payload.application[key])
    return out


# --- session_id.md: the cookie ------------------------------------------------------------------------------------


def set_cookie(options: dict[str, Any], value: str, max_age_cap: int | None, clear: bool) -> str:
    parts = [f"{options['name']}={'' if clear else value}"]
    if options["domain"]:
        parts.append(f"Domain={options['domain'].removeprefix('.')}")
    parts.append(f"Path={options['path']}")
    if clear:
        parts += ["Max-Age=0", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"]
    elif options["max_age"] is not None:
        limits = [options["max_age"], max_age_cap]
        parts.append(f"Max-Age={max(0, min(limit for limit in limits if limit is not None))}")
    parts += ["Secure"] * options["secure"] + ["HttpOnly"] * options["http_only"]
    parts.append(f"SameSite={options['same_site']}")
    return "; ".join(parts + ["Partitioned"] * options["partitioned"])
