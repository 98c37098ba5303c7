"""What tests of several folders share: a real broker, a real Supabase."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.support.supabase import LocalSupabase, missing_parts
from trainyard.broker import EmbeddedNats

# Services within a test log as a process that configured nothing does, and frames with their variables take
# twenty seconds for one exception of the gateway.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[EmbeddedNats]:
    """A real nats-server with JetStream, empty, gone after the test."""
    server = EmbeddedNats(tmp_path / "nats", durable=False).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def supabase() -> Iterator[LocalSupabase]:
    """A whole Supabase on this machine, once per test run; about two seconds."""
    if missing := missing_parts():
        pytest.skip(f"SUPABASE TESTS DID NOT RUN: {missing}")
    project = LocalSupabase()
    try:
        project.start()
        yield project
    finally:
        project.stop()
