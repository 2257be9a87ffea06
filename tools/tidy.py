"""Small checks of the repository that no linter knows. Every complaint names file, line and rule.

A line that has to break a rule says so with `tidy: <rule>` in a comment, and why.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SELF = Path("tools/tidy.py")
CPP = {".cpp", ".hpp"}
TEXT = CPP | {
    ".py",
    ".pyi",
    ".md",
    ".lua",
    ".sql",
    ".sh",
    ".toml",
    ".cmake",
    ".txt",
    ".yml",
    ".html",
    ".css",
    ".json",
}

# rule: (what, which suffixes, which folders ("" = all), pattern)
PATTERNS: dict[str, tuple[str, set[str], tuple[str, ...], re.Pattern[str]]] = {
    "marker": (
        "unfinished work has no place here",
        TEXT,
        ("",),
        re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|\bnot (yet )?implemented\b", re.I),
    ),
    "machine-path": (
        "a path of one machine",
        TEXT,
        ("",),
        re.compile(r"(?<![\w./-])/(work|root|home/\w+|Users)/"),
    ),
    "parent-include": (
        "include by layer name, not by ../",
        CPP,
        ("",),
        re.compile(r'#\s*include\s*"\.\./'),
    ),
    "using-std": ("spell std:: out", CPP, ("",), re.compile(r"using namespace std;")),
    "unsafe-call": (
        "not a safe function",
        CPP,
        ("src", "apps", "python", "include"),
        re.compile(
            r"\b(?<!\.)(strcpy|strcat|sprintf|gets|std::system|std::rand|srand|tmpnam)\s*\("
        ),
    ),
    "console": (
        "layers do not print; they return or log",
        CPP,
        ("src", "include"),
        re.compile(r"std::(cout|cerr|clog)\b|\bf?printf\s*\("),
    ),
    "sleep-cpp": (
        "wait for a condition, not for a time",
        CPP,
        ("tests", "src"),
        re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep)\b"),
    ),
    "sleep-py": (
        "wait for a condition with a deadline (support/waiting), not for a time",
        {".py"},
        ("tests", "python"),
        re.compile(r"\btime\.sleep\("),
    ),
    "pickle": (
        "never pickle",
        {".py"},
        ("python/src", "examples"),
        re.compile(r"^\s*(import pickle|from pickle)\b"),
    ),
    "version": (
        "the version is written in project() only",
        CPP | {".py", ".cmake"},
        ("src", "apps", "python", "cmake", "include"),
        re.compile(r"\b0\.1\.0\b"),
    ),
    "whitespace": (
        "trailing blanks or tabs",
        CPP | {".py", ".lua", ".sql"},
        ("",),
        re.compile(r"[ \t]+$|\t"),
    ),
}

# Third-party headers stay in the layers that exist for them.
THIRD_PARTY = {
    "asio": (
        re.compile(r"#include <boost/asio"),
        {
            "runtime",
            "memory",
            "redis",
            "sql",
            "cache",
            "resilient",
            "jobs",
            "manager",
            "facade",
            "compose",
            "ops",
        },
    ),
    "boost-redis": (re.compile(r"#include <boost/redis"), {"redis"}),
    "openssl": (re.compile(r"#include <openssl/"), {"crypto", "redis"}),
    "soci": (re.compile(r"#include <(soci/|sqlite3|libpq|mysql)"), {"sql"}),
    "msgpack": (re.compile(r"#include <msgpack"), {"model"}),
    "prometheus": (re.compile(r"#include <prometheus/"), {"ops"}),
    "zstd": (re.compile(r"#include <zstd"), {"compose"}),
    "toml": (re.compile(r"#include <toml\+\+/"), {"config", "crypto"}),
}
PUBLIC_OWN = re.compile(
    r'#include (<(vedfolnir/[\w/]+\.hpp|[a-z_]+)>|"vedfolnir/[\w/]+\.hpp"|<boost/system/result\.hpp>)'
)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")

Complaint = tuple[str, int, str]


def files() -> list[Path]:
    listing = ["git", "ls-files", "-co", "--exclude-standard"]
    names = subprocess.run(
        listing, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [Path(name) for name in sorted(set(names)) if (ROOT / name).is_file()]


def applies(file: Path, suffixes: set[str], folders: tuple[str, ...]) -> bool:
    return file.suffix in suffixes and any(not top or file.is_relative_to(top) for top in folders)


def pattern_complaints(file: Path, lines: list[str]) -> Iterator[Complaint]:
    if file == SELF:
        return
    for rule, (what, suffixes, folders, pattern) in PATTERNS.items():
        if not applies(file, suffixes, folders):
            continue
        for number, line in enumerate(lines, 1):
            if pattern.search(line) and f"tidy: {rule}" not in line:
                yield str(file), number, f"{what} [{rule}]"


def include_complaints(file: Path, lines: list[str]) -> Iterator[Complaint]:
    """Public headers name no third party; layers include only the libraries they exist for."""
    if file.suffix not in CPP:
        return
    public = file.is_relative_to("include/vedfolnir")
    layer = file.parts[1] if file.parts[0] == "src" and len(file.parts) > 2 else ""
    for number, line in enumerate(lines, 1):
        if not line.startswith("#include"):
            continue
        allowed_asio = public and "async" in file.parts and "<boost/asio/" in line
        if public and not PUBLIC_OWN.match(line) and not allowed_asio:
            yield str(file), number, "third-party header in the public interface [public-include]"
        for name, (pattern, layers) in THIRD_PARTY.items():
            if layer and layer not in layers and pattern.search(line):
                yield str(file), number, f"{name} does not belong in {layer} [third-party]"


def header_complaints(file: Path, lines: list[str]) -> Iterator[Complaint]:
    if file.suffix == ".hpp" and "#pragma once" not in lines:
        yield str(file), 1, "a header needs #pragma once [pragma-once]"


LITERALS = re.compile(r'//[^\n]*|"(?:\\.|[^"\\\n])*"|(?<!\w)\'(?:\\.|[^\'\\\n])+\'')
# Types whose braces build a value without a destructor.
PLAIN = r"(?!Millis\b|Seconds\b)"
TEMPORARY = re.compile(
    rf"\b{PLAIN}[A-Z]\w*(<[^;{{}}()]*>)?\s*\{{[^}}]"  # Type{{...}}
    r"|[(,]\s*\{[^}]"  # {...} as an argument
    r"|(?<![\w\])])\[[^\]]*\]\s*[({]"  # a lambda
    r"|\?"  # a conditional expression
)
BLOCK = re.compile(
    r"(^|[;{}:)]|\b(else|try|do|const|noexcept|override|mutable|final)|->[\w:<>,\s*&]+"
    r"|\b(struct|class|union|namespace|enum)\b[^;{}]*)$"
)


def rest_of_expression(code: str, start: int) -> str:
    """From `start` to the end of the innermost parentheses, argument or statement it stands in."""
    depth = 0
    for at in range(start, len(code)):
        if code[at] in "([{":
            depth += 1
        elif code[at] in ")]}":
            depth -= 1
        if depth < 0 or (depth == 0 and code[at] in ";,"):
            return code[start:at]
    return code[start:]


def begun_expression(code: str, end: int) -> tuple[str, bool]:
    """What stands before `end` in its statement, and whether `end` lies inside a braced value."""
    closed = 0
    for at in range(end - 1, -1, -1):
        if code[at] == "}":
            # A block that ends in a line before this one is another statement.
            if closed == 0 and re.match(r"\}\s*\n", code[at:end]):
                return code[at + 1 : end], False
            closed += 1
        elif code[at] == "{" and closed:
            closed -= 1
        elif code[at] == "{":
            return code[at + 1 : end], BLOCK.search(code[:at].rstrip()[-200:]) is None
        elif code[at] == ";" and not closed:
            return code[at + 1 : end], False
    return code[:end], False


def await_complaints(file: Path, lines: list[str]) -> Iterator[Complaint]:
    """GCC 12 destroys some temporaries of a full expression with co_await twice: name them before it."""
    if file.suffix not in CPP or "co_await" not in (text := "\n".join(lines)):
        return
    code = LITERALS.sub(lambda found: " " * len(found[0]), text)
    for found in re.finditer(r"\bco_await\b", code):
        before, braced = begun_expression(code, found.start())
        if braced or "?" in before or TEMPORARY.search(rest_of_expression(code, found.end())):
            number = code.count("\n", 0, found.start()) + 1
            if "tidy: co-await" not in lines[number - 1]:
                yield str(file), number, "name this temporary before the co_await [co-await]"


def anchor(heading: str) -> str:
    """As GitHub makes it from a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+\s+(.*)$", path.read_text(encoding="utf-8"), re.M)
    return {anchor(re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading)) for heading in headings}


