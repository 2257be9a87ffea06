"""Each hook x {up, load down, save down}, under gunicorn, where no database takes over (SESSION_FALLBACK=false).

With the fallback on, the same hooks go on: test_fallback.py, and state by state fallback_outages_test.cpp.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import stack
from conftest import Browser, Stack
from support.gates import Gates

HOOKS = [
    "before_request",
    "view",
    "template",
    "error_handler",
    "error_handler_500",
    "login_loader",
    "login_after_request",
    "wtf",
    "stream",
]
# In after_request Flask-Login only reads.
WRITING_HOOKS = [hook for hook in HOOKS if hook != "login_after_request"]


@pytest.fixture(scope="module")
def shop(make_stack: Callable[[], Stack]) -> Iterator[Stack]:
    running = make_stack()
    with running.serve(SESSION_FALLBACK="false"):
        yield running


@pytest.fixture(scope="module")
def user(shop: Stack) -> Browser:
    browser = shop.browser()
    browser.get("/write?key=key")
    browser.get("/login/7")
    browser.get("/hook/wtf")
    return browser


@pytest.fixture
def load_down(shop: Stack, user: Browser) -> Iterator[None]:
    """Redis is not there."""
    shop.redis.stop()
    yield
    shop.redis.start()
    wait_until_back(shop, user)


@pytest.fixture
def save_down(shop: Stack, user: Browser) -> Iterator[None]:
    """Redis answers reads and refuses writes, as a primary without its replicas does."""
    with shop.redis.client() as client:
        client.config_set("min-replicas-to-write", 1)
        yield
        client.config_set("min-replicas-to-write", 0)
    wait_until_back(shop, user)


def wait_until_back(shop: Stack, user: Browser) -> None:
    stack.wait_until(lambda: user.get("/read").status == 200, "sessions are back")


def check_unavailable(browser: Browser, path: str) -> None:
    before = dict(browser.cookies)
    answer = browser.get(path)
    assert answer.status == 503, answer.text
    assert int(answer.headers["Retry-After"]) > 0
    assert "Cookie" in answer.headers["Vary"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.set_cookies == []
    assert browser.cookies == before


@pytest.mark.ids("C28", "S37", "S46")
@pytest.mark.parametrize("hook", HOOKS)
def test_up(user: Browser, hook: str) -> None:
    answer = user.get(f"/hook/{hook}")
    assert answer.status == 200
    assert "Cookie" in answer.headers["Vary"]
    assert user.get("/who").text == "7"


@pytest.mark.ids("C28", "S37", "S95")
def test_load_down(shop: Stack, user: Browser, load_down: None) -> None:
    session_id = user.session_id
    for hook in HOOKS:
        check_unavailable(user, f"/hook/{hook}")
        assert user.get("/plain").text == "plain", "others are served"
        if hook != "wtf":  # which writes its secret at the first rendering
            assert shop.browser().get(f"/hook/{hook}").status == 200, (
                "nothing to ask without a cookie"
            )
    assert user.session_id == session_id


@pytest.mark.ids("C28", "S37")
def test_nobody_was_logged_out(user: Browser) -> None:
    assert user.get("/who").text == "7"


@pytest.mark.ids("C28", "S37", "V25")
def test_save_down(shop: Stack, user: Browser, save_down: None) -> None:
    for hook in WRITING_HOOKS:
        assert user.get("/read").json()["user"] == "7", "reads go on"
        check_unavailable(user, f"/hook/{hook}?write=1")
        assert "key_hook" not in user.get("/read").json()["keys"]
        assert user.get("/plain").text == "plain"
    anonymous = shop.browser()
    check_unavailable(anonymous, "/write?key=key1")
    check_unavailable(anonymous, "/login/8")


@pytest.mark.ids("C28")
def test_after_that_everything_is_as_before(shop: Stack, user: Browser) -> None:
    assert user.get("/who").text == "7"
    assert "key_hook" not in user.get("/read").json()["keys"]
    assert user.get("/hook/view?write=1").status == 200
    assert "key_hook" in user.get("/read").json()["keys"]


@pytest.mark.ids("C28", "V25")
def test_a_stream_is_aborted_after_its_headers(
    shop: Stack, user: Browser, gates: Gates, make_stack: Callable[[], Stack]
) -> None:
    """The first bytes are out when the session is touched and cannot be loaded."""
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(
            requests.get,
            f"{shop.url}/hook/late_stream?gate=late",
            headers={"Cookie": f"session={user.session_id}"},
            timeout=30,
        )
        gates.await_arrivals("late")
        shop.redis.stop()
        gates.open("late")
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            pending.result()
    shop.redis.start()
    wait_until_back(shop, user)
    assert user.get("/who").text == "7"
