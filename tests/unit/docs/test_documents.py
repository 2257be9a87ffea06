"""The documents say what the code does: sample bytes, code blocks, tables."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
PARTS = ("bench", "deploy", "examples", "python", "src", "storage", "tests")
# Read by tests and their tools, never by the product as it is shipped.
TEST_SUPPORT = re.compile(r"VEDFOLNIR_(?:TEST|SOAK)_\w+|VEDFOLNIR_FAIL_POINT")
CMAKE_OPTIONS = {"VEDFOLNIR_BOOST_INCLUDE_DIR", "VEDFOLNIR_FAIL_POINTS"}
SAMPLE = re.compile(r"<!-- sample: ([^>]+) -->\n```\w*\n(.*?)```", re.S)
BLOCK = re.compile(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", re.S)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")
SETTING = re.compile(r"\b(?:VEDFOLNIR|REDIS|SESSION)_[A-Z_]*[A-Z]\b")
MARKER = re.compile(r"<!-- (?:sample|file): ")


def marked(pattern: re.Pattern[str]) -> list[Any]:
    return [
        pytest.param(*found.groups(), id=f"{path.relative_to(ROOT)}:{found.group(1)}")
        for path in DOCUMENTS
        for found in pattern.finditer(path.read_text(encoding="utf-8"))
    ]


def vector(path: str) -> str:
    """`file/list/name of the case/field`"""
    file, group, name, field = path.split("/")
    data = json.loads((ROOT / "tests" / "vectors" / f"{file}.json").read_text(encoding="utf-8"))
    [case] = [case for case in data[group] if case["name"] == name]
    return str(case[field])


@pytest.mark.ids("V27", "S99")
@pytest.mark.parametrize(("path", "block"), marked(SAMPLE))
def test_samples_are_those_of_the_vectors(path: str, block: str) -> None:
    expected = vector(path)
    if re.fullmatch(r"[0-9a-f]+", expected):  # bytes: comments behind `;`, blanks anywhere
        block = "".join(re.sub(r"\s", "", line.partition(";")[0]) for line in block.splitlines())
    assert block.strip() == expected


@pytest.mark.parametrize(("name", "block"), marked(BLOCK))
def test_code_is_that_of_the_examples(name: str, block: str) -> None:
    assert block == (ROOT / name).read_text(encoding="utf-8")


def test_every_marker_has_its_block() -> None:
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        matched = len(SAMPLE.findall(text)) + len(BLOCK.findall(text))
        assert len(MARKER.findall(text)) == matched, path


def test_links_lead_somewhere() -> None:
    pages = [*DOCUMENTS, *(page for top in PARTS for page in (ROOT / top).rglob("*.md"))]
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in LINK.findall(page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert not broken


def test_settings_that_guides_name_are_in_the_reference() -> None:
    reference = (ROOT / "docs" / "reference" / "configuration.md").read_text(encoding="utf-8")
    known = set(SETTING.findall(reference)) | CMAKE_OPTIONS
    for path in DOCUMENTS:
        named = set(SETTING.findall(path.read_text(encoding="utf-8")))
        assert {name for name in named if not TEST_SUPPORT.fullmatch(name)} <= known, path


def test_formats_have_a_version_a_sample_and_a_rule() -> None:
    for name in ("session_id", "record", "payload"):
        text = (ROOT / "docs" / "internals" / f"{name}.md").read_text(encoding="utf-8")
        assert re.search(r"^# .*version 1$", text, re.M)
        assert "## Layout" in text
        assert "## Unknown versions" in text
        assert SAMPLE.search(text)


def python_errors() -> ModuleType:
    """errors.py alone: the package itself needs the built extension."""
    path = ROOT / "python" / "src" / "vedfolnir" / "errors.py"
    spec = importlib.util.spec_from_file_location("errors_of_vedfolnir", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def enumerators(header: str, name: str) -> list[str]:
    """The values of an enum class in their order, however its comments are laid out."""
    [body] = re.findall(rf"enum class {name} : [\w:]+ {{(.*?)}};", header, re.S)
    values = re.sub(r"//[^\n]*", "", body).split(",")
    return [value.partition("=")[0].strip() for value in values if value.strip()]


def test_errors_are_those_of_the_code() -> None:
    header = (ROOT / "include" / "vedfolnir" / "error.hpp").read_text(encoding="utf-8")
    source = (ROOT / "src" / "model" / "types.cpp").read_text(encoding="utf-8")
    table = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    codes = enumerators(header, "Errc")
    sentences = dict(re.findall(r'case Errc::(\w+):\s+return "([^"]+)";', source))
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| ([^|]+) \|", table, re.M)
    assert [code for code, _, _ in rows] == codes
    assert {code: sentence for code, _, sentence in rows} == sentences
    classes = {name for _, name, _ in rows}
    assert classes == set(python_errors().__all__) - {"Error"}


@pytest.mark.ids("E9")
def test_compatibility_page_is_made_of_the_table_that_is_tested() -> None:
    path = ROOT / "tools" / "compat_page.py"
    spec = importlib.util.spec_from_file_location("compat_page", path)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    page = (ROOT / "docs" / "reference" / "compat.md").read_text(encoding="utf-8")
    assert page == tool.page(), "run: ./x docs"


def test_audit_events_are_those_of_the_code() -> None:
    text = (ROOT / "docs" / "reference" / "audit_events.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `([a-z_.]+)` \|", text, re.M))
    files = [path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.cpp")]
    # No file makes an event without one of these names; dotted names elsewhere are settings, findings and fail points.
    files = [re.sub(r'fail_point\("[a-z_.]+"\)', "", code) for code in files]
    makers = [
        code for code in files if re.search(r"\b(?:event_of|AuditEvent|write_trail_event)\b", code)
    ]
    assert documented == set(re.findall(r'"([a-z_]+\.[a-z_]+)"', "".join(makers)))
