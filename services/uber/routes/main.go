// Routes finds the fastest way through the city's streets.
package main

import (
	"context"

	"dotline.example/services/go/service"
)

func main() { service.Main(build) }

func build(_ context.Context, settings service.Settings) (*service.Service, error) {
	planner := &Planner{peers: service.NewPeers(settings), streets: generateStreets()}
	// Everything it works with is in memory; places are asked of maps for each route.
	s := service.New(func(context.Context) error { return nil })
	s.Handle("POST /v1/routes", planner.find)
	return s, nil
}
