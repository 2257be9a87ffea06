"""A caching nginx in front, two users, every way of reaching the session: nobody gets another's page (V09)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import stack
from support import evidence

# The names of apps/probe.py's ACCESS.
WAYS = (
    *("subscript", "get", "in", "len", "bool", "iteration", "keys", "values", "items", "dict"),
    *("repr", "equality", "copy", "setdefault", "pop", "permanent"),
)

# Caches every 200 for a minute unless the answer forbids it; the eager one even ignores Set-Cookie.
SERVER = """
  proxy_cache_path {folder}/cache keys_zone=pages:1m;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass {upstream};
      proxy_cache pages;
      proxy_cache_valid 200 1m;
      proxy_cache_key $uri;
      {more}
      add_header X-Cache $upstream_cache_status always;
    }}
  }}
"""


@pytest.fixture(params=["", "proxy_ignore_headers Set-Cookie;"], ids=["usual", "eager"])
def proxy(
    request: pytest.FixtureRequest, probe: stack.Gunicorn, tmp_path: Path
) -> Iterator[stack.Nginx]:
    port = stack.free_port()
    server = SERVER.format(folder=tmp_path, port=port, upstream=probe.url, more=request.param)
    with stack.Nginx(tmp_path, port, server) as running:
        yield running


def user(proxy: stack.Nginx, name: str) -> requests.Session:
    client = requests.Session()
    answer = client.post(f"{proxy.url}/become/{name}", timeout=10)
    assert answer.ok
    assert "no-store" in answer.headers["Cache-Control"]
    evidence.issued(client.cookies["session"])
    return client


@pytest.mark.ids("V09", "S49", "C18")
@pytest.mark.parametrize("way", WAYS)
def test_no_page_of_one_user_reaches_another(proxy: stack.Nginx, way: str) -> None:
    astrid, leif = user(proxy, "astrid"), user(proxy, "leif")
    url = f"{proxy.url}/access/{way}"

    for _ in range(2):
        for client, owner, other in ((astrid, "astrid", "leif"), (leif, "leif", "astrid")):
            answer = client.get(url, timeout=10)
            assert answer.status_code == 200
            assert other not in answer.text
            assert "Cookie" in answer.headers["Vary"]
            if "astrid" in answer.text or "leif" in answer.text:
                assert owner in answer.text
        stranger = requests.get(url, timeout=10)
        assert "astrid" not in stranger.text
        assert "leif" not in stranger.text
        assert "Set-Cookie" not in stranger.headers or way == "setdefault"


@pytest.mark.ids("V09", "S49")
def test_untouched_page_is_cached_for_all(proxy: stack.Nginx) -> None:
    astrid = user(proxy, "astrid")
    first = astrid.get(f"{proxy.url}/untouched", timeout=10)
    second = requests.get(f"{proxy.url}/untouched", timeout=10)

    assert first.headers["X-Cache"] == "MISS"
    assert second.headers["X-Cache"] == "HIT", "the session costs an untouched page its cache"
    for answer in (first, second):
        assert "Vary" not in answer.headers
        assert "Set-Cookie" not in answer.headers


@pytest.mark.ids("V09", "S49", "C18")
def test_no_set_cookie_is_ever_served_from_the_cache(proxy: stack.Nginx) -> None:
    """A GET that makes a session: the second visitor must not be handed the first one's."""
    url = f"{proxy.url}/access/setdefault"
    cookies = set()
    for _ in range(4):
        answer = requests.get(url, timeout=10)
        assert answer.headers["X-Cache"] != "HIT"
        cookies.add(answer.cookies["session"])
    assert len(cookies) == 4
