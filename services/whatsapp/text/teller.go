package main

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	tellersAtOnce  = 4
	waitingMax     = 4096
	tellAttempts   = 5
	tellFirstPause = 100 * time.Millisecond
)

// notification tells one receiver of one message; the id makes sending it again harmless.
type notification struct {
	ID        string `json:"id"`
	PersonID  string `json:"personId"`
	MessageID string `json:"messageId"`
}

// teller sends notifications behind the sender's back: a message counts as sent when it is stored, and
// a receiver who is not told finds it when her phone asks next. So its queue may end with the process,
// and what does not fit is dropped and logged.
type teller struct {
	send    func(context.Context, notification) error
	waiting chan waiting
	group   sync.WaitGroup
}

type waiting struct {
	// Carries the trace of the request on, and none of its deadlines.
	ctx context.Context
	notification
}

func newTeller(send func(context.Context, notification) error) *teller {
	return &teller{send: send, waiting: make(chan waiting, waitingMax)}
}

// start sends until ctx ends.
func (t *teller) start(ctx context.Context) {
	for range tellersAtOnce {
		t.group.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case next := <-t.waiting:
					t.deliver(ctx, next)
				}
			}
		})
	}
}

func (t *teller) tell(ctx context.Context, n notification) {
	select {
	case t.waiting <- waiting{context.WithoutCancel(ctx), n}:
	default:
		slog.ErrorContext(ctx, "too many notifications wait; dropped one", "notification", n.ID)
	}
}

func (t *teller) deliver(ctx context.Context, next waiting) {
	pause := tellFirstPause
	for attempt := 1; ; attempt++ {
		err := t.send(next.ctx, next.notification)
		if err == nil {
			return
		}
		slog.WarnContext(next.ctx, "notification not sent", "notification", next.ID, "attempt", attempt, "error", err.Error())
		if attempt == tellAttempts {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
			pause *= 2
		}
	}
}

// close waits for what is being sent; start's context has ended.
func (t *teller) close() error {
	t.group.Wait()
	return nil
}
