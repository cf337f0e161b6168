// Package valkeytest starts a real Valkey for one test.
package valkeytest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"dotline.example/services/go/valkey"
)

// Start returns a store in a server of its own, which ends with the test. The binary is VALKEY_PATH,
// else valkey-server or redis-server on PATH; without one the test is skipped.
func Start(t *testing.T) *valkey.Store {
	t.Helper()
	port := freePort(t)
	server := exec.Command(binary(t), "--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir())
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	t.Setenv("REDIS_URL", fmt.Sprintf("redis://127.0.0.1:%d", port))
	t.Setenv("REDIS_KEY_PREFIX", "test:")
	store, err := valkey.FromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	for range 100 {
		if store.Ping(context.Background()) == nil {
			return store
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("Valkey does not answer")
	return nil
}

func binary(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("VALKEY_PATH"); path != "" {
		return path
	}
	for _, name := range []string{"valkey-server", "redis-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no valkey-server on PATH and no VALKEY_PATH")
	return ""
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}
