"""A copy of the house in a folder, to which a recipe of CONTRIBUTING is applied."""

import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copytree, ignore_patterns

ROOT = Path(__file__).parents[2]
FOLDERS = ("shared", "services", "trainyard", "docs", "tests", "requirements")
FILES = ("pyproject.toml", "CONTRIBUTING.md")
UNNEEDED = ignore_patterns("__pycache__", "node_modules", "app", "dist", "pictures", "releases")


@dataclass
class House:
    """The copy, and which files a recipe has touched."""

    root: Path
    touched: set[str] = field(default_factory=set)

    @classmethod
    def copied(cls, folder: Path) -> "House":
        """Copy what the product is made of."""
        for name in FOLDERS:
            copytree(ROOT / name, folder / name, ignore=UNNEEDED)
        for name in FILES:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
        return cls(folder)

    def insert(self, path: str, anchor: str, text: str) -> None:
        """Write lines before the only line that begins with an anchor."""
        lines = (self.root / path).read_text().splitlines(keepends=True)
        (at,) = (number for number, line in enumerate(lines) if line.startswith(anchor))
        (self.root / path).write_text("".join([*lines[:at], text, *lines[at:]]))
        self.touched.add(path)

    def replace(self, path: str, old: str, new: str) -> None:
        """Exchange the only place with a text."""
        source = (self.root / path).read_text()
        assert source.count(old) == 1, f"{path} has {source.count(old)} times {old!r}"
        (self.root / path).write_text(source.replace(old, new))
        self.touched.add(path)

    def write(self, path: str, text: str) -> None:
        """Write a new file."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)
        self.touched.add(path)

    def run(self, *command: str) -> str:
        """Run a Python module in the copy and return what it printed; it must succeed."""
        finished = self.try_run(*command)
        assert finished.returncode == 0, f"{finished.stdout[-4000:]}\n{finished.stderr[-4000:]}"
        return finished.stdout

    def try_run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a Python module in the copy."""
        words = [sys.executable, "-m", *command]
        return subprocess.run(words, cwd=self.root, capture_output=True, text=True, check=False)

    def check(self) -> None:
        """Run formatter and gate: lint, types of what was touched, structure, generated documents."""
        sources = sorted(path for path in self.touched if path.endswith(".py"))
        self.run("ruff", "format", "-q", *sources)
        self.run("ruff", "check", "-q", "--fix", *sources)
        self.run("ruff", "check", "-q", *sources)
        self.run("mypy", *sources)
        self.run("pytest", "-q", "tests/architecture", "--deselect", LOCKS)


LOCKS = "tests/architecture/test_documents.py::test_locks_name_no_host_and_hash_everything"  # not copied


def files_named_by(recipe: str) -> list[re.Pattern[str]]:
    """Return the files that a section of CONTRIBUTING names, as patterns of paths."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    section = text.split(f"### {recipe}\n")[1].split("\n###")[0]
    named = re.findall(r"`((?:shared|services|docs|tests)/[^`]*)`", section)
    assert named, f"the recipe {recipe!r} names no file"
    return [re.compile(re.sub("<[a-z]+>", "[a-z0-9._]+", re.escape(name))) for name in named]


def unnamed(house: House, recipe: str) -> set[str]:
    """Return the files a recipe had to touch and does not name."""
    named = files_named_by(recipe)
    return {path for path in house.touched if not any(pattern.match(path) for pattern in named)}
