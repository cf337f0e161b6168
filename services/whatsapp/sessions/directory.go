package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"

	"dotline.example/services/go/service"
	"dotline.example/services/go/valkey"
)

const (
	sessionLength = time.Hour
	// After so many wrong secrets a number is closed until the window has passed.
	wrongMax    = 10
	wrongWindow = 5 * time.Minute
)

// directory keeps people and their sessions.
type directory struct {
	store  *valkey.Store
	tokens *tokens
}

func newDirectory(store *valkey.Store) *directory {
	return &directory{store: store, tokens: &tokens{store: store}}
}

type person struct {
	ID     string `json:"id"`
	Secret digest `json:"secret"`
}

// Session is one sign-in; the token itself is known to its holder alone.
type Session struct {
	PersonID  string    `json:"personId"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// Register makes a person of a number, or is a Problem 409 when the number has one.
func (d *directory) Register(ctx context.Context, phone, secret string) (string, error) {
	taken := &service.Problem{Status: http.StatusConflict, Title: "Number taken", Detail: "This number is registered; sign in"}
	// Before the digest, which is the costly part.
	known, err := d.store.Client.Exists(ctx, d.personKey(phone)).Result()
	if err != nil {
		return "", valkey.Explain(err)
	}
	if known > 0 {
		return "", taken
	}
	kept, err := digestOf(secret)
	if err != nil {
		return "", err
	}
	p := person{ID: service.NewUUID(), Secret: kept}
	encoded, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	err = d.store.Client.SetArgs(ctx, d.personKey(phone), encoded, redis.SetArgs{Mode: "NX"}).Err()
	if errors.Is(err, redis.Nil) {
		return "", taken
	}
	return p.ID, valkey.Explain(err)
}

// SignIn opens a session. A wrong secret is a Problem 401, too many of them are 429.
func (d *directory) SignIn(ctx context.Context, phone, secret string) (string, Session, error) {
	if err := d.refuseGuessing(ctx, phone); err != nil {
		return "", Session{}, err
	}
	p, err := d.find(ctx, phone)
	if err != nil {
		return "", Session{}, err
	}
	right, err := p.Secret.matches(secret)
	if err != nil {
		return "", Session{}, err
	}
	if p.ID == "" || !right {
		if err := d.countWrong(ctx, phone); err != nil {
			return "", Session{}, err
		}
		return "", Session{}, service.NotSignedIn("The number or the secret is wrong", nil)
	}
	return d.open(ctx, p.ID)
}

// Find is the id of a number's person, or a Problem 404.
func (d *directory) Find(ctx context.Context, phone string) (string, error) {
	p, err := d.find(ctx, phone)
	if err == nil && p.ID == "" {
		err = service.NotFound("person with this number")
	}
	return p.ID, err
}

// Verify is the session of a token, or a Problem 401.
func (d *directory) Verify(ctx context.Context, token string) (Session, error) {
	encoded, err := d.store.Client.Get(ctx, d.sessionKey(token)).Bytes()
	if errors.Is(err, redis.Nil) {
		return Session{}, service.NotSignedIn("The token is unknown or has expired; sign in", nil)
	}
	if err != nil {
		return Session{}, valkey.Explain(err)
	}
	var session Session
	return session, json.Unmarshal(encoded, &session)
}

// SignOut ends a session; an unknown one has ended already.
func (d *directory) SignOut(ctx context.Context, token string) error {
	return valkey.Explain(d.store.Client.Del(ctx, d.sessionKey(token)).Err())
}

func (d *directory) open(ctx context.Context, personID string) (string, Session, error) {
	now := time.Now().UTC()
	session := Session{PersonID: personID, ExpiresAt: now.Add(sessionLength)}
	encoded, err := json.Marshal(session)
	if err != nil {
		return "", Session{}, err
	}
	token, err := d.tokens.Sign(ctx, session, now.Unix())
	if err != nil {
		return "", Session{}, err
	}
	err = d.store.Client.Set(ctx, d.sessionKey(token), encoded, sessionLength).Err()
	return token, session, valkey.Explain(err)
}

// find is the person of a number, or one without id, whose secret nothing matches in the same time.
func (d *directory) find(ctx context.Context, phone string) (person, error) {
	nobody := person{Secret: digest{Salt: make([]byte, 16), Iterations: iterationsNow}}
	encoded, err := d.store.Client.Get(ctx, d.personKey(phone)).Bytes()
	if errors.Is(err, redis.Nil) {
		return nobody, nil
	}
	if err != nil {
		return nobody, valkey.Explain(err)
	}
	var p person
	return p, json.Unmarshal(encoded, &p)
}

func (d *directory) refuseGuessing(ctx context.Context, phone string) error {
	wrong, err := d.store.Client.Get(ctx, d.wrongKey(phone)).Int()
	if err != nil && !errors.Is(err, redis.Nil) {
		return valkey.Explain(err)
	}
	if wrong < wrongMax {
		return nil
	}
	return &service.Problem{Status: http.StatusTooManyRequests, Title: "Too many attempts", Detail: "Wait five minutes before the next one"}
}

func (d *directory) countWrong(ctx context.Context, phone string) error {
	_, err := d.store.Client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Incr(ctx, d.wrongKey(phone))
		pipe.ExpireNX(ctx, d.wrongKey(phone), wrongWindow)
		return nil
	})
	return valkey.Explain(err)
}

func (d *directory) personKey(phone string) string { return d.store.Key("person", phone) }

func (d *directory) wrongKey(phone string) string { return d.store.Key("wrong", phone) }

// Only a hash of the token is stored.
func (d *directory) sessionKey(token string) string {
	sum := sha256.Sum256([]byte(token))
	return d.store.Key("session", hex.EncodeToString(sum[:]))
}
