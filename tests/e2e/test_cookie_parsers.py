"""The same Cookie bytes through ours, Werkzeug, nginx and Chromium (V30).

Where parsers may take the bytes for different sessions, ours has to see none at all. What we accept,
Werkzeug reads as the same value, and nginx as that value (it keeps quotes around it) or as nothing.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
import requests
import stack
from playwright.sync_api import Browser
from support import evidence

SERVER = """
  server {{
    listen 127.0.0.1:{port};
    large_client_header_buffers 4 32k;
    location = /nginx {{ default_type text/plain; return 200 "$cookie_session"; }}
    location / {{ proxy_pass {upstream}; }}
  }}
"""

# {a}: the live id of astrid, {l}: of leif. True where a sound header has to be accepted.
HEADERS: dict[bytes, bool] = {
    b"session={a}": True,
    b"other=1; session={a}": True,
    b"session={a}; other=1": True,
    b"session={a}; session={l}": False,
    b"session={l}; session={a}": False,
    b"session={a}; session={a}": False,
    b"session={a}; Session={l}": False,
    b"Session={a}": False,
    b"SESSION={a}": False,
    b"=session={a}": False,
    b"={a}": False,
    b"{a}": False,
    b'session="{a}': False,
    b"session={a}, other=1": False,
    b"other=1, session={a}": False,
    b"session={a},session={l}": False,
    b"session={a}=": False,
    b"session={a}%00": False,
    b"session={a}\x01": False,
    b"session={a}\xe9": False,
    b"session=\xef\xbb\xbf{a}": False,
    b"session={a}.": False,
    b"session=%73{a}": False,
    b"$Version=1; session={a}; $Path=/": False,
    b"session": False,
    b"session=": False,
    b"session=; session={a}": False,
    b"session={a}; session=": False,
    b"xsession={a}": False,
    b"session2={a}": False,
    b"session=eyJvd25lciI6ImFzdHJpZCJ9.ZzZ6Zw.abc": False,
    b"session=" + b"A" * 10_000: False,
    b"junk=" + b"x" * 3000 + b"; session={a}": False,
}
# These may be taken or refused; either way nobody may read them differently.
EITHER = {
    b'session="{a}"',
    b"session = {a}",
    b"session\t={a}",
    b"session={a}\t",
    b"session={a};",
    b";session={a}",
    b"other=1;session={a}",
    b"session={a} ",
    b" session={a}",
    b"session= {a}",
    b"$Version=1; session={a}; $Path=/",
    b"junk=" + b"x" * 3000 + b"; session={a}",
    b"session={a}; Session={l}",
}
# What a neighbour on the same host can make a browser store beside, or instead of, our cookie.
PLANTED = (
    "session={l}; Path=/received",
    "session={l}; Path=/",
    "=session={l}",
    "session; Path=/received",
    "Session={l}",
    'session="{l}"; Path=/received',
    "session ={l}; Path=/received",
    "session=\t{l}; Path=/received",
    "session={l},more; Path=/received",
)


@pytest.fixture(scope="module")
def proxy(probe: stack.Gunicorn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack.Nginx]:
    folder, port = tmp_path_factory.mktemp("nginx"), stack.free_port()
    with stack.Nginx(folder, port, SERVER.format(port=port, upstream=probe.url)) as running:
        yield running


@pytest.fixture(scope="module")
def ids(probe: stack.Gunicorn) -> dict[str, str]:
    """The live session ids of two users."""
    found = {}
    for name in ("astrid", "leif"):
        with requests.Session() as client:
            client.post(f"{probe.url}/become/{name}", timeout=10).raise_for_status()
            found[name] = client.cookies["session"]
            evidence.issued(found[name])
    return found


def fill(template: bytes, ids: dict[str, str]) -> bytes:
    return template.replace(b"{a}", ids["astrid"].encode()).replace(b"{l}", ids["leif"].encode())


def exchange(port: int, path: str, cookie: bytes) -> tuple[int, bytes]:
    """One request with exactly these Cookie bytes; status and body."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n".encode()
        connection.sendall(head + b"Cookie: " + cookie + b"\r\n\r\n")
        answer = b""
        while part := connection.recv(65536):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def readings(
    probe: stack.Gunicorn, proxy: stack.Nginx, cookie: bytes
) -> tuple[str | None, list[str], str] | None:
    """Ours (the owner), Werkzeug's and nginx's values; None where the server refused the request."""
    direct, body = exchange(probe.port, "/received", cookie)
    through, _ = exchange(proxy.port, "/received", cookie)
    status, seen = exchange(proxy.port, "/nginx", cookie)
    if {direct, through, status} & {400, 431}:
        return None
    assert direct == 200, f"{cookie[:100]!r}: {direct}"
    found = json.loads(body)
    return found["ours"], found["werkzeug"], seen.decode("latin-1")


@pytest.mark.ids("V30", "S17", "C12", "V10")
@pytest.mark.parametrize(
    "template", [*HEADERS, *sorted(EITHER - HEADERS.keys())], ids=lambda value: ascii(value)[2:40]
)
def test_what_ours_accepts_all_read_alike(
    template: bytes, probe: stack.Gunicorn, proxy: stack.Nginx, ids: dict[str, str]
) -> None:
    found = readings(probe, proxy, fill(template, ids))
    wanted = HEADERS.get(template, False)
    if found is None:
        assert not wanted
        return
    ours, werkzeug, nginx = found

    if template not in EITHER:
        assert (ours == "astrid") is wanted
    if ours is not None:
        assert ours == "astrid"
        assert werkzeug == [ids["astrid"]]
        assert nginx.strip(' \t"') in {ids["astrid"], ""}


@pytest.mark.ids("V30", "C12", "V10", "S91")
@pytest.mark.parametrize("line", PLANTED)
def test_cookie_planted_in_a_browser_never_leads_into_another_session(
    line: str, browser: Browser, probe: stack.Gunicorn, proxy: stack.Nginx, ids: dict[str, str]
) -> None:
    context = browser.new_context()
    page = context.new_page()
    context.add_cookies([{"name": "session", "value": ids["astrid"], "url": probe.url}])
    query = urlencode({"line": line.replace("{l}", ids["leif"])})
    page.goto(f"{probe.url}/plant?{query}")
    answer = page.goto(f"{probe.url}/received")
    assert answer is not None
    sent = answer.json()
    context.close()

    # A cookie of the same name and path replaces ours: then this browser simply is leif's.
    replaced = sent["header"] == f"session={ids['leif']}"
    assert sent["ours"] in ({"leif"} if replaced else {"astrid", None})
    found = readings(probe, proxy, sent["header"].encode("latin-1"))
    assert found is not None
    if found[0] is not None:
        assert len(found[1]) == 1
        assert found[2].strip(' \t"') in {*found[1], ""}, sent["header"]
