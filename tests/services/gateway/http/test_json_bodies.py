"""JSON bodies out of proportion: refused before they cost anything, on every route that takes one."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from services.gateway.http.access import LIMITS, ROUTES, access_of
from services.gateway.http.json_bodies import BodyTooComplex, parse_json
from services.gateway.problems import NotJson
from tests.services.gateway.house import BASE, open_house

SID = "a" * 32
TAKING = sorted(name for name, access in ROUTES.items() if access.body not in ("none", "chunk"))
SMALL = LIMITS["settings"]


@contextmanager
def longest_turn() -> Iterator[list[float]]:
    """Measure how long, in CPU seconds, any one callback holds the event loop."""
    turns = [0.0]
    original = asyncio.Handle._run  # the one place every callback goes through

    def measured(self: asyncio.Handle) -> None:
        begun = time.thread_time()
        original(self)
        turns[0] = max(turns[0], time.thread_time() - begun)

    asyncio.Handle._run = measured  # type: ignore[method-assign]  # measured from within
    try:
        yield turns
    finally:
        asyncio.Handle._run = original  # type: ignore[method-assign]  # as it was


def bodies(n_bytes: int) -> dict[str, bytes]:
    """Return bodies of about a size, each out of proportion in its own way."""
    n = n_bytes // 4
    many = {f"k{i}": 1 for i in range(n // 3)}
    values: dict[str, Any] = {
        "a list of numbers": {"models": [1] * n, "data": {"x": [1] * n}, "input_data": [1] * n},
        "a list of lists": {"models": [[1] * 900] * (n // 1_000), "input_data": [[1] * 900] * (n // 1_000)},
        "a list of mappings": {"models": [{}] * n, "modelConfigurations": [{"MODE": 1}] * (n // 4)},
        "a mapping": many,
        "a mapping inside": {"metadata": many, "options": many, "df_eval": many, "data": many},
        "a long text": {"sessionId": "x" * n_bytes, "models": "x", "sessionName": "y"},
        "a long name": {"x" * n_bytes: 1},
        "models within the limits": {"models": [{"kind": "x" * 600, "z" * 30: 1}] * 99},
        "pairs": {"input_data": [[1, 2]] * (n // 4), "data": {"x": [[1]] * (n // 4)}},
    }
    texts = {name: json.dumps(value, separators=(",", ":")).encode() for name, value in values.items()}
    return texts | {
        "brackets": b"[" * n_bytes,
        "braces": b'{"a":' * n,
        "nothing closed": b'{"models":[' + b"1," * n,
    }


@pytest.mark.slow  # measures CPU time, which other work on the machine disturbs
@pytest.mark.parametrize("route", TAKING)
async def test_no_body_holds_the_event_loop(tmp_path: Path, route: str) -> None:
    method, _, path = route.partition(" ")
    url = path.replace("{sid}", SID)
    limit = LIMITS[access_of(method, url).body].n_bytes

    async with open_house(tmp_path) as house, house.client() as http:
        await http.post(f"{BASE}/init-session", json={"sessionId": SID})
        headers = {"content-type": "application/json"}
        for name, body in bodies(limit - 10_000).items():
            with longest_turn() as turns:
                answer = await http.request(method, url, content=body[:limit], headers=headers)

            assert answer.status_code < 500, (name, answer.text[:200])
            assert len(answer.content) < 64 << 10, name
            assert turns[0] < 0.1, (name, len(body), turns[0])


@pytest.mark.parametrize(
    "text",
    ["NaN", "[Infinity]", "[-Infinity]", "[1e999]", '"\\ud800"', '{"\\ud800": 1}', '"a\\u0000"',
     "[1" + "0" * 400 + "]", "[123456789012345678901]", "{", "", "[" * 200, "\ufeff{}"],
)  # fmt: skip
def test_what_no_store_and_no_array_can_hold_is_no_json(text: str) -> None:
    with pytest.raises(NotJson):
        parse_json(text, SMALL)


@pytest.mark.parametrize(
    "value", [[1] * 1_001, {str(n): 1 for n in range(1_001)}, [[1] * 900] * 6, {"x" * 1_025: 1}]
)
def test_lists_mappings_and_names_have_an_end(value: Any) -> None:
    with pytest.raises(BodyTooComplex):
        parse_json(json.dumps(value), SMALL)


async def test_of_many_wrong_fields_the_first_are_named_and_the_rest_counted(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client() as http:
        await http.post(f"{BASE}/init-session", json={"sessionId": SID})
        answer = await http.post(f"{BASE}/run/{SID}", json={"models": [1] * 100})

    fields = answer.json()["details"]["fields"]
    assert answer.status_code == 422
    assert (len(fields), fields[-1]["message"]) == (21, "180 more")


async def test_json_beside_a_chunk_has_limits_too(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client() as http:
        for field in ("metadata", "additionalData"):
            chunk = {
                "sessionId": SID,
                "fileName": "a.csv",
                "chunkIndex": 0,
                "totalChunks": 1,
                "type": "input",
            }
            many = {"options": {str(n): [n] for n in range(5_000)}}
            data = {"metadata": json.dumps(chunk), field: json.dumps(many)}
            answer = await http.post(f"{BASE}/upload-chunk", data=data, files={"chunk": ("a.csv", b"x")})

            assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_COMPLEX")
