"""The demo's flows, as people and operators go through them."""

from __future__ import annotations

import re

import drive
import pytest
import stack
import vedfolnir  # noqa: F401  # a missing build fails here, in plain words
from conftest import Demo
from drive import store_key
from playwright.sync_api import BrowserContext, Page

ID = re.compile(r"[A-Za-z0-9_-]{67}")


def open_desk(demo: Demo, page: Page) -> None:
    page.goto(f"{demo.url}/desk")
    page.locator("button.account").first.click()
    # Its address alone would not say so: that of the sign-in page ends with it, too.
    page.locator("nav .menu").wait_for()


def browser_cookie(context: BrowserContext) -> dict[str, object]:
    (cookie,) = [each for each in context.cookies() if each["name"] == "session"]
    return dict(cookie)


@pytest.mark.ids("S14", "S49", "V14")
def test_public_pages_leave_no_cookie_and_no_key(demo: Demo) -> None:
    with demo.redis.client() as redis:
        before = redis.dbsize()
        for path in ("/", "/how-it-works", "/signed-out", "/static/style.css", "/nowhere", "/desk"):
            answer = demo.client().get(path)
            assert "Set-Cookie" not in answer.headers, path
        assert redis.dbsize() == before


@pytest.mark.ids("S13", "S91", "V06")
def test_sign_in_changes_the_id_and_kills_the_old_one(demo: Demo) -> None:
    client = demo.client()
    client.get("/sign-in")
    before = client.cookie
    assert before is not None

    client.sign_in()

    assert client.cookie not in {None, before}
    assert not demo.record_exists(before) or _is_note(demo, before)
    stranger = demo.client()
    stranger.take_cookie(before)
    assert not stranger.signed_in


def _is_note(demo: Demo, cookie: str) -> bool:
    """What a rotation leaves for ten seconds: 12 bytes that lead nowhere."""
    shard, digest = store_key(cookie)
    with demo.redis.client() as redis:
        return bool(redis.strlen(f"vedfolnir:session:{{{shard}}}:{digest}") == 12)


@pytest.mark.ids("S39", "C11")
def test_scripts_see_neither_cookie_nor_storage(demo: Demo, page: Page) -> None:
    open_desk(demo, page)

    cookie = browser_cookie(page.context)
    assert cookie["httpOnly"] is True
    assert cookie["sameSite"] == "Lax"
    assert cookie["expires"] == -1, "a browser-session cookie by default"
    assert page.evaluate("document.cookie") == ""
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0


@pytest.mark.ids("S2", "S38")
def test_no_page_contains_the_id(demo: Demo, page: Page) -> None:
    open_desk(demo, page)
    value = str(browser_cookie(page.context)["value"])
    assert ID.fullmatch(value)

    for path in ("/desk", "/devices", "/", "/how-it-works", "/nowhere"):
        page.goto(demo.url + path)
        assert value not in page.content(), path
        assert not ID.search(page.inner_text("body")), path
    # The record's own names stay inside as well: Flask-Login's keys, the store key.
    page.goto(f"{demo.url}/devices")
    assert "_user_id" not in page.content()
    assert store_key(value)[1] not in page.content()


@pytest.mark.ids("S15", "S45", "C08")
def test_cookie_redis_key_and_sql_row_are_one_session_and_end_together(demo: Demo) -> None:
    client = demo.client()
    client.sign_in()
    cookie = client.cookie
    assert cookie is not None
    shard, digest = store_key(cookie)
    query = "SELECT handle, ended_ms, end_reason FROM sessions WHERE store_key LIKE ?"

    assert demo.record_exists(cookie)
    ((handle, ended, _),) = demo.rows(query, f"%{digest}")
    assert ended is None
    assert str(handle) in client.get("/desk").text
    assert shard in demo.rows("SELECT store_key FROM sessions WHERE handle = ?", handle)[0][0]

    answer = client.post("/desk", "/sign-out")

    assert re.search(
        r"session=;.*(Max-Age=0|Expires=Thu, 01 Jan 1970)", answer.headers["Set-Cookie"]
    )
    assert client.cookie is None
    assert not demo.record_exists(cookie)
    ((_, ended, reason),) = demo.rows(query, f"%{digest}")
    assert ended is not None
    assert reason == "logout"


@pytest.mark.ids("S22", "S32", "S75")
def test_platform_switch_is_read_by_another_client_on_every_worker(demo: Demo, page: Page) -> None:
    open_desk(demo, page)
    page.click("button.platform:has-text('North Square')")
    page.wait_for_selector("h2:has-text('New note for North Square')")

    second = demo.client()
    second.take_cookie(str(browser_cookie(page.context)["value"]))
    # Two workers and a new connection each time: both answer among so many.
    for _ in range(10):
        assert "New note for North Square" in second.get("/desk").text


@pytest.mark.ids("S22", "N2")
def test_two_tabs_that_write_different_keys_lose_nothing(
    demo: Demo, context: BrowserContext
) -> None:
    first, second = context.new_page(), context.new_page()
    open_desk(demo, first)
    second.goto(f"{demo.url}/desk")

    second.fill("#text", "Ask about the pier")
    second.click("text=Keep as draft")
    first.click("button.platform:has-text('Field Journal')")
    first.wait_for_selector("h2:has-text('New note for Field Journal')")
    first.click("button.platform:has-text('Harbour Photos')")
    first.wait_for_selector("h2:has-text('New note for Harbour Photos')")

    assert first.input_value("#text") == "Ask about the pier"


