package main

import (
	"bytes"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// nowNs is CLOCK_MONOTONIC, the clock that Node's process.hrtime reads too: whoever asks for a change
// and whoever receives it can be compared.
func nowNs() int64 {
	var at unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &at); err != nil {
		panic(err)
	}
	return at.Nano()
}

// measurement waits until a response that holds the marker has arrived at so many streams.
type measurement struct {
	marker []byte
	want   int

	lock      sync.Mutex
	firstNs   []int64
	arrivedNs []int64
	ackedNs   int64
	done      func(m *measurement)
}

var current atomic.Pointer[measurement]

func marked(response []byte) bool {
	m := current.Load()
	return m != nil && bytes.Contains(response, m.marker)
}

// acknowledged is called once for each stream, when the answer to the marked response is on its way.
func (m *measurement) acknowledged(arrivedNs, ackedNs int64) {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.arrivedNs = append(m.arrivedNs, arrivedNs)
	m.ackedNs = max(m.ackedNs, ackedNs)
	if len(m.arrivedNs) == m.want {
		m.done(m)
	}
}

// began is called once for each stream, with its first response since the measurement began.
func (m *measurement) began(arrivedNs int64) {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.firstNs = append(m.firstNs, arrivedNs)
}

// traffic is what all streams together have received since it was last taken.
type traffic struct {
	responses, bytes, resources, removed atomic.Int64
}

var received traffic

func (t *traffic) add(r *response) {
	t.responses.Add(1)
	t.bytes.Add(int64(r.bytes))
	t.resources.Add(int64(len(r.resources)))
	t.removed.Add(int64(len(r.removed)))
}
