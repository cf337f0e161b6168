package service

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type greeting struct {
	Name string `json:"name"`
}

func (g greeting) Validate() []FieldError {
	if g.Name == "" {
		return []FieldError{{Field: "name", Message: "is missing"}}
	}
	return nil
}

func greeter(ready error) *Service {
	s := New(func(context.Context) error { return ready })
	s.Handle("POST /v1/greetings", func(w http.ResponseWriter, r *http.Request) error {
		g, err := Decode[greeting](w, r)
		if err != nil {
			return err
		}
		if g.Name == "nobody" {
			return errors.New("a fault of the service")
		}
		return Reply(w, http.StatusOK, g)
	})
	return s
}

func TestAnswers(t *testing.T) {
	s := greeter(nil)
	for body, want := range map[string]int{
		`{"name":"Ada"}`:    200,
		`{"name":""}`:       400,
		`{"name":`:          400,
		`{"name":"nobody"}`: 500,
		`{"name":"` + strings.Repeat("a", bodyBytesMax) + `"}`: 400,
	} {
		answer := httptest.NewRecorder()
		s.ServeHTTP(answer, httptest.NewRequest("POST", "/v1/greetings", strings.NewReader(body)))
		if answer.Code != want {
			t.Errorf("%.20s: %d", body, answer.Code)
		}
		if want >= 400 && answer.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%.20s: %s", body, answer.Header().Get("Content-Type"))
		}
		if strings.Contains(answer.Body.String(), "a fault of the service") {
			t.Error("tells the caller what only the log should have")
		}
	}
}

func TestHealth(t *testing.T) {
	for ready, want := range map[error]int{nil: 200, StoreUnavailable("Valkey", errors.New("gone")): 503} {
		answer := httptest.NewRecorder()
		greeter(ready).ServeHTTP(answer, httptest.NewRequest("GET", "/healthz", nil))
		if answer.Code != want {
			t.Errorf("%v: %d", ready, answer.Code)
		}
	}
}

func TestServesOnASocketThatAnEarlierRunLeft(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	_ = left.Close()

	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	closed := false
	s := greeter(nil)
	s.OnClose(func() error { closed = true; return nil })
	go func() { served <- s.serve(ctx, socket) }()

	peers := NewPeers(Settings{Outbound: socket})
	var answer greeting
	request := PeerRequest{Callee: "greeter", Method: "POST", Path: "/v1/greetings", Body: greeting{"Ada"}}
	for range 100 {
		if err = peers.Call(context.Background(), request, &answer); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil || answer.Name != "Ada" {
		t.Errorf("%+v, %v", answer, err)
	}
	cancel()
	if err := <-served; err != nil || !closed {
		t.Errorf("stopping: %v, closed %v", err, closed)
	}
}

func TestPeerErrors(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	peers := NewPeers(Settings{Outbound: socket})
	call := func() *Problem {
		var problem *Problem
		err := peers.Call(context.Background(), PeerRequest{Callee: "maps", Method: "GET", Path: "/v1/x"}, &struct{}{})
		if !errors.As(err, &problem) {
			t.Fatalf("not a problem: %v", err)
		}
		return problem
	}
	if got := call(); got.Status != 503 {
		t.Errorf("no sidecar: %v", got)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	status, body := 200, "not JSON"
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "maps" {
			t.Errorf("host is %q", r.Host)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	if got := call(); got.Status != 502 {
		t.Errorf("an unexpected body: %v", got)
	}
	for calleeStatus, want := range map[int]int{403: 502, 404: 502, 500: 502, 503: 503} {
		status, body = calleeStatus, "{}"
		got := call()
		var peer *PeerError
		if got.Status != want || !errors.As(got, &peer) || peer.CalleeStatus != calleeStatus {
			t.Errorf("%d: %v", calleeStatus, got)
		}
	}
}

func TestProblemDocument(t *testing.T) {
	answer := httptest.NewRecorder()
	writeProblem(answer, httptest.NewRequest("GET", "/", nil), NotFound("place %q", "x"))
	var document map[string]any
	if err := json.Unmarshal(answer.Body.Bytes(), &document); err != nil || document["detail"] != `There is no place "x"` {
		t.Errorf("%s, %v", answer.Body, err)
	}
}
