"""What of the audit trail leaves the database, and what must stay: exports, archives, holds."""

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


def run(shop: Stack, *arguments: str, code: int = 0, at: str = "") -> str:
    """`at`: with the wall clock set to that time."""
    clock = ["env", "FAKETIME_DONT_FAKE_MONOTONIC=1", "faketime", at] if at else []
    done = subprocess.run(
        [*clock, str(VEDFOLNIR), *arguments],
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


@pytest.mark.ids("S27", "S53", "R15", "F25")
def test_a_month_that_is_over_is_archived_held_and_verified_by_the_command(
    make_stack: Callable[[], Stack], tmp_path: Path
) -> None:
    shop = make_stack()
    run(shop, "keys", "audit", "--generate")
    public = tmp_path / "audit.pub"
    public.write_text(run(shop, "keys", "audit"))
    # An operator's act of that month, and one of today, which begins another one.
    run(shop, "fallback", "auto", at="2026-01-10 12:00:00")
    run(shop, "fallback", "auto")
    to = tmp_path / "archive"
    waiting = json.loads(run(shop, "--json", "audit", "archive", "--to", str(to), code=1))
    assert (waiting["archived"], waiting["uncovered"]) == ([], [202601])
    run(shop, "audit", "head", "--sign")
    (made,) = json.loads(run(shop, "--json", "audit", "archive", "--to", str(to)))["archived"]
    file = to / "audit-202601.zst"
    assert (made["partition"], made["entries"], made["file"]) == (202601, 1, str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(run(shop, "--json", "audit", "archive", "--to", str(to)))["there"] == [202601]
    run(shop, "audit", "archive", code=2)

    check = ("--json", "audit", "verify", "--public-key", str(public), "--archive")
    good = json.loads(run(shop, *check, str(file)))
    assert (good["valid"], good["entries"], good["heads"]) == (True, 1, 1)
    cut = tmp_path / "cut.zst"
    cut.write_bytes(file.read_bytes()[:-20])
    found = json.loads(run(shop, *check, str(cut), code=1))
    assert found["error"]["code"] == "bad_value"
    assert "cut off" in found["error"]["message"]

    held = json.loads(
        run(
            shop,
            "--json",
            "audit",
            "hold",
            "add",
            "--since",
            "2025-11-03",
            "--until",
            "2026-01-02",
            "--reason",
            'case "17"',
        )
    )
    assert held == {"held": [202511, 202512, 202601], "dropped": []}
    listed = json.loads(run(shop, "--json", "audit", "hold", "list"))["holds"]
    assert {hold["partition"]: hold["reason"] for hold in listed} == dict.fromkeys(
        held["held"], 'case "17"'
    )
    run(shop, "audit", "hold", "remove", "--since", "2025-11-03", "--until", "2025-12-31")
    run(shop, "audit", "hold", "remove", "--partition", "202512", code=1)
    assert "202601" in run(shop, "audit", "hold", "list")
    run(shop, "audit", "hold", "add", "--partition", "202613", "--reason", "none", code=2)
    run(shop, "audit", "hold", "add", "--partition", "202601", code=2)
    types = [line["type"] for line in exported(shop, "--type", "audit.*")]
    assert types == ["audit.archived", "audit.held", "audit.released"]
    assert json.loads(run(shop, "--json", "audit", "verify"))["valid"]
