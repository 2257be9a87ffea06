"""What of the audit trail leaves the database: exports."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Stack

VEDFOLNIR = ROOT / "build" / "bin" / "vedfolnir"


@pytest.fixture(scope="module")
def shop(make_stack: Callable[[], Stack]) -> Stack:
    made = make_stack()
    run(made, "keys", "audit", "--generate")
    with made.serve("--workers", "1"):
        for user in ("501", "502", "501"):
            made.browser().get(f"/login/{user}")
    return made


def run(shop: Stack, *arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [str(VEDFOLNIR), *arguments],
        env={**os.environ, **shop.environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def exported(shop: Stack, *arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(shop, "audit", "export", *arguments).splitlines()]


def leaf_of(line: dict[str, Any]) -> bytes:
    """docs/internals/audit_proof.md, from the exported fields alone."""

    def optional(text: str | None) -> bytes:
        return b"\x01" + bytes.fromhex(text) if text else bytes(17)

    numbers = ("id", "partition", "index", "at_ms", "part")
    kind = line["type"].encode()
    return hashlib.sha256(
        b"\x00\x01"
        + b"".join(line[name].to_bytes(8, "big") for name in numbers)
        + optional(line["handle"])
        + optional(line["operation"])
        + bytes.fromhex(line["subject"])
        + bytes.fromhex(line["commitment"])
        + bytes([len(kind)])
        + kind
    ).digest()


def root_of(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + root_of(leaves[:half]) + root_of(leaves[half:])).digest()


@pytest.mark.ids("S53", "R13", "C27")
def test_an_export_can_be_checked_against_a_head(shop: Stack) -> None:
    head = json.loads(run(shop, "audit", "head", "--sign"))
    lines = exported(shop)
    assert [line["id"] for line in lines] == list(range(1, len(lines) + 1))
    assert all(leaf_of(line).hex() == line["leaf"] for line in lines)
    leaves = [leaf_of(line) for line in lines if line["partition"] == head["partition"]]
    assert root_of(leaves[: head["size"]]).hex() == head["root"]
    # One field is another one, and the leaf is, too.
    assert leaf_of({**lines[0], "at_ms": lines[0]["at_ms"] + 1}).hex() != lines[0]["leaf"]


@pytest.mark.ids("S53", "C27")
def test_an_export_is_filtered_as_the_list_is(shop: Stack) -> None:
    everything = exported(shop)
    created = [line for line in everything if line["type"] == "session.created"]
    assert {line["user_id"] for line in created} == {"501", "502"}
    assert exported(shop, "--type", "session.created") == created
    assert exported(shop, "--user", "501") == [
        line for line in everything if line["user_id"] == "501"
    ]
    handle = created[1]["handle"]
    assert exported(shop, "--handle", handle) == [
        line for line in everything if line["handle"] == handle
    ]
    assert exported(shop, "--since", "1h") == everything
    assert exported(shop, "--until", "1h") == []
    listed = json.loads(run(shop, "--json", "audit", "list", "--type", "session.*"))["events"]
    some = exported(shop, "--type", "session.*")
    assert [line["id"] for line in some] == sorted(event["id"] for event in listed)
    assert {line["id"]: line["detail"] for line in some} == {
        event["id"]: event["detail"] for event in listed
    }


@pytest.mark.ids("S53")
def test_an_exported_file_is_private_and_overwrites_nothing(shop: Stack, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    done = json.loads(run(shop, "--json", "audit", "export", "--output", str(file)))
    text = file.read_text()
    assert done["entries"] == len(text.splitlines()) > 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert run(shop, "audit", "export") == text
    file.write_text("mine")
    run(shop, "audit", "export", "--output", str(file), code=2)
    assert file.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [file]
