// Command load-client plays the sidecars of a mesh against an xDS server: one TCP connection and one
// delta ADS stream each. It reads commands as JSON lines on standard input, writes events as JSON lines
// on standard output, and ends when its input does.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
)

// command is one line of input.
type command struct {
	Do string `json:"do"`

	// connect
	Target    string              `json:"target"`
	Groups    []group             `json:"groups"`
	Wildcards []string            `json:"wildcards"`
	Named     map[string][]string `json:"named"`
	EDSPrefix string              `json:"edsPrefix"`
	EDSExcept string              `json:"edsExcept"`

	// expect
	Marker  []byte `json:"marker"`
	Streams int    `json:"streams"`
}

// group is sidecars of one node cluster; the node ids are `prefix` + number from `first` on + `suffix`.
type group struct {
	Prefix  string    `json:"prefix"`
	Suffix  string    `json:"suffix"`
	First   int       `json:"first"`
	Count   int       `json:"count"`
	Cluster string    `json:"cluster"`
	TLS     *tlsFiles `json:"tls"`
}

type tlsFiles struct {
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
	Bundle      string `json:"bundle"`
	ServerName  string `json:"serverName"`
}

type client struct {
	ctx    context.Context
	out    sync.Mutex
	broken atomic.Int64
	number int
}

func main() {
	// Collect rarely: the client shares its cores with the server under measurement.
	debug.SetGCPercent(400)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := &client{ctx: ctx}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var next command
		if err := json.Unmarshal(lines.Bytes(), &next); err != nil {
			c.fail(fmt.Errorf("unreadable command: %w", err))
			continue
		}
		if err := c.do(next); err != nil {
			c.fail(err)
		}
	}
}

func (c *client) do(next command) error {
	switch next.Do {
	case "connect":
		return c.connect(next)
	case "expect":
		c.expect(next)
	case "take":
		c.emit(map[string]any{
			"event":     "received",
			"responses": received.responses.Swap(0),
			"bytes":     received.bytes.Swap(0),
			"resources": received.resources.Swap(0),
			"removed":   received.removed.Swap(0),
			"broken":    c.broken.Swap(0),
		})
	default:
		return fmt.Errorf("unknown command %q", next.Do)
	}
	return nil
}

// connect starts all sidecars at once and reports when each has what it asked for.
func (c *client) connect(next command) error {
	var sidecars []*sidecar
	for _, g := range next.Groups {
		var config *tls.Config
		if g.TLS != nil {
			var err error
			if config, err = g.TLS.load(); err != nil {
				return err
			}
		}
		for i := range g.Count {
			c.number++
			sidecars = append(sidecars, newSidecar(c.number, next.Target, identity{
				node:      fmt.Sprintf("%s%d%s", g.Prefix, g.First+i, g.Suffix),
				cluster:   g.Cluster,
				wildcards: next.Wildcards,
				named:     namedFor(next.Named, g.Cluster),
				edsPrefix: next.EDSPrefix,
				edsExcept: next.EDSExcept,
				tls:       config,
			}))
		}
	}
	var lock sync.Mutex
	var syncedNs []int64
	startNs := nowNs()
	for _, one := range sidecars {
		one.onSynced = func(atNs int64) {
			lock.Lock()
			defer lock.Unlock()
			syncedNs = append(syncedNs, atNs)
			if len(syncedNs) == len(sidecars) {
				c.emit(map[string]any{"event": "synced", "startNs": startNs, "atNs": syncedNs})
			}
		}
		one.onBroken = func(err error) {
			if c.broken.Add(1) == 1 {
				c.emit(map[string]any{"event": "broken", "node": one.who.String(), "error": fmt.Sprint(err)})
			}
		}
		go one.run(c.ctx)
	}
	return nil
}

// namedFor puts the sidecar's own cluster in the place of {cluster}.
func namedFor(named map[string][]string, cluster string) map[string][]string {
	own := make(map[string][]string, len(named))
	for typeURL, names := range named {
		for _, name := range names {
			own[typeURL] = append(own[typeURL], strings.ReplaceAll(name, "{cluster}", cluster))
		}
	}
	return own
}

func (c *client) expect(next command) {
	m := &measurement{marker: next.Marker, want: next.Streams}
	m.done = func(m *measurement) {
		c.emit(map[string]any{
			"event": "arrived", "firstNs": m.firstNs, "atNs": m.arrivedNs, "lastAckNs": m.ackedNs,
		})
	}
	current.Store(m)
	c.emit(map[string]any{"event": "expecting"})
}

func (c *client) emit(event map[string]any) {
	line, err := json.Marshal(event)
	if err != nil {
		panic(err)
	}
	c.out.Lock()
	defer c.out.Unlock()
	_, _ = os.Stdout.Write(append(line, '\n'))
}

func (c *client) fail(err error) {
	c.emit(map[string]any{"event": "failed", "error": err.Error()})
}

func (f *tlsFiles) load() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(f.Certificate, f.Key)
	if err != nil {
		return nil, err
	}
	bundle, err := os.ReadFile(f.Bundle)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(bundle) {
		return nil, fmt.Errorf("%s holds no certificate", f.Bundle)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{pair},
		RootCAs:      roots,
		ServerName:   f.ServerName,
		MinVersion:   tls.VersionTLS12,
	}, nil
}
