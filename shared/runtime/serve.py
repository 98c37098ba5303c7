"""Run an ASGI app as a process of the platform: port told, SIGTERM drains, dies with its parent."""

import socket
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
import uvicorn

from shared.runtime.logs import configure_logs
from shared.runtime.parent import die_with_parent
from shared.settings import CommonSettings

log = structlog.get_logger()
AsgiApp = Callable[..., Awaitable[Any]]


class Announced(uvicorn.Server):
    """A server that writes its port to a file once it accepts connections."""

    def __init__(self, config: uvicorn.Config, settings: CommonSettings, port: int) -> None:
        super().__init__(config)
        self._settings, self._port = settings, port

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell the port."""
        await super().startup(sockets=sockets)
        if self._settings.port_file and not self.should_exit:
            temporary = self._settings.port_file.with_suffix(".tmp")
            temporary.write_text(str(self._port))
            temporary.replace(self._settings.port_file)
        log.info("listening", port=self._port)


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 lets the kernel choose."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.set_inheritable(True)
    return listener


def serve(
    name: str, settings: CommonSettings, app: AsgiApp, *, loop: str = "asyncio", **options: Any
) -> None:
    """Serve until SIGTERM or SIGINT; what is in hand is finished or handed back first.

    ``loop`` is uvicorn's name of the event loop; workers stay with asyncio's, whatever is installed.
    """
    configure_logs(name, level=settings.log_level)
    if settings.parent_pid:
        die_with_parent(settings.parent_pid)
    listener = bind(settings.host, settings.port)
    config = uvicorn.Config(
        app,
        loop=loop,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=int(settings.drain.total_seconds()),
        **options,
    )
    Announced(config, settings, listener.getsockname()[1]).run(sockets=[listener])
