"""Structured logs: JSON per line for machines, plain text in a terminal, rotating files where asked."""

import logging
import logging.handlers
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

_FILE_BYTES, _FILES = 50 << 20, 5
_QUIET = {"nats": "WARNING", "httpx": "WARNING", "httpcore": "WARNING"}


def configure_logs(
    service: str,
    *,
    level: str = "INFO",
    levels: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> None:
    """Send every log line of this process, ours and the libraries', to stderr: JSON, or text in a terminal.

    Parameters
    ----------
    levels
        Levels of single modules, by dotted name.
    folder
        Where JSON lines go as well, to ``<service>-<process id>.jsonl``: six files of 50 MB at most, nobody
        else's to read.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        lambda _logger, _method, event: {**event, "service": service},
    ]
    console = logging.StreamHandler(sys.stderr)
    # Frames with their variables, the default beside rich, would show users' rows, and take seconds.
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    as_text = _formatter(shared, plain)
    as_json = _formatter(shared, structlog.processors.format_exc_info, structlog.processors.JSONRenderer())
    console.setFormatter(as_text if sys.stderr.isatty() else as_json)
    root = logging.getLogger()
    root.handlers[:] = [console]
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handler = logging.handlers.RotatingFileHandler(
            folder / f"{service}-{os.getpid()}.jsonl",
            maxBytes=_FILE_BYTES,
            backupCount=_FILES,
            delay=True,
            encoding="utf-8",
        )

        def opened():  # type: ignore[no-untyped-def]
            descriptor = os.open(handler.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            return os.fdopen(descriptor, "a", encoding="utf-8")

        handler._open = opened  # type: ignore[method-assign]  # the one way to choose the mode
        handler.setFormatter(as_json)
        root.addHandler(handler)
    root.setLevel(level)
    for module, own in {**_QUIET, **(levels or {})}.items():
        logging.getLogger(module).setLevel(own)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _formatter(
    shared: Sequence[structlog.typing.Processor], *last: structlog.typing.Processor
) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )
