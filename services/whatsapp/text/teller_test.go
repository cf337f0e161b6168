package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestATellerTriesAgainAndGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var mutex sync.Mutex
		attempts := map[string]int{}
		teller := newTeller(func(_ context.Context, n notification) error {
			mutex.Lock()
			defer mutex.Unlock()
			attempts[n.ID]++
			if n.ID == "never" || attempts[n.ID] < 3 {
				return errors.New("away")
			}
			return nil
		})
		teller.start(ctx)
		teller.tell(ctx, notification{ID: "third time"})
		teller.tell(ctx, notification{ID: "never"})
		time.Sleep(time.Minute)
		cancel()
		if err := teller.close(); err != nil {
			t.Error(err)
		}
		if attempts["third time"] != 3 || attempts["never"] != tellAttempts {
			t.Errorf("attempts: %v", attempts)
		}
	})
}

func TestAFullQueueHoldsNobodyUp(t *testing.T) {
	teller := newTeller(func(context.Context, notification) error { return nil })
	for n := range waitingMax + 10 {
		teller.tell(t.Context(), notification{ID: fmt.Sprint(n)})
	}
	if len(teller.waiting) != waitingMax {
		t.Errorf("%d wait", len(teller.waiting))
	}
}
