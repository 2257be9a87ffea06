"""Writes docs/coverage.md: which tests prove which id (./x docs), or checks that it is up to date (--check).

Tests carry ids: in C++ a comment `// ids: S19 V03` directly above TEST, in Python `@pytest.mark.ids("S19", "V03")`
on a test, a class or as `pytestmark`. Titles and the current scope are in docs/ids.toml.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "docs" / "coverage.md"
CPP_TEST = re.compile(
    r"((?:^[ \t]*//[^\n]*\n)+)[ \t]*(?:TEST|TEST_F|TEST_P|TYPED_TEST|TYPED_TEST_P)\(\s*(\w+)\s*,\s*(\w+)\s*\)",
    re.M,
)
CPP_TARGET = re.compile(r"\A((?:^//[^\n]*\n)+)", re.M)

Tagged = tuple[str, str]  # id, name of the test


def ids_in_comment(comment: str) -> list[str]:
    return [
        word
        for line in re.findall(r"//\s*ids:\s*([^\n]*)", comment)
        for word in re.split(r"[,\s]+", line)
        if word
    ]


def cpp_tags(path: Path) -> Iterator[Tagged]:
    text = path.read_text(encoding="utf-8")
    for comment, suite, case in CPP_TEST.findall(text):
        for name in ids_in_comment(comment):
            yield name, f"{suite}.{case}"
    # A fuzz target is one test; its ids stand in the file's first comment.
    if path.stem.startswith("fuzz_") and (head := CPP_TARGET.match(text)):
        for name in ids_in_comment(head.group(1)):
            yield name, path.stem


def marked_ids(node: ast.expr) -> list[str]:
    """The ids of every `pytest.mark.ids(...)` in an expression, wherever it stands."""
    return [
        argument.value
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.ids"
        for argument in call.args
        if isinstance(argument, ast.Constant)
    ]


def python_tags(path: Path) -> Iterator[Tagged]:
    tree = ast.parse(path.read_text(encoding="utf-8"))

    def visit(body: list[ast.stmt], inherited: list[str], prefix: str) -> Iterator[Tagged]:
        for node in body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
                inherited = inherited + marked_ids(node.value)
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                own = inherited + [
                    name for mark in node.decorator_list for name in marked_ids(mark)
                ]
                if isinstance(node, ast.ClassDef):
                    yield from visit(node.body, own, f"{node.name}.")
                elif node.name.startswith("test_"):
                    for name in dict.fromkeys(own):
                        yield name, prefix + node.name

    yield from visit(tree.body, [], "")


def tests() -> dict[str, list[tuple[str, str]]]:
    """Per id: (file, test), in the order of the files."""
    listing = ["git", "ls-files", "-co", "--exclude-standard", "tests", "python/tests", "bench"]
    files = subprocess.run(
        listing, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name in sorted(set(files)):
        path = ROOT / name
        if path.suffix in {".cpp", ".hpp"}:
            tags = cpp_tags(path)
        elif path.suffix == ".py":
            tags = python_tags(path)
        else:
            continue
        for wanted, test in tags:
            found[wanted].append((name, test))
    return found


def expand(scope: str) -> list[str]:
    """`S1–S3, S5` -> S1 S2 S3 S5, keeping leading zeros."""
    result = []
    for part in re.split(r"[,;\s]+", scope.strip()):
        first, _, last = part.partition("–")
        if not last:
            result.append(first)
            continue
        letter, width = first[0], len(first) - 1
        result += [
            f"{letter}{number:0{width}}" for number in range(int(first[1:]), int(last[1:]) + 1)
        ]
    return result


def cell(entries: list[tuple[str, str]]) -> str:
    """One link per file with its tests, so that a long list stays readable."""
    by_file: dict[str, list[str]] = defaultdict(list)
    for file, test in entries:
        by_file[file].append(test)
    return "<br>".join(
        f"[{file}](../{file}): " + ", ".join(f"`{test}`" for test in dict.fromkeys(names))
        for file, names in by_file.items()
    )


def render(found: dict[str, list[tuple[str, str]]]) -> str:
    config = tomllib.loads((ROOT / "docs" / "ids.toml").read_text(encoding="utf-8"))
    scope = set(expand(config.pop("scope")))
    titles = {name: title for group in config.values() for name, title in group.items()}
    unknown = sorted((set(found) | scope) - set(titles))
    if unknown:
        raise SystemExit(f"coverage: ids that docs/ids.toml does not name: {', '.join(unknown)}")
    bare = [name for name in titles if name in scope and name not in found]
    lines = [
        "# Coverage",
        "",
        "Which tests prove which id. Generated by `./x docs` from the tests and [ids.toml](ids.toml); do not edit.",
        "",
        f"In the scope of this version: {len(scope)} ids, {len(scope) - len(bare)} of them with a test."
        + (f" Without: {', '.join(bare)}." if bare else ""),
    ]
    for group, entries in config.items():
        lines += ["", f"## {group}", "", "| Id | In scope | What | Tests |", "|---|---|---|---|"]
        for name, title in entries.items():
            proof = cell(found[name]) if name in found else ("**none**" if name in scope else "–")
            lines.append(f"| {name} | {'yes' if name in scope else ''} | {title} | {proof} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    text = render(tests())
    if "--check" not in sys.argv[1:]:
        OUTPUT.write_text(text, encoding="utf-8")
        return 0
    if OUTPUT.exists() and OUTPUT.read_text(encoding="utf-8") == text:
        return 0
    print("coverage: docs/coverage.md is out of date; run ./x docs", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
