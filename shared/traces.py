"""Traces by OpenTelemetry, where a collector is named; otherwise the library is not even imported.

A trace is one session, from the first upload to the verdict, and its id is the session's: logs, events and
spans name the same. Its root is the opening of the session.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

_tracer: Any = None


@dataclass
class _Request:
    """A request whose session is not known yet, and its span once it is."""

    name: str
    begun: int
    attributes: Mapping[str, str]
    span: Any = None


_request: ContextVar[_Request | None] = ContextVar("request", default=None)
_wanted: ContextVar[str | None] = ContextVar("wanted", default=None)


def start(service: str, url: str | None, *, exporter: Any = None) -> None:
    """Send spans of this process to a collector; do nothing without one.

    ``exporter`` takes the place of the one over HTTP (tests keep spans in memory).
    """
    global _tracer
    if url is None and exporter is None:
        return
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

    resource = Resource.create({"service.name": f"trainyard-{service}"})
    # OpenTelemetry's random ids, but for the root of a session, which has the session's.
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class Ids(RandomIdGenerator):
        def generate_trace_id(self) -> int:
            wanted = _wanted.get()
            return int(wanted, 16) if wanted else super().generate_trace_id()

        def generate_span_id(self) -> int:
            wanted = _wanted.get()
            return int(wanted[:16], 16) if wanted else super().generate_span_id()

    provider = TracerProvider(resource=resource, id_generator=Ids())
    if exporter is not None:
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))
    _tracer = provider.get_tracer("trainyard")


def stop() -> None:
    """Trace no longer."""
    global _tracer
    _tracer = None


def wanted() -> bool:
    """Say whether anybody collects spans."""
    return _tracer is not None


@contextmanager
def span(name: str, headers: Mapping[str, str] | None) -> Iterator[None]:
    """Time the body as a span below the one the headers' ``traceparent`` names."""
    if _tracer is None:
        yield
        return
    with _tracer.start_as_current_span(name, context=_below((headers or {}).get("traceparent", ""))):
        yield


@contextmanager
def request(name: str, **attributes: str) -> Iterator[None]:
    """Time the body as a span of the session that ``opened`` or ``within`` names in it; of none, no span."""
    if _tracer is None:
        yield
        return
    held = _Request(name, time.time_ns(), attributes)
    token = _request.set(held)
    try:
        yield
    finally:
        _request.reset(token)
        if held.span is not None:
            held.span.end()


def opened(session_id: str) -> None:
    """Begin the trace of a session that was opened just now."""
    if _tracer is None:
        return
    from opentelemetry.context import Context

    token = _wanted.set(session_id)
    try:
        _tracer.start_span("session", context=Context()).end()
    finally:
        _wanted.reset(token)


def within(session_id: str) -> None:
    """Say which session the request in hand belongs to; what it publishes follows from it."""
    held = _request.get()
    if _tracer is None or held is None or held.span is not None:
        return
    from opentelemetry import context, trace

    held.span = _tracer.start_span(
        held.name,
        context=_below(root(session_id)),
        start_time=held.begun,
        kind=trace.SpanKind.SERVER,
        attributes=dict(held.attributes),
    )
    context.attach(trace.set_span_in_context(held.span))


def _below(traceparent: str) -> Any:
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({"traceparent": traceparent})


def root(session_id: str) -> str:
    """Return the ``traceparent`` of a session's root.

    >>> root("0123456789abcdef0123456789abcdef")
    '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01'
    """
    return f"00-{session_id}-{session_id[:16]}-01"


def current(session_id: str) -> str:
    """Return the ``traceparent`` of the span in hand if it belongs to this session, else of its root."""
    if _tracer is None:
        return root(session_id)
    from opentelemetry import trace

    context = trace.get_current_span().get_span_context()
    if not context.is_valid or f"{context.trace_id:032x}" != session_id:
        return root(session_id)
    return f"00-{session_id}-{context.span_id:016x}-01"
