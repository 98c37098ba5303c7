"""The archive: complete, readable, never whole in memory."""

import io
import json
import zipfile
from collections.abc import AsyncIterator

from services.gateway.archive import Entry, zipped
from services.gateway.openapi import SESSION
from shared.storage.objects import ObjectNotFound
from tests.services.gateway.contract import RUN, furnish
from tests.services.gateway.house import BASE, House


async def test_the_archive_of_a_run_holds_what_its_readme_says(house: House) -> None:
    async with house.client() as http:
        await http.post(f"{BASE}/init-session", json={"sessionId": SESSION})
        await furnish(house)
        answer = await http.get(f"{BASE}/results/{SESSION}/download", params={"run_id": RUN})

    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    names = set(archive.namelist())
    assert archive.testzip() is None
    assert {"README.txt", "metrics.json", "leaderboard.csv", "configuration.json", "scalers.json"} <= names
    assert {"tables/levels-1.csv", "models/LIN-33333333.onnx", "plots/p.png"} <= names
    assert json.loads(archive.read("configuration.json"))["dataset"]["input_steps"] == 24
    assert archive.read("leaderboard.csv").decode().splitlines()[1].startswith(",LIN,lin,finished,")


async def test_large_members_are_passed_on_piece_by_piece() -> None:
    piece = bytes(1 << 20)

    async def read(key: str) -> AsyncIterator[bytes]:
        if key == "gone":
            raise ObjectNotFound("gone")
        for _ in range(50):
            yield piece

    entries = [Entry("gone", key="gone"), Entry("large.bin", key="large")]
    pieces = [part async for part in zipped(entries, read)]

    assert max(map(len, pieces)) < 3 << 20
    archive = zipfile.ZipFile(io.BytesIO(b"".join(pieces)))
    assert archive.namelist() == ["large.bin"]
    assert archive.getinfo("large.bin").file_size == 50 << 20
