package main

import (
	"fmt"
	"net"
	"time"

	"dotline.dev/bench/commands"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/test"
)

const (
	services            = 50
	endpointsPerService = 5
	namespace           = "default"
)

// serveEndpoints serves fifty services in plain text; a change moves one endpoint.
func serveEndpoints(failer test.Failer, debounce time.Duration) commands.Server {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(failer, err)
	var list []*model.Service
	for i := range services {
		list = append(list, serviceOf(serviceName(i), namespace, fmt.Sprintf("10.201.0.%d", i+1)))
	}
	server := xds.NewFakeDiscoveryServer(failer, xds.FakeOptions{
		DebounceTime:    debounce,
		Services:        list,
		ListenerBuilder: func() (net.Listener, error) { return listener, nil },
	})
	set := func(index, change int) {
		server.MemRegistry.SetEndpoints(
			hostname(serviceName(index), namespace), namespace, endpoints(index, change))
	}
	for i := range services {
		set(i, 0)
	}
	return commands.Server{
		Listening: portOf(listener),
		Change: func(number, _ int) error {
			set(number%services, number)
			return nil
		},
	}
}

func serviceName(index int) string { return fmt.Sprintf("service-%d", index) }

func endpoints(index, change int) []*model.IstioEndpoint {
	list := make([]*model.IstioEndpoint, endpointsPerService)
	for i := range list {
		address := fmt.Sprintf("10.200.%d.%d", index, i+1)
		if i == 0 && change > 0 {
			address = commands.AddressOfChange(change)
		}
		list[i] = endpointAt(address, namespace)
	}
	return list
}
