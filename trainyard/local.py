"""The whole platform on one machine: the broker and the five services as processes, kept running."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
import nats
import structlog
from nats.errors import Error as NatsError

from shared.errors import TrainyardError, Unavailable
from shared.messaging.streams import provision
from trainyard.broker import EmbeddedNats, open_private

SERVICES = ("ingest", "datasets", "trainer", "evaluator", "gateway")
ROOT = Path(__file__).parents[1]

_FIRST_PAUSE, _LONG_LIFE, _PROVISIONING = 0.25, 20.0, 20.0  # seconds

log = structlog.get_logger()


class ServiceFailed(Unavailable):
    """A service did not become ready."""

    code = "SERVICE_FAILED"


@dataclass(frozen=True)
class LocalSettings:
    """How the platform runs on this machine."""

    data_dir: Path
    port: int = 0
    trainers: int = 1
    ack_wait: timedelta = timedelta(seconds=60)
    durable: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)


class Service:
    """One service process: started, watched, started again when it dies."""

    def __init__(self, name: str, module: str, environment: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self._module = module
        self._environment = environment
        self._folder = folder
        self.port_file = folder / "run" / f"{name}.port"
        self.process: subprocess.Popen[bytes] | None = None
        self._port: int | None = None
        self._started_at = 0.0
        self._pause = _FIRST_PAUSE

    def pause(self) -> float:
        """Return how long to wait before the next start, in seconds: longer after each short life."""
        lived = time.monotonic() - self._started_at
        self._pause = _FIRST_PAUSE if lived > _LONG_LIFE else min(10.0, 2 * self._pause)
        return self._pause

    @property
    def pid(self) -> int | None:
        """The process id of the running service."""
        return self.process.pid if self.process else None

    def start(self) -> None:
        """Start the process; its log goes to ``logs/<name>.jsonl``."""
        self.port_file.parent.mkdir(parents=True, exist_ok=True)
        self.port_file.unlink(missing_ok=True)
        logs = self._folder / "logs"
        logs.mkdir(exist_ok=True, mode=0o700)
        self._started_at = time.monotonic()
        with open_private(logs / f"{self.name}.jsonl") as sink:
            own = {
                "TRAINYARD_PORT_FILE": str(self.port_file),
                "TRAINYARD_PARENT_PID": str(os.getpid()),
                "TRAINYARD_SCRATCH_DIR": str(self.port_file.with_suffix("")),
            }
            if self._port:
                own["TRAINYARD_PORT"] = str(self._port)  # where its clients know it
            self.process = subprocess.Popen(
                [sys.executable, "-m", self._module],
                cwd=ROOT,
                env={**os.environ, **self._environment, **own},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )

    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def address(self) -> str | None:
        """The service's own HTTP address once it listens."""
        try:
            self._port = int(self.port_file.read_text())
        except (OSError, ValueError):
            return None
        return f"http://127.0.0.1:{self._port}"

    def signal(self, number: int) -> None:
        """Send a signal to the process if it runs."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)

    def end(self, *, grace: float) -> None:
        """Wait for the process to end; kill it when it takes too long."""
        if not self.process:
            return
        try:
            self.process.wait(max(0.0, grace))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Platform:
    """Broker and services of one data folder. Use as an async context manager from the main thread."""

    def __init__(self, settings: LocalSettings) -> None:
        self.settings = settings
        self.broker = EmbeddedNats(settings.data_dir / "nats", durable=settings.durable, users=True)
        self.services: dict[str, Service] = {}
        self._watch: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def url(self) -> str:
        """The gateway's address."""
        address = self.services["gateway"].address()
        if address is None:
            raise ServiceFailed("the gateway is not running")
        return address

    async def start(self) -> "Platform":
        """Start everything and wait until every service is ready."""
        make_private(self.settings.data_dir)
        self.broker.start()
        try:
            await self._provision()
            for service in self._plan():
                self.services[service.name] = service
                service.start()
            await self._ready()
        except BaseException:
            await self.stop()
            raise
        self._watch = asyncio.create_task(self._keep_running())
        return self

    async def stop(self, *, grace: float = 8.0) -> None:
        """Stop the services, then the broker."""
        self._stopping = True
        if self._watch:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        for service in self.services.values():
            service.signal(signal.SIGTERM)
        end = time.monotonic() + grace
        for service in self.services.values():
            await asyncio.to_thread(service.end, grace=end - time.monotonic())
        await asyncio.to_thread(self.broker.stop)

    async def __aenter__(self) -> "Platform":
        return await self.start()

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    def environment(self) -> dict[str, str]:
        """Return what a service needs to find the broker and the stores."""
        return {
            "TRAINYARD_NATS_URL": self.broker.url,
            "TRAINYARD_DATA_DIR": str(self.settings.data_dir),
            "TRAINYARD_ACK_WAIT": f"PT{self.settings.ack_wait.total_seconds():g}S",
            "TRAINYARD_DRAIN": "PT4S",
            "TRAINYARD_PORT": "0",
            **self.settings.environment,
        }

    def _plan(self) -> list[Service]:
        environment = self.environment()
        folder = self.settings.data_dir
        plan = []
        for name in SERVICES:
            replicas = self.settings.trainers if name == "trainer" else 1
            for number in range(1, replicas + 1):
                own = {"TRAINYARD_NATS_USER": name, "TRAINYARD_NATS_PASSWORD": self.broker.passwords[name]}
                if name == "gateway":
                    own["TRAINYARD_PORT"] = str(self.settings.port)
                label = name if number == 1 else f"{name}-{number}"
                plan.append(Service(label, f"services.{name}.app", {**environment, **own}, folder))
        return plan

    async def _provision(self) -> None:
        """Create what the broker has to know; should it die meanwhile, say so at once and do not wait for it.

        Waiting would be for ever: whoever waits here is who starts it again.
        """
        client = await nats.connect(
            self.broker.url,
            **self.broker.login("provision"),
            inbox_prefix=b"_INBOX.provision",
            allow_reconnect=False,
            connect_timeout=5,
        )
        try:
            async with asyncio.timeout(_PROVISIONING):
                await provision(client, ack_wait=self.settings.ack_wait)
        finally:
            await client.close()

    async def _ready(self, *, timeout: float = 60.0) -> None:
        end = time.monotonic() + timeout
        waiting = dict(self.services)
        async with httpx.AsyncClient(timeout=2.0) as client:
            while waiting:
                for name, service in list(waiting.items()):
                    if not service.alive():
                        raise ServiceFailed(
                            f"{name} ended while starting: see logs/{name}.jsonl", service=name
                        )
                    if await _answers(client, service):
                        del waiting[name]
                if time.monotonic() > end:
                    raise ServiceFailed(f"not ready after {timeout:g} s: {', '.join(sorted(waiting))}")
                await asyncio.sleep(0.1)

    async def _keep_running(self) -> None:
        """Start again what died, each on its own; a process that dies at once is started ever more slowly."""
        due: dict[str, float] = {}
        provisioned = True
        while not self._stopping:
            await asyncio.sleep(0.25)
            if not self.broker.alive() or not provisioned:
                log.warning("broker ended, starting it again")
                provisioned = False
                try:
                    if not self.broker.alive():
                        self.broker.start()
                    await self._provision()
                    provisioned = True
                except (
                    TrainyardError,
                    NatsError,
                    OSError,
                    TimeoutError,
                ) as error:  # it died again
                    log.warning("broker not started", reason=type(error).__name__)
                    continue
            for name, service in self.services.items():
                if service.alive():
                    continue
                if name not in due:
                    due[name] = time.monotonic() + service.pause()
                    log.warning("service ended, starting it again", service=name)
                if time.monotonic() >= due[name]:
                    del due[name]
                    service.start()


def make_private(folder: Path) -> None:
    """Make the data folder, its ledger and its logs nobody else's, whatever version made them."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    for path in (*folder.glob("ledger.sqlite*"), *folder.glob("logs/*")):
        path.chmod(0o600)
    for path in (folder / "logs", folder / "objects"):
        if path.exists():
            path.chmod(0o700)


async def _answers(client: httpx.AsyncClient, service: Service) -> bool:
    address = service.address()
    if address is None:
        return False
    try:
        return (await client.get(f"{address}/readyz")).status_code == 200
    except httpx.HTTPError:
        return False
