// Command istio serves the benchmark's mesh with Istio's discovery server (pilot/pkg/xds) on its
// in-memory registry: fifty services, of which a change moves one endpoint.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"time"

	"dotline.dev/bench/commands"
	"istio.io/istio/pilot/pkg/features"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/config/host"
	"istio.io/istio/pkg/config/protocol"
	istiolog "istio.io/istio/pkg/log"
	"istio.io/istio/pkg/test"
)

const (
	services            = 50
	endpointsPerService = 5
	namespace           = "default"
	portName            = "http"
)

func main() {
	debounce := flag.Duration("debounce", 0, "how long Istio waits for further changes; 0 for no waiting")
	flag.Parse()
	if err := test.Wrap(func(failer test.Failer) { serve(failer, *debounce) }); err != nil {
		log.Fatal(err)
	}
}

func serve(failer test.Failer, debounce time.Duration) {
	quiet := istiolog.DefaultOptions()
	quiet.SetDefaultOutputLevel(istiolog.OverrideScopeName, istiolog.NoneLevel)
	if err := istiolog.Configure(quiet); err != nil {
		failer.Fatal(err)
	}
	// Peers push endpoints at once and let streams in without limit.
	features.EnableEDSDebounce = debounce > 0
	features.RequestLimit = 1_000_000
	var listener net.Listener
	server := xds.NewFakeDiscoveryServer(failer, xds.FakeOptions{
		DebounceTime: debounce,
		Services:     serviceList(),
		ListenerBuilder: func() (l net.Listener, err error) {
			listener, err = net.Listen("tcp", "127.0.0.1:0")
			return listener, err
		},
	})
	registry := server.MemRegistry
	for i := range services {
		registry.SetEndpoints(hostname(i), namespace, endpoints(i, 0))
	}
	err := commands.Serve(commands.Server{
		Listening: listener.Addr().(*net.TCPAddr).Port,
		Change: func(number, _ int) error {
			index := number % services
			registry.SetEndpoints(hostname(index), namespace, endpoints(index, number))
			return nil
		},
	})
	if err != nil {
		failer.Fatal(err)
	}
}

func hostname(index int) string {
	return fmt.Sprintf("service-%d.%s.svc.cluster.local", index, namespace)
}

func serviceList() []*model.Service {
	list := make([]*model.Service, services)
	for i := range services {
		list[i] = &model.Service{
			Hostname:       host.Name(hostname(i)),
			DefaultAddress: fmt.Sprintf("10.201.0.%d", i+1),
			Ports:          model.PortList{{Name: portName, Port: 80, Protocol: protocol.HTTP}},
			Attributes:     model.ServiceAttributes{Name: fmt.Sprintf("service-%d", i), Namespace: namespace},
		}
	}
	return list
}

func endpoints(index, change int) []*model.IstioEndpoint {
	list := make([]*model.IstioEndpoint, endpointsPerService)
	for i := range list {
		address := fmt.Sprintf("10.200.%d.%d", index, i+1)
		if i == 0 && change > 0 {
			address = fmt.Sprintf("10.%d.%d.%d", change/65536, change/256%256, change%256)
		}
		list[i] = &model.IstioEndpoint{
			Addresses:       []string{address},
			ServicePortName: portName,
			EndpointPort:    8080,
			Namespace:       namespace,
		}
	}
	return list
}
