"""The real socket.io-client from npm, as the earlier frontend uses it, on a real broker."""

import asyncio
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import jwt
import pytest

from services.gateway.legacy.events import TERMINAL
from tests.services.gateway.running import play_a_run, running
from trainyard.broker import EmbeddedNats

BROWSER = Path(__file__).parents[3] / "browser"
pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(
        not shutil.which("node") or not (BROWSER / "node_modules" / "socket.io-client").exists(),
        reason="SOCKET.IO TESTS DID NOT RUN: npm install in tests/browser first",
    ),
]
Heard = list[tuple[str, Any]]


class Follower:
    """One client process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.heard: Heard = []

    @classmethod
    async def start(cls, url: str, sid: str, transport: str, token: str = "", *said: object) -> "Follower":
        commands = [json.dumps(command) for command in said]
        process = await asyncio.create_subprocess_exec(
            "node", str(BROWSER / "follow.mjs"), url, sid, transport, token, *commands,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**24,
        )  # fmt: skip
        return cls(process)

    async def until(self, name: str, *, seconds: float = 20) -> Heard:
        async with asyncio.timeout(seconds):
            while name not in [heard for heard, _ in self.heard]:
                assert self._process.stdout is not None
                line = await self._process.stdout.readline()
                assert line, f"the client ended; it heard {self.heard}"
                self.heard.append(tuple(json.loads(line)))
        return self.heard

    async def rest(self) -> Heard:
        await asyncio.sleep(0.5)
        out, _ = await self._process.communicate(b"")
        self.heard += [tuple(json.loads(line)) for line in out.splitlines()]
        return self.heard

    def bodies(self, name: str) -> list[dict[str, Any]]:
        return [body for heard, body in self.heard if heard == name]


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_run_is_told_from_start_to_its_one_end(
    tmp_path: Path, nats_server: EmbeddedNats, transport: str
) -> None:
    async with running(tmp_path, nats_server) as house:
        sid = await house.session()
        client = await Follower.start(house.url, sid, transport)
        await client.until("ready")

        await play_a_run(house, sid, pause=0.02)
        await client.until("training_completed")
        await client.rest()

        names = Counter(name for name, _ in client.heard)
        percent = [body["progress_percent"] for body in client.bodies("training_progress")]
        assert percent == sorted(percent)
        assert percent[-1] == 100.0
        assert {name: names[name] for name in TERMINAL if names[name]} == {
            "training_complete": 1, "training_completed": 1,
        }  # fmt: skip
        assert names["model_complete"] == 2
        assert names["training_metrics"] >= 2
        assert client.bodies("training_complete")[0]["best_model"]["label"] == "LIN 0"
        assert {body["session_id"] for body in client.bodies("training_progress")} == {sid}


async def test_questions_are_answered_to_the_asker_alone(tmp_path: Path, nats_server: EmbeddedNats) -> None:
    async with running(tmp_path, nats_server) as house:
        sid = await house.session()
        bystander = await Follower.start(house.url, sid, "websocket")
        await bystander.until("ready")
        asker = await Follower.start(
            house.url, sid, "websocket", "", ["get_status", {"session_id": sid}],
            ["request_dataset_status", {"session_id": sid}], ["start_training", {"session_id": sid}],
            ["cancel_training", {"session_id": sid}], ["leave_training_session", {"session_id": sid}],
        )  # fmt: skip
        await asker.until("ready")
        await asker.rest()
        await bystander.rest()

        told = [name for name, _ in bystander.heard]
        assert asker.bodies("training_status")[0]["status"] == "idle"
        assert asker.bodies("dataset_status_update")[0]["status"] == "idle"
        assert [body["code"] for body in asker.bodies("error")] == ["INVALID_MODEL_PARAMS", "RUN_NOT_FOUND"]
        assert set(told) == {"connected", "answer", "training_session_joined", "ready", "disconnect"}


async def test_somebody_elses_session_is_joined_by_nobody(tmp_path: Path, nats_server: EmbeddedNats) -> None:
    secret = "k" * 40
    claims = {"aud": "authenticated", "exp": 4_000_000_000, "role": "authenticated"}
    anna, bert = (jwt.encode({**claims, "sub": name}, secret) for name in ("anna", "bert"))
    async with running(tmp_path, nats_server, TRAINYARD_GATEWAY_JWT_SECRET=secret) as house:
        house.headers = {"Authorization": f"Bearer {anna}"}
        sid = await house.session()

        clients = [
            await Follower.start(house.url, sid, "websocket", token) for token in (anna, bert, "", "x.y.z")
        ]
        for client in clients[:2]:
            await client.until("ready")
        for client in clients:
            await client.rest()

        own, stranger, nobody, forger = clients
        assert own.bodies("training_session_joined")
        assert [body["code"] for body in stranger.bodies("error")] == ["SESSION_NOT_FOUND"]
        assert nobody.bodies("connect_error") == ["MISSING_AUTHORIZATION"]  # type: ignore[comparison-overlap]  # a text
        assert forger.bodies("connect_error") == ["INVALID_TOKEN"]  # type: ignore[comparison-overlap]  # a text
