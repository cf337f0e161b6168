package service

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
)

const (
	peerTimeout        = 5 * time.Second
	peerConnectionsMax = 32
	peerBodyBytesMax   = 1 << 20
)

// Peers calls other services by name through the sidecar's socket; trace context travels with each call.
type Peers struct {
	client *http.Client
}

// NewPeers makes the client; no connection is made yet.
func NewPeers(settings Settings) *Peers {
	dialer := &net.Dialer{Timeout: peerTimeout}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", settings.Outbound)
		},
		MaxConnsPerHost:     peerConnectionsMax,
		MaxIdleConnsPerHost: peerConnectionsMax,
		IdleConnTimeout:     30 * time.Second,
	}
	return &Peers{client: &http.Client{
		Timeout:   peerTimeout,
		Transport: otelhttp.NewTransport(transport),
		// A redirect is an answer like any other.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// PeerRequest is one request to another service.
type PeerRequest struct {
	// Callee is the service's name, such as "maps".
	Callee string
	Method string
	// Path and query; parameters go through url.PathEscape.
	Path string
	// Body is sent as JSON; nil sends none.
	Body   any
	Header http.Header
}

// PeerError says that a peer answered with an error, or not what it promised.
type PeerError struct {
	Callee string
	// CalleeStatus is the peer's status; 0 when no answer came.
	CalleeStatus int
	Reason       string
}

func (e *PeerError) Error() string { return e.Callee + " " + e.Reason }

// Call sends a request that should succeed and decodes the answer; nil for answer ignores the body.
// Its error is a Problem around a *PeerError: 503 when the peer does not answer or says so, else 502.
func (p *Peers) Call(ctx context.Context, request PeerRequest, answer any) error {
	var body io.Reader
	if request.Body != nil {
		encoded, err := json.Marshal(request.Body)
		if err != nil {
			return err
		}
		body = bytes.NewReader(encoded)
	}
	r, err := http.NewRequestWithContext(ctx, request.Method, "http://"+request.Callee+request.Path, body)
	if err != nil {
		return err
	}
	for name, values := range request.Header {
		r.Header[name] = values
	}
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := p.client.Do(r)
	if err != nil {
		return peerProblem(&PeerError{Callee: request.Callee, Reason: "did not answer: " + err.Error()})
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(response.Body, peerBodyBytesMax))
	what := fmt.Sprintf("answered %s %s with", request.Method, request.Path)
	switch {
	case err != nil:
		return peerProblem(&PeerError{Callee: request.Callee, Reason: "broke off its answer: " + err.Error()})
	case response.StatusCode < 200 || response.StatusCode > 299:
		return peerProblem(&PeerError{Callee: request.Callee, CalleeStatus: response.StatusCode, Reason: fmt.Sprintf("%s %d", what, response.StatusCode)})
	case answer == nil:
		return nil
	}
	if err := json.Unmarshal(raw, answer); err != nil {
		return peerProblem(&PeerError{Callee: request.Callee, CalleeStatus: response.StatusCode, Reason: what + " an unexpected body"})
	}
	return nil
}

func peerProblem(err *PeerError) *Problem {
	status := http.StatusBadGateway
	if err.CalleeStatus == 0 || err.CalleeStatus == http.StatusServiceUnavailable {
		status = http.StatusServiceUnavailable
	}
	return &Problem{
		Status:  status,
		Title:   "Peer failed",
		Detail:  err.Error(),
		Members: map[string]any{"callee": err.Callee, "calleeStatus": err.CalleeStatus},
		Cause:   err,
	}
}
