"""Flask 3.1.3's own test suite, once as it is and once with our sessions in every application.

No case that passes with stock Flask may fail with ours, except those of skips.toml. The suite comes from
the source distribution, fetched into .cache/ when it is not there; nothing of it is in this repository.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tomllib
import venv
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
CACHE = ROOT / ".cache" / "upstream"
FLASK = "3.1.3"
SECONDS_MAX = 600

sys.path.insert(0, str(ROOT / "tools"))
import stack  # noqa: E402  # a tool, not a package


def run(command: list[str | Path], folder: Path, **environment: str) -> str:
    """Runs a command; its output. Fails the test with that output when the command cannot run."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    # pytest: 0 all passed, 1 some failed. All else means that the suite did not run.
    assert done.returncode in {0, 1}, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="session")
def suite() -> Path:
    """The unpacked source distribution of Flask."""
    folder = CACHE / f"flask-{FLASK}"
    if not (folder / "tests").is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check"]
        run([*pip, "--no-binary", "flask", "--no-deps", "-d", CACHE, f"flask=={FLASK}"], ROOT)
        with tarfile.open(CACHE / f"flask-{FLASK}.tar.gz") as archive:
            # Python before 3.11.4 has neither the filter nor the argument that names it.
            archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
            archive.extractall(CACHE)
    return folder


@pytest.fixture(scope="session")
def python() -> Path:
    """The interpreter of an environment with what that suite needs, and no plug-in of ours."""
    requirements = HERE / "requirements.txt"
    folder = CACHE / f"venv-{sha256(requirements.read_bytes()).hexdigest()[:12]}"
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        pip = [
            folder / "bin" / "python",
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
        ]
        run([*pip, "-r", requirements], ROOT)
        (folder / "ready").touch()
    return folder / "bin" / "python"


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack.Redis]:
    with stack.Redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def stock(suite: Path, python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return results(suite, python, tmp_path_factory.mktemp("stock"))


def published_skips() -> list[dict[str, str]]:
    skips: list[dict[str, str]] = tomllib.loads((HERE / "skips.toml").read_text())["skip"]
    return skips


def results(
    suite: Path, python: Path, folder: Path, *options: str, **environment: str
) -> dict[str, str]:
    """Runs Flask's suite. Case -> its traceback, empty if it passed; cases that skip themselves are not in it."""
    report = folder / "report.xml"
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
    output = run([*command, *options, "tests"], suite, **environment)
    print(output[-2000:])
    cases = {}
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        if case.find("skipped") is None:
            bad = [part.text or "?" for kind in ("failure", "error") for part in case.iter(kind)]
            cases[f"{case.get('classname')}::{case.get('name')}"] = "".join(bad)
    return cases


@pytest.mark.ids("S46")
@pytest.mark.parametrize("store", ["memory", "redis"])
def test_flask_suite_passes_as_with_stock_flask(
    store: str,
    suite: Path,
    python: Path,
    stock: dict[str, str],
    redis: stack.Redis,
    tmp_path: Path,
) -> None:
    skips = {entry["case"]: entry for entry in published_skips()}
    ours = results(
        suite,
        python,
        tmp_path,
        "-p",
        "plug_vedfolnir",
        PYTHONPATH=f"{HERE}:{ROOT / 'python' / 'src'}",
        UPSTREAM_STORE=store,
        REDIS_URL=redis.url,
        VEDFOLNIR_ENV="development",
        VEDFOLNIR_STATE_DIR=str(tmp_path / "state"),
        # Flask's permanent sessions last 31 days; a cookie of ours never outlives its session.
        SESSION_ABSOLUTE_TIMEOUT_SECONDS=str(31 * 86_400),
    )

    assert len(stock) > 400, "most of the suite did not run"
    assert ours.keys() == stock.keys(), "the two runs are not of the same cases"
    broken = {case for case, failure in stock.items() if not failure and ours[case]}
    assert broken - skips.keys() == set(), "these pass with stock Flask and fail with ours"
    assert skips.keys() - broken == set(), "these are listed in skips.toml and pass"
    for case, skip in skips.items():
        stopped = [line[1:].strip() for line in ours[case].splitlines() if line.startswith(">")]
        assert skip["stops_at"] in stopped, (
            f"{case} fails for another reason than the published one"
        )


def test_every_skip_has_its_reason_and_a_test_of_ours() -> None:
    for skip in published_skips():
        assert skip["reason"]
        path, _, name = skip["instead"].partition("::")
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), skip["instead"]
