"""One trace from upload to verdict, as an OpenTelemetry collector receives it from the processes."""

import http.server
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.load import MODELS, READING, short_files, short_plan
from trainyard.client import AsyncClient
from trainyard.local import LocalSettings, Platform

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]


class Collector:
    """Every span it was sent: (service, name, trace, id, parent)."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, str, str, str, str]] = []
        self.url = ""

    def take(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            named = {a.key: a.value.string_value for a in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += [
                    (named["service.name"], s.name, s.trace_id.hex(), s.span_id.hex(), s.parent_span_id.hex())
                    for s in scope.spans
                ]


@pytest.fixture
def collector() -> Iterator[Collector]:
    """An OTLP receiver over HTTP in this process."""
    found = Collector()

    class Taken(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taken)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_port}/v1/traces"
    yield found
    server.shutdown()


async def test_a_session_is_one_trace_from_upload_to_verdict(collector: Collector, tmp_path: Path) -> None:
    settings = LocalSettings(
        data_dir=tmp_path / "yard",
        durable=False,
        ack_wait=timedelta(seconds=5),
        environment={
            "TRAINYARD_TRACES_URL": collector.url,
            "TRAINYARD_TRAINER_KINDS": '["last_value", "seasonal_naive", "lin", "svr_mimo"]',
            "TRAINYARD_TRAINER_THREADS": "1",
        },
    )
    async with Platform(settings) as platform, AsyncClient(platform.url) as client:
        session = await client.create_session("traced")
        for file in short_files():
            await client.upload(session, file.content, role="input", name=file.name, options=READING)
        run = await client.run(session, short_plan(await client.series(session)), MODELS)
        await client.wait(session, run.run_id, timeout=150)
        async for _ in client.watch(session, run.run_id, until="run.reported"):
            pass

    [root] = [span for span in collector.spans if span[1] == "session"]
    traced = [span for span in collector.spans if span[2] == root[2]]
    ids, names = {span[3] for span in traced}, {span[1] for span in traced}
    assert {span[0] for span in traced} == {
        f"trainyard-{name}" for name in ("gateway", "ingest", "datasets", "trainer", "evaluator")
    }
    assert [span for span in traced if span[4] and span[4] not in ids] == []
    assert root[4] == ""
    assert "POST /api/training/run/{sid}" in names
    assert {"work train-lin", "handle evaluator-model-done"} <= names
    assert len(ids) == len(traced)
