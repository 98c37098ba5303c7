"""Request heads with an end: so many bytes, so many headers, so many seconds, before anything else happens.

The server's own protocol collects headers for as long as a client sends them, and waits for ever for a client
that says nothing. Here a connection that does not get to the end of a head in time is closed.
"""

from asyncio import TimerHandle
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 32 << 10
HEADERS = 100
MOST_FRAMING = 64 << 10  # bytes around a body, and per byte of it
FRAMING_PER_BYTE = 8


class BoundedProtocol(HttpToolsProtocol):
    """The server's protocol with limits on what comes before a body."""

    head_patience_s = 10.0  # from the first moment of a connection, or a further request, to its last header
    write_patience_s = 120.0  # with a client that does not read its answer

    _in_head = True  # nothing, or no whole head, has come yet
    _head_bytes = 0  # received of the head that is being read
    _parsed_bytes = 0  # of its headers, as far as they are parsed
    _framing_bytes = 0  # received behind a head that was no body: chunk sizes, extensions, trailers
    _body_bytes = 0
    _n_begun = 0  # requests of this connection
    _refused = False
    _head_timer: TimerHandle | None = None
    _write_timer: TimerHandle | None = None

    def connection_made(self, transport) -> None:  # type: ignore[no-untyped-def]  # any transport
        """Give a connection its time for a first head."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._head_came()
        self._cancel_write_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, as long as the head keeps its limits."""
        if self._refused:
            return
        in_head, n_begun, body_before = self._in_head, self._n_begun, self._body_bytes
        self._head_bytes += len(data) if in_head else 0
        super().data_received(data)
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return  # closed, or a WebSocket from now on: its own protocol has its own clock
        if self._in_head and self._head_bytes > HEAD_BYTES:
            self._refuse()
            return
        if not in_head and n_begun == self._n_begun:  # a piece with the next head in it is no more than one
            self._framing_bytes += len(data) - (self._body_bytes - body_before)
            if self._framing_bytes > MOST_FRAMING + FRAMING_PER_BYTE * self._body_bytes:
                self.transport.abort()
        if self._head_timer is None and (self.cycle is None or self.cycle.response_complete):
            self._expect_head()  # what comes after an answer has to become a request

    def on_message_begin(self) -> None:
        """Start to count: the rest of what was received belongs to a new head."""
        super().on_message_begin()
        self._n_begun += 1
        self._head_came()
        self._in_head = True
        self._expect_head()

    def on_url(self, url: bytes) -> None:
        """Count the target of the request."""
        super().on_url(url)
        if len(self.url) > HEAD_BYTES:
            raise ValueError("too long a target")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header; trailers behind a body are left out."""
        if not self._in_head:
            return
        super().on_header(name, value)
        self._parsed_bytes += len(name) + len(value)
        if len(self.headers) > HEADERS or self._parsed_bytes > HEAD_BYTES:
            raise ValueError("too large a head")  # the parser stops here and the server answers

    def on_headers_complete(self) -> None:
        """Serve the request; a body has time limits of its own."""
        self._head_came()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count what was body, so that the rest is known."""
        self._body_bytes += len(body)
        super().on_body(body)

    def pause_writing(self) -> None:
        """Give a client that does not read some time."""
        super().pause_writing()
        self._cancel_write_timer()
        self._write_timer = self.loop.call_later(self.write_patience_s, self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads again."""
        self._cancel_write_timer()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer what could not be parsed, and say so where the head was too large."""
        n_headers, n_bytes = len(self.headers or ()), max(self._parsed_bytes, len(getattr(self, "url", b"")))
        self._head_came()
        if n_headers > HEADERS or n_bytes > HEAD_BYTES:
            self._refuse()
        else:
            self._refused = True
            super().send_400_response(msg)

    def _should_upgrade(self) -> bool:
        """Only a GET becomes a WebSocket; with any other method the server would wait for ever."""
        return self.scope.get("method") == "GET" and super()._should_upgrade()

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(self.head_patience_s, self._give_up)

    def _head_came(self) -> None:
        self._in_head = False
        self._head_bytes = self._parsed_bytes = self._framing_bytes = self._body_bytes = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _cancel_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        if self.transport is not None and not self.transport.is_closing():
            self.transport.abort()

    def _refuse(self) -> None:
        """Answer 431 and close; whatever else comes is not read."""
        self._refused = True
        status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        text = (
            b'{"success":false,"code":"REQUEST_HEAD_TOO_LARGE","error":"the request head has more than '
            b'%d bytes or %d headers","category":"DATA_VALIDATION","severity":"error","suggestions":[],'
            b'"data":null}' % (HEAD_BYTES, HEADERS)
        )
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(text)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + text)
        self.transport.close()
