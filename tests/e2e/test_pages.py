"""What every page of the demo has to be: strict content policy, readable on a phone, usable by keyboard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conftest import Demo
from drive import Client
from playwright.sync_api import Browser, Page

PUBLIC = ("/", "/how-it-works", "/signed-out", "/sign-in", "/nowhere")
PRIVATE = ("/desk", "/devices", "/activity")

# WCAG 2 contrast of each text against the first opaque background behind it.
CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const light = (data) => [0, 1, 2].map((i) => data[i] / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const data = rgba(getComputedStyle(each).backgroundColor);
      if (data[3] === 255) return data;
    }
    return rgba(getComputedStyle(document.body).backgroundColor);
  };
  const weak = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    const [a, b] = [light(rgba(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) weak.push(`${ratio.toFixed(2)} ${walker.currentNode.data.trim().slice(0, 30)}`);
  }
  return weak;
}"""

# Fields without a label, buttons and links without a name, images without a text.
UNNAMED = """() => [...document.querySelectorAll("input:not([type=hidden]), textarea, button, a, img")]
  .filter((e) => e.checkVisibility() && !(e.labels && e.labels.length) && !e.alt
    && !e.getAttribute("aria-label") && !e.innerText?.trim())
  .map((e) => e.outerHTML.slice(0, 80))"""


@pytest.fixture(
    params=[(1280, 860, "light"), (1280, 860, "dark"), (390, 800, "light"), (320, 640, "dark")]
)
def visitor(request: pytest.FixtureRequest, browser: Browser, demo: Demo) -> Iterator[Page]:
    """A signed-in page at desktop and phone widths, light and dark."""
    width, height, scheme = request.param
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, base_url=demo.url
    )
    page = context.new_page()
    yield page
    context.close()


@pytest.mark.ids("C35")
def test_pages_fit_are_readable_and_named(visitor: Page) -> None:
    complaints: list[str] = []
    visitor.on("console", lambda message: complaints.append(message.text))
    statuses = {path: 404 if path == "/nowhere" else 200 for path in PUBLIC + PRIVATE}

    for path in (*PUBLIC, *PRIVATE):
        if path == PRIVATE[0]:
            visitor.goto("/sign-in")
            visitor.locator("button.account").nth(2).click()
            visitor.wait_for_url("**/desk")
        answer = visitor.goto(path)
        assert answer is not None
        assert answer.status == statuses[path], path
        assert visitor.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert visitor.evaluate(CONTRAST) == [], path
        assert visitor.evaluate(UNNAMED) == [], path
        assert visitor.locator("h1").count() == 1, path
        assert visitor.locator("html[lang]").count() == 1, path
    # A content policy violation is written to the console; so is the 404 that was asked for.
    assert [text for text in complaints if "404" not in text] == []


@pytest.mark.ids("C35")
def test_content_policy_is_strict_on_every_kind_of_answer(demo: Demo) -> None:
    client = demo.client()
    client.sign_in()
    for path in (*PUBLIC, *PRIVATE, "/static/style.css"):
        policy = client.get(path).headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy, path
        assert "unsafe" not in policy, path
        assert "script-src" not in policy, path


@pytest.mark.ids("C35")
def test_what_a_user_types_stays_text(demo: Demo, page: Page) -> None:
    hostile = "<script>document.title='gone'</script><b id=injected>bold</b>"
    page.goto(f"{demo.url}/sign-in")
    page.locator("button.account").nth(1).click()
    page.fill("#text", hostile)
    page.click("text=Add note")

    assert page.locator(".note", has_text=hostile).count() >= 1
    assert page.locator("#injected").count() == 0
    assert "gone" not in page.title()


@pytest.mark.ids("C35")
def test_user_agent_is_hostile_text_too(demo: Demo, page: Page) -> None:
    Client(demo.url, "<b id=injected>Mozilla</b>/5.0").sign_in()
    page.goto(f"{demo.url}/sign-in")
    page.locator("button.account").first.click()
    page.goto(f"{demo.url}/devices")
    assert page.locator(".device").count() >= 2
    assert page.locator("#injected").count() == 0


@pytest.mark.ids("S92")
def test_sign_in_sends_people_to_our_own_pages_only(demo: Demo) -> None:
    for target in (
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
    ):
        client = demo.client()
        answer = client.post(
            "/sign-in", f"/sign-in?next={target}", name="astrid", password="northern-lights"
        )
        assert answer.headers["Location"] == "/desk", target
    answer = demo.client().post(
        "/sign-in", "/sign-in?next=/devices", name="astrid", password="northern-lights"
    )
    assert answer.headers["Location"] == "/devices"
