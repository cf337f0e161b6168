// Text accepts what people write, once for each id that their phones chose.
package main

import (
	"context"

	"dotline.example/services/go/service"
	"dotline.example/services/go/valkey"
)

func main() { service.Main(build) }

func build(ctx context.Context, settings service.Settings) (*service.Service, error) {
	store, err := valkey.FromEnvironment()
	if err != nil {
		return nil, err
	}
	others := peers{service.NewPeers(settings)}
	teller := newTeller(others.notify)
	teller.start(ctx)
	s := service.New(store.Ping)
	s.OnClose(teller.close)
	s.OnClose(store.Close)
	sender := &sender{claims: claims{store}, others: others, tell: teller.tell}
	s.Handle("POST /v1/texts", sender.send)
	return s, nil
}
