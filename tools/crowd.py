"""People who use the running demo, and a judge of every answer they get.

A person who is signed in gets the own page with the last change on it, under the same cookie. A cookie from before a
sign-out leads nowhere.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

from drive import Client, DemoAccount, Target

PLATFORMS = ("Harbour Photos", "North Square", "Field Journal")
THEMES = ("light", "dark")

THEME = re.compile(r'data-theme="(\w+)"')
PLATFORM = re.compile(r"New note for ([^<]+)</h2>")
DRAFT = re.compile(r"<textarea[^>]*>\s*([^<]*?)\s*</textarea>")
PLATFORM_BUTTON = re.compile(
    r'name="platform" value="(\d+)"[^>]*>.*?<strong>([^<]+)</strong>', re.S
)


@dataclass
class Desk:
    """What a session holds, as its desk shows it."""

    platform: str = PLATFORMS[0]
    theme: str = "auto"
    draft: str = ""


@dataclass
class Person:
    """Somebody who is signed in, and what the own session must show."""

    name: str
    client: Client
    cookie: str
    handle: str
    expected: Desk = field(default_factory=Desk)


@dataclass(frozen=True)
class Gone:
    """Who signed out, or was signed out, and still holds the old cookie."""

    name: str
    cookie: str
    handle: str


@dataclass
class Crowd:
    """The running demo, the people in it, and what was seen."""

    target: Target
    workers: int
    stay: list[Person] = field(default_factory=list)
    gone: list[Gone] = field(default_factory=list)
    answers: int = 0
    changes: int = 0

    def sign_in(self, name: str, account: DemoAccount) -> Person:
        client = Client(self.target.url, f"{name}/1.0", keep_alive=False)
        client.sign_in(account)
        assert client.cookie, f"{name} signed in and has no cookie"
        person = Person(name, client, client.cookie, client.handle)
        self.stay.append(person)
        return person

    def change(self, person: Person, draft: str, *, everything: bool = False) -> None:
        """Keeps a draft in the session; `everything`: on another platform, in another theme."""
        if everything:
            self._switch(person)
        self._post(person, "/notes", text=draft, action="draft")
        person.expected.draft = draft

    def sign_out(self, person: Person) -> None:
        self._post(person, "/sign-out")
        assert person.client.cookie is None, f"{person.name} signed out and still holds the cookie"
        self._left(person)

    def end(self, person: Person) -> None:
        """As an operator does it."""
        ending = self.target.cli("sessions", "end", person.handle)["ending"]
        assert ending == "ended", f"the operator's ending of {person.name} is {ending}"
        self._left(person)

    def look(self, people: list[Person] | None = None) -> None:
        """Judges what each of the people sees, and that nobody who left is let in."""
        for person in self.stay if people is None else people:
            self._judge(person)
        for one in self.gone:
            self.refuse(one)

    def refuse(self, one: Gone) -> None:
        stranger = Client(self.target.url, keep_alive=False)
        stranger.take_cookie(one.cookie)
        status = stranger.get("/desk").status_code
        self.answers += 1
        assert status == 302, f"{one.name} left, and the old cookie is answered {status}"

    def processes_away(self) -> tuple[int, int]:
        """How many times a worker began to go by SQL, and how many times one came back."""
        began, ended = (
            len(self.target.audit_events("--type", kind, "--limit", "1000"))
            for kind in ("fallback.began", "fallback.ended")
        )
        return began, ended

    def _left(self, person: Person) -> None:
        self.stay.remove(person)
        self.gone.append(Gone(person.name, person.cookie, person.handle))

    def _judge(self, person: Person) -> None:
        answer = person.client.get("/desk")
        self.answers += 1
        assert answer.status_code == 200, f"{person.name} is answered {answer.status_code}"
        assert person.client.cookie == person.cookie, f"{person.name} was given another cookie"
        theme, platform, draft = (
            (found[1] if (found := each.search(answer.text)) else "nothing")
            for each in (THEME, PLATFORM, DRAFT)
        )
        seen = Desk(platform, theme, html.unescape(draft))
        assert seen == person.expected, f"{person.name} sees {seen}, not {person.expected}"

    def _switch(self, person: Person) -> None:
        ids = {
            name: number
            for number, name in PLATFORM_BUTTON.findall(person.client.get("/desk").text)
        }
        platform = _next(PLATFORMS, person.expected.platform)
        self._post(person, "/platform", platform=ids[platform])
        theme = _next(THEMES, person.expected.theme)
        self._post(person, "/theme", theme=theme)
        # A draft belongs to its platform.
        person.expected = Desk(platform, theme, "")

    def _post(self, person: Person, path: str, **fields: str) -> None:
        answer = person.client.post("/desk", path, **fields)
        self.changes += 1
        assert answer.status_code == 302, f"{person.name}: {path} answered {answer.status_code}"


def _next(values: tuple[str, ...], value: str) -> str:
    return values[(values.index(value) + 1) % len(values)] if value in values else values[0]
