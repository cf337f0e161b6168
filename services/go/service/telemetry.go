package service

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/log/global"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// startTelemetry sends traces, metrics and logs as the standard OTEL_* variables say, and makes
// slog print JSON lines with the ids of the current trace. Call stop to send what is left.
func startTelemetry(ctx context.Context, settings Settings) (stop func(context.Context) error, err error) {
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))
	var lines slog.Handler = withTrace{slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: settings.LogLevel})}
	lines = lines.WithAttrs([]slog.Attr{slog.String("service", settings.Service), slog.String("instance", settings.Instance)})
	if os.Getenv("OTEL_SDK_DISABLED") == "true" {
		slog.SetDefault(slog.New(lines))
		return func(context.Context) error { return nil }, nil
	}

	spans, err1 := otlptracehttp.New(ctx)
	points, err2 := otlpmetrichttp.New(ctx)
	records, err3 := otlploghttp.New(ctx)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	traces := sdktrace.NewTracerProvider(sdktrace.WithBatcher(spans))
	otel.SetTracerProvider(traces)
	meters := metric.NewMeterProvider(metric.WithReader(metric.NewPeriodicReader(points)))
	otel.SetMeterProvider(meters)
	logs := log.NewLoggerProvider(log.WithProcessor(log.NewBatchProcessor(records)))
	global.SetLoggerProvider(logs)

	slog.SetDefault(slog.New(slog.NewMultiHandler(lines, otelslog.NewHandler("dotline"))))
	// The default handler of errors prints to standard error in its own format.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		slog.New(lines).Warn("telemetry", "error", err.Error())
	}))
	return func(ctx context.Context) error {
		return errors.Join(traces.Shutdown(ctx), meters.Shutdown(ctx), logs.Shutdown(ctx))
	}, nil
}

// untraced is a context in which no span is recorded: its parent was not sampled.
func untraced(ctx context.Context) context.Context {
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{15: 1},
		SpanID:  trace.SpanID{7: 1},
	}))
}

// withTrace adds the ids of the current trace to each line.
type withTrace struct{ slog.Handler }

func (h withTrace) Handle(ctx context.Context, record slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		record.AddAttrs(slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	return h.Handler.Handle(ctx, record)
}

func (h withTrace) WithAttrs(attributes []slog.Attr) slog.Handler {
	return withTrace{h.Handler.WithAttrs(attributes)}
}

func (h withTrace) WithGroup(name string) slog.Handler { return withTrace{h.Handler.WithGroup(name)} }
