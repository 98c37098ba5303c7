"""The page as it is built: its unit tests, its types, what a browser has to load."""

import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from services.gateway.web.description import description
from trainyard.local import ROOT
from trainyard.page import major

APP = ROOT / "services/gateway/web/app"
DIST = ROOT / "services/gateway/web/dist"
FIRST_LOAD, A_CHUNK, REQUESTS = 130_000, 60_000, 8
needs_node = pytest.mark.skipif(
    not (shutil.which("npx") and (APP / "node_modules").exists()),
    reason="TESTS OF THE PAGE DID NOT RUN: needs node, and make page",
)
needs_page = pytest.mark.skipif(
    not (DIST / "index.html").exists(), reason="BUDGETS WERE NOT CHECKED: the page is not built, make page"
)


def run(*command: str) -> str:
    done = subprocess.run(command, cwd=APP, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def packed(file: Path) -> int:
    return len(gzip.compress(file.read_bytes(), 6))


@needs_node
@pytest.mark.timeout(300)
def test_its_own_unit_tests_pass() -> None:
    run("npx", "vitest", "run")


@needs_node
@pytest.mark.timeout(300)
def test_it_compiles_so_both_languages_have_every_text() -> None:
    run("npx", "tsc", "--noEmit")


@needs_node
@pytest.mark.timeout(300)
def test_its_types_are_those_of_the_gateway(tmp_path: Path) -> None:
    told = tmp_path / "openapi.json"
    told.write_text(json.dumps(description(), indent=1, sort_keys=True))

    run("npx", "openapi-typescript", str(told), "-o", str(tmp_path / "schema.d.ts"))

    assert (tmp_path / "schema.d.ts").read_text() == (APP / "src/api/schema.d.ts").read_text(), (
        "make page-types"
    )


@needs_page
def test_the_first_screen_takes_few_requests_and_little_to_load() -> None:
    document = (DIST / "index.html").read_text()
    named = re.findall(r'(?:src|href)="(/assets/[^"]+)"', document)
    files = [DIST / name.removeprefix("/") for name in named]

    assert 2 + len(files) <= REQUESTS  # the document and the list of sessions
    assert packed(DIST / "index.html") + sum(packed(file) for file in files) <= FIRST_LOAD


@needs_page
def test_no_later_screen_takes_much() -> None:
    document = (DIST / "index.html").read_text()
    later = [file for file in (DIST / "assets").iterdir() if file.name not in document]

    assert {file.name: packed(file) for file in later if packed(file) > A_CHUNK} == {}


@needs_page
def test_nothing_comes_from_elsewhere() -> None:
    document = (DIST / "index.html").read_text()
    assert re.findall(r'(?:src|href)="https?:', document) == []
    assert "<script>" not in document


def test_the_lock_names_no_host() -> None:
    lock = (APP / "package-lock.json").read_text()
    assert '"resolved"' not in lock


def test_versions_of_node_are_told_apart() -> None:
    assert [major("v20.20.2\n"), major("v24.19.0"), major("")] == [20, 24, 0]
