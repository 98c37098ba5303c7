"""What is stored is read in one way, which compares it with the digest the ledger keeps of it."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
READERS = {"get", "fetch", "stream"}
ELSEWHERE = {
    "services/gateway/results/routes.py": "streams what it found intact a moment before",
    "services/gateway/uploads/answers.py": "copies chunks; joining compares their fingerprints",
    "services/trainer/checkpoints.py": "a checkpoint carries its own sum; one that does not fit is not used",
}


def raw_reads(path: Path) -> bool:
    """Whether a module reads from an object store by itself."""
    calls = (node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    return any(
        isinstance(call, ast.Attribute)
        and call.attr in READERS
        and isinstance(call.value, ast.Name | ast.Attribute)
        and (call.value.id if isinstance(call.value, ast.Name) else call.value.attr) == "objects"
        for call in calls
    )


def test_objects_are_read_with_their_digests() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in ("shared", "services", "trainyard")
        for path in (ROOT / folder).rglob("*.py")
        if not path.is_relative_to(ROOT / "shared" / "storage") and raw_reads(path)
    }

    assert found == ELSEWHERE.keys()
