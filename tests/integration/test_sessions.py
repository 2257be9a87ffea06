"""Login, logout, devices, typed values and hostile cookies against real Redis and SQLite."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import Browser, Stack
from stack import wait_until


@pytest.fixture
def browser(shop: Stack) -> Browser:
    return shop.browser()


def events(shop: Stack, user: str) -> list[str]:
    rows = shop.sql(
        "SELECT type FROM audit_events WHERE subject IN"
        f" (SELECT user_tag FROM sessions WHERE user_id = '{user}') ORDER BY id"
    )
    return [row[0] for row in rows]


@pytest.mark.ids("S15", "S12", "S41", "S38")
def test_cookie_key_and_row_are_one_session_and_end_together(shop: Stack, browser: Browser) -> None:
    records = set(shop.records())
    answer = browser.get("/login/one")
    assert answer.headers["Cache-Control"] == "no-store"
    assert len(answer.set_cookies) == 1
    new = set(shop.records()) - records
    assert len(new) == 1
    rows = shop.sql("SELECT handle, ended_ms FROM sessions WHERE user_id = 'one'")
    assert len(rows) == 1
    assert rows[0][1] is None
    current = browser.get("/devices").json()["current"]
    assert browser.get("/logout").set_cookies[0].startswith("session=;")
    assert browser.session_id is None
    assert set(shop.records()) - records == set()
    assert shop.sql("SELECT count(*) FROM sessions WHERE user_id = 'one' AND ended_ms IS NULL") == [
        (0,)
    ]
    assert events(shop, "one") == ["session.created", "session.ended"]
    assert current


@pytest.mark.ids("S13", "C03", "V06", "S45")
def test_each_login_has_a_new_id_and_the_old_one_is_dead(shop: Stack, browser: Browser) -> None:
    browser.get("/write?key=key")
    seen = [browser.session_id]
    for _ in range(3):
        browser.get("/login/two")
        assert browser.get("/read").json()["keys"]
        seen.append(browser.session_id)
    assert len(set(seen)) == 4
    for old in seen[:-1]:
        answer = browser.with_session(old).get("/read")
        assert answer.json()["keys"] == {}
        assert answer.json()["user"] is None
        assert answer.set_cookies == []
    # Whoever planted the anonymous id gets nothing for a while, not even another anonymous session.
    assert browser.with_session(seen[0]).get("/write?key=key9").set_cookies == []
    assert (
        len(shop.sql("SELECT handle FROM sessions WHERE user_id = 'two' AND ended_ms IS NULL")) == 1
    )


@pytest.mark.ids("S19", "S75")
def test_typed_values_across_workers(browser: Browser) -> None:
    browser.get("/typed/write")
    for _ in range(10):
        assert browser.tab().get("/typed/read").text == "same"


@pytest.mark.ids("S19")
def test_what_cannot_be_stored_is_a_500_and_changes_nothing(browser: Browser) -> None:
    browser.get("/write?key=key&value=1")
    assert browser.get("/cannot").status == 500
    assert browser.get("/read").json()["keys"] == {"key": "1"}


@pytest.mark.ids("S2", "S3", "S38", "C24")
def test_the_cookie_is_opaque_and_its_length_fixed(shop: Stack, browser: Browser) -> None:
    lengths = set()
    for number in range(50):
        browser.get(f"/write?key=key{number}&value={'v' * number}")
        lengths.add(len(browser.session_id or ""))
    assert lengths == {67}
    raw = base64.urlsafe_b64decode((browser.session_id or "") + "=")
    assert raw[0] == 1
    assert not any((browser.session_id or "").encode() in key for key in shop.all_keys())
    assert not any(raw[2:34] in key for key in shop.all_keys())


@pytest.mark.ids("S6", "S17", "V05", "V10", "V22", "V30", "V31", "C02", "C12")
def test_hostile_cookies_cost_no_command_and_are_never_adopted(
    shop: Stack, browser: Browser
) -> None:
    browser.get("/login/three")
    good = browser.session_id or ""
    flipped = good[:-10] + ("A" if good[-10] != "A" else "B") + good[-9:]
    headers = [
        "session=",
        "session=../../x",
        "session=" + "a" * 7000,
        "session=eyJhIjoxfQ.aaa.bbb",
        "session=.eJyrVkpU",
        f"session={flipped}",
        f"session={good}=",
        f"session={good}A",
        f"session={good}; session={good}",
        f"Session={good}",
        f"={good}",
        f"=session={good}",
        f"__Host-session={good}",
    ]
    before = gets(shop)
    for header in headers:
        answer = shop.browser().get("/read", Cookie=header)
        assert answer.json()["user"] is None, header
        assert answer.set_cookies == []
    assert gets(shop) == before
    stranger = shop.browser()
    for path in (f"/read?session={good}", f"/read?sid={good}"):
        assert stranger.get(path).json()["user"] is None
    assert stranger.get("/read", **{"X-Session-Id": good}).json()["user"] is None
    fresh = shop.browser()
    fresh.get("/write?key=key", Cookie=f"session={flipped}")
    assert fresh.session_id not in (None, flipped, good)


def gets(shop: Stack) -> int:
    with shop.redis.client() as client:
        return int(client.info("commandstats").get("cmdstat_get", {}).get("calls", 0))


def commands_sent(shop: Stack, action: Callable[[], object]) -> list[str]:
    """What the application sends meanwhile; what functions do inside of Redis does not count."""
    with shop.redis.client() as client, client.monitor() as monitor:
        action()
        client.echo("that was all")
        sent = []
        for entry in monitor.listen():
            if "that was all" in entry["command"]:
                return sent
            name = entry["command"].partition(" ")[0].upper()
            if entry["client_type"] != "lua" and name not in CONNECTION_COMMANDS:
                sent.append(name)
    return sent


CONNECTION_COMMANDS = {"HELLO", "AUTH", "CLIENT", "PING"}


@pytest.mark.ids("S18", "S31", "S3")
def test_a_read_is_at_most_one_command_and_a_write_one_more_without_sql(
    shop: Stack, browser: Browser
) -> None:
    browser.get("/login/four")
    browser.get("/read")
    audit = shop.sql("SELECT count(*) FROM audit_events")
    sent = commands_sent(shop, lambda: [browser.get("/read") for _ in range(20)])
    # Each worker asks once, then has it in its near cache (tests/e2e/test_counted_costs.py counts the cold case).
    assert sent == ["GET"] * len(sent)
    assert len(sent) <= 2
    sent = commands_sent(shop, lambda: [browser.get(f"/write?key=key{n}") for n in range(20)])
    # A worker that was not asked yet looks first whether this Redis holds the newest of everything: once.
    asked = sent.count("HGET")
    assert asked in (0, 3)
    assert sent.count("FCALL") == 20
    assert sent.count("GET") == len(sent) - 20 - asked <= 20
    assert shop.sql("SELECT count(*) FROM audit_events") == audit


@pytest.mark.ids("S24", "E2", "S41")
def test_a_platform_switch_is_audited_once_and_ordinary_writes_are_not(
    shop: Stack, browser: Browser
) -> None:
    browser.get("/login/five")
    for number in range(20):
        browser.get(f"/write?key=key{number}")
    assert browser.get("/platform/70").text == "70"
    assert browser.get("/devices").json()["all"][0][2] == "70"
    assert events(shop, "five") == ["session.created", "session.platform_switched"]


@pytest.mark.ids("C09", "V32", "S44")
def test_devices_are_listed_and_ended_by_their_owner_only(shop: Stack) -> None:
    owner = [shop.browser() for _ in range(3)]
    for each in owner:
        each.get("/login/six")
    thief = shop.browser()
    thief.get("/login/thief")
    listed = owner[0].get("/devices").json()
    assert len(listed["all"]) == 3
    assert [row[0] for row in listed["all"] if row[1]] == [listed["current"]]
    target = owner[1].get("/devices").json()["current"]
    assert thief.get(f"/end/{target}").text == "absent"
    assert owner[1].get("/who").text == "six"
    assert owner[0].get(f"/end/{target}").text == "ended"
    assert owner[1].get("/who").text == "nobody"
    assert owner[0].get("/end_others").text == "1"
    assert [each.get("/who").text for each in owner] == ["six", "nobody", "nobody"]
    assert thief.get("/who").text == "thief"
    assert owner[0].get(f"/end/{listed['current']}").text == "ended"
    assert owner[0].session_id is None


@pytest.mark.ids("E1", "S46")
def test_a_remember_cookie_brings_the_user_back(shop: Stack, browser: Browser) -> None:
    browser.get("/login/seven?remember=1")
    assert "remember_token" in browser.cookies
    del browser.cookies["session"]
    assert browser.get("/who").text == "seven"
    assert browser.session_id
    assert events(shop, "seven") == ["session.created", "session.remembered"]
    browser.get("/logout")
    assert browser.cookies == {}
    assert browser.get("/who").text == "nobody"


@pytest.mark.ids("E1", "S32")
def test_parallel_requests_with_a_remember_cookie_make_one_session_over_all_workers(
    shop: Stack, browser: Browser
) -> None:
    browser.get("/login/parallel?remember=1")
    token = browser.cookies["remember_token"]
    for round_number in range(1, 6):
        browser.get("/logout")
        tabs = []
        for _ in range(6):
            tab = shop.browser()
            tab.cookies["remember_token"] = token
            tabs.append(tab)
        barrier = threading.Barrier(len(tabs))

        def visit(tab: Browser, barrier: threading.Barrier = barrier) -> str:
            barrier.wait(10)
            return tab.get("/who").text

        with ThreadPoolExecutor(len(tabs)) as pool:
            assert set(pool.map(visit, tabs)) == {"parallel"}
        assert len({tab.session_id for tab in tabs}) == 1
        assert events(shop, "parallel").count("session.remembered") == round_number
        browser = tabs[0]


def wait_until_signed_out(browser: Browser) -> None:
    """What others than workers write in Redis is told to the near caches, a moment later."""

    def signed_out() -> bool:
        answer = browser.get("/read")
        assert answer.status == 200
        return answer.json()["user"] is None

    wait_until(signed_out, "the worker to hear of the change")


@pytest.mark.ids("V02", "V01", "S87", "C22", "C25")
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[:60],
        lambda data: b"",
        lambda data: data[:130] + bytes([data[130] ^ 1]) + data[131:],
        lambda data: bytes([2]) + data[1:],
        lambda data: data[:1] + bytes([data[1] ^ 1]) + data[2:],
        lambda data: b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix.",
        lambda data: json.dumps({"_user_id": "eight"}).encode(),
    ],
)
def test_a_damaged_record_is_no_session(
    shop: Stack, browser: Browser, damage: Callable[[bytes], bytes]
) -> None:
    before = set(shop.records())
    browser.get("/login/eight")
    (key,) = set(shop.records()) - before
    with shop.redis.client() as client:
        client.set(key, damage(client.get(key) or b""), keepttl=True)
    wait_until_signed_out(browser)
    with shop.redis.client() as client:
        client.delete(key)


@pytest.mark.ids("V02", "S87")
def test_swapped_records_are_no_sessions(shop: Stack) -> None:
    keys, browsers = [], []
    for name in ("nine", "ten"):
        before = set(shop.records())
        browser = shop.browser()
        browser.get(f"/login/{name}")
        keys += set(shop.records()) - before
        browsers.append(browser)
    with shop.redis.client() as client:
        first, second = client.mget(keys)
        client.mset({keys[0]: second, keys[1]: first})
    for browser in browsers:
        wait_until_signed_out(browser)
    with shop.redis.client() as client:
        client.delete(*keys)


def only_record(shop: Stack, browser: Browser, user: str) -> bytes:
    before = set(shop.records())
    browser.get(f"/login/{user}")
    (key,) = set(shop.records()) - before
    return key


def number_at(data: bytes, offset: int, value: int) -> bytes:
    return data[:offset] + value.to_bytes(8, "big") + data[offset + 8 :]


def number_of(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 8], "big")


# docs/internals/record.md
LAST_SEEN, ABSOLUTE_EXPIRY, EPOCH, CLOCK = 12, 72, 80, 88


@pytest.mark.ids("F27", "V02", "C22")
@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:1] + bytes([data[1] ^ 2]) + data[2:],
        lambda data: number_at(data, ABSOLUTE_EXPIRY, number_of(data, ABSOLUTE_EXPIRY) + 1),
        lambda data: number_at(data, EPOCH, number_of(data, EPOCH) + 1),
        lambda data: number_at(data, CLOCK, number_of(data, CLOCK) + 1),
        lambda data: number_at(data, LAST_SEEN, 1),
    ],
    ids=["flags", "absolute end", "epoch", "clock", "idled out by last_seen"],
)
def test_a_header_that_was_changed_lets_nobody_in(
    shop: Stack, browser: Browser, change: Callable[[bytes], bytes]
) -> None:
    key = only_record(shop, browser, "twelve")
    with shop.redis.client() as client:
        client.set(key, change(client.get(key) or b""), keepttl=True)
    wait_until_signed_out(browser)
    with shop.redis.client() as client:
        client.delete(key)


@pytest.mark.ids("F27", "V15", "S8")
def test_a_last_seen_that_was_changed_moves_no_absolute_end(shop: Stack, browser: Browser) -> None:
    key = only_record(shop, browser, "thirteen")
    with shop.redis.client() as client:
        record = client.get(key) or b""
        end = number_of(record, ABSOLUTE_EXPIRY)
        client.set(key, number_at(record, LAST_SEEN, end + 1), keepttl=True)
        ttl = client.pttl(key)
        browser.get("/read")
        now = int(client.time()[0]) * 1000
        assert client.pttl(key) <= max(ttl, end - now)


@pytest.mark.ids("V15", "S8", "S23")
def test_every_key_of_a_session_has_a_ttl(shop: Stack, browser: Browser) -> None:
    browser.get("/login/eleven")
    with shop.redis.client() as client:
        without = [key for key in shop.all_keys() if client.ttl(key) == -1]
    assert all(
        key.rsplit(b":", 1)[-1] in (b"expiry", b"dirty", b"mark", b"compared") or b":epoch:" in key
        for key in without
    )
