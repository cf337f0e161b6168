// Drivers knows where every driver is and lends each to one order at a time.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"dotline.example/services/go/service"
	"dotline.example/services/go/valkey"
)

const (
	fleetSize    = 80
	fleetSizeMax = 10_000
)

func main() { service.Main(build) }

func build(ctx context.Context, _ service.Settings) (*service.Service, error) {
	store, err := valkey.FromEnvironment()
	if err != nil {
		return nil, err
	}
	size, err := fleetSizeFromEnvironment()
	if err != nil {
		return nil, err
	}
	fleet := &Fleet{store: store}
	go fleet.keepOnDuty(ctx, size)
	s := service.New(store.Ping)
	s.OnClose(store.Close)
	fleet.handle(s)
	return s, nil
}

func fleetSizeFromEnvironment() (int, error) {
	value := os.Getenv("FLEET_SIZE")
	if value == "" {
		return fleetSize, nil
	}
	size, err := strconv.Atoi(value)
	if err != nil || size < 1 || size > fleetSizeMax {
		return 0, fmt.Errorf("FLEET_SIZE must be 1 to %d", fleetSizeMax)
	}
	return size, nil
}
