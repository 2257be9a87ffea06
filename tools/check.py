"""./x up --check: drives the running demo once, with an HTTP client and a real browser, step by step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import steps
from drive import COOKIE, Client, Target, chromium
from playwright.sync_api import Page, sync_playwright


@dataclass
class Walk:
    """The state that the steps hand on to each other."""

    target: Target
    browser: Page
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = Client(self.target.url)

    def open(self, path: str) -> None:
        self.browser.goto(self.target.url + path)

    def browser_cookie(self) -> str | None:
        cookies = self.browser.context.cookies(self.target.url)
        return next((each["value"] for each in cookies if each["name"] == COOKIE), None)


def run(target: Target) -> int:
    """Runs the steps in order, one line each; ends at the first that fails. 0 or 1."""
    with sync_playwright() as playwright, chromium(playwright) as browser:
        walk = Walk(target, browser.new_page())
        plan = [(_title(step), partial(step, walk)) for step in STEPS]
        return steps.run(plan, target.log)


def _title(step: Callable[[Walk], None]) -> str:
    return (step.__doc__ or step.__name__).strip().rstrip(".")


def anonymous(walk: Walk) -> None:
    """An anonymous visit sets no cookie and leaves no key."""
    for path in ("/", "/how-it-works", "/static/style.css"):
        answer = walk.client.get(path)
        assert answer.status_code == 200, f"{path} answered {answer.status_code}"
        assert "Set-Cookie" not in answer.headers, f"{path} set a cookie"
    with walk.target.redis.client() as redis:
        assert redis.dbsize() == 0, f"Redis holds {redis.keys('*')}"


def sign_in(walk: Walk) -> None:
    """Sign-in changes the id, and the old one is dead."""
    walk.client.get("/sign-in")
    before = walk.client.cookie
    assert before, "the sign-in form came without a session"
    walk.client.sign_in()
    assert walk.client.cookie not in {None, before}, "the id did not change"
    assert walk.client.signed_in
    stranger = Client(walk.target.url)
    stranger.take_cookie(before)
    assert not stranger.signed_in, "the id from before the login still leads in"


def browser_sign_in(walk: Walk) -> None:
    """A browser signs in; its scripts see no cookie and no storage."""
    walk.open("/desk")
    walk.browser.locator("button.account").first.click()
    walk.browser.wait_for_url("**/desk")
    assert walk.browser.evaluate("document.cookie") == "", "document.cookie shows something"
    assert walk.browser.evaluate("localStorage.length + sessionStorage.length") == 0
    assert walk.browser_cookie(), "the browser holds no session cookie"


def notes(walk: Walk) -> None:
    """A note is written and stands on the desk; a draft waits in the session."""
    walk.browser.fill("#text", "Repair the lantern")
    walk.browser.click("text=Add note")
    assert walk.browser.locator(".note", has_text="Repair the lantern").count() == 1
    walk.browser.fill("#text", "Ask about the pier")
    walk.browser.click("text=Keep as draft")
    assert walk.browser.input_value("#text") == "Ask about the pier"


def platform(walk: Walk) -> None:
    """The platform switched in the browser is what a second client with its cookie reads."""
    walk.browser.click("button.platform:has-text('North Square')")
    walk.browser.wait_for_selector("h2:has-text('New note for North Square')")
    second = Client(walk.target.url)
    second.take_cookie(walk.browser_cookie() or "")
    for _ in range(6):
        assert "New note for North Square" in second.get("/desk").text, "the old platform was read"


def devices(walk: Walk) -> None:
    """Your devices lists both, and says which one this is."""
    walk.open("/devices")
    assert walk.browser.locator(".device").count() == 2
    assert walk.browser.locator(".device.current .pill").count() == 1


def end_other(walk: Walk) -> None:
    """Ending the other device signs it out on its next request."""
    assert walk.client.signed_in
    walk.browser.click(".device:not(.current) .button.danger")
    walk.browser.wait_for_selector(".message.success")
    assert not walk.client.signed_in, "the ended session still leads in"


def operator(walk: Walk) -> None:
    """The operator's command lists both sessions and ends one."""
    walk.client.sign_in()
    rows = walk.target.live_sessions()
    assert len(rows) == 2, f"sessions list shows {rows}"
    walk.target.cli("sessions", "end", walk.client.handle)
    assert not walk.client.signed_in, "the session ended by the operator still leads in"
    assert len(walk.target.live_sessions()) == 1


def sign_out(walk: Walk) -> None:
    """Sign-out: the cookie is gone, the Redis key is gone, the SQL row is closed."""
    handle = str(walk.target.live_sessions()[0]["handle"])
    old = walk.browser_cookie() or ""
    records = walk.target.record_keys()
    walk.open("/desk")
    walk.browser.click(".menu summary")
    walk.browser.click(".menu button:has-text('Sign out')")
    walk.browser.wait_for_url("**/signed-out")
    assert walk.browser_cookie() is None, "the browser still holds the cookie"
    gone = records - walk.target.record_keys()
    assert len(gone) == 1, f"{len(gone)} records left Redis"
    ((ended,),) = walk.target.rows("SELECT ended_ms FROM sessions WHERE handle = ?", handle)
    assert ended is not None, "the SQL row is still open"
    assert walk.target.live_sessions() == []
    late = Client(walk.target.url)
    late.take_cookie(old)
    assert not late.signed_in, "the cookie from before the sign-out still leads in"


def audit(walk: Walk) -> None:
    """The audit list has each sign-in, the switch and each ending."""
    types = Counter(row["type"] for row in walk.target.audit_events())
    wanted = {"session.created": 3, "session.platform_switched": 1, "session.ended": 3}
    assert wanted.items() <= types.items(), f"the audit has {dict(types)}, not {wanted}"


STEPS: tuple[Callable[[Walk], None], ...] = (
    anonymous,
    sign_in,
    browser_sign_in,
    notes,
    platform,
    devices,
    end_other,
    operator,
    sign_out,
    audit,
)
