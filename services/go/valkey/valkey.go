// Package valkey is a service's keys in Valkey.
package valkey

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/redis/go-redis/extra/redisotel/v9"
	"github.com/redis/go-redis/v9"

	"dotline.example/services/go/service"
)

const (
	connectMax     = 2 * time.Second
	commandMax     = time.Second
	connectionsMax = 20
)

// Store reconnects by itself: a broken connection is replaced by the next command.
type Store struct {
	// Client runs commands; send their errors through Explain.
	Client *redis.Client
	prefix string
}

// FromEnvironment reads REDIS_URL and REDIS_KEY_PREFIX; no connection is made yet.
func FromEnvironment() (*Store, error) {
	url, prefix := os.Getenv("REDIS_URL"), os.Getenv("REDIS_KEY_PREFIX")
	if url == "" || prefix == "" {
		return nil, errors.New("environment lacks REDIS_URL or REDIS_KEY_PREFIX")
	}
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("REDIS_URL: %w", err)
	}
	options.DialTimeout = connectMax
	options.ReadTimeout = commandMax
	options.WriteTimeout = commandMax
	options.PoolSize = connectionsMax
	options.MaxRetries = 1
	client := redis.NewClient(options)
	if err := redisotel.InstrumentTracing(client); err != nil {
		return nil, err
	}
	return &Store{Client: client, prefix: prefix}, nil
}

// Key is "<prefix>a:b" of the parts a and b; a service may touch no other keys.
func (s *Store) Key(parts ...string) string { return s.prefix + strings.Join(parts, ":") }

// Ping returns nil when the server answers.
func (s *Store) Ping(ctx context.Context) error { return Explain(s.Client.Ping(ctx).Err()) }

// Close ends every connection.
func (s *Store) Close() error { return s.Client.Close() }

// Explain turns an error that speaks of the server, not of the command, into a Problem 503.
// redis.Nil and refusals of the command stay as they are.
func Explain(err error) error {
	if err == nil || errors.Is(err, redis.Nil) {
		return err
	}
	var refusal redis.Error
	if errors.As(err, &refusal) && !speaksOfServer(refusal.Error()) {
		return err
	}
	return service.StoreUnavailable("Valkey", err)
}

func speaksOfServer(reply string) bool {
	for _, prefix := range []string{"LOADING", "BUSY ", "MASTERDOWN", "CLUSTERDOWN", "READONLY", "OOM", "NOAUTH", "WRONGPASS"} {
		if strings.HasPrefix(reply, prefix) {
			return true
		}
	}
	return false
}
