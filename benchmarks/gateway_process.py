"""A gateway process on a broker of its own, for the benchmarks."""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import nats

from shared.messaging.streams import provision
from trainyard.broker import EmbeddedNats

ROOT = Path(__file__).parents[1]
API = "/api/training"


def cpu_seconds(pid: int) -> float:
    """Return the processor time a process has used, of itself and of the kernel for it."""
    facts = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(facts[11]) + int(facts[12])) / os.sysconf("SC_CLK_TCK")


@dataclass
class Gateway:
    """One gateway process on a broker of its own."""

    port: int
    process: subprocess.Popen[bytes]
    broker: EmbeddedNats

    def cpu_s(self) -> float:
        """Return the processor time used so far, in seconds."""
        return cpu_seconds(self.process.pid)

    def peak_mb(self) -> float:
        """Return the largest resident set so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024


@contextlib.contextmanager
def gateway(folder: Path) -> Iterator[Gateway]:
    """Start a gateway and end it."""
    broker = EmbeddedNats(folder / "nats").start()
    asyncio.run(_provision(broker))
    port_file = folder / "port"
    environment = {
        **os.environ, "TRAINYARD_NATS_URL": broker.url, "TRAINYARD_NATS_TOKEN": broker.token,
        "TRAINYARD_DATA_DIR": str(folder), "TRAINYARD_PORT_FILE": str(port_file), "TRAINYARD_DRAIN": "PT2S",
    }  # fmt: skip
    command = [sys.executable, "-m", "services.gateway.app"]
    with (folder / "gateway.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=log)
    try:
        while not port_file.exists():
            time.sleep(0.05)
        yield Gateway(int(port_file.read_text()), process, broker)
    finally:
        process.terminate()
        process.wait()
        broker.stop()


async def _provision(broker: EmbeddedNats) -> None:
    client = await nats.connect(broker.url, token=broker.token)
    await provision(client, ack_wait=timedelta(seconds=60))
    await client.close()


def announce(port: int, name: str, n_chunks: int) -> tuple[str, str]:
    """Announce a file in a fresh session; return the ids of both."""
    base = f"http://127.0.0.1:{port}{API}"
    sid = httpx.post(f"{base}/init-session", json={}).json()["data"]["uuid"]
    body = {"sessionId": sid, "fileName": name, "type": "input", "totalChunks": n_chunks}
    return sid, httpx.post(f"{base}/csv-files", json=body).json()["file_id"]
