"""The demo under gunicorn with a Redis of its own, a real browser, and a probe application."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import stack
from drive import Client, Target, chromium
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright
from support import evidence

HERE = Path(__file__).resolve().parent
SECRET_KEY = "only for tests: signs forms of a demo that ends with them"


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    with chromium(playwright) as opened:
        yield opened


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context()
    opened.set_default_timeout(10_000)
    yield opened
    _note_ids(opened)
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@dataclass
class Demo(Target):
    """The running demo."""

    web: stack.Gunicorn

    def client(self) -> Client:
        return Client(self.url)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo")
    with stack.Redis(folder / "redis") as redis:
        environment = stack.demo_environment(folder, redis.url, SECRET_KEY)
        # Tests count keys; background work has tests of its own.
        environment["VEDFOLNIR_JOBS"] = "false"
        log = folder / "gunicorn.log"
        with stack.Gunicorn(stack.DEMO, stack.free_port(), environment, log) as web:
            yield Demo(web.url, redis, environment, log, web)
    keep(folder)


@pytest.fixture
def lonely(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Demo]:
    """A demo of its own, whose Redis may be taken away."""
    with stack.Redis(tmp_path / "redis") as redis:
        environment = stack.demo_environment(tmp_path, redis.url, secrets.token_hex())
        environment |= getattr(request, "param", {})
        log = tmp_path / "gunicorn.log"
        with stack.Gunicorn(stack.DEMO, stack.free_port(), environment, log) as web:
            yield Demo(web.url, redis, environment, log, web)
    keep(tmp_path)


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack.Gunicorn]:
    """The probe application (apps/probe.py) with a Redis of its own."""
    folder = tmp_path_factory.mktemp("probe")
    with stack.Redis(folder / "redis") as redis:
        environment = stack.demo_environment(folder, redis.url, SECRET_KEY)
        # Tests count keys; background work has tests of its own.
        environment["VEDFOLNIR_JOBS"] = "false"
        with stack.Gunicorn(
            "probe:app",
            stack.free_port(),
            environment,
            folder / "gunicorn.log",
            python_path=HERE / "apps",
        ) as web:
            yield web
    keep(folder)


def _note_ids(context: BrowserContext) -> None:
    for cookie in context.cookies():
        if cookie["name"] == "session":
            evidence.issued(cookie["value"])


def keep(folder: Path) -> None:
    """Leaves what stands at rest to the search for ids and plaintext."""
    dumps = sorted((folder / "redis").glob("*.rdb")) + sorted((folder / "redis").rglob("*.aof"))
    evidence.keep(*dumps, *sorted(folder.glob("*.log")), *sorted((folder / "state").glob("*.db*")))
