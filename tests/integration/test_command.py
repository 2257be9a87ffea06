"""The operator's command against the sessions of a running application."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from conftest import ROOT, Stack

VEDFOLNIR = ROOT / "build" / "bin" / "vedfolnir"
NOT_FOUND, WRONG_USAGE, UNAVAILABLE = 1, 2, 3


def run(shop: Stack, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(VEDFOLNIR), *arguments],
        env={**os.environ, **shop.environment, **changes},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def answer(shop: Stack, *arguments: str) -> Any:
    done = run(shop, "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def sessions_of(shop: Stack, user: str) -> list[dict[str, Any]]:
    found = answer(shop, "sessions", "list", "--user", user)
    return found if isinstance(found, list) else found["sessions"]


@pytest.mark.ids("S44", "S99", "S102", "S32", "C08")
def test_operator_sees_inspects_and_ends_a_session(shop: Stack) -> None:
    browser = shop.browser()
    browser.get("/login/901")
    assert browser.get("/who").text == "901"

    (session,) = sessions_of(shop, "901")
    handle = session["handle"]
    assert browser.session_id not in json.dumps(session)
    shown = run(shop, "inspect", handle)
    assert shown.returncode == 0, shown.stderr
    assert browser.session_id not in shown.stdout

    assert run(shop, "sessions", "end", handle).returncode == 0
    assert browser.get("/who").text != "901"
    assert sessions_of(shop, "901") == []
    assert run(shop, "sessions", "end", handle).returncode == NOT_FOUND

    trail = run(shop, "--json", "audit", "list", "--handle", handle).stdout
    for event in ("session.created", "session.inspected", "session.ended"):
        assert event in trail
    assert browser.session_id not in trail


@pytest.mark.ids("S9", "S59", "S89")
def test_configuration_is_shown_without_its_secrets(shop: Stack) -> None:
    password = shop.environment["REDIS_URL"].split(":")[2].split("@")[0]
    for arguments in (("config", "show"), ("--json", "config", "show")):
        shown = run(shop, *arguments)
        assert shown.returncode == 0, shown.stderr
        assert "REDIS_URL" in shown.stdout
        assert password not in shown.stdout + shown.stderr


@pytest.mark.ids("S9", "S59")
def test_contradiction_is_refused_by_name(shop: Stack) -> None:
    refused = run(
        shop, "config", "validate", REDIS_URL="redis://one.invalid:6379/0", REDIS_HOST="two.invalid"
    )
    assert refused.returncode == WRONG_USAGE
    text = refused.stdout + refused.stderr
    assert "REDIS_URL" in text
    assert "REDIS_HOST" in text


@pytest.mark.ids("S95", "N3")
def test_unreachable_redis_has_its_own_exit_code_and_a_next_step(
    shop: Stack, tmp_path: Path
) -> None:
    browser = shop.browser()
    browser.get("/login/902")
    (session,) = sessions_of(shop, "902")
    nobody = {"REDIS_URL": f"unix://{tmp_path}/nobody.sock"}
    gone = run(shop, "inspect", session["handle"], SESSION_FALLBACK="false", **nobody)
    assert gone.returncode == UNAVAILABLE
    assert gone.stderr.strip()
    copy = run(shop, "inspect", session["handle"], **nobody)
    assert copy.returncode == 0, "SQL has a copy of each login"
    assert "nobody.sock" in copy.stderr, "and it is said that Redis is away"
    assert browser.get("/who").text == "902"


@pytest.mark.ids("S44")
def test_unknown_handle_and_wrong_usage_are_told_apart(shop: Stack) -> None:
    assert run(shop, "sessions", "show", "0" * 32).returncode == NOT_FOUND
    assert run(shop, "sessions", "list", "--limit", "0").returncode == WRONG_USAGE
    assert run(shop, "no-such-command").returncode == WRONG_USAGE


@pytest.mark.ids("S44", "S95")
def test_a_slip_in_a_command_is_named_with_the_nearest_one(shop: Stack) -> None:
    for words, wrong, near in (
        (("sesions", "list"), "sesions", "vedfolnir sessions?"),
        (("sessions", "lst"), "lst", "vedfolnir sessions list?"),
        (("audit", "frobnicate"), "frobnicate", "the commands are list"),
    ):
        refused = run(shop, "--json", *words)
        assert refused.returncode == WRONG_USAGE
        assert f"no command '{wrong}'" in refused.stderr
        assert near in refused.stderr
        error = json.loads(refused.stdout)["error"]
        assert error["code"] == "usage"
        assert wrong in error["message"]


@pytest.mark.ids("S44", "S99")
def test_an_empty_name_does_not_mean_everybody(shop: Stack) -> None:
    browser = shop.browser()
    browser.get("/login/903")
    for words in (
        ("sessions", "list", "--user", ""),
        ("sessions", "end", "--all-of-user", ""),
        ("sessions", "end", "0" * 32, "--user", ""),
        ("audit", "list", "--user", ""),
        ("audit", "list", "--handle", ""),
        ("audit", "list", "--type", ""),
    ):
        refused = run(shop, *words)
        assert refused.returncode == WRONG_USAGE, words
        assert words[-2] in refused.stderr
        assert "903" not in refused.stdout
    assert browser.get("/who").text == "903"


@pytest.mark.ids("C26", "S99")
def test_text_of_others_cannot_turn_a_table_around(shop: Stack) -> None:
    user = "904\u202enimda\x9b\u2028"
    browser = shop.browser()
    browser.get("/login/" + quote(user))
    assert browser.get("/who").text == user
    for words in (("sessions", "list"), ("audit", "list")):
        shown = run(shop, *words).stdout
        assert "904\\u202enimda\\x9b\\u2028" in shown
        assert not set("\u202e\x9b\u2028") & set(shown)


@pytest.mark.ids("S99", "S95")
def test_looking_at_nothing_says_so_and_makes_nothing(shop: Stack, tmp_path: Path) -> None:
    state = tmp_path / "elsewhere"
    for words in (
        ("sessions", "list"),
        ("sessions", "show", "0" * 32),
        ("audit", "list"),
        ("inspect", "0" * 32),
        ("recover",),
        ("recover", "--dry-run"),
        ("fsck", "--repair"),
        ("emergency", "end", "--all", "--yes"),
    ):
        nothing = run(shop, "--json", *words, VEDFOLNIR_STATE_DIR=str(state))
        assert nothing.returncode == NOT_FOUND, words
        error = json.loads(nothing.stdout)["error"]
        assert str(state / "sessions.db") in error["message"]
        assert "VEDFOLNIR_STATE_DIR" in error["next"]
        assert not state.exists()


@pytest.mark.ids("S44", "S95")
def test_what_is_wrong_with_an_argument_is_said_with_the_argument(
    shop: Stack, tmp_path: Path
) -> None:
    shop.browser().get("/login/907")
    nothing = tmp_path / "nothing"
    hostname = tmp_path / "hostname"
    hostname.write_text("no such thing\n")
    for words, said, following in (
        (("audit", "list", "--before", "x"), "--before: 'x' is no whole number", "audit list"),
        (("audit", "list", "--since", "1h", "--until", "2h"), "--since is later", "audit list"),
        (("audit", "export", "--since", "x"), "'x' is neither", "audit export"),
        (("report", "--since", "2999-01-01"), "--since lies in the future", "report"),
        (("audit", "verify", "--heads", str(tmp_path)), f"{tmp_path}: Is a directory", "verify"),
        (("audit", "verify", "--heads", str(nothing)), f"{nothing}: No such file", "verify"),
        (("audit", "verify", "--public-key", str(hostname)), "hexadecimal", "keys audit"),
        (("audit", "prove", "--check", str(hostname)), f"{hostname} is no proof", "prove"),
        (("audit", "archive"), "VEDFOLNIR_AUDIT_ARCHIVE_DIR", "archive --help"),
        (("audit", "export", "--output", f"{nothing}/x"), f"{nothing}/x: No such", "new file"),
        (("doctor", "--cookie", ""), "--cookie: an empty value", "doctor --help"),
        (("doctor", "--url", ""), "--url: an empty value", "doctor --help"),
        (("serve", "--pid-file", str(tmp_path)), "Is a directory", "another file"),
        (("--config", str(hostname), "sessions", "list"), f"({hostname})", "config"),
        (("--env-file", str(nothing), "sessions", "list"), str(nothing), "--env-file"),
    ):
        refused = run(shop, "--json", *words)
        assert refused.returncode in (1, WRONG_USAGE), words
        error = json.loads(refused.stdout)["error"]
        assert said in error["message"]
        assert following in error["next"]


@pytest.mark.ids("S53")
def test_a_folder_is_private_however_it_is_written(
    shop: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.browser().get("/login/909")
    monkeypatch.chdir(tmp_path)
    for folder in ("here", "slash/", f"{tmp_path}/under/slash/"):
        done = run(shop, "audit", "archive", "--to", folder)
        assert done.returncode == 0, done.stderr
        assert Path(folder).stat().st_mode & 0o777 == 0o700, folder


@pytest.mark.ids("S99", "C26")
def test_a_long_name_does_not_stretch_a_table(shop: Stack) -> None:
    user = "908" + "\u00fc" * 120
    browser = shop.browser()
    browser.get("/login/" + quote(user))
    for words in (("sessions", "list"), ("audit", "list"), ("report", "--by", "user")):
        shown = run(shop, *words).stdout
        assert re.search("908\u00fc{30,60}\\.\\.\\. ", shown), words
    assert sessions_of(shop, user)[0]["user_id"] == user


@pytest.mark.ids("S101", "S41")
def test_one_trace_id_leads_from_the_request_to_the_store(shop: Stack) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    browser = shop.browser()
    browser.get("/login/905", traceparent=f"00-{trace}-00f067aa0ba902b7-01")
    browser.get("/logout")
    events = answer(shop, "audit", "list", "--user", "905")["events"]
    assert [event["type"] for event in events] == ["session.ended", "session.created"]
    assert events[1]["detail"]["trace"] == trace
    other = events[0]["detail"]["trace"]
    assert re.fullmatch("[0-9a-f]{32}", other)
    assert other != trace
    found = answer(shop, "audit", "list", "--trace", trace)["events"]
    assert [event["id"] for event in found] == [events[1]["id"]]
    for handle, count in ((events[1]["handle"], 1), ("0" * 32, 0)):
        same = answer(shop, "audit", "list", "--trace", trace, "--handle", handle)["events"]
        assert len(same) == count
    for wrong in ("", "%", trace.upper(), "0" * 32):
        assert run(shop, "audit", "list", "--trace", wrong).returncode == WRONG_USAGE


@pytest.mark.ids("S101")
def test_slow_operations_are_logged_with_the_trace_of_their_request(
    make_stack: Callable[[], Stack],
) -> None:
    trace = "5bf92f3577b34da6a3ce929d0e0e4736"
    slow = make_stack()
    with slow.serve("--workers", "1", VEDFOLNIR_SLOW_OPERATION_US="1"):
        browser = slow.browser()
        browser.get("/login/906", traceparent=f"00-{trace}-00f067aa0ba902b7-01")
        browser.get("/read")
        log = (slow.folder / "gunicorn.log").read_text()
    line = next(line for line in log.splitlines() if "slow login" in line)
    assert re.search(rf"slow login: \d+ us, store redis \[trace {trace}\]$", line), line
    assert (browser.session_id or "none") not in log


def move_event(shop: Stack, event: int, by: int) -> None:
    with closing(sqlite3.connect(shop.folder / "state" / "sessions.db", timeout=20)) as db, db:
        db.execute("UPDATE audit_events SET at_ms = at_ms + ? WHERE id = ?", (by, event))


@pytest.mark.ids("S53", "R13", "F25")
def test_the_audit_trail_is_signed_copied_proven_and_an_edit_is_named(
    shop: Stack, tmp_path: Path
) -> None:
    run(shop, "keys", "audit", "--generate")
    shop.browser().get("/login/proven")
    copy = tmp_path / "heads.jsonl"
    signed = answer(shop, "audit", "head", "--sign", "--copy-to", str(copy))
    assert signed["copied"] == signed["head"]["number"]
    good = answer(shop, "audit", "verify", "--heads", str(copy))
    assert good["valid"]
    assert good["entries"] >= 1
    event = answer(shop, "audit", "list", "--user", "proven")["events"][0]["id"]
    proof = tmp_path / "proof.json"
    proof.write_text(run(shop, "audit", "prove", str(event)).stdout)
    checked = answer(shop, "audit", "prove", "--check", str(proof), "--heads", str(copy))
    assert checked["id"] == event
    assert run(shop, "audit", "consistency", "1", str(copy)).returncode == 0

    # Who verifies elsewhere holds no key that opens sessions.
    public = tmp_path / "audit.pub"
    public.write_text(run(shop, "keys", "audit").stdout)
    verifier = {"VEDFOLNIR_ENV": "production", "VEDFOLNIR_KEY": ""}
    for words in (
        ("verify", "--heads", str(copy)),
        ("prove", "--check", str(proof)),
        ("consistency", "1", str(copy)),
    ):
        done = run(shop, "audit", *words, "--public-key", str(public), **verifier)
        assert done.returncode == 0, done.stderr
    refused = run(shop, "audit", "export", **verifier)
    assert refused.returncode == WRONG_USAGE, "that one opens what is sealed"
    assert "VEDFOLNIR_KEY is not set" in refused.stderr

    move_event(shop, event, 1)
    done = run(shop, "--json", "audit", "verify")
    move_event(shop, event, -1)
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["first_bad_id"] == event
    assert found["first_bad"]["fault"] == "changed"
    assert answer(shop, "audit", "verify")["valid"]


@pytest.mark.ids("S60", "S88")
def test_a_new_key_leaves_the_trail_open_only_beside_the_oldest(
    shop: Stack, tmp_path: Path
) -> None:
    def of_trail(**changes: str) -> str:
        checks = json.loads(run(shop, "--json", "doctor", **changes).stdout)["checks"]
        (status,) = [check["status"] for check in checks if check["id"] == "keys.audit"]
        return str(status)

    hold = ("audit", "hold", "add", "--partition", "209912", "--reason", "later")
    assert run(shop, *hold).returncode == 0
    assert of_trail() == "ok"
    old = (shop.folder / "state" / "development.key").read_text().strip()
    new = run(shop, "keys", "generate").stdout.strip()
    assert of_trail(VEDFOLNIR_KEY=new) == "fail"
    assert run(shop, *hold, VEDFOLNIR_KEY=new).returncode == WRONG_USAGE
    ring = tmp_path / "ring.toml"
    keys = (f'[[keys]]\nid = {number}\nsecret = "{key}"\n' for number, key in ((2, new), (1, old)))
    ring.write_text("write = 2\n" + "".join(keys))
    ring.chmod(0o600)
    assert of_trail(VEDFOLNIR_KEYS_FILE=str(ring)) == "ok"
    assert run(shop, *hold, VEDFOLNIR_KEYS_FILE=str(ring)).returncode == 0


@pytest.mark.ids("R15", "C27", "S53")
def test_an_erased_user_is_unreadable_and_the_trail_verifies(shop: Stack) -> None:
    shop.browser().get("/login/forgotten")
    (event,) = answer(shop, "audit", "list", "--user", "forgotten")["events"]
    assert run(shop, "audit", "erase", "--user", "forgotten").returncode == 2
    receipt = answer(shop, "audit", "erase", "--user", "forgotten", "--yes")
    assert (receipt["erased"], receipt["entries"]) == (True, 1)
    assert not answer(shop, "audit", "erase", "--user", "forgotten", "--yes")["erased"]
    (erased,) = [row for row in answer(shop, "audit", "list")["events"] if row["id"] == event["id"]]
    assert (erased["type"], erased["user_id"], erased["actor"]) == (event["type"], None, "")
    assert erased["detail"] == {"erased": True, "subject": receipt["subject"]}
    assert answer(shop, "audit", "verify")["valid"]
