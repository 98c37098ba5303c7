"""A line between a service and the broker that can be cut off for a while, as a network does."""

import socket
import threading
from contextlib import suppress

_PIECE = 1 << 16


class Relay:
    """Passes bytes on between whoever connects and the broker; while it is paused, none.

    Parameters
    ----------
    host, port
        Where the broker listens; it may end and come back there.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._flowing = threading.Event()
        self._flowing.set()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def pause(self) -> None:
        """Let nothing through; connections stay open."""
        self._flowing.clear()

    def resume(self) -> None:
        """Let everything through again, what was held back first."""
        self._flowing.set()

    def close(self) -> None:
        """Take no more connections."""
        self._flowing.set()
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self._target, timeout=5)
            except OSError:  # the broker is away: so it looks to the service, too
                near.close()
                continue
            far.settimeout(None)
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                self._flowing.wait()
                target.sendall(piece)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
