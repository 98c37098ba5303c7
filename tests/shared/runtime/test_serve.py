"""A process of ours: told to end it ends with code 0, its files are nobody else's, no half of it lives on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[3]
APP = """
from pathlib import Path
from shared.runtime.health import Health
from shared.runtime.serve import serve
from shared.runtime.system_metrics import service_registry
from shared.settings import CommonSettings

settings = CommonSettings()
health = Health("test", service_registry("test"))

async def app(scope, receive, send):
    (settings.data_dir / "made").mkdir(exist_ok=True)
    await health(scope, receive, send)

serve("test", settings, app, health=health)
"""


def port(path: Path) -> int:
    end = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < end, f"{path.name} was not written"
        time.sleep(0.05)
    return int(path.read_text())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_clean_end_is_no_failure(tmp_path: Path, number: signal.Signals) -> None:
    settings = {"TRAINYARD_DATA_DIR": str(tmp_path), "TRAINYARD_PORT_FILE": str(tmp_path / "test.port")}
    process = subprocess.Popen([sys.executable, "-c", APP], cwd=ROOT, env={**os.environ, **settings})
    try:
        public, own = port(tmp_path / "test.port"), port(tmp_path / "test.health.port")
        answers = [httpx.get(f"http://127.0.0.1:{p}/healthz").status_code for p in (public, own)]
        process.send_signal(number)

        assert answers == [200, 200]
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()

    assert public != own
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o700


BROKEN = """
from contextlib import asynccontextmanager

from faststream.nats import NatsBroker

from shared.runtime.serve import serve
from shared.runtime.service import ServiceParts, worker_app
from shared.settings import CommonSettings


async def start(self):
    raise TimeoutError("the broker went away while it was asked")


@asynccontextmanager
async def lifespan(broker, instruments):
    yield ServiceParts({}, {})


NatsBroker.start = start
settings = CommonSettings()
serve("test", settings, worker_app("test", settings, [], lifespan))
"""


def test_a_worker_that_cannot_subscribe_ends_so_that_it_is_started_again(tmp_path: Path) -> None:
    settings = {"TRAINYARD_DATA_DIR": str(tmp_path), "TRAINYARD_PORT_FILE": str(tmp_path / "test.port")}
    process = subprocess.Popen([sys.executable, "-c", BROKEN], cwd=ROOT, env={**os.environ, **settings})
    try:
        assert process.wait(30) == 1
    finally:
        process.kill()
        process.wait()


PASSES_THROUGH = """
import tempfile
from shared.runtime.serve import serve
from shared.settings import CommonSettings

settings = CommonSettings()

async def app(scope, receive, send):
    if scope["type"] == "http":
        tempfile.mkdtemp(prefix="rows-of-a-user-")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

serve("test", settings, app)
"""


def test_what_a_killed_process_had_in_hand_is_gone_when_it_runs_again(tmp_path: Path) -> None:
    scratch, port_file = tmp_path / "scratch", tmp_path / "test.port"
    scratch.mkdir()
    (scratch / "not-ours").touch()
    settings = {"TRAINYARD_SCRATCH_DIR": str(scratch), "TRAINYARD_PORT_FILE": str(port_file)}
    left = []
    for _ in range(2):
        port_file.unlink(missing_ok=True)
        command = [sys.executable, "-c", PASSES_THROUGH]
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **settings})
        try:
            address = f"http://127.0.0.1:{port(port_file)}/"
            left.append(len(list(scratch.glob("*/rows-of-a-user-*"))))
            assert httpx.get(address).status_code == 200
            assert len(list(scratch.glob("*/rows-of-a-user-*"))) == 1
        finally:
            process.kill()
            process.wait()

    assert left == [0, 0]
    assert (scratch / "not-ours").exists()
