"""The virus scanner: clamd, spoken to by its INSTREAM command, so that it needs no access to our files.

Written here because the clients on PyPI are either blocking or not kept; the whole protocol is one command,
pieces with their length in front, and one line of answer.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Self

import stamina

from shared.errors import InvalidInput, ResourceExhausted, Unavailable

_PIECE = 1 << 20
_CONNECT_S = 5.0
_PAUSE_S = 2.0
_TOO_LARGE = ("INSTREAM size limit exceeded", "Heuristics.Limits.Exceeded")


class Infected(InvalidInput):
    """The scanner knows something harmful in the file."""

    code = "FILE_INFECTED"
    advice = (
        "Check the machine the file comes from.",
        "Export the table again as plain CSV; if it is refused again, tell the operator the signature.",
    )


class TooLargeToScan(ResourceExhausted):
    """The scanner does not look at files of this size, so nobody can say that it is clean."""

    code = "TOO_LARGE_TO_SCAN"
    advice = (
        "Split the file, for instance by year, and upload the parts as series of their own.",
        "Or ask the operator to raise StreamMaxLength, MaxFileSize and MaxScanSize of clamd.",
    )


class ScannerUnavailable(Unavailable):
    """The scanner does not answer, or not as it should."""

    code = "SCANNER_UNAVAILABLE"
    advice = ("Start clamd, or correct TRAINYARD_CLAMD.",)


class NoScanner:
    """No scanner is configured: every file passes."""

    async def scan(self, path: Path, *, file_name: str) -> None:
        """Let the file pass."""


@dataclass(frozen=True)
class Address:
    """Where clamd listens: a socket of this machine, or a host and a port."""

    path: str = ""
    host: str = ""
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``host:port``, ``unix:/path`` or ``/path``.

        >>> Address.parse("clamav:3310")
        Address(path='', host='clamav', port=3310)
        >>> Address.parse("unix:/run/clamd.sock").path
        '/run/clamd.sock'
        """
        path = text.removeprefix("unix:")
        if path.startswith("/"):
            return cls(path=path)
        host, _, port = text.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ValueError(f"{text!r} is neither host:port nor unix:/path")
        return cls(host=host.strip("[]"), port=int(port))

    def connect(self) -> socket.socket:
        """Return a connection that does not block."""
        if self.path:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(_CONNECT_S)
            connection.connect(self.path)
        else:
            connection = socket.create_connection((self.host, self.port), _CONNECT_S)
        connection.setblocking(False)
        return connection


@dataclass(frozen=True)
class Clamd:
    """One clamd.

    Parameters
    ----------
    timeout
        Longest time for one file, sending and scanning together.
    patience
        How long a file waits here for a scanner that is away. After that it is given back to the broker and
        comes again, which means to assemble it again.
    """

    address: Address
    timeout: timedelta = timedelta(minutes=5)
    patience: timedelta = timedelta(minutes=10)

    async def scan(self, path: Path, *, file_name: str) -> None:
        """Return if the scanner finds the file clean; wait for a scanner that is away.

        Raises
        ------
        Infected, TooLargeToScan
            If the file may not pass.
        ScannerUnavailable
            If nobody could say in time.
        """
        async for attempt in stamina.retry_context(
            ScannerUnavailable,
            attempts=None,
            timeout=self.patience,
            wait_initial=_PAUSE_S,
            wait_jitter=0.0,
            wait_exp_base=1,
        ):
            with attempt:
                judge(await self._instream(path), file_name=file_name)

    async def ping(self) -> None:
        """Raise ``ScannerUnavailable`` if the scanner does not answer."""
        loop = asyncio.get_running_loop()
        async with self._connected(_CONNECT_S) as connection:
            await loop.sock_sendall(connection, b"zPING\0")
            answer = await _answer(connection)
        if answer != "PONG":
            raise ScannerUnavailable(f"the virus scanner answers {answer[:80]!r}")

    async def _instream(self, path: Path) -> str:
        """Send a file and return what the scanner says."""
        loop = asyncio.get_running_loop()
        async with self._connected(self.timeout.total_seconds()) as connection:
            with path.open("rb") as file:
                try:
                    await loop.sock_sendall(connection, b"zINSTREAM\0")
                    while piece := await asyncio.to_thread(file.read, _PIECE):
                        await loop.sock_sendall(connection, len(piece).to_bytes(4, "big"))
                        await loop.sock_sendall(connection, piece)
                    await loop.sock_sendall(connection, bytes(4))
                except (BrokenPipeError, ConnectionResetError):
                    pass  # past its size limit clamd answers and hangs up; the answer is still to be read
            return await _answer(connection)

    @asynccontextmanager
    async def _connected(self, seconds: float) -> AsyncIterator[socket.socket]:
        """Yield a connection; what goes wrong on it, or takes too long, is an outage."""
        try:
            async with asyncio.timeout(seconds):
                with await asyncio.to_thread(self.address.connect) as connection:
                    yield connection
        except (OSError, TimeoutError) as error:
            reason = type(error).__name__
            raise ScannerUnavailable(
                f"the virus scanner does not answer ({reason})", reason=reason
            ) from error


async def _answer(connection: socket.socket) -> str:
    """Return the scanner's answer, which ends with a zero byte or with the connection."""
    loop = asyncio.get_running_loop()
    received = b""
    while not received.endswith(b"\0") and (piece := await loop.sock_recv(connection, 4096)):
        received += piece
    return received.rstrip(b"\0").decode("utf-8", "replace")


def judge(answer: str, *, file_name: str) -> None:
    """Return if an answer calls the file clean, raise what it says otherwise.

    >>> judge("stream: OK", file_name="load.csv")
    """
    verdict = answer.removeprefix("stream: ")
    if verdict == "OK":
        return
    if verdict.startswith(_TOO_LARGE):
        raise TooLargeToScan(f"{file_name} is larger than the virus scanner accepts", file_name=file_name)
    if not verdict.endswith(" FOUND"):
        raise ScannerUnavailable(f"the virus scanner answers {verdict[:80]!r}")
    signature = verdict.removesuffix(" FOUND")
    raise Infected(f"{file_name} is infected: {signature}", file_name=file_name, signature=signature)
