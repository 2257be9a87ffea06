"""The repository's own check of coroutines: what GCC 12 destroys twice is named before a co_await."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def tidy() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tidy", ROOT / "tools" / "tidy.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["tidy"] = module
    spec.loader.exec_module(module)
    return module


def complaints(tidy: ModuleType, statement: str) -> int:
    lines = ["Task<int> run() {", f"    {statement}", "    co_return 0;", "}"]
    return len(list(tidy.await_complaints(Path("src/x.cpp"), lines)))


# Each of these was compiled with GCC 12.2 and destroyed something twice.
@pytest.mark.ids("S78")
@pytest.mark.parametrize(
    "statement",
    [
        "co_await send(Order{text, 1});",
        "co_await send({text, 1});",
        "co_await send({.text = text, .number = 1});",
        "co_await find(a ? b : make());",
        "co_await run_later([p] { use(p); });",
        "use(Order{co_await make(), 1});",
        "Order order{co_await make(), 1};",
        "auto found = known ? std::optional(co_await make()) : std::nullopt;",
    ],
)
def test_temporaries_that_would_be_destroyed_twice_are_refused(
    tidy: ModuleType, statement: str
) -> None:
    assert complaints(tidy, statement) == 1


@pytest.mark.ids("S78")
@pytest.mark.parametrize(
    "statement",
    [
        "const auto order = Order{text, 1}; co_await send(order);",
        "co_await erase(key, std::string(), Millis{0}, deadline);",
        "if (const auto found = co_await load(std::move(key)); !found) {",
        "spawn([self]() -> awaitable<void> { co_await self->work(1'000, {}); });",
        "Order order{text, 1};\n    co_await send(order);",
        'co_await ask("what? {a}");  // why? {b}',
    ],
)
def test_other_awaits_are_left_alone(tidy: ModuleType, statement: str) -> None:
    assert complaints(tidy, statement) == 0
