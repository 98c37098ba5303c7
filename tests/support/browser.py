"""What the tests in a real browser have in common: the browser, and the scripts that drive it."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from trainyard.local import ROOT

BROWSER = ROOT / "tests/browser"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(
    not (CHROMIUM and shutil.which("node") and (BROWSER / "node_modules/playwright-core").exists()),
    reason="BROWSER TEST DID NOT RUN: needs chromium, node, and npm install in tests/browser",
)
needs_page = pytest.mark.skipif(
    not (ROOT / "services/gateway/web/dist/index.html").exists(),
    reason="BROWSER TEST DID NOT RUN: the page is not built, make page",
)


async def node(script: str, *arguments: str | Path, patience_s: float) -> dict[str, Any]:
    """Run a script of ``tests/browser`` and return the JSON object it prints.

    Raises
    ------
    AssertionError
        With what the script said, if it did not end well.
    """
    process = await asyncio.create_subprocess_exec(
        "node", str(BROWSER / script), *map(str, arguments),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        out, complaints = await asyncio.wait_for(process.communicate(), patience_s)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, complaints.decode()
    seen: dict[str, Any] = json.loads(out)
    return seen
