"""Traces, metrics and logs by OpenTelemetry and its standard OTEL_* variables."""

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from opentelemetry import context, metrics, trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.instrumentation.aiohttp_server import AioHttpServerInstrumentor
from opentelemetry.instrumentation.asyncpg import AsyncPGInstrumentor
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NonRecordingSpan, SpanContext
from pythonjsonlogger.json import JsonFormatter

from dotline_service.settings import ServiceSettings

_LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
}

_FLUSH_SECONDS_MAX = 1.5


class Telemetry:
    """The providers of one process; `stop` sends what they still hold."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._providers: list[TracerProvider | MeterProvider | LoggerProvider] = []
        _log_json_lines(settings)
        if os.environ.get("OTEL_SDK_DISABLED", "").lower() != "true":
            self._export()
        os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http")
        os.environ.setdefault("OTEL_PYTHON_AIOHTTP_SERVER_EXCLUDED_URLS", "healthz")
        # Instrumentation also carries a caller's trace on, so it stays when nothing is exported.
        AioHttpServerInstrumentor().instrument()
        AioHttpClientInstrumentor().instrument()
        AsyncPGInstrumentor().instrument()
        RedisInstrumentor().instrument()

    def _export(self) -> None:
        traces = TracerProvider(shutdown_on_exit=False)
        traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace.set_tracer_provider(traces)

        reader = PeriodicExportingMetricReader(OTLPMetricExporter())
        meters = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)
        metrics.set_meter_provider(meters)

        logs = LoggerProvider(shutdown_on_exit=False)
        logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
        set_logger_provider(logs)
        handler = LoggingHandler(level=logging.NOTSET, logger_provider=logs)
        # The exporter's own complaints must not become records to export.
        handler.addFilter(lambda record: not record.name.startswith("opentelemetry"))
        logging.getLogger().addHandler(handler)

        self._providers = [traces, meters, logs]

    def stop(self) -> None:
        """Sends what is left; gives up after a while, because the sidecar may be gone already."""
        flushes = [Thread(target=each.shutdown, daemon=True) for each in self._providers]
        for flush in flushes:
            flush.start()
        give_up_at = time.monotonic() + _FLUSH_SECONDS_MAX
        for flush in flushes:
            flush.join(max(0.0, give_up_at - time.monotonic()))


@contextmanager
def untraced() -> Iterator[None]:
    """No span is recorded inside: its parent was not sampled."""
    parent = NonRecordingSpan(SpanContext(trace_id=1, span_id=1, is_remote=False))
    token = context.attach(trace.set_span_in_context(parent))
    try:
        yield
    finally:
        context.detach(token)


def _log_json_lines(settings: ServiceSettings) -> None:
    output = logging.StreamHandler(sys.stdout)
    output.addFilter(_add_trace)
    output.setFormatter(
        JsonFormatter(
            "%(levelname)s %(message)s %(trace_id)s %(span_id)s",
            rename_fields={"levelname": "level", "message": "msg"},
            static_fields={"service": settings.service, "instance": settings.instance},
            timestamp="time",
        )
    )
    logging.basicConfig(level=_LEVELS[settings.log_level], handlers=[output], force=True)
    # One line per request is what the sidecar's access log is for.
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)


def _add_trace(record: logging.LogRecord) -> bool:
    current = trace.get_current_span().get_span_context()
    record.trace_id = f"{current.trace_id:032x}" if current.is_valid else None
    record.span_id = f"{current.span_id:016x}" if current.is_valid else None
    return True
