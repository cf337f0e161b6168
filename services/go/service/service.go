package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
)

const (
	drainMax          = 3 * time.Second
	flushMax          = 1500 * time.Millisecond
	readHeaderMax     = 5 * time.Second
	idleConnectionMax = 2 * time.Minute
)

// Handler answers one request, or returns an error: a *Problem is told to the caller, anything else is a 500.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Service is a service's operations and what it holds while it runs.
type Service struct {
	mux   *http.ServeMux
	ready func(context.Context) error
	close []func() error
}

// New makes a service that answers GET /healthz with 200 while ready returns nil.
func New(ready func(context.Context) error) *Service {
	s := &Service{mux: http.NewServeMux(), ready: ready}
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		// Checks come every few seconds and would be most of the traces.
		if err := s.ready(untraced(r.Context())); err != nil {
			writeProblem(w, r, err)
			return
		}
		_ = Reply(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeProblem(w, r, NotFound("%s %s", r.Method, r.URL.Path))
	})
	return s
}

// Handle adds an operation; its pattern, such as "GET /v1/places/{id}", names its spans.
func (s *Service) Handle(pattern string, handler Handler) {
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := handler(w, r); err != nil {
			writeProblem(w, r, err)
		}
	})
	s.mux.Handle(pattern, otelhttp.NewHandler(answer, pattern))
}

// OnClose adds something to close when the service stops, in order.
func (s *Service) OnClose(closer func() error) { s.close = append(s.close, closer) }

// ServeHTTP answers as the socket would.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Main runs a program: reads the settings, starts telemetry, lets build make the service, serves it
// until SIGTERM or SIGINT, and closes everything. The context that build gets ends with the signal.
func Main(build func(ctx context.Context, settings Settings) (*Service, error)) {
	if err := run(build); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(build func(ctx context.Context, settings Settings) (*Service, error)) error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer cancel()
	settings, err := ReadSettings()
	if err != nil {
		return err
	}
	stopTelemetry, err := startTelemetry(ctx, settings)
	if err != nil {
		return err
	}
	s, err := build(ctx, settings)
	if err == nil {
		err = s.serve(ctx, settings.Listen)
	}
	flush, cancelFlush := context.WithTimeout(context.Background(), flushMax)
	defer cancelFlush()
	// The sidecar may be gone already; what cannot be sent is no failure of the service.
	if flushErr := stopTelemetry(flush); flushErr != nil {
		slog.Debug("telemetry lost", "error", flushErr.Error())
	}
	return err
}

func (s *Service) serve(ctx context.Context, socket string) error {
	if err := os.MkdirAll(filepath.Dir(socket), 0o755); err != nil {
		return err
	}
	// Left by a run that was killed.
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: readHeaderMax, IdleTimeout: idleConnectionMax}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	slog.Info("listening", "socket", socket)
	select {
	case err = <-served:
	case <-ctx.Done():
		slog.Info("stopping")
		drain, cancel := context.WithTimeout(context.Background(), drainMax)
		defer cancel()
		if server.Shutdown(drain) != nil {
			_ = server.Close()
		}
	}
	for _, closer := range s.close {
		if closeErr := closer(); closeErr != nil {
			slog.Error("could not close", "error", closeErr.Error())
		}
	}
	return err
}
