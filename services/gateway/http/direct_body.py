"""Large request bodies, from the socket straight to where they are stored.

Usually a byte of a body is copied five times by the event loop's thread: into the server's buffer, a bytes
object, the parser's slice of it, the collected body, and the message to the application. Here the server
stops reading once the headers are there, and a route that wants the body hands the socket to the store, whose
threads receive, hash and write. A thread never waits for a client: when the socket is empty, the event loop
does. Whoever asks for the body in the usual way gets it in the usual way.
"""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httptools
from starlette.requests import ClientDisconnect, Request
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from services.gateway.http.bounded_heads import BoundedProtocol
from services.gateway.problems import Pace, Stalled
from shared.storage.objects import Content, Source

EXTENSION = "trainyard.intake"
LARGE_BYTES = 1 << 18  # bodies from this size on are worth the detour


class Body(Source):
    """The rest of one request's body: what the server has read already, then the socket.

    Raises
    ------
    Stalled
        If no byte comes for ``patience_s``.
    ClientDisconnect
        If the client goes before the announced length has come.
    """

    def __init__(self, protocol: "DirectProtocol", came_along: bytes, patience_s: float) -> None:
        self._protocol, self._came_along, self._patience_s = protocol, memoryview(came_along), patience_s
        # The connection once more, to be read while the transport is paused.
        self._socket = socket.socket(fileno=os.dup(protocol.transport.get_extra_info("socket").fileno()))
        self._socket.setblocking(False)
        self._pace, self._n_read = Pace(patience_s), 0

    def readinto(self, buffer: memoryview) -> int | None:
        if self._came_along:
            n_bytes = min(len(buffer), len(self._came_along))
            buffer[:n_bytes] = self._came_along[:n_bytes]
            self._came_along = self._came_along[n_bytes:]
            return n_bytes
        left = self._protocol.unread
        if left == 0:
            return 0
        try:
            n_bytes = self._socket.recv_into(buffer[:left])
        except BlockingIOError:
            return None
        except ConnectionError:
            n_bytes = 0
        if n_bytes == 0:
            raise ClientDisconnect
        self._protocol.unread -= n_bytes
        self._n_read += n_bytes
        return n_bytes

    async def ready(self) -> None:
        if self._came_along or not self._protocol.unread:
            return
        self._pace.check(self._n_read)
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(self._socket, readable.set)
        try:
            async with asyncio.timeout(self._patience_s):
                await readable.wait()
        except TimeoutError:
            raise Stalled(f"no byte of the request body came for {self._patience_s:g} s") from None
        finally:
            loop.remove_reader(self._socket)

    def close(self) -> None:
        """Leave the socket to the server; it skips what was not read."""
        self._socket.close()


@dataclass(eq=False)
class SocketBody:
    """The body of a request whose length was announced, for a route to take from the socket."""

    _protocol: "DirectProtocol"
    _cycle: RequestResponseCycle
    missing: int  # bytes the server has not read yet

    def take(self, *, patience_s: float) -> Body:
        """Return the body, once, and before anybody has asked for it in the usual way."""
        cycle, protocol = self._cycle, self._protocol
        if cycle.waiting_for_100_continue:
            cycle.waiting_for_100_continue = False
            protocol.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        came_along, cycle.body = bytes(cycle.body), bytearray()
        cycle.more_body = False  # for whoever asks in the usual way from now on
        cycle.message_event.set()
        if self.missing:
            protocol.leave_body(self.missing)
        return Body(protocol, came_along, patience_s)


class DirectProtocol(BoundedProtocol):
    """The server's protocol, which offers large bodies to routes in the scope."""

    _offer: SocketBody | None = None
    unread = 0  # bytes of a body that was taken, still in the socket: none of the next request

    def on_headers_complete(self) -> None:
        """SocketBody the body of the request that begins."""
        super().on_headers_complete()
        self._offer = None
        length = dict(self.headers).get(b"content-length", b"")
        begun = self.cycle is not None and self.cycle.scope is self.scope
        if begun and self.scheme == "http" and length.isdigit() and int(length) >= LARGE_BYTES:
            self._offer = SocketBody(self, self.cycle, int(length))
            self.scope["extensions"] = {EXTENSION: {"offer": self._offer}}
            self.flow.pause_reading()  # until somebody asks for the body, in either way

    def on_body(self, body: bytes) -> None:
        """Count what the server reads itself."""
        if self._offer:
            self._offer.missing -= len(body)
        super().on_body(body)

    def data_received(self, data: bytes) -> None:
        """Skip what a route that took the body has left of it."""
        skipped = min(self.unread, len(data))
        self.unread -= skipped
        if skipped < len(data):
            super().data_received(data[skipped:])

    def leave_body(self, n_bytes: int) -> None:
        """Expect the next request after so many bytes, which somebody else reads."""
        self.flow.pause_reading()
        self._offer = None
        self.unread = n_bytes
        self.parser = httptools.HttpRequestParser(self)  # the old one waits for the body
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as the server sets it
        self._head_came()


@contextmanager
def body_of(request: Request, *, patience_s: float) -> Iterator[Content]:
    """Return a request's body as content to be stored, from the socket itself where the server offers it."""
    offered = request.scope.get("extensions", {}).get(EXTENSION)
    if offered is None:
        yield request.stream()
        return
    offer: SocketBody = offered["offer"]
    body = offer.take(patience_s=patience_s)
    try:
        yield body
    finally:
        body.close()
