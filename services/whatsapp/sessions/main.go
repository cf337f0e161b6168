// Sessions knows people by their phone number, signs them in and verifies their tokens.
package main

import (
	"context"

	"dotline.example/services/go/service"
	"dotline.example/services/go/valkey"
)

func main() { service.Main(build) }

func build(context.Context, service.Settings) (*service.Service, error) {
	store, err := valkey.FromEnvironment()
	if err != nil {
		return nil, err
	}
	s := service.New(store.Ping)
	s.OnClose(store.Close)
	operations{newDirectory(store)}.handle(s)
	return s, nil
}
