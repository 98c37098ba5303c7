"""The picture in docs/architecture.md is the house as its imports are."""

import re
from pathlib import Path

from tests.architecture.test_rooms import ROOT, SOURCES, files, imported, reachable

GROUND = {
    "errors",
    "settings",
    "traces",
    "fingerprint",
    "cancellation",
}  # modules beside `shared.contracts`, one room with it
DOCUMENTS = ("architecture", "numerics", "glossary")
WIDEST = 160


def room(module: str) -> str | None:
    """Return the room of a module: a folder of ``shared`` or ``services``, or ``trainyard``."""
    first, *rest = module.split(".")
    if first == "trainyard":
        return first
    if first not in SOURCES or not rest or rest[0].startswith("__"):
        return None
    return "contracts" if rest[0] in GROUND else rest[0]


def imports() -> dict[str, set[str]]:
    """Return which room imports which."""
    found: dict[str, set[str]] = {}
    for path in (path for folder in SOURCES for path in files(folder)):
        here = room(".".join(path.relative_to(ROOT).with_suffix("").parts))
        if here is not None:
            used = {used for name in imported(path) if (used := room(name)) is not None}
            found.setdefault(here, set()).update(used - {here})
    return found


def test_the_picture_shows_every_arrow_that_does_not_follow_from_others() -> None:
    known = imports()
    needed = {
        (here, used)
        for here, all_used in known.items()
        for used in all_used
        if not any(used in reachable(other, known) for other in all_used - {used})
    }

    text = (ROOT / "docs" / "architecture.md").read_text()
    drawn = set(re.findall(r"^ +(\w+) --> (\w+)$", text, flags=re.MULTILINE))

    assert drawn == needed


def test_every_line_can_be_read_as_a_difference() -> None:
    for name in DOCUMENTS:
        path: Path = ROOT / "docs" / f"{name}.md"
        wide = [n for n, line in enumerate(path.read_text().splitlines(), 1) if len(line) > WIDEST]
        assert not wide, f"docs/{name}.md: lines {wide}"
