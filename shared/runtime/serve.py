"""Run an ASGI app as a process of the platform: port told, SIGTERM drains, dies with its parent."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
import uvicorn

from shared import traces
from shared.runtime.logs import configure_logs
from shared.runtime.parent import die_with_parent
from shared.runtime.scratch import use_scratch
from shared.settings import CommonSettings

log = structlog.get_logger()
AsgiApp = Callable[..., Awaitable[Any]]


class Announced(uvicorn.Server):
    """A server that writes its port to a file once it accepts connections, and ends with code 0 when told to.

    uvicorn itself raises the signal again that stopped it, so that a clean end looks like a crash to whoever
    counts exit codes. And it serves on when the life of its app breaks off: a worker whose broker went away
    while it subscribed would take messages with its stores closed.
    """

    def __init__(self, config: uvicorn.Config, port: int, port_file: Path | None) -> None:
        super().__init__(config)
        self._port, self._port_file = port, port_file
        self._has_life = False
        self.app_died = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell the port."""
        await super().startup(sockets=sockets)
        self._has_life = not getattr(self.lifespan, "error_occurred", True)
        if self._port_file and not self.should_exit:
            write_port(self._port_file, self._port)
        log.info("listening", port=self._port)

    async def on_tick(self, counter: int) -> bool:
        """Say ten times a second whether to stop; without the life of its app there is nothing to serve."""
        self.app_died = self._has_life and getattr(self.lifespan, "error_occurred", False)
        return await super().on_tick(counter) or self.app_died

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT; a second one ends at once."""
        numbers = (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Beside(uvicorn.Server):
    """The health port beside a public one: in the same loop, deaf to signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the main server."""
        yield


def write_port(path: Path, port: int) -> None:
    """Write a port to a file, whole or not at all."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(str(port))
    temporary.replace(path)


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 lets the kernel choose."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.set_inheritable(True)
    return listener


def serve(
    name: str,
    settings: CommonSettings,
    app: AsgiApp,
    *,
    health: AsgiApp | None = None,
    loop: str = "asyncio",
    **options: Any,
) -> None:
    """Serve until SIGTERM or SIGINT; what is in hand is finished or handed back first.

    Parameters
    ----------
    health
        What answers on ``settings.health_port``, from the first moment on; its port is written beside the
        main one's, to ``<name>.health.port``. None where ``app`` answers for itself.
    loop
        uvicorn's name of the event loop; workers stay with asyncio's, whatever is installed.
    """
    configure_logs(name, level=settings.log_level, levels=settings.log_levels, folder=settings.log_dir)
    traces.start(name, settings.traces_url)
    if settings.data_dir:
        os.umask(0o077)  # rows, objects and logs of a folder are nobody else's
    if settings.scratch_dir:
        use_scratch(settings.scratch_dir)
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
    server = Announced(config, listener.getsockname()[1], settings.port_file)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_serve(server, listener, health, settings))
    if server.app_died:
        log.error("the service ends: its app broke off")
        sys.exit(1)


async def _serve(
    server: Announced, listener: socket.socket, health: AsgiApp | None, settings: CommonSettings
) -> None:
    if health is None:
        await server.serve(sockets=[listener])
        return
    own = bind(settings.health_host, settings.health_port)
    if settings.port_file:
        write_port(settings.port_file.with_suffix(".health.port"), own.getsockname()[1])
    log.info("health port", port=own.getsockname()[1])
    beside = Beside(uvicorn.Config(health, log_config=None, access_log=False, lifespan="off"))
    answering = asyncio.create_task(beside.serve(sockets=[own]))
    try:
        await server.serve(sockets=[listener])
    finally:
        beside.should_exit = True
        await answering
