"""Bad input through the whole platform: a clear, typed problem each time, and the session stays usable."""

import asyncio
import hashlib
import json

import httpx
import pytest

from shared.contracts.kinds import LinearSpec
from tests.live.conftest import OpenYard, Yard
from tests.support.load import READING, short_files, short_plan
from trainyard.client import ApiError

pytestmark = [pytest.mark.live, pytest.mark.keras]

ROWS = [f"2024-01-01 {h:02}:00;{h}.5" for h in range(24)]
GOOD = "\n".join(["UTC;load", *ROWS, ""])
REFUSED = {
    "picture.csv": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00",
    "empty.csv": b"",
    "header only.csv": b"UTC;load\n",
    "one column.csv": b"load\n1\n2\n3\n",
    "binary.csv": bytes(range(256)) * 4,
    "a row in another dialect.csv": GOOD.replace("05:00;5.5", "05:00,5.5", 1).encode(),
    "no numbers.csv": b"UTC;load\n2024-01-01 00:00;a\n2024-01-01 01:00;b\n",
    "no times.csv": b"UTC;load\nx;1\ny;2\n",
}
ACCEPTED = {
    "../../x.csv": GOOD.encode(),
    "decimal comma.csv": GOOD.replace(".5", ",5").encode(),
    "bom.csv": GOOD.encode("utf-8-sig"),
    "utf-16.csv": GOOD.encode("utf-16"),
    "unsorted.csv": "\n".join(["UTC;load", *reversed(ROWS)]).encode(),
    "doubled.csv": "\n".join(["UTC;load", *ROWS, ROWS[-1]]).encode(),
    "text cell.csv": GOOD.replace("3.5", "broken").encode(),
    "too large a number.csv": GOOD.replace("3.5", "1e400").encode(),
}


async def test_every_bad_file_says_what_and_where_and_every_odd_one_is_read(open_yard: OpenYard) -> None:
    async with open_yard() as yard:
        session = await yard.client.create_session("bad input")

        for name, content in REFUSED.items():
            with pytest.raises(ApiError) as refusal:
                await yard.client.upload(session, content, role="input", name=name, timeout=20)
            problem = refusal.value.problem()
            assert problem.code not in ("INTERNAL_ERROR", "API_ERROR"), (name, problem)
            assert problem.suggestions, (name, problem)
            assert "Traceback" not in problem.message

        for name, content in ACCEPTED.items():
            file = await yard.client.upload(session, content, role="input", name=name, timeout=20)
            assert file.series[0].statistics["n"] in (24, 23), name


async def test_a_wrong_hash_and_a_missing_chunk_are_told(open_yard: OpenYard) -> None:
    async with open_yard() as yard, httpx.AsyncClient(base_url=yard.platform.url) as http:
        session = await yard.client.create_session("chunks")
        metadata = {"sessionId": session, "fileName": "a.csv", "fileType": "input", "totalChunks": 1}
        lie = {**metadata, "chunkIndex": 0, "fileHash": hashlib.sha256(b"other").hexdigest()}

        await send(http, lie, GOOD.encode())
        half = {**metadata, "fileName": "b.csv", "totalChunks": 2, "chunkIndex": 1}
        answer = await send(http, half, GOOD.encode())

        assert answer["missing"] == [0]
        rejected = await first_problem(yard, session, "a.csv")
        assert rejected["code"] == "HASH_MISMATCH"


async def test_a_run_that_cannot_be_says_why(open_yard: OpenYard) -> None:
    async with open_yard() as yard, httpx.AsyncClient(base_url=yard.platform.url) as http:
        session = await yard.client.create_session("too short")
        for file in short_files(60):
            await yard.client.upload(session, file.content, role="input", name=file.name, options=READING)
        spec = short_plan(await yard.client.series(session))
        too_long = spec.model_copy(update={"stride": 60.0 * 24 * 365})

        run = await yard.client.run(session, too_long, [LinearSpec()])
        results = await yard.client.wait(run.session_id, run.run_id, timeout=30)
        body = {"dataset": spec.model_dump(mode="json"), "models": [{"kind": "oracle"}]}
        unknown = await http.post(f"/api/training/run/{session}", json=body)

        assert results.status == "failed"
        assert unknown.status_code == 422
        assert unknown.json()["code"] == "INVALID_MODEL_PARAMS"


async def send(http: httpx.AsyncClient, metadata: dict[str, object], chunk: bytes) -> dict[str, object]:
    answer = await http.post(
        "/api/training/upload-chunk",
        data={"metadata": json.dumps(metadata)},
        files={"chunk": ("a.csv", chunk, "text/csv")},
    )
    assert answer.status_code == 200, answer.text
    body: dict[str, object] = answer.json()
    return body


async def first_problem(yard: Yard, session: str, name: str) -> dict[str, object]:
    for _ in range(100):
        for file in await yard.client.files(session):
            if file.file_name == name and file.problem:
                return file.problem.model_dump(mode="json")
        await asyncio.sleep(0.1)
    raise AssertionError(f"{name} was never rejected")
