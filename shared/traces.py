"""Traces by OpenTelemetry, where a collector is named; otherwise the library is not even imported.

A trace is one thing a user asked for: its id is the correlation id, so logs, events and spans name the same.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

_tracer: Any = None


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

    provider = TracerProvider(resource=Resource.create({"service.name": f"trainyard-{service}"}))
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


@contextmanager
def span(name: str, headers: Mapping[str, str] | None) -> Iterator[None]:
    """Time the body as a span below the one the headers' ``traceparent`` names."""
    if _tracer is None:
        yield
        return
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    parent = TraceContextTextMapPropagator().extract(dict(headers or {}))
    with _tracer.start_as_current_span(name, context=parent):
        yield


def current(trace_id: str) -> str | None:
    """Return the ``traceparent`` of the span in hand if it belongs to this trace."""
    if _tracer is None:
        return None
    from opentelemetry import trace

    context = trace.get_current_span().get_span_context()
    if not context.is_valid or f"{context.trace_id:032x}" != trace_id:
        return None
    return f"00-{trace_id}-{context.span_id:016x}-01"