@pytest.mark.ids("S45", "C09")
def test_ending_the_other_device_signs_it_out_on_its_next_request(demo: Demo, page: Page) -> None:
    other = demo.client()
    other.sign_in()
    open_desk(demo, page)
    assert other.signed_in
    handle = other.handle

    page.goto(f"{demo.url}/devices")
    page.click(f".device:has-text('{handle}') .button.danger")
    page.wait_for_selector(".message.success")

    assert not other.signed_in
    assert demo.rows("SELECT end_reason FROM sessions WHERE handle = ?", handle) == [
        ("ended_by_user",)
    ]
    page.goto(f"{demo.url}/desk")
    assert page.url.endswith("/desk"), "the one who ended it stays signed in"


@pytest.mark.ids("S45", "S44")
def test_end_all_others_keeps_exactly_this_one(demo: Demo, page: Page) -> None:
    others = [demo.client() for _ in range(3)]
    for other in others:
        other.sign_in()
    open_desk(demo, page)

    page.goto(f"{demo.url}/devices")
    page.click("text=End all others")
    page.wait_for_selector(".message.success")

    assert [other.signed_in for other in others] == [False, False, False]
    assert page.locator(".device").count() == 1
    assert page.locator(".device.current").count() == 1


@pytest.mark.ids("V32")
def test_nobody_ends_the_session_of_another_user(demo: Demo) -> None:
    victim, attacker = demo.client(), demo.client()
    victim.sign_in(drive.DEMO_ACCOUNTS[0])
    attacker.sign_in(drive.DEMO_ACCOUNTS[1])

    answer = attacker.post("/devices", "/devices/end", handle=victim.handle)

    assert answer.status_code in {302, 403, 404}
    assert victim.signed_in


@pytest.mark.ids("S92", "V07", "V08")
def test_forms_need_the_token_of_their_own_session(demo: Demo) -> None:
    client, stranger = demo.client(), demo.client()
    client.get("/sign-in")
    before = drive.token(client.get("/sign-in"))
    client.sign_in()
    stranger.sign_in(drive.DEMO_ACCOUNTS[1])

    without = client.send("/notes", text="forged", action="add")
    foreign = client.send(
        "/notes", text="forged", action="add", csrf_token=drive.token(stranger.get("/desk"))
    )
    stale = client.send("/notes", text="forged", action="add", csrf_token=before)

    assert [without.status_code, foreign.status_code, stale.status_code] == [400, 400, 400]
    assert "forged" not in client.get("/desk").text


@pytest.mark.ids("S99", "S102", "S24")
def test_operator_sees_and_ends_a_session_and_finds_it_in_the_audit(demo: Demo) -> None:
    client = demo.client()
    client.sign_in()
    handle = client.handle

    listed = {str(row["handle"]) for row in demo.live_sessions()}
    assert handle in listed
    demo.cli("sessions", "end", handle)

    assert not client.signed_in
    assert handle not in {str(row["handle"]) for row in demo.live_sessions()}
    types = [row["type"] for row in demo.audit_events() if row.get("handle") == handle]
    assert len(types) == 2, f"one login and one ending: {types}"


@pytest.mark.ids("S12", "S46", "E1")
def test_remembered_user_is_signed_in_again_without_a_session(demo: Demo) -> None:
    client = demo.client()
    client.sign_in(remember="y")
    client.forget_cookie()

    assert client.signed_in
    assert client.cookie is not None


@pytest.mark.ids("S45", "E1")
def test_sign_out_forgets_the_remembered_user(demo: Demo) -> None:
    client = demo.client()
    client.sign_in(remember="y")
    client.post("/desk", "/sign-out")
    assert not client.signed_in


def cost_of_page(page: Page) -> tuple[str, int, int]:
    """Who answered the load, store commands, microseconds, as the page's footer says."""
    shown = page.locator("footer .cost")
    _, commands, time = shown.locator("span").all_inner_texts()
    source = shown.get_attribute("data-source") or ""
    return source, int(commands.split()[0]), int(time.split()[0])


@pytest.mark.ids("S101")
def test_each_page_says_what_its_session_cost(demo: Demo, page: Page) -> None:
    page.goto(demo.url)
    assert cost_of_page(page) == ("none", 0, 0)

    open_desk(demo, page)
    for path in ("/desk", "/devices", "/activity"):
        page.goto(demo.url + path)
        source, commands, microseconds = cost_of_page(page)
        assert (source, commands) in {("store", 1), ("near cache", 0)}, path
        assert microseconds > 0
    see_source(demo, page, "near cache")

    shard, digest = store_key(str(browser_cookie(page.context)["value"]))
    with demo.redis.client() as redis:
        # Somebody else changed the key: what the workers have at hand does not count any more.
        assert redis.expire(f"vedfolnir:session:{{{shard}}}:{digest}", 3600)
    see_source(demo, page, "store")


def see_source(demo: Demo, page: Page, wanted: str) -> None:
    """Asks for the page until its session comes from there."""

    def seen() -> bool:
        page.goto(f"{demo.url}/desk")
        return cost_of_page(page)[0] == wanted

    stack.wait_until(seen, f"a session from {wanted}")
