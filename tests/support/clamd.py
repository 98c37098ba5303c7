"""A real clamd on a socket of a test's own, which knows one signature: the harmless test string of EICAR."""

import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

PROGRAM = shutil.which("clamd")
# In two halves, or every scanner would take the repository itself for infected.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
_CONFIGURATION = """
Foreground yes
LocalSocket {socket}
DatabaseDirectory {database}
PidFile {folder}/clamd.pid
LogFile {folder}/clamd.log
StreamMaxLength {limit}
MaxFileSize {limit}
MaxScanSize {limit}
AlertExceedsMax yes
"""


class LocalClamd:
    """One clamd; it may be stopped and started again."""

    def __init__(self, folder: Path, *, limit: str = "4M") -> None:
        self.socket = folder / "clamd.sock"
        self._configuration = folder / "clamd.conf"
        database = folder / "database"
        database.mkdir()
        # name : any kind of file : anywhere in it : these bytes
        (database / "test.ndb").write_text(f"Eicar-Test:0:*:{EICAR.hex()}\n")
        self._configuration.write_text(
            _CONFIGURATION.format(socket=self.socket, database=database, folder=folder, limit=limit)
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def address(self) -> str:
        """What ``TRAINYARD_CLAMD`` is set to."""
        return f"unix:{self.socket}"

    def start(self) -> None:
        """Start it and wait until it listens."""
        assert PROGRAM is not None
        self._process = subprocess.Popen(
            [PROGRAM, "--config-file", str(self._configuration)], stdout=subprocess.DEVNULL
        )
        end = time.monotonic() + 60
        while not self._listens():
            assert self._process.poll() is None, "clamd ended while starting"
            assert time.monotonic() < end, "clamd does not listen"
            time.sleep(0.05)

    def stop(self) -> None:
        """End it."""
        if self._process:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket)) == 0
