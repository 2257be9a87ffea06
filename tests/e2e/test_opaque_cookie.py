"""The client holds an opaque name and nothing else, however much the session holds (S2)."""

from __future__ import annotations

import base64

import pytest
import requests
import stack
from playwright.sync_api import Page
from support import evidence

CANARY = "canary value 7 stays on the server"


def session_cookie(page: Page) -> str:
    (cookie,) = [each for each in page.context.cookies() if each["name"] == "session"]
    return str(cookie["value"])


@pytest.mark.ids("S2", "S38")
def test_fifty_keys_leave_the_cookie_as_it_was(probe: stack.Gunicorn) -> None:
    with requests.Session() as client:
        client.post(f"{probe.url}/become/astrid", timeout=10).raise_for_status()
        before = client.cookies["session"]
        answer = client.post(f"{probe.url}/fill/50", timeout=10)
        after = client.cookies["session"]
        assert client.get(f"{probe.url}/access/len", timeout=10).text == "len: 51"
    evidence.issued(after)
    evidence.plaintext(CANARY)

    assert len(after) == len(before) == 67
    raw = base64.urlsafe_b64decode(after + "=")
    assert len(raw) == 50
    assert b"canary" not in raw
    assert b"astrid" not in raw
    assert after not in answer.text


@pytest.mark.ids("S2", "S39")
def test_a_page_with_script_finds_neither_id_nor_payload(probe: stack.Gunicorn, page: Page) -> None:
    page.goto(f"{probe.url}/untouched")
    sent = page.evaluate(
        """async () => {
            const headers = [];
            for (const path of ["/become/astrid", "/fill/50", "/fill/50"]) {
                const answer = await fetch(path, { method: "POST" });
                headers.push(...[...answer.headers].map((pair) => pair.join(": ")));
                headers.push(await answer.text());
            }
            return headers.join("\\n") + document.cookie + document.documentElement.outerHTML
                + JSON.stringify({ ...localStorage, ...sessionStorage });
        }"""
    )

    assert session_cookie(page) not in sent
    assert "canary" not in sent
    assert "set-cookie" not in sent.lower()
