package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"dotline.example/services/go/service"
	"dotline.example/services/go/valkeytest"
)

const someone = "0b9c1f0e-8f7a-4a53-9a55-3f1f6c2d7e11"

func TestTextsAreChecked(t *testing.T) {
	good := text{ClientMessageID: "phone-1-1", To: receiver{PersonID: someone}, Text: "hello"}
	for name, test := range map[string]struct {
		change func(*text)
		field  string
	}{
		"good":           {func(*text) {}, ""},
		"to a group":     {func(t *text) { t.To = receiver{GroupID: someone} }, ""},
		"to both":        {func(t *text) { t.To.GroupID = someone }, "to"},
		"to nobody":      {func(t *text) { t.To = receiver{} }, "to"},
		"to a path":      {func(t *text) { t.To.PersonID = "../people" }, "to"},
		"empty":          {func(t *text) { t.Text = "" }, "text"},
		"longest":        {func(t *text) { t.Text = strings.Repeat("é", textMax) }, ""},
		"too long":       {func(t *text) { t.Text = strings.Repeat("é", textMax+1) }, "text"},
		"without an id":  {func(t *text) { t.ClientMessageID = "" }, "clientMessageId"},
		"id with spaces": {func(t *text) { t.ClientMessageID = "a b c d e f" }, "clientMessageId"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := good
			test.change(&changed)
			var fields []string
			for _, wrong := range changed.Validate() {
				fields = append(fields, wrong.Field)
			}
			if strings.Join(fields, " ") != test.field {
				t.Errorf("wrong fields %v, want %q", fields, test.field)
			}
		})
	}
}

func TestOneIdIsOneMessageHoweverOftenItIsSent(t *testing.T) {
	c := claims{valkeytest.Start(t)}
	sent := text{ClientMessageID: "phone-1-1", To: receiver{PersonID: someone}, Text: "hello"}
	var (
		mutex sync.Mutex
		ids   []string
		group sync.WaitGroup
	)
	for range 20 {
		group.Go(func() {
			claimed, err := c.of(context.Background(), someone, sent)
			if err != nil {
				t.Error(err)
			}
			mutex.Lock()
			defer mutex.Unlock()
			ids = append(ids, claimed.MessageID)
		})
	}
	group.Wait()
	slices.Sort(ids)
	if len(slices.Compact(ids)) != 1 || !service.IsUUID(ids[0]) {
		t.Errorf("message ids: %v", ids)
	}

	other := sent
	other.Text = "goodbye"
	var problem *service.Problem
	if _, err := c.of(context.Background(), someone, other); !errors.As(err, &problem) || problem.Status != 409 {
		t.Errorf("another text with the same id: %v", err)
	}
	if _, err := c.of(context.Background(), "another-sender", other); err != nil {
		t.Errorf("the same id of another sender: %v", err)
	}
}

func TestTheSenderIsNoReceiver(t *testing.T) {
	others, found := without([]string{"a", "b", "c"}, "b")
	if !found || !slices.Equal(others, []string{"a", "c"}) {
		t.Errorf("others %v, found %v", others, found)
	}
	if _, found := without([]string{"a"}, "b"); found {
		t.Error("found who is no member")
	}
}
