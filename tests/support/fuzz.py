"""Fuzzing: how often, what with, and what may be left behind."""

import gc
import json
import os
import random
from pathlib import Path
from typing import Any

import psutil
import pytest

PATIENCE_S = 10.0
ATTEMPTS = int(os.environ.get("TRAINYARD_FUZZ_ATTEMPTS", "10000"))
GOLDEN = Path(__file__).parents[1] / "contracts" / "golden"
VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 2**53, 2**70, 1e308, -1e-308, "", "x" * 300, "=1+1", "../../etc/passwd", "\u202e",
    "ja", "NaN", [], {}, [[]], [{}], {"": {}}, "a" * 32, "0" * 32, "1e999", "2024-02-30T25:61:00Z", "\ud800",
    "\x00",
)  # fmt: skip


def slice_and_all(few: int) -> pytest.MarkDecorator:
    """Run a test with a few hundred attempts in every ``make test``, and with all in ``make test-slow``."""
    return pytest.mark.parametrize(
        "attempts",
        [
            pytest.param(min(few, ATTEMPTS), id="slice"),
            pytest.param(ATTEMPTS, id="all", marks=[pytest.mark.slow, pytest.mark.timeout(3_600)]),
        ],
    )


def payload(rng: random.Random, examples: list[dict[str, Any]]) -> bytes:
    """Return the bytes of a message: mostly one that could be right, with something wrong in it."""
    kind = rng.randrange(10)
    if kind == 0:
        return rng.choice(
            (b"", b"null", b"[]", b"7", b'"x"', b"{", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000, b"NaN",
             b'{"session_id": NaN}', b"\x00" * 64, rng.randbytes(200))
        )  # fmt: skip
    body = dict(rng.choice(examples))
    for _ in range(rng.randint(1, 4)):
        name = rng.choice([*body, "extra"]) if body else "extra"
        if rng.random() < 0.3:
            body.pop(name, None)
        else:
            body[name] = rng.choice(VALUES)
    raw = bytearray(json.dumps(body).encode())
    if kind < 4 and raw:
        for _ in range(rng.randint(1, 6)):
            place = rng.randrange(len(raw))
            raw[place : place + rng.randint(0, 4)] = rng.randbytes(rng.randint(0, 4))
    return bytes(raw)


def golden(kind: str) -> dict[str, Any]:
    """Return the example of a message of this type."""
    example: dict[str, Any] = json.loads((GOLDEN / f"{kind}.v1.json").read_text())
    return example


class Footprint:
    """What this process holds: to be compared before and after."""

    def __init__(self) -> None:
        gc.collect()
        process = psutil.Process()
        self.rss = process.memory_info().rss
        self.files = process.num_fds()

    def grew_by(self) -> tuple[float, int]:
        """Return by how many MiB and how many open files this process grew since."""
        now = Footprint()
        return (now.rss - self.rss) / (1 << 20), now.files - self.files
