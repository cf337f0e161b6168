package main

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"dotline.example/services/go/service"
	"dotline.example/services/go/valkeytest"
)

const (
	somePhone  = "+31970000001"
	someSecret = "a secret of some length"
)

func statusOf(err error) int {
	var problem *service.Problem
	if errors.As(err, &problem) {
		return problem.Status
	}
	return 0
}

func TestWhoSignsInIsVerifiedUntilSheSignsOut(t *testing.T) {
	ctx, d := context.Background(), newDirectory(valkeytest.Start(t))
	id, err := d.Register(ctx, somePhone, someSecret)
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := d.SignIn(ctx, somePhone, someSecret)
	if err != nil {
		t.Fatal(err)
	}
	if session, err := d.Verify(ctx, token); err != nil || session.PersonID != id {
		t.Errorf("verified %q (%v), want %q", session.PersonID, err, id)
	}
	if left := d.store.Client.TTL(ctx, d.sessionKey(token)).Val(); left <= 0 || left > sessionLength {
		t.Errorf("the session ends in %v", left)
	}
	if err := d.SignOut(ctx, token); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Verify(ctx, token); statusOf(err) != 401 {
		t.Errorf("after signing out: %v", err)
	}
}

func TestNeitherSecretNorTokenIsStored(t *testing.T) {
	ctx, d := context.Background(), newDirectory(valkeytest.Start(t))
	if _, err := d.Register(ctx, somePhone, someSecret); err != nil {
		t.Fatal(err)
	}
	token, _, err := d.SignIn(ctx, somePhone, someSecret)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range d.store.Client.Keys(ctx, "*").Val() {
		value := d.store.Client.Get(ctx, key).Val()
		for _, hidden := range []string{token, someSecret} {
			if strings.Contains(key, hidden) || strings.Contains(value, hidden) {
				t.Errorf("%s = %s holds %q", key, value, hidden)
			}
		}
	}
}

func TestGuessingIsStopped(t *testing.T) {
	ctx, d := context.Background(), newDirectory(valkeytest.Start(t))
	if _, err := d.Register(ctx, somePhone, someSecret); err != nil {
		t.Fatal(err)
	}
	for range wrongMax {
		if _, _, err := d.SignIn(ctx, somePhone, "another secret, wrong"); statusOf(err) != 401 {
			t.Fatalf("a wrong secret: %v", err)
		}
	}
	if _, _, err := d.SignIn(ctx, somePhone, someSecret); statusOf(err) != 429 {
		t.Errorf("after %d wrong ones: %v", wrongMax, err)
	}
	if _, _, err := d.SignIn(ctx, "+31970000002", someSecret); statusOf(err) != 401 {
		t.Errorf("an unknown number: %v", err)
	}
}

func TestANumberIsRegisteredOnce(t *testing.T) {
	ctx, d := context.Background(), newDirectory(valkeytest.Start(t))
	var (
		group sync.WaitGroup
		won   atomic.Int32
	)
	for range 8 {
		group.Go(func() {
			_, err := d.Register(ctx, somePhone, someSecret)
			switch {
			case err == nil:
				won.Add(1)
			case statusOf(err) != 409:
				t.Error(err)
			}
		})
	}
	group.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of 8 registered the number", won.Load())
	}
}
