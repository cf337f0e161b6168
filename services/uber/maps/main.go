// Maps knows the city's places: by id, by the beginning of a name, and by position.
package main

import (
	"context"

	"dotline.example/services/go/service"
	"dotline.example/services/go/valkey"
)

func main() { service.Main(build) }

func build(ctx context.Context, _ service.Settings) (*service.Service, error) {
	store, err := valkey.FromEnvironment()
	if err != nil {
		return nil, err
	}
	atlas := &Atlas{store: store}
	go atlas.keepFilled(ctx, gazetteer())
	s := service.New(store.Ping)
	s.OnClose(store.Close)
	atlas.handle(s)
	return s, nil
}