def link_complaints(file: Path, lines: list[str]) -> Iterator[Complaint]:
    if file.suffix != ".md":
        return
    fenced = False
    for number, line in enumerate(lines, 1):
        fenced ^= line.lstrip().startswith("```")
        if fenced:
            continue
        for groups in LINK.findall(re.sub(r"`[^`]*`", "", line)):
            target, _, fragment = (groups[0] or groups[1]).partition("#")
            if re.match(r"[a-z]+:", target):
                continue
            path = (ROOT / file).parent / target if target else ROOT / file
            if not path.exists():
                yield str(file), number, f"link to nothing: {target} [link]"
            elif fragment and path.suffix == ".md" and fragment not in anchors(path):
                yield str(file), number, f"no heading #{fragment} in {target or file} [link]"


def folder_complaints() -> Iterator[Complaint]:
    for folder in sorted((ROOT / "src").iterdir()):
        if folder.is_dir() and any(folder.iterdir()) and not (folder / "README.md").exists():
            yield (
                f"src/{folder.name}",
                0,
                "a layer opens with a README.md: job, may depend on, entry file, invariants [readme]",
            )


def complaints() -> Iterator[Complaint]:
    for file in files():
        if file.suffix not in TEXT and file.name != "x":
            continue
        lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
        yield from pattern_complaints(file, lines)
        yield from include_complaints(file, lines)
        yield from header_complaints(file, lines)
        yield from await_complaints(file, lines)
        yield from link_complaints(file, lines)
    yield from folder_complaints()


def main() -> int:
    found = list(complaints())
    for file, number, text in found:
        print(f"{file}:{number}: {text}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
